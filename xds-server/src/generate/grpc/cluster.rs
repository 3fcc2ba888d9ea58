//! Clusters of gRPC clients: much less than Envoy's, for gRPC knows less (istiod: `grpcgen/cds.go`).

use std::sync::Arc;

use arcstr::ArcStr;
use xdslab_mesh::endpoint::EndpointSet;
use xdslab_mesh::object::istio::{ClientTlsMode, LoadBalancer, SimpleLb, Subset};
use xdslab_mesh::service::Service;
use xdslab_proto::Message;
use xdslab_proto::cluster::circuit_breakers::Thresholds;
use xdslab_proto::cluster::cluster::{
    ClusterDiscoveryType, CommonLbConfig, DiscoveryType, EdsClusterConfig, LbPolicy,
};
use xdslab_proto::cluster::{CircuitBreakers, Cluster};
use xdslab_protocol::{NameSet, Resource};

use super::listener::ads_only;
use super::tls;
use crate::generate::cluster::name::{outbound, parse_outbound};
use crate::generate::cluster::policy::Policy;
use crate::generate::cluster::special::stat_name;
use crate::generate::cluster::wire::uint32;
use crate::generate::cluster::{balance, identities};
use crate::generate::view::View;

/// The clusters of these names: of services in sight, their ports, and the subsets of the rules that hold.
pub(super) fn named(view: &View, names: &NameSet) -> Vec<Resource> {
    let found = |name: &ArcStr| {
        let parts = parse_outbound(name)?;
        let service = view.scope.service(parts.hostname)?;
        cluster(view, service, parts.port, parts.subset)
    };
    names.iter().filter_map(found).collect()
}

/// Every cluster that the client may ask for.
pub(crate) fn all(view: &View) -> Vec<Resource> {
    let of_service = |service: &Arc<Service>| {
        let rule = view.scope.outbound_rule(&service.hostname, &view.workload.labels);
        let subsets = rule.map_or(&[][..], |r| r.spec.subsets.as_slice()).iter().map(|s| s.name.as_str());
        let subsets: Vec<&str> = std::iter::once("").chain(subsets).collect();
        let pairs = service.ports.iter().flat_map(|p| subsets.iter().map(|s| (p.number, *s)));
        pairs.filter_map(|(port, subset)| cluster(view, service, port, subset)).collect::<Vec<_>>()
    };
    view.scope.services().iter().flat_map(of_service).collect()
}

/// One cluster, whatever the service's endpoints are found by; none for a port or subset that is not there.
fn cluster(view: &View, service: &Arc<Service>, port: u32, subset: &str) -> Option<Resource> {
    service.port(port)?;
    let rule = view.scope.outbound_rule(&service.hostname, &view.workload.labels);
    let rule = rule.map(|r| &*r.spec);
    let chosen: Option<&Subset> = match subset {
        "" => None,
        named => Some(rule?.subsets.iter().find(|s| s.name == named)?),
    };
    let policy = Policy::default()
        .overlaid(rule.and_then(|r| r.traffic_policy.as_ref()), port)
        .overlaid(chosen.and_then(|s| s.traffic_policy.as_ref()), port);
    let name = outbound(port, subset, &service.hostname);
    let mut cluster = Cluster {
        name: name.to_string(),
        alt_stat_name: stat_name(&name),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::Eds.into())),
        eds_cluster_config: Some(EdsClusterConfig {
            service_name: name.to_string(),
            eds_config: Some(ads_only()),
        }),
        common_lb_config: balance::sticky(service, chosen.is_none())
            .map(|statuses| CommonLbConfig { override_host_status: Some(statuses), ..Default::default() }),
        ..Default::default()
    };
    apply_balance(&mut cluster, policy.load_balancer);
    let limit = policy.connection_pool.and_then(|p| p.http.as_ref()).map_or(0, |h| h.http2_max_requests);
    cluster.circuit_breakers = u32::try_from(limit).ok().filter(|n| *n > 0).map(|limit| CircuitBreakers {
        thresholds: vec![Thresholds { max_requests: uint32(limit), ..Default::default() }],
        ..Default::default()
    });
    if policy.tls.is_some_and(|t| t.mode == ClientTlsMode::IstioMutual) {
        let none = EndpointSet::default();
        let endpoints = view.snapshot.endpoints(&service.hostname, &service.namespace);
        let identities = identities(view, service, endpoints.map_or(&none, |e| e));
        cluster.transport_socket = Some(tls::upstream(&identities));
    }
    Some(Resource::new(name, cluster.encode_to_vec()))
}

/// Round robin, unless the rule asks for the least loaded, or for a hash.
fn apply_balance(cluster: &mut Cluster, balancer: Option<&LoadBalancer>) {
    let Some(balancer) = balancer else { return };
    if let Some(hash) = &balancer.consistent_hash {
        balance::consistent_hash(cluster, hash);
    } else if balancer.simple == Some(SimpleLb::LeastRequest) {
        cluster.lb_policy = LbPolicy::LeastRequest.into();
    }
}
