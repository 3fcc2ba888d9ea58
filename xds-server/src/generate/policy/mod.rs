//! Filters that authorize and authenticate: `AuthorizationPolicy`, `RequestAuthentication` (istiod:
//! `pilot/pkg/security/authz/builder`, `pilot/pkg/security/authn`).

mod authorization;
mod condition;
mod external;
mod jwt;
mod logic;
mod matcher;
mod rule;
mod trust_domain;

use std::sync::Arc;

use xdslab_mesh::ByNamespace;
use xdslab_mesh::object::Config;
use xdslab_mesh::object::istio::{PolicySelector, TargetReference};
use xdslab_proto::filter::network::http_connection_manager::HttpFilter;
use xdslab_proto::listener::Filter;

use super::view::View;

/// The label by which a gateway of the Gateway API is known, and policies attached to it.
const GATEWAY_NAME: &str = "gateway.networking.k8s.io/gateway-name";

/// The filters that policies put into the chains of one workload. A sidecar's outbound chains have none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Policies {
    /// HTTP filters in order: custom authorization, token authentication, audit, deny, allow.
    pub http: Vec<HttpFilter>,
    /// Network filters of chains without HTTP, in order.
    pub tcp: Vec<Filter>,
}

impl Policies {
    /// The filters of the proxy's workload.
    pub fn of(view: &View) -> Self {
        let authorization = authorization::Authorization::of(view);
        let (custom_http, custom_tcp) = authorization.custom();
        let (http, tcp) = authorization.by_action();
        Self {
            http: custom_http.into_iter().chain(jwt::filter(view)).chain(http).collect(),
            tcp: custom_tcp.into_iter().chain(tcp).collect(),
        }
    }
}

/// The HTTP filters of a gRPC server with xDS of its own: what is denied, what is allowed.
pub(crate) fn of_grpc(view: &View) -> Vec<HttpFilter> {
    authorization::Authorization::of(view).for_grpc()
}

/// The objects of the root namespace, then those of the proxy's, that are for its workload.
fn for_workload<'v, T>(
    view: &'v View,
    index: &'v ByNamespace<T>,
    target: fn(&T) -> Target<'_>,
) -> Vec<&'v Arc<Config<T>>> {
    let root = &view.snapshot.mesh_config().root_namespace;
    let own = &view.proxy.config_namespace;
    let of_own = if own == root { &[][..] } else { index.of_namespace(own) };
    let all = index.of_namespace(root).iter().chain(of_own);
    all.filter(|config| is_for(view, &config.meta.namespace, &target(&config.spec))).collect()
}

/// What a policy is for.
struct Target<'a> {
    selector: Option<&'a PolicySelector>,
    one: Option<&'a TargetReference>,
    several: &'a [TargetReference],
}

/// By labels, or for gateways of the Gateway API by name; a reference that is no such gateway's is for nobody here.
fn is_for(view: &View, namespace: &str, target: &Target<'_>) -> bool {
    let labels = &view.workload.labels;
    let mut references = target.one.into_iter().chain(target.several).peekable();
    if references.peek().is_some() {
        let Some(gateway) = labels.get(GATEWAY_NAME) else { return false };
        let own = namespace == view.proxy.config_namespace;
        return own && references.any(|r| r.kind == "Gateway" && r.name == *gateway);
    }
    target.selector.is_none_or(|s| s.match_labels.iter().all(|(k, v)| labels.get(k) == Some(v)))
}
