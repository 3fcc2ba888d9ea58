//! Routes that no virtual service tells of.

use bytes::Bytes;
use xdslab_mesh::object::istio::OutboundTrafficPolicyMode as Mode;
use xdslab_mesh::service::Service;
use xdslab_proto::Message;
use xdslab_proto::ordered::{ClusterAction, ClusterRoute, VirtualHost};
use xdslab_proto::protobuf::Duration;
use xdslab_proto::route::route::Action;
use xdslab_proto::route::route_action::ClusterSpecifier;
use xdslab_proto::route::{Decorator, DirectResponseAction, Route, RouteAction};

use super::action::sent_within;
use super::{hash, matching, retry};
use crate::generate::cluster::name;
use crate::generate::view::View;

/// What is answered where only known hosts may be called: bad gateway.
const BLOCKED: u32 = 502;

/// The routes of services without virtual service, and what all of them have in common.
pub(super) struct Usual<'v> {
    view: &'v View,
    everything: Bytes,
    retry_policy: Bytes,
}

impl<'v> Usual<'v> {
    /// What the routes of a proxy have in common.
    pub fn new(view: &'v View) -> Self {
        let retry_policy = retry::default(view.snapshot.mesh_config(), false);
        Self {
            view,
            everything: matching::everything().encode_to_vec().into(),
            retry_policy: retry_policy.map(|p| p.encode_to_vec().into()).unwrap_or_default(),
        }
    }

    /// The only route of a service: to its cluster (istiod: `BuildDefaultHTTPOutboundRoute`).
    pub fn to_service(&self, service: &Service, port: u32) -> Bytes {
        let hostname = &service.hostname;
        let action = ClusterAction {
            cluster: name::outbound(port, "", hostname).to_string(),
            timeout: Some(Duration::default()),
            retry_policy: self.retry_policy.clone(),
            hash_policy: hash::of_service(self.view, hostname, port).into_iter().collect(),
            max_grpc_timeout: Some(Duration::default()),
            append_x_forwarded_host: false,
        };
        let route = ClusterRoute {
            r#match: self.everything.clone(),
            route: Some(action),
            decorator: Some(Decorator { operation: format!("{hostname}:{port}/*"), propagate: None }),
            name: "default".to_owned(),
        };
        route.encode_to_vec().into()
    }
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
            append_x_forwarded_host: super::forwards_host(view),
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
