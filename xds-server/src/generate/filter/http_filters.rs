//! HTTP filters that every connection manager of a class has (istiod: `pilot/pkg/xds/filters/filters.go`).

use std::sync::LazyLock;

use xdslab_mesh::object::istio::{ExchangeMode, OutboundTrafficPolicyMode, ProxyHeaders};
use xdslab_proto::filter::http::cors::Cors;
use xdslab_proto::filter::http::dynamic_forward_proxy::{
    FilterConfig as DynamicForwardProxy, filter_config::ImplementationSpecifier,
};
use xdslab_proto::filter::http::fault::HttpFault;
use xdslab_proto::filter::http::grpc_stats::{
    FilterConfig as GrpcStats, filter_config::PerMethodStatSpecifier,
};
use xdslab_proto::filter::http::grpc_web::GrpcWeb;
use xdslab_proto::filter::http::router::Router;
use xdslab_proto::filter::network::http_connection_manager::HttpFilter;
use xdslab_proto::filter::network::http_connection_manager::http_filter::ConfigType;
use xdslab_proto::istio::alpn::{AlpnOverride, FilterConfig as Alpn};
use xdslab_proto::ordered::{Struct, Value};
use xdslab_proto::protobuf::{Any, BoolValue};
use xdslab_proto::{TypedStruct, pack_any};

use super::Class;
use crate::generate::cluster::special;
use crate::generate::view::View;

/// Answers gRPC-Web clients.
pub(super) static GRPC_WEB: LazyLock<HttpFilter> =
    LazyLock::new(|| http_filter("envoy.filters.http.grpc_web", pack_any(GrpcWeb {})));

static GRPC_STATS: LazyLock<HttpFilter> = LazyLock::new(|| {
    let config = GrpcStats {
        emit_filter_state: true,
        per_method_stat_specifier: Some(PerMethodStatSpecifier::StatsForAllMethods(BoolValue {
            value: false,
        })),
        ..Default::default()
    };
    http_filter("envoy.filters.http.grpc_stats", pack_any(config))
});

static ALPN: LazyLock<HttpFilter> = LazyLock::new(|| {
    let offered = |upstream_protocol, names: [&str; 3]| AlpnOverride {
        upstream_protocol,
        alpn_override: names.map(str::to_owned).into(),
    };
    let config = Alpn {
        alpn_override: vec![
            offered(0, ["istio-http/1.0", "istio", "http/1.0"]),
            offered(1, ["istio-http/1.1", "istio", "http/1.1"]),
            offered(2, ["istio-h2", "istio", "h2"]),
        ],
    };
    http_filter("istio.alpn", pack_any(config))
});

/// Delays and refuses, where routes ask for it.
pub(crate) static FAULT: LazyLock<HttpFilter> =
    LazyLock::new(|| http_filter("envoy.filters.http.fault", pack_any(HttpFault::default())));

static CORS: LazyLock<HttpFilter> =
    LazyLock::new(|| http_filter("envoy.filters.http.cors", pack_any(Cors {})));

/// Filters before those of policies.
pub(super) fn before_policies(view: &View, class: Class) -> Option<HttpFilter> {
    view.proxy.istio_extensions.then(|| exchange(class, &view.proxy_config.proxy_headers))
}

/// Filters after those of policies; `stats` are those that count.
pub(super) fn after_policies(view: &View, class: Class, stats: &[(String, Any)]) -> Vec<HttpFilter> {
    let offers = view.proxy.istio_extensions && class != Class::Inbound;
    let alpn = offers.then(|| ALPN.clone());
    let fixed = [GRPC_STATS.clone()].into_iter().chain(alpn).chain([FAULT.clone(), CORS.clone()]);
    let stats = stats.iter().map(|(name, config)| http_filter(name, config.clone()));
    let mode = view.scope.outbound_policy().mode;
    let resolves = class == Class::Outbound && mode == OutboundTrafficPolicyMode::AllowAnyDynamicDns;
    let router = Router {
        suppress_envoy_headers: view.proxy_config.proxy_headers.envoy_debug_headers.is_off(),
        ..Default::default()
    };
    let last = resolves
        .then(|| dynamic_forward_proxy(view))
        .into_iter()
        .chain([http_filter("envoy.filters.http.router", pack_any(router))]);
    fixed.chain(stats).chain(last).collect()
}

/// An HTTP filter of a packed configuration.
pub(crate) fn http_filter(name: &str, config: Any) -> HttpFilter {
    HttpFilter {
        name: name.to_owned(),
        config_type: Some(ConfigType::TypedConfig(config)),
        ..Default::default()
    }
}

/// By headers, proxies tell each other who they are.
fn exchange(class: Class, headers: &ProxyHeaders) -> HttpFilter {
    let none = || Value::object::<&str>([]);
    let in_mesh = class != Class::Inbound && headers.metadata_exchange_headers.mode == ExchangeMode::InMesh;
    let told = if in_mesh { Value::object([("skip_external_clusters", Value::from(true))]) } else { none() };
    let learnt = ["istio_headers", "workload_discovery"].map(|way| Value::object([(way, none())]));
    let side = if class == Class::Inbound { "downstream" } else { "upstream" };
    let value = Struct::of([
        (format!("{side}_discovery"), Value::list(learnt)),
        (format!("{side}_propagation"), Value::list([Value::object([("istio_headers", told)])])),
    ]);
    let config = TypedStruct {
        type_url: "type.googleapis.com/io.istio.http.peer_metadata.Config".to_owned(),
        value: Some(value),
    };
    http_filter(xdslab_mesh::METADATA_EXCHANGE, pack_any(config))
}

/// Resolves hosts that the mesh does not know.
fn dynamic_forward_proxy(view: &View) -> HttpFilter {
    let cache = special::unknown_hosts_cache(view.proxy.ip_mode());
    let config = DynamicForwardProxy {
        implementation_specifier: Some(ImplementationSpecifier::DnsCacheConfig(cache)),
        ..Default::default()
    };
    http_filter("envoy.filters.http.dynamic_forward_proxy", pack_any(config))
}
