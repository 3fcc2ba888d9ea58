//! What is amiss in the mesh as it was last pushed (istiod: `PushContext.ProxyStatus` in `push_context.go`).
//!
//! istiod notes all of it while it generates. Here that is so of conflicts only, which depend on who is connected; what
//! the mesh alone tells is worked out when somebody asks, so that pushes cost nothing.

use std::collections::BTreeMap;

use arcstr::ArcStr;
use serde::Serialize;
use xdslab_mesh::Snapshot;
use xdslab_mesh::service::Resolution;

use crate::generate::{Conflict, ConflictKind};

/// Clusters that endpoints are told for, and that have none.
const NO_INSTANCES: &str = "pilot_eds_no_instances";
/// Clusters whose endpoints Envoy resolves, and that have none: they are left out.
const NO_DNS_ENDPOINTS: &str = "pilot_dns_cluster_without_endpoints";
/// Always 0, as in istiod, which has ceased to count it.
const NO_IP: &str = "pilot_no_ip";

/// Hosts whose destination rules have subsets of one name.
const SUBSETS: &str = "pilot_destrule_subsets";

/// The metrics of this page: name and meaning.
pub(super) const METRICS: [(&str, &str); 8] = [
    (
        metric(ConflictKind::InboundListener),
        "Ports of proxies that services with different protocols lead to",
    ),
    (metric(ConflictKind::OutboundTcpListener), "TCP listeners that two services match alike"),
    (metric(ConflictKind::Cluster), "Clusters of one name"),
    (metric(ConflictKind::Domain), "Virtual hosts whose name or domain another one has"),
    (SUBSETS, "Duplicate subsets across destination rules for same host"),
    (NO_DNS_ENDPOINTS, "DNS clusters without endpoints"),
    (NO_INSTANCES, "Clusters without endpoints"),
    (NO_IP, "Pods not found in the endpoint table"),
];

/// istiod's name for the metric of a kind of conflicts.
const fn metric(kind: ConflictKind) -> &'static str {
    match kind {
        ConflictKind::InboundListener => "pilot_conflict_inbound_listener",
        ConflictKind::OutboundTcpListener => "pilot_conflict_outbound_listener_tcp_over_current_tcp",
        ConflictKind::Cluster => "pilot_duplicate_envoy_clusters",
        ConflictKind::Domain => "pilot_vservice_dup_domain",
    }
}

/// One thing that is amiss.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Amiss {
    /// The client that it was found for, if it is one's alone.
    #[serde(skip_serializing_if = "ArcStr::is_empty")]
    pub proxy: ArcStr,
    /// What it is.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// All that is amiss: by metric, then by what it is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PushStatus(BTreeMap<&'static str, BTreeMap<String, Amiss>>);

impl PushStatus {
    /// Looks at every service. O(services + endpoints).
    pub fn of_mesh(snapshot: &Snapshot) -> Self {
        let mut status = Self::default();
        for (host, subset) in snapshot.destination_rules().duplicate_subsets() {
            let message =
                format!("Duplicate subset {subset} found while merging destination rules for {host}");
            let amiss = Amiss { message, ..Amiss::default() };
            status.0.entry(SUBSETS).or_default().insert(host.to_string(), amiss);
        }
        for service in snapshot.services().all().filter(|s| !s.export_to.contains("~")) {
            let metric = match service.resolution {
                Resolution::ClientSideLb => NO_INSTANCES,
                Resolution::DnsLb | Resolution::DnsRoundRobinLb => NO_DNS_ENDPOINTS,
                Resolution::Passthrough | Resolution::DynamicDns | Resolution::Alias => continue,
            };
            let set = snapshot.endpoints(&service.hostname, &service.namespace);
            for port in &service.ports {
                let mut endpoints = set.iter().flat_map(|set| &set.endpoints);
                if endpoints.any(|endpoint| endpoint.service_port_name == port.name) {
                    continue;
                }
                let cluster = format!("outbound|{}||{}", port.number, service.hostname);
                let message = match metric {
                    NO_DNS_ENDPOINTS => format!("cluster without endpoints {cluster}"),
                    _ => String::new(),
                };
                status.0.entry(metric).or_default().insert(cluster, Amiss { message, ..Amiss::default() });
            }
        }
        status
    }

    /// Adds what was left out of resources.
    pub fn add(&mut self, conflicts: Vec<(Conflict, ArcStr)>) {
        for (Conflict { kind, name, message }, proxy) in conflicts {
            self.0.entry(metric(kind)).or_default().insert(name, Amiss { proxy, message });
        }
    }

    /// What is amiss under one metric.
    pub fn of(&self, metric: &str) -> Option<&BTreeMap<String, Amiss>> {
        self.0.get(metric)
    }
}
