//! Listeners of gRPC servers (istiod: `buildInboundListeners` in `grpcgen/lds.go`).

use std::sync::LazyLock;

use xdslab_mesh::object::istio::MutualTlsMode;
use xdslab_proto::filter::http::router::Router;
use xdslab_proto::filter::network::http_connection_manager::http_connection_manager::RouteSpecifier;
use xdslab_proto::filter::network::http_connection_manager::{HttpConnectionManager, HttpFilter};
use xdslab_proto::listener::{Filter, FilterChain, Listener, filter};
use xdslab_proto::route::route::Action;
use xdslab_proto::route::route_match::PathSpecifier;
use xdslab_proto::route::{NonForwardingAction, Route, RouteConfiguration, RouteMatch, VirtualHost};
use xdslab_proto::{Message, pack_any};
use xdslab_protocol::Resource;

use super::name::Inbound;
use super::tls;
use crate::generate::cluster::wire::{address, socket_address};
use crate::generate::filter::http_filter;
use crate::generate::policy;
use crate::generate::view::View;

/// The label that says that a workload takes Istio's mutual TLS.
const TLS_MODE: &str = "security.istio.io/tlsMode";

/// The filter that ends every list of HTTP filters.
pub(super) static ROUTER: LazyLock<HttpFilter> =
    LazyLock::new(|| http_filter("envoy.filters.http.router", pack_any(Router::default())));

/// Everything is served; what the server does not know it refuses itself.
static ROUTES: LazyLock<RouteConfiguration> = LazyLock::new(|| {
    let all =
        RouteMatch { path_specifier: Some(PathSpecifier::Prefix("/".to_owned())), ..RouteMatch::default() };
    let serve = Route {
        r#match: Some(all),
        action: Some(Action::NonForwardingAction(NonForwardingAction {})),
        ..Default::default()
    };
    let host = VirtualHost { domains: vec!["*".to_owned()], routes: vec![serve], ..Default::default() };
    RouteConfiguration { name: "inbound".to_owned(), virtual_hosts: vec![host], ..Default::default() }
});

/// The listeners of these names, of those whose port a service leads to.
pub(super) fn listeners<'a>(
    view: &'a View,
    wanted: &'a [Inbound<'a>],
) -> impl Iterator<Item = Resource> + 'a {
    let serves = |port: u32| view.workload.targets.iter().any(|t| t.target_port == port);
    wanted.iter().filter(move |i| serves(i.port)).map(|inbound| {
        let listener = Listener {
            name: inbound.name.to_owned(),
            address: Some(address(socket_address(inbound.host, inbound.port))),
            filter_chains: vec![chain(view, is_mutual(view, inbound.port))],
            ..Default::default()
        };
        Resource::new(inbound.name, listener.encode_to_vec())
    })
}

/// Whether clients must show a certificate. gRPC cannot do both, so that a workload that may do either does what its
/// label promises to clients.
fn is_mutual(view: &View, port: u32) -> bool {
    let (labels, policies) = (&view.workload.labels, view.snapshot.peer_authentications());
    match policies.effective(&view.proxy.config_namespace, labels, port) {
        MutualTlsMode::Strict => true,
        MutualTlsMode::Permissive => labels.get(TLS_MODE).is_some_and(|mode| mode == "istio"),
        MutualTlsMode::Disable | MutualTlsMode::Unset => false,
    }
}

fn chain(view: &View, mutual: bool) -> FilterChain {
    let kind = if mutual { "mtls" } else { "plaintext" };
    let manager = HttpConnectionManager {
        http_filters: policy::of_grpc(view).into_iter().chain([ROUTER.clone()]).collect(),
        route_specifier: Some(RouteSpecifier::RouteConfig(ROUTES.clone())),
        ..Default::default()
    };
    let filter = Filter {
        name: format!("inbound-hcm{kind}"),
        config_type: Some(filter::ConfigType::TypedConfig(pack_any(manager))),
    };
    FilterChain {
        name: format!("inbound-{kind}"),
        filters: vec![filter],
        transport_socket: mutual.then(tls::downstream),
        ..Default::default()
    }
}
