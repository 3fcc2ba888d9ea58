//! Where a connection goes: clusters, and what the rule for them says of TCP (istiod:
//! `pilot/pkg/networking/core/networkfilter.go`).

use xdslab_mesh::object::istio::{Destination, RouteDestination, Tunnel};
use xdslab_mesh::scope::MergedRule;
use xdslab_mesh::service::{Port, Protocol, Service};
use xdslab_proto::listener::Filter;

use crate::generate::cluster::stats::Subject;
use crate::generate::cluster::{name, wire};
use crate::generate::filter::{Class, Filters, TcpConnection, TcpPolicy};
use crate::generate::view::View;

fn cluster(view: &View, destination: &Destination, port: u32) -> String {
    let service = view.scope.service(&destination.host);
    name::of_destination(destination, service.map(AsRef::as_ref), port).to_string()
}

/// The filters of a chain to the service itself, at `port`.
pub(super) fn to_service(
    filters: &Filters<'_>,
    service: &Service,
    port: u32,
    protocol: Protocol,
) -> Vec<Filter> {
    let view = filters.view();
    let cluster = name::outbound(port, "", &service.hostname).to_string();
    let subject = Subject::of(service, port, "", "");
    let pattern = &view.snapshot.mesh_config().outbound_cluster_stat_name;
    let connection = TcpConnection {
        stat_prefix: subject.filled(pattern).unwrap_or_else(|| cluster.clone()),
        clusters: vec![(cluster, 0)],
        policy: policy(rule(view, &service.hostname), ""),
        mongo: protocol == Protocol::Mongo,
        ..TcpConnection::default()
    };
    filters.tcp(Class::Outbound, connection)
}

/// The filters of a chain to a route's destinations, for a listener at `port`; `owner` is the route's
/// `<name>.<namespace>`.
pub(super) fn to_route(
    filters: &Filters<'_>,
    routes: &[RouteDestination],
    port: &Port,
    owner: String,
) -> Vec<Filter> {
    filters.tcp(Class::Outbound, of_route(filters.view(), routes, port, owner))
}

/// A connection to a route's destinations, for a listener at `port`; `owner` is the route's `<name>.<namespace>`. Rule
/// and policy are those of the first destination.
pub(crate) fn of_route(
    view: &View,
    routes: &[RouteDestination],
    port: &Port,
    owner: String,
) -> TcpConnection {
    let destinations: Vec<_> =
        routes.iter().filter_map(|r| Some((r.destination.as_ref()?, r.weight))).collect();
    let first = destinations.first().map(|(d, _)| *d);
    let rule = first.and_then(|d| rule(view, &d.host));
    let mongo = port.protocol == Protocol::Mongo;
    if let [(only, _)] = destinations[..] {
        let cluster = cluster(view, only, port.number);
        let service = view.scope.service(&only.host);
        let named = service.and_then(|s| stat_prefix(view, s, port, &only.subset));
        return TcpConnection {
            stat_prefix: named.unwrap_or_else(|| cluster.clone()),
            clusters: vec![(cluster, 0)],
            policy: policy(rule, &only.subset),
            mongo,
            ..TcpConnection::default()
        };
    }
    let weighted = destinations.iter().filter_map(|(d, weight)| {
        let weight = u32::try_from(*weight).ok().filter(|w| *w > 0)?;
        Some((cluster(view, d, port.number), weight))
    });
    TcpConnection {
        stat_prefix: owner,
        clusters: weighted.collect(),
        policy: policy(rule, ""),
        mongo,
        ..TcpConnection::default()
    }
}

/// A connection to one cluster of a service, which nothing tunnels.
pub(crate) fn of_cluster(
    view: &View,
    service: &Service,
    port: &Port,
    subset: &str,
    cluster: String,
) -> TcpConnection {
    let policy = policy(rule(view, &service.hostname), subset);
    TcpConnection {
        stat_prefix: stat_prefix(view, service, port, subset).unwrap_or_else(|| cluster.clone()),
        clusters: vec![(cluster, 0)],
        policy: TcpPolicy { tunnel: None, ..policy },
        mongo: port.protocol == Protocol::Mongo,
        ..TcpConnection::default()
    }
}

/// The mesh's pattern for statistics of outbound clusters, filled in.
fn stat_prefix(view: &View, service: &Service, port: &Port, subset: &str) -> Option<String> {
    let subject = Subject::of(service, port.number, &port.name, subset);
    subject.filled(&view.snapshot.mesh_config().outbound_cluster_stat_name)
}

/// Where traffic that no service takes goes: `egressProxy`, everywhere or nowhere.
pub(super) fn to_the_unknown(filters: &Filters<'_>) -> Vec<Filter> {
    use xdslab_mesh::object::istio::OutboundTrafficPolicyMode::RegistryOnly;
    let policy = filters.view().scope.outbound_policy();
    let cluster = match (&policy.egress_proxy, policy.mode) {
        (_, RegistryOnly) => "BlackHoleCluster".to_owned(),
        (Some(proxy), _) => name::of_destination(proxy, None, 0).to_string(),
        (None, _) => "PassthroughCluster".to_owned(),
    };
    let connection = TcpConnection {
        stat_prefix: cluster.clone(),
        clusters: vec![(cluster, 0)],
        ..TcpConnection::default()
    };
    filters.tcp(Class::Outbound, connection)
}

/// Where forbidden traffic ends.
pub(super) fn to_nowhere(filters: &Filters<'_>) -> Vec<Filter> {
    let cluster = "BlackHoleCluster".to_owned();
    let connection = TcpConnection {
        stat_prefix: cluster.clone(),
        clusters: vec![(cluster, 0)],
        black_hole: true,
        ..TcpConnection::default()
    };
    filters.tcp(Class::Outbound, connection)
}

fn rule<'v>(view: &'v View, hostname: &str) -> Option<&'v MergedRule> {
    view.scope.outbound_rule(hostname, &view.workload.labels).map(AsRef::as_ref)
}

/// What a rule says of TCP: its top level. A subset's load balancer decides alone whether connections go by
/// their source, and its tunnel replaces the rule's.
fn policy(rule: Option<&MergedRule>, subset: &str) -> TcpPolicy {
    let Some(rule) = rule else { return TcpPolicy::default() };
    let top = rule.spec.traffic_policy.as_ref();
    let of_subset = rule.spec.subsets.iter().find(|s| !subset.is_empty() && s.name == subset);
    let of_subset = of_subset.and_then(|s| s.traffic_policy.as_ref());
    let pool = top.and_then(|p| p.connection_pool.as_ref()).and_then(|p| p.tcp.as_ref());
    let balancer = of_subset
        .and_then(|p| p.load_balancer.as_ref())
        .or_else(|| top.and_then(|p| p.load_balancer.as_ref()));
    let hash = balancer.and_then(|b| b.consistent_hash.as_ref());
    let tunnel = of_subset.and_then(|p| p.tunnel.as_ref()).or_else(|| top.and_then(|p| p.tunnel.as_ref()));
    TcpPolicy {
        idle_timeout: pool.and_then(|p| p.idle_timeout).and_then(wire::duration),
        longest: pool.and_then(|p| p.max_connection_duration).and_then(wire::duration),
        hash_source_ip: hash.is_some_and(|h| h.use_source_ip == Some(true)),
        tunnel: tunnel.map(tunnelled),
    }
}

/// `host:port`, an IPv6 address in brackets, and whether by POST.
fn tunnelled(tunnel: &Tunnel) -> (String, bool) {
    let host = if tunnel.target_host.contains(':') {
        format!("[{}]:{}", tunnel.target_host, tunnel.target_port)
    } else {
        format!("{}:{}", tunnel.target_host, tunnel.target_port)
    };
    (host, tunnel.protocol == "POST")
}
