//! HTTP routes of virtual services (istiod: `pilot/pkg/networking/core/route/route.go`).

use std::sync::Arc;

use bytes::Bytes;
use xdslab_mesh::VirtualServiceRule;
use xdslab_mesh::object::istio::{HttpMatch, HttpRoute};
use xdslab_mesh::service::Service;
use xdslab_proto::Message;
use xdslab_proto::ordered::RouteTail;
use xdslab_proto::route::route::Action;
use xdslab_proto::route::route_action::ClusterSpecifier;
use xdslab_proto::route::{Decorator, Route};

use super::headers::Changes;
use super::{action, matching};
use crate::generate::cluster::name::parse_outbound;
use crate::generate::origin;
use crate::generate::view::View;

/// For whom a virtual service is made into routes.
pub(crate) struct RuleContext<'a> {
    /// The proxy.
    pub view: &'a View,
    /// `mesh`, or `namespace/name` of a gateway.
    pub gateway: &'a str,
    /// Port of the routes; 0 for those of all ports.
    pub port: u32,
    /// Whether the server has TLS settings: then requests are taken to be HTTPS.
    pub tls: bool,
    /// The service of a host, as far as the port's routes know it.
    pub service: &'a dyn Fn(&str) -> Option<&'a Arc<Service>>,
}

/// One encoded `envoy.config.route.v3.Route`, with what those who assemble virtual hosts ask.
#[derive(Clone, Debug)]
pub(crate) struct EncodedRoute {
    /// The message.
    pub body: Bytes,
    /// Whether nothing after it can match.
    pub catch_all: bool,
}

/// The routes of one virtual service in order, up to the first that catches all; empty where none of them is for this
/// proxy, gateway and port.
pub(crate) fn routes(context: &RuleContext<'_>, rule: &VirtualServiceRule) -> Vec<EncodedRoute> {
    let mut routes = Vec::new();
    for http in &rule.spec.http {
        if http.matches.is_empty() {
            routes.push(Draft::new(context, rule, http).encoded(None));
            return routes;
        }
        let counting = http.matches.iter().filter(|m| matching::is_for(context, m));
        let mut draft = None;
        for matched in counting {
            let draft = draft.get_or_insert_with(|| Draft::new(context, rule, http));
            let route = draft.encoded(Some(matched));
            let is_last = route.catch_all;
            routes.push(route);
            if is_last {
                return routes;
            }
        }
    }
    routes
}

/// One of a virtual service's routes, before it is made for each of its matches.
struct Draft<'a> {
    http: &'a HttpRoute,
    /// All that is the same for every match.
    route: Route,
    /// What a trace calls its requests, without their path.
    operation: String,
    /// The rest of the message, encoded: a map, written in order.
    tail: Vec<u8>,
}

impl<'a> Draft<'a> {
    fn new(context: &RuleContext<'_>, rule: &VirtualServiceRule, http: &'a HttpRoute) -> Self {
        let own = || Changes::of(http.headers.as_ref());
        let (action, changes) = if let Some(redirect) = &http.redirect {
            (action::redirect(context, redirect).map(Action::Redirect), own())
        } else if let Some(response) = &http.direct_response {
            (Some(Action::DirectResponse(action::direct_response(response))), own())
        } else {
            let (forward, changes) = action::forward(context, http);
            (Some(Action::Route(forward)), changes)
        };
        let operation = operation(context, rule, action.as_ref());
        let meta = rule.meta();
        let route = Route {
            metadata: Some(origin::metadata("virtual-service", &meta.namespace, &meta.name)),
            request_headers_to_add: changes.request.0,
            request_headers_to_remove: changes.request.1,
            response_headers_to_add: changes.response.0,
            response_headers_to_remove: changes.response.1,
            action,
            ..Default::default()
        };
        let tail = RouteTail { typed_per_filter_config: action::per_filter(http) };
        Self { http, route, operation, tail: tail.encode_to_vec() }
    }

    /// The route of one match, or of none, which takes every request.
    fn encoded(&mut self, matched: Option<&HttpMatch>) -> EncodedRoute {
        let route_match = matched.map_or_else(matching::everything, matching::route_match);
        let catch_all = matching::catches_all(&route_match);
        let operation = self.operation.clone() + &matching::shown(&route_match);
        let route = &mut self.route;
        route.name = name(self.http, matched);
        route.r#match = Some(route_match);
        route.decorator = Some(Decorator { operation, propagate: None });
        route.stat_prefix = matched.map(|m| m.stat_prefix.to_string()).unwrap_or_default();
        let mut body = Vec::with_capacity(route.encoded_len() + self.tail.len());
        body.extend(route.encode_to_vec());
        body.extend(&self.tail);
        EncodedRoute { body: body.into(), catch_all }
    }
}

fn name(http: &HttpRoute, matched: Option<&HttpMatch>) -> String {
    match matched.filter(|m| !m.name.is_empty()) {
        Some(matched) => format!("{}.{}", http.name, matched.name),
        None => http.name.to_string(),
    }
}

/// What a trace calls a request by this route: the cluster's host and port, or where there is not one the virtual
/// service's name and the routes' port.
fn operation(context: &RuleContext<'_>, rule: &VirtualServiceRule, action: Option<&Action>) -> String {
    if let Some(Action::Route(route)) = action
        && let Some(ClusterSpecifier::Cluster(cluster)) = &route.cluster_specifier
        && let Some(parts) = parse_outbound(cluster)
    {
        return format!("{}:{}", parts.hostname, parts.port);
    }
    format!("{}:{}", rule.meta().name, context.port)
}
