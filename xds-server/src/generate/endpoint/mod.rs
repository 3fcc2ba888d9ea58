//! `ClusterLoadAssignment`s: the endpoints of one cluster for one proxy
//! (istiod: `pilot/pkg/xds/endpoints/endpoint_builder.go`).

mod locality;
mod tls;

use std::collections::BTreeMap;

use arcstr::ArcStr;
use xdslab_mesh::endpoint::{Address, CLUSTER, Endpoint, EndpointSet, Health};
use xdslab_mesh::object::Labels;
use xdslab_mesh::object::istio::{DestinationRule, LoadBalancer, OutlierDetection, TrafficPolicy};
use xdslab_mesh::service::{Port, Service};
use xdslab_mesh::{Locality, PeerAuthenticationIndex};
use xdslab_proto::core::{self, HealthStatus};
use xdslab_proto::ordered::{
    self, ClusterLoadAssignment, LbEndpoint, LocalityLbEndpoints, Metadata, Struct, Value,
};
use xdslab_proto::protobuf::UInt32Value;

pub use locality::LocalitySetting;

use super::cluster::wire::{address, pipe, socket_address};
use super::view::View;

/// What the endpoints of one cluster are made of.
pub struct Assignment<'a> {
    /// The cluster's name.
    pub cluster: &'a str,
    /// The service, as the proxy's scope has it.
    pub service: &'a Service,
    /// Its port.
    pub port: &'a Port,
    /// Subset, empty for the whole service.
    pub subset: &'a str,
    /// The rule that applies.
    pub rule: Option<&'a DestinationRule>,
    /// All endpoints of the service.
    pub endpoints: &'a EndpointSet,
    /// Load balancing that holds for the cluster.
    pub balancer: Option<&'a LoadBalancer>,
    /// Outlier detection that holds for the cluster.
    pub outlier: Option<&'a OutlierDetection>,
    /// Modes of mutual TLS.
    pub authentications: &'a PeerAuthenticationIndex,
    /// Whether Envoy resolves names of endpoints itself (DNS clusters).
    pub resolves_names: bool,
    /// Whether only endpoints that take Istio's mutual TLS are told: for gateways that pass it through.
    pub mutual_only: bool,
}

/// Endpoints of one place, with what a proxy makes of them.
#[derive(Clone, Debug)]
pub struct Group<'e> {
    locality: Locality,
    weight: u32,
    priority: u32,
    endpoints: Vec<&'e Endpoint>,
}

/// An assignment without endpoints.
pub fn empty(cluster: &str) -> ClusterLoadAssignment {
    ClusterLoadAssignment { cluster_name: cluster.to_owned(), endpoints: Vec::new() }
}

impl<'a> Assignment<'a> {
    /// Whether proxies in different places, on different nodes or with different labels get different answers.
    pub fn depends_on_proxy(&self, view: &View) -> bool {
        self.service.node_local
            || self.setting(view).is_some_and(|s| s.depends_on_proxy(self.outlier.is_some()))
    }

    fn setting<'s>(&'s self, view: &'s View) -> Option<LocalitySetting<'s>> {
        LocalitySetting::of(self.service, self.balancer, view.snapshot.mesh_config())
    }

    /// Whether any endpoint would be in the answer.
    pub fn has_endpoints(&self, view: &View) -> bool {
        self.sent(view).next().is_some()
    }

    /// The answer. O(endpoints of the service).
    pub fn build(&self, view: &View) -> ClusterLoadAssignment {
        let mut groups: BTreeMap<String, Group<'_>> = BTreeMap::new();
        for endpoint in self.sent(view) {
            let group = groups.entry(endpoint.locality.to_string()).or_insert_with(|| Group {
                locality: endpoint.locality.clone(),
                weight: 0,
                priority: 0,
                endpoints: Vec::new(),
            });
            group.weight = group.weight.saturating_add(endpoint.weight);
            group.endpoints.push(endpoint);
        }
        let mut groups: Vec<_> = groups.into_values().collect();
        if self.mutual_only {
            groups.iter_mut().for_each(|group| self.keep_mutual(group));
        }
        if let Some(setting) = self.setting(view) {
            let (place, labels) = (&view.workload.locality, &view.workload.labels);
            groups = setting.apply(groups, place, labels, self.outlier.is_some());
        }
        let endpoints = groups.into_iter().map(|g| self.group(g)).collect();
        ClusterLoadAssignment { cluster_name: self.cluster.to_owned(), endpoints }
    }

    /// The endpoints that this proxy may have for this cluster.
    fn sent(&self, view: &'a View) -> impl Iterator<Item = &'a Endpoint> {
        let (port, resolves, service) = (self.port, self.resolves_names, self.service);
        let none = Labels::new();
        let subset = self.rule.and_then(|r| r.subsets.iter().find(|s| s.name == self.subset));
        let wanted = subset.map_or(none, |s| s.labels.clone());
        let sends_unhealthy = self.outlier.is_none_or(|o| o.min_health_percent <= 0);
        let home = &view.proxy.metadata.node_name;
        let foreign = is_cluster_local(&service.hostname, view) && !of_this_cluster(view);
        self.endpoints.endpoints.iter().filter(move |e| {
            let of_port =
                if resolves { e.service_port == port.number } else { e.service_port_name == port.name };
            let addressable = resolves || !matches!(e.address, Address::Host(_));
            let usable = match e.health {
                Health::Terminating => false,
                Health::Draining => service.supports_draining(),
                Health::Unhealthy => sends_unhealthy,
                Health::Healthy | Health::Unknown => true,
            };
            let near = !service.node_local || e.node == *home;
            of_port
                && addressable
                && usable
                && near
                && !foreign
                && wanted.iter().all(|(k, v)| e.labels.get(k) == Some(v))
        })
    }

    fn group(&self, group: Group<'_>) -> LocalityLbEndpoints {
        let Locality { region, zone, subzone } = &group.locality;
        let emptied = self.mutual_only && group.endpoints.is_empty();
        let load_balancing_weight = (!emptied).then_some(UInt32Value { value: group.weight });
        LocalityLbEndpoints {
            locality: Some(core::Locality {
                region: region.to_string(),
                zone: zone.to_string(),
                sub_zone: subzone.to_string(),
            }),
            lb_endpoints: group.endpoints.into_iter().map(|e| self.endpoint(e)).collect(),
            load_balancing_weight,
            priority: group.priority,
        }
    }

    fn endpoint(&self, endpoint: &Endpoint) -> LbEndpoint {
        let at = match &endpoint.address {
            Address::Unix(path) => pipe(path),
            other => address(socket_address(other.as_str(), endpoint.port)),
        };
        let health = match endpoint.health {
            Health::Unknown => HealthStatus::Unknown,
            Health::Healthy => HealthStatus::Healthy,
            Health::Unhealthy | Health::Terminating => HealthStatus::Unhealthy,
            Health::Draining => HealthStatus::Draining,
        };
        let istio = Struct::of([("workload", Value::from(endpoint.workload.as_str()))]);
        let mut metadata = Metadata::of("istio", &istio);
        if self.is_mutual(endpoint) {
            let mode = Struct::of([("tlsMode", Value::from("istio"))]);
            metadata.insert("envoy.transport_socket_match", &mode);
        }
        LbEndpoint {
            endpoint: Some(ordered::Endpoint { address: Some(at) }),
            health_status: health.into(),
            metadata: Some(metadata),
            load_balancing_weight: Some(UInt32Value { value: endpoint.weight }),
        }
    }

    fn is_mutual(&self, endpoint: &Endpoint) -> bool {
        let policy = self.rule.and_then(|r| r.traffic_policy.as_ref());
        tls::is_mutual(endpoint, self.subset_policy(), policy, self.port.number, self.authentications)
    }

    /// Leaves out endpoints that take plaintext: what is passed through cannot be looked at (istiod:
    /// `EndpointsWithMTLSFilter`). A place stays, even without endpoints.
    fn keep_mutual(&self, group: &mut Group<'_>) {
        group.endpoints.retain(|e| self.is_mutual(e));
        group.weight = group.endpoints.iter().map(|e| e.weight).fold(0, u32::saturating_add);
    }

    fn subset_policy(&self) -> Option<&TrafficPolicy> {
        self.rule?.subsets.iter().find(|s| s.name == self.subset)?.traffic_policy.as_ref()
    }
}

/// Whether the proxy is of the cluster whose endpoints these are.
pub fn of_this_cluster(view: &View) -> bool {
    let cluster = &view.proxy.metadata.cluster_id;
    cluster.is_empty() || cluster == CLUSTER
}

/// Hosts that mean something else in each cluster: Kubernetes' own, istiod, and what the mesh says.
fn is_cluster_local(hostname: &ArcStr, view: &View) -> bool {
    let built_in = hostname.ends_with(".kube-system.svc.cluster.local")
        || hostname == "kubernetes.default.svc.cluster.local"
        || hostname == "istiod.istio-system.svc.cluster.local";
    let settings = &view.snapshot.mesh_config().service_settings;
    let said = settings
        .iter()
        .rev()
        .find(|s| s.hosts.iter().any(|h| xdslab_mesh::service::host_is_subset(hostname, h)));
    said.map_or(built_in, |s| s.settings.cluster_local)
}
