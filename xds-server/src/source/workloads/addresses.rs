//! Addresses for Pods and Services, each from the hash of its name.

use std::collections::HashSet;
use std::net::Ipv4Addr;

use arcstr::ArcStr;

use super::names::hash;

/// Addresses out of which one is picked.
#[derive(Clone, Copy)]
struct Range {
    base: Ipv4Addr,
    /// Bits left for the host.
    bits: u32,
    /// How many addresses are tried before the next range is.
    tries: u64,
}

/// The network of Pods, and where those go that it has no room for.
const PODS: [Range; 2] = [
    Range { base: Ipv4Addr::new(10, 244, 0, 0), bits: 16, tries: 128 },
    Range { base: Ipv4Addr::new(10, 128, 0, 0), bits: 22, tries: u64::MAX },
];

/// The network of cluster IPs.
const SERVICES: [Range; 1] = [Range { base: Ipv4Addr::new(10, 96, 0, 0), bits: 20, tries: u64::MAX }];

/// The addresses in use.
pub(super) struct Addresses {
    taken: HashSet<Ipv4Addr>,
}

impl Addresses {
    /// All of `taken` are in use; what is no IPv4 address is of no concern.
    pub(super) fn new<'a>(taken: impl IntoIterator<Item = &'a str>) -> Self {
        Self { taken: taken.into_iter().filter_map(|a| a.parse().ok()).collect() }
    }

    /// An address for a Pod.
    pub(super) fn pod(&mut self, namespace: &str, name: &str) -> ArcStr {
        self.pick(&PODS, "Pod", namespace, name)
    }

    /// A cluster IP for a Service.
    pub(super) fn service(&mut self, namespace: &str, name: &str) -> ArcStr {
        self.pick(&SERVICES, "Service", namespace, name)
    }

    fn pick(&mut self, ranges: &[Range], kind: &str, namespace: &str, name: &str) -> ArcStr {
        let tries = ranges.iter().flat_map(|range| (0..range.tries).map(move |n| (range, n)));
        let candidates = tries.map(|(range, n)| {
            let hash = hash([kind, namespace, name, n.to_string().as_str()]);
            #[allow(clippy::cast_possible_truncation)] // the low bits are what is wanted
            Ipv4Addr::from_bits(range.base.to_bits() | (hash as u32 & ((1 << range.bits) - 1)))
        });
        // The first 256 of a range and a subnet's first and last are a cluster's own: gateways, its API and DNS.
        let mut free = candidates.filter(|ip| ip.octets()[2] != 0 && !matches!(ip.octets()[3], 0 | 255));
        let found = free.find(|ip| self.taken.insert(*ip));
        found.map_or_else(ArcStr::new, |ip| ip.to_string().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_unique_and_hardly_move() {
        let names: Vec<_> = (0..30_000).map(|n| format!("pod-{n}")).collect();
        let pick = |names: &[String]| {
            let mut addresses = Addresses::new(["10.244.1.1", "not-an-address"]);
            names.iter().map(|name| addresses.pod("ns", name)).collect::<Vec<_>>()
        };
        let all = pick(&names);
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), names.len());
        assert!(all.iter().all(|ip| ip.starts_with("10.244.") && ip != "10.244.1.1"));
        let without_first = pick(&names[1..]);
        let moved = without_first.iter().zip(&all[1..]).filter(|(a, b)| a != b).count();
        assert!(moved <= 3, "{moved} addresses moved when one Pod went");
        assert_eq!(pick(&names[..10]), all[..10]);
    }

    #[test]
    fn a_full_network_spills_over() {
        let mut addresses = Addresses::new([]);
        let all: HashSet<_> = (0..70_000).map(|n| addresses.pod("ns", &n.to_string())).collect();
        assert_eq!(all.len(), 70_000);
        assert!(all.iter().any(|ip| !ip.starts_with("10.244.")));
        assert!(addresses.service("ns", "web").starts_with("10."));
    }
}
