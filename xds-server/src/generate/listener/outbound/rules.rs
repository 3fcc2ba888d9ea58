//! `VirtualServices` that route connections, not requests, by the hosts that they are for.

use std::collections::HashMap;

use arcstr::ArcStr;
use xdslab_mesh::VirtualServiceRule;
use xdslab_mesh::object::Labels;
use xdslab_mesh::object::istio::{L4Match, TlsMatch};
use xdslab_mesh::scope::EgressScope;
use xdslab_mesh::service::{host_matches, is_wildcard};

use crate::generate::view::View;

/// The gateway that stands for all sidecars.
const MESH: &str = "mesh";

/// The `VirtualServices` of one egress listener that have TCP or TLS routes, in order of precedence.
pub(super) struct Layer4Rules<'a> {
    view: &'a View,
    rules: Vec<&'a VirtualServiceRule>,
    /// Places in `rules`.
    by_host: HashMap<&'a str, Vec<usize>>,
    /// Hosts with a wildcard, and their places in `rules`.
    wildcards: Vec<(&'a str, usize)>,
}

impl<'a> Layer4Rules<'a> {
    /// Those of `egress`. O(hosts of such `VirtualServices`).
    pub fn of(view: &'a View, egress: &'a EgressScope) -> Self {
        let has_routes = |r: &&VirtualServiceRule| !(r.spec.tcp.is_empty() && r.spec.tls.is_empty());
        let rules: Vec<_> = egress.virtual_services.iter().map(AsRef::as_ref).filter(has_routes).collect();
        let mut by_host: HashMap<&str, Vec<usize>> = HashMap::new();
        let mut wildcards = Vec::new();
        for (place, rule) in rules.iter().enumerate() {
            for host in &rule.spec.hosts {
                if is_wildcard(host) {
                    wildcards.push((host.as_str(), place));
                } else {
                    by_host.entry(host).or_default().push(place);
                }
            }
        }
        Self { view, rules, by_host, wildcards }
    }

    /// Those that are for `hostname`, in order. O(their number + wildcards); O(all) for a wildcard.
    pub fn for_host(&self, hostname: &str) -> Vec<&'a VirtualServiceRule> {
        if self.rules.is_empty() {
            return Vec::new();
        }
        if is_wildcard(hostname) {
            let covers = |r: &&&VirtualServiceRule| r.spec.hosts.iter().any(|h| host_matches(h, hostname));
            return self.rules.iter().filter(covers).copied().collect();
        }
        let covering = self.wildcards.iter().filter(|(host, _)| host_matches(host, hostname));
        let mut places: Vec<_> = covering.map(|(_, place)| *place).collect();
        places.extend(self.by_host.get(hostname).into_iter().flatten());
        places.sort_unstable();
        places.dedup();
        places.into_iter().map(|place| self.rules[place]).collect()
    }

    /// Whether a match is for this proxy and a listener at `port` (istiod: `matchTCP`, `matchTLS`).
    pub fn counts(&self, wanted: impl Into<Wanted<'a>>, port: u32) -> bool {
        let wanted = wanted.into();
        let namespace = self.view.proxy.metadata.namespace.as_deref().unwrap_or_default();
        let labels = &self.view.workload.labels;
        (wanted.gateways.is_empty() || wanted.gateways.iter().any(|g| g == MESH))
            && (wanted.port == 0 || wanted.port == port)
            && (wanted.source_namespace.is_empty() || wanted.source_namespace == namespace)
            && wanted.source_labels.iter().all(|(key, value)| labels.get(key) == Some(value))
    }
}

/// What a match says of the client, the same for TCP and TLS.
pub(super) struct Wanted<'a> {
    gateways: &'a [ArcStr],
    port: u32,
    source_namespace: &'a str,
    source_labels: &'a Labels,
}

impl<'a> From<&'a TlsMatch> for Wanted<'a> {
    fn from(m: &'a TlsMatch) -> Self {
        let (port, source_labels) = (m.port, &m.source_labels);
        Self { gateways: &m.gateways, port, source_namespace: &m.source_namespace, source_labels }
    }
}

impl<'a> From<&'a L4Match> for Wanted<'a> {
    fn from(m: &'a L4Match) -> Self {
        let (port, source_labels) = (m.port, &m.source_labels);
        Self { gateways: &m.gateways, port, source_namespace: &m.source_namespace, source_labels }
    }
}
