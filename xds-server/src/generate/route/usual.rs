//! Routes that no virtual service tells of.

use xdslab_mesh::object::istio::OutboundTrafficPolicyMode as Mode;
use xdslab_mesh::service::Service;
use xdslab_proto::Message;
use xdslab_proto::ordered::VirtualHost;
use xdslab_proto::route::route::Action;
use xdslab_proto::route::route_action::ClusterSpecifier;
use xdslab_proto::route::{Decorator, DirectResponseAction, Route, RouteAction};

use super::action::sent_within;
use super::{hash, matching, retry};
use crate::generate::cluster::name;
use crate::generate::view::View;

/// What is answered where only known hosts may be called: bad gateway.
const BLOCKED: u32 = 502;

/// The only route of a service without virtual service: to its cluster (istiod: `BuildDefaultHTTPOutboundRoute`).
pub(super) fn to_service(view: &View, service: &Service, port: u32) -> Vec<u8> {
    let hash_policy: Vec<_> = hash::of_service(view, &service.hostname, port).into_iter().collect();
    let cluster = name::outbound(port, "", &service.hostname);
    let action = RouteAction {
        retry_policy: retry::default(view.snapshot.mesh_config(), false),
        hash_policy,
        append_x_forwarded_host: super::forwards_host(view),
        cluster_specifier: Some(ClusterSpecifier::Cluster(cluster.to_string())),
        ..sent_within(None)
    };
    let route = Route {
        name: "default".to_owned(),
        r#match: Some(matching::everything()),
        decorator: Some(Decorator { operation: format!("{}:{port}/*", service.hostname), propagate: None }),
        action: Some(Action::Route(action)),
        ..Default::default()
    };
    route.encode_to_vec()
}

/// The host for requests that no service takes: sent on as they came, to the `egressProxy`, or refused
/// (istiod: `buildCatchAllVirtualHost`).
pub(super) fn catch_all(view: &View) -> VirtualHost {
    let policy = view.scope.outbound_policy();
    let (title, cluster) = match (policy.mode, &policy.egress_proxy) {
        (Mode::RegistryOnly, _) => ("block_all", None),
        (Mode::AllowAnyDynamicDns, _) => {
            ("allow_any_dynamic_dns", Some("AllowAnyDynamicDNSCluster".to_owned()))
        }
        (Mode::AllowAny, Some(proxy)) => {
            ("allow_any", Some(name::of_destination(proxy, None, 0).to_string()))
        }
        (Mode::AllowAny, None) => ("allow_any", Some("PassthroughCluster".to_owned())),
    };
    let action = match cluster {
        Some(cluster) => Action::Route(RouteAction {
            cluster_specifier: Some(ClusterSpecifier::Cluster(cluster)),
            ..sent_within(None)
        }),
        None => Action::DirectResponse(DirectResponseAction { status: BLOCKED, ..Default::default() }),
    };
    let route = Route {
        name: title.to_owned(),
        r#match: Some(matching::everything()),
        action: Some(action),
        ..Default::default()
    };
    VirtualHost {
        name: title.to_owned(),
        domains: vec!["*".to_owned()],
        routes: vec![route.encode_to_vec().into()],
        include_request_attempt_count: !view.proxy_config.proxy_headers.attempt_count.is_off(),
        ..Default::default()
    }
}
