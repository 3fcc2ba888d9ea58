//! Clusters of the application beside the proxy (istiod: `buildInboundClusters`).

use std::net::IpAddr;

use xdslab_mesh::object::istio::{
    ConnectionPool, InboundTrafficPolicyMode, RetryBudget, SidecarPort, TrafficPolicy,
};
use xdslab_mesh::service::{Protocol, Service};
use xdslab_mesh::{IpMode, ServiceTarget};
use xdslab_proto::cluster::Cluster;
use xdslab_proto::cluster::cluster::{ClusterDiscoveryType, CommonLbConfig, DiscoveryType, LbPolicy};
use xdslab_proto::core::Address;
use xdslab_proto::ordered::{ClusterLoadAssignment, ClusterTail, Endpoint, LbEndpoint, LocalityLbEndpoints};
use xdslab_proto::protobuf::Duration;
use xdslab_protocol::Resource;

use super::metadata::Notes;
use super::outbound::encode;
use super::policy::Policy;
use super::protocol::Options;
use super::special::{default_pool, source_address};
use super::stats::Subject;
use super::wire::{address, pipe, socket_address};
use super::{name, pool, stats};
use crate::generate::inbound_port::{self, InboundPort};
use crate::generate::view::View;

/// The longest that Envoy keeps a host of an original-destination cluster: istiod's 2^63 nanoseconds, in seconds.
const NEVER: Duration = Duration { seconds: 9_223_372_035, nanos: 0 };

/// All inbound clusters of a proxy: those of its Sidecar's ingress, else one for each port that a service
/// leads to.
pub fn clusters(view: &View) -> Vec<Resource> {
    inbound_port::of(view).iter().filter_map(|port| of_port(view, port)).collect()
}

/// None where the application's endpoint is not one that can be read.
fn of_port(view: &View, port: &InboundPort<'_>) -> Option<Resource> {
    let local =
        view.snapshot.mesh_config().inbound_traffic_policy.mode == InboundTrafficPolicyMode::Localhost;
    let at = match port.ingress.map(|listener| listener.default_endpoint.as_str()) {
        None if local => {
            Some(At { address: address(socket_address(loopback(view), port.number)), is_loopback: true })
        }
        None | Some("") => None,
        // A port without a host: connections keep their destination, port and all.
        Some(endpoint) if endpoint.starts_with(':') => None,
        Some(endpoint) => Some(At::parse(view, endpoint)?),
    };
    let primary = port.targets.first().copied();
    let same = |t: &&ServiceTarget| primary.is_some_and(|p| p.port.number == t.port.number);
    let inbound = Inbound {
        view,
        port: port.number,
        protocol: port.protocol,
        ingress: port.ingress.and_then(|listener| listener.port.as_ref()),
        primary,
        named: port.targets.iter().copied().filter(same).collect(),
        at,
        pool: view.scope.inbound_connection_pool(port.number),
    };
    Some(inbound.cluster())
}

/// A fixed place where the application listens.
struct At {
    address: Address,
    is_loopback: bool,
}

impl At {
    /// `host:port` or `unix:///path`; the unspecified host is the proxy's own address.
    fn parse(view: &View, text: &str) -> Option<Self> {
        if let Some(path) = text.strip_prefix("unix://") {
            return Some(Self { address: pipe(path), is_loopback: false });
        }
        let (host, port) = text.rsplit_once(':')?;
        let port = port.parse().ok()?;
        let own = |v6: bool| view.proxy.addresses.iter().find(|a| a.is_ipv6() == v6).map(IpAddr::to_string);
        let only_v4 = view.proxy.ip_mode() == IpMode::V4;
        let (host, is_loopback) = match host.trim_matches(['[', ']']) {
            "127.0.0.1" => (loopback(view).to_owned(), true),
            "::1" => (if only_v4 { "127.0.0.1" } else { "::1" }.to_owned(), true),
            "0.0.0.0" => (own(false).unwrap_or_else(|| "127.0.0.1".to_owned()), false),
            "::" => (own(true).unwrap_or_else(|| "::1".to_owned()), false),
            _ => return None,
        };
        let is_loopback = is_loopback || matches!(host.as_str(), "127.0.0.1" | "::1");
        Some(Self { address: address(socket_address(&host, port)), is_loopback })
    }
}

fn loopback(view: &View) -> &'static str {
    if view.proxy.ip_mode() == IpMode::V6 { "::1" } else { "127.0.0.1" }
}

struct Inbound<'a> {
    view: &'a View,
    port: u32,
    protocol: Protocol,
    /// The port of the ingress listener, which stands for the service's.
    ingress: Option<&'a SidecarPort>,
    /// The service that gives metadata and policy; none for a port that no service leads to.
    primary: Option<&'a ServiceTarget>,
    /// Services noted on the cluster.
    named: Vec<&'a ServiceTarget>,
    at: Option<At>,
    /// The Sidecar's own pool.
    pool: Option<&'a ConnectionPool>,
}

impl Inbound<'_> {
    fn cluster(self) -> Resource {
        let (view, mesh) = (self.view, self.view.snapshot.mesh_config());
        let name = name::inbound(self.port);
        let mut cluster = Cluster { name: name.to_string(), ..Cluster::default() };
        let mut tail = ClusterTail::default();
        let kind = if self.at.is_some() { DiscoveryType::Static } else { DiscoveryType::OriginalDst };
        cluster.cluster_discovery_type = Some(ClusterDiscoveryType::Type(kind.into()));
        cluster.common_lb_config = Some(CommonLbConfig::default());
        cluster.alt_stat_name = self.stat_name(&name);
        if let Some(at) = &self.at {
            tail.load_assignment = Some(assignment(&name, at.address.clone()));
        } else {
            cluster.lb_policy = LbPolicy::ClusterProvided.into();
            cluster.cleanup_interval = Some(NEVER);
        }
        if self.at.as_ref().is_none_or(|at| !at.is_loopback) {
            cluster.upstream_bind_config = Some(source_address(view.proxy.ip_mode()));
        }
        let rule = self.primary.and_then(|p| view.scope.inbound_rule(&p.service.hostname));
        let policy = rule.and_then(|r| r.spec.traffic_policy.as_ref());
        let (ruled_pool, budget) = self.policy(policy);
        let pool = self.pool.or(ruled_pool).or(default_pool(mesh));
        pool::apply(&mut cluster, mesh, pool, budget);
        let mut options = Options::of_port(self.protocol, view.preserve_case());
        options.follow_client(pool.and_then(|p| p.http.as_ref()));
        options.limit(pool);
        options.put(&mut cluster);
        let mut notes = Notes::default();
        if self.primary.is_some_and(|p| !p.service.mesh_external) {
            notes.services(unique_hosts(&self.named));
        }
        if let (Some(rule), Some(_)) = (rule, policy) {
            notes.config(&rule.namespace, &rule.name);
        }
        tail.metadata = notes.into_metadata();
        encode(name, &cluster, &tail)
    }

    /// Of the rule for the primary service only pool and retry budget count, by the service's port.
    fn policy<'p>(
        &self,
        policy: Option<&'p TrafficPolicy>,
    ) -> (Option<&'p ConnectionPool>, Option<&'p RetryBudget>)
    where
        Self: 'p,
    {
        let port = self.ingress.map(|p| p.number).or(self.primary.map(|p| p.port.number)).unwrap_or(0);
        let laid = Policy::default().overlaid(policy, port);
        (laid.connection_pool, laid.retry_budget)
    }

    fn stat_name(&self, name: &str) -> String {
        let pattern = &self.view.snapshot.mesh_config().inbound_cluster_stat_name;
        // Where no service leads to an ingress listener, its Sidecar stands for one.
        let sidecar = self.view.scope.sidecar().map(|s| format!("{}.{}", s.meta.name, s.meta.namespace));
        let named = self.ingress.map(|port| (port.number, port.name.as_str()));
        let subject = if let Some(ServiceTarget { service, port, .. }) = self.primary {
            let (number, port_name) = named.unwrap_or((port.number, &port.name));
            Subject::of(service, number, port_name, "")
        } else {
            let (port, port_name) = named.unwrap_or_default();
            let host = sidecar.as_deref().unwrap_or_default();
            Subject { host, kubernetes: None, port, port_name, subset: "", target_port: None }
        };
        stats::alt_name(pattern, &Subject { target_port: Some(self.port), ..subject }, name)
    }
}

fn unique_hosts<'a>(targets: &[&'a ServiceTarget]) -> Vec<&'a Service> {
    let mut services: Vec<&Service> = Vec::new();
    for target in targets {
        if !services.iter().any(|s| s.hostname == target.service.hostname) {
            services.push(&target.service);
        }
    }
    services
}

fn assignment(name: &str, address: Address) -> ClusterLoadAssignment {
    let endpoint =
        LbEndpoint { endpoint: Some(Endpoint { address: Some(address) }), ..LbEndpoint::default() };
    let group = LocalityLbEndpoints { lb_endpoints: vec![endpoint], ..LocalityLbEndpoints::default() };
    ClusterLoadAssignment { cluster_name: name.to_owned(), endpoints: vec![group] }
}
