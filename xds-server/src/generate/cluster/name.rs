//! Names of clusters (istiod: `pilot/pkg/model/push_context.go`, `BuildSubsetKey`).

use std::borrow::Borrow;
use std::collections::BTreeSet;

use arcstr::{ArcStr, format};
use xdslab_mesh::object::istio::Destination;
use xdslab_mesh::service::{Resolution, Service};

/// Up to so many hosts are compared with a name one by one.
const FEW_HOSTS: usize = 4;

/// `outbound|<port>|<subset>|<hostname>`.
pub fn outbound(port: u32, subset: &str, hostname: &str) -> ArcStr {
    format!("outbound|{port}|{subset}|{hostname}")
}

/// The cluster of a rule's destination, whose host is `service`'s if it is known: at its own port, else at the only one
/// of the service, else at `port`. Another name of a service stands for that service, one step only
/// (istiod: `GetDestinationCluster` in `core/route/route.go`).
pub fn of_destination(destination: &Destination, service: Option<&Service>, port: u32) -> ArcStr {
    let alias = service.filter(|s| s.resolution == Resolution::Alias).and_then(|s| s.external_name.as_ref());
    let port = match (destination.port, service.map(|s| s.ports.as_slice())) {
        (Some(declared), _) => declared.number,
        (None, Some([only])) => only.number,
        _ => port,
    };
    outbound(port, &destination.subset, alias.unwrap_or(&destination.host))
}

/// `inbound|<port>||`.
pub fn inbound(port: u32) -> ArcStr {
    format!("inbound|{port}||")
}

/// The SNI of mutual TLS to a cluster: `outbound_.<port>_.<subset>_.<hostname>`.
pub fn sni(port: u32, subset: &str, hostname: &str) -> String {
    std::format!("outbound_.{port}_.{subset}_.{hostname}")
}

/// The parts of an outbound cluster's name, in either of its forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outbound<'a> {
    /// The service's port.
    pub port: u32,
    /// Subset, empty for the whole service.
    pub subset: &'a str,
    /// Host name.
    pub hostname: &'a str,
    /// Whether it is the cluster that a gateway finds by the SNI of mutual TLS.
    pub by_sni: bool,
}

/// Reads the name of an outbound cluster, or an SNI that stands for one; other names have no parts
/// (istiod: `ParseSubsetKey`).
pub fn parse_outbound(name: &str) -> Option<Outbound<'_>> {
    let by_sni = name.starts_with("outbound_.");
    let mut parts = name.split(if by_sni { "_." } else { "|" });
    let (direction, port, subset, hostname) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    (direction == "outbound" && parts.next().is_none())
        .then(|| Some(Outbound { port: port.parse().ok()?, subset, hostname, by_sni }))?
}

/// Whether a name may be that of an outbound cluster of one of these hosts, without a look at the rest of it: false for
/// nearly all that are not.
pub fn may_be_of<H: Borrow<str> + Ord>(name: &str, hosts: &BTreeSet<H>) -> bool {
    if hosts.len() <= FEW_HOSTS {
        return hosts.iter().any(|host| name.ends_with(host.borrow()));
    }
    let host =
        if name.starts_with("outbound_.") { name.rsplit("_.").next() } else { name.rsplit('|').next() };
    host.is_some_and(|host| hosts.contains(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        let name = outbound(80, "v1", "a.b.svc.cluster.local");
        let want = Outbound { port: 80, subset: "v1", hostname: "a.b.svc.cluster.local", by_sni: false };
        assert_eq!(parse_outbound(&name), Some(want));
        let name = sni(80, "v1", "a.b.svc.cluster.local");
        assert_eq!(parse_outbound(&name), Some(Outbound { by_sni: true, ..want }));
        assert_eq!(parse_outbound("outbound_.80_.a.b"), None);
        assert_eq!(parse_outbound("inbound|80||"), None);
        assert_eq!(parse_outbound("outbound|80|a"), None);
        assert_eq!(parse_outbound("outbound|80||a|b"), None);
        assert_eq!(sni(80, "", "a.b"), "outbound_.80_._.a.b");
        assert_eq!(sni(80, "v1", "a.b"), "outbound_.80_.v1_.a.b");
    }

    #[test]
    fn names_are_told_by_the_host_alone() {
        let few = BTreeSet::from(["a.b"]);
        let many: BTreeSet<_> = ["a.b", "c", "d", "e", "f"].into();
        for hosts in [few, many] {
            assert!(may_be_of(&outbound(80, "v1", "a.b"), &hosts));
            assert!(may_be_of(&sni(80, "", "a.b"), &hosts));
            assert!(!may_be_of(&outbound(80, "", "a.b.c"), &hosts));
            assert!(!may_be_of("inbound|80||", &hosts));
        }
    }
}
