//! Listeners that a sidecar has whatever the mesh is: the one that iptables lead to, and the HTTP proxy (istiod:
//! `pilot/pkg/networking/core/listener_builder.go`, `buildVirtualOutboundListener`, `buildHTTPProxy`).

use xdslab_mesh::object::istio::OutboundTrafficPolicyMode;
use xdslab_mesh::{Interception, IpMode};
use xdslab_proto::core::TrafficDirection;
use xdslab_proto::filter::network::sni_dynamic_forward_proxy::{FilterConfig, filter_config::PortSpecifier};
use xdslab_proto::listener::filter::ConfigType;
use xdslab_proto::listener::{Filter, FilterChain, FilterChainMatch, Listener};
use xdslab_proto::pack_any;
use xdslab_proto::protobuf::{BoolValue, Duration, UInt32Value};
use xdslab_proto::route::{
    Route, RouteAction, RouteConfiguration, RouteMatch, VirtualHost, route, route_action, route_match,
};

use super::chain::{PLAINTEXT_HTTP, Scaffold};
use super::destination;
use crate::generate::cluster::special::dns_cache;
use crate::generate::cluster::wire::uint32;
use crate::generate::filter::{Class, HttpConnection, Routes};
use crate::generate::listener::address::{self, Bind};
use crate::generate::listener::balance;
use crate::generate::listener::listener_filters::HTTP_INSPECTOR;

/// Name of the cluster, route and virtual host for unknown hosts that the mesh resolves.
const DYNAMIC_DNS: &str = "allow_any_dynamic_dns";

/// The listener that iptables lead every connection to: it hands it to the listener of its first destination, or
/// treats it as unknown. A proxy that nothing leads to has none.
pub(super) fn virtual_outbound(scaffold: &Scaffold<'_>) -> Option<Listener> {
    let view = scaffold.filters.view();
    let interception = view.proxy.metadata.interception;
    if interception == Interception::None {
        return None;
    }
    let port = u32::try_from(view.snapshot.mesh_config().proxy_listen_port).unwrap_or_default();
    let resolves = view.scope.outbound_policy().mode == OutboundTrafficPolicyMode::AllowAnyDynamicDns;
    let nowhere = FilterChain {
        name: "virtualOutbound-blackhole".to_owned(),
        filter_chain_match: Some(FilterChainMatch { destination_port: uint32(port), ..Default::default() }),
        filters: destination::to_nowhere(scaffold.filters),
        ..Default::default()
    };
    let rest = FilterChain {
        name: "virtualOutbound-catchall-tcp".to_owned(),
        filters: destination::to_the_unknown(scaffold.filters),
        ..Default::default()
    };
    let http = resolves.then(|| resolving(scaffold));
    Some(Listener {
        name: "virtualOutbound".to_owned(),
        address: Some(address::socket(address::wildcard(view.proxy.ip_mode()), port)),
        traffic_direction: TrafficDirection::Outbound.into(),
        use_original_dst: Some(BoolValue { value: true }),
        transparent: (interception == Interception::Tproxy).then_some(BoolValue { value: true }),
        max_connections_to_accept_per_socket_event: uint32(1),
        access_log: scaffold.filters.listener_access_log(Class::Outbound),
        listener_filters: resolves.then(|| HTTP_INSPECTOR.clone()).into_iter().collect(),
        filter_chains: [nowhere].into_iter().chain(http).chain([rest]).collect(),
        ..Default::default()
    })
}

/// Plaintext HTTP to unknown hosts, which the proxy resolves itself.
fn resolving(scaffold: &Scaffold<'_>) -> FilterChain {
    let headers = &scaffold.filters.view().proxy_config.proxy_headers;
    let counts_attempts = !headers.attempt_count.is_off();
    let connection = HttpConnection {
        stat_prefix: format!("outbound_virtualOutbound_{DYNAMIC_DNS};"),
        routes: Routes::Inline(Box::new(dynamic_routes(counts_attempts))),
        ..HttpConnection::default()
    };
    FilterChain {
        name: "virtualOutbound-catchall-tcp-http".to_owned(),
        filter_chain_match: Some(FilterChainMatch {
            application_protocols: PLAINTEXT_HTTP.map(str::to_owned).into(),
            ..Default::default()
        }),
        filters: scaffold.filters.http(Class::Outbound, connection),
        ..Default::default()
    }
}

#[allow(deprecated)] // `max_grpc_timeout`, which istiod sends
fn dynamic_routes(counts_attempts: bool) -> RouteConfiguration {
    let action = RouteAction {
        cluster_specifier: Some(route_action::ClusterSpecifier::Cluster(
            "AllowAnyDynamicDNSCluster".to_owned(),
        )),
        timeout: Some(Duration::default()),
        max_grpc_timeout: Some(Duration::default()),
        ..Default::default()
    };
    let everything = RouteMatch {
        path_specifier: Some(route_match::PathSpecifier::Prefix("/".to_owned())),
        ..Default::default()
    };
    let route = Route {
        name: DYNAMIC_DNS.to_owned(),
        r#match: Some(everything),
        action: Some(route::Action::Route(action)),
        ..Default::default()
    };
    RouteConfiguration {
        name: DYNAMIC_DNS.to_owned(),
        virtual_hosts: vec![VirtualHost {
            name: DYNAMIC_DNS.to_owned(),
            domains: vec!["*".to_owned()],
            routes: vec![route],
            include_request_attempt_count: counts_attempts,
            ..Default::default()
        }],
        validate_clusters: Some(BoolValue { value: false }),
        max_direct_response_body_size_bytes: Some(UInt32Value { value: 1 << 20 }),
        ignore_port_in_host_matching: true,
        ..Default::default()
    }
}

/// The HTTP proxy on the loopback address, at the port of the node or of the mesh, if there is one.
pub(super) fn http_proxy(scaffold: &Scaffold<'_>) -> Option<Listener> {
    let view = scaffold.filters.view();
    let of_mesh = u32::try_from(view.snapshot.mesh_config().proxy_http_port).ok();
    let port = view.proxy.metadata.number("HTTP_PROXY_PORT").or(of_mesh).filter(|p| *p != 0)?;
    let bind = Bind::loopback(view.proxy.ip_mode());
    let name = bind.name(port);
    let connection = HttpConnection {
        stat_prefix: format!("outbound_{name};"),
        routes: Routes::Named("http_proxy".to_owned()),
        absolute_urls: true,
        ..HttpConnection::default()
    };
    let chain = FilterChain {
        filters: scaffold.filters.http(Class::Outbound, connection),
        transport_socket_connect_timeout: Some(Duration { seconds: 15, nanos: 0 }),
        ..Default::default()
    };
    Some(Listener {
        name,
        address: Some(bind.address(port)),
        additional_addresses: bind.additional(port),
        traffic_direction: TrafficDirection::Outbound.into(),
        continue_on_listener_filters_timeout: true,
        listener_filters_timeout: Some(Duration::default()),
        max_connections_to_accept_per_socket_event: uint32(1),
        connection_balance_config: balance(scaffold.exact_balance),
        filter_chains: vec![chain],
        ..Default::default()
    })
}

/// The filter that resolves the server's name of each connection to a wildcard host. Its cache is that of the host's
/// cluster.
pub(super) fn resolve_server_name(hostname: &str, port: u32, mode: IpMode) -> Filter {
    let config = FilterConfig {
        dns_cache_config: Some(dns_cache(hostname, mode)),
        port_specifier: Some(PortSpecifier::PortValue(port)),
        ..Default::default()
    };
    Filter {
        name: "envoy.extensions.filters.network.sni_dynamic_forward_proxy".to_owned(),
        config_type: Some(ConfigType::TypedConfig(pack_any(config))),
    }
}
