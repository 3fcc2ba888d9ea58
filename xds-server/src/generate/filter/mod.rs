//! Network and HTTP filters of one proxy's chains, in istiod's order.

use xdslab_proto::listener::Filter;
use xdslab_proto::route::RouteConfiguration;

use super::policy::Policies;
use super::view::View;

/// Where a chain stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Class {
    /// Towards a sidecar's own application.
    Inbound,
    /// From a sidecar's application.
    Outbound,
    /// Of a gateway's listener.
    Gateway,
}

/// What the chains of one proxy are made with: made once per answer, used for every chain.
#[derive(Debug)]
pub(crate) struct Filters<'v> {
    view: &'v View,
    policies: Policies,
}

/// An HTTP connection manager: what differs from chain to chain.
#[derive(Clone, Debug, Default)]
pub(crate) struct HttpConnection {
    /// Prefix of its statistics, the final `;` included.
    pub stat_prefix: String,
    /// Its routes.
    pub routes: Routes,
    /// Whether it answers HTTP/2 only (`http2_protocol_options {}`).
    pub http2: bool,
    /// Whether the port speaks gRPC-Web.
    pub grpc_web: bool,
    /// Whether requests may have absolute URLs: the HTTP proxy's listener.
    pub absolute_urls: bool,
}

/// Where an HTTP connection manager gets its routes.
#[derive(Clone, Debug)]
pub(crate) enum Routes {
    /// By RDS, under this name.
    Named(String),
    /// Written into the listener.
    Inline(Box<RouteConfiguration>),
}

impl Default for Routes {
    fn default() -> Self {
        Self::Named(String::new())
    }
}

/// A TCP proxy: what differs from chain to chain.
#[derive(Clone, Debug, Default)]
pub(crate) struct TcpConnection {
    /// Prefix of its statistics.
    pub stat_prefix: String,
    /// Clusters with their shares; one cluster with a share of 0 is the only destination (`cluster`), all else are
    /// `weighted_clusters`, of which there may be just one.
    pub clusters: Vec<(String, u32)>,
    /// Rule of the first destination: idle timeout, longest connection, hash of the source, tunnel.
    pub policy: TcpPolicy,
    /// Whether the port speaks MongoDB.
    pub mongo: bool,
    /// A chain that only drops: no access log, no idle timeout of the node.
    pub black_hole: bool,
    /// Whether Istio's proxies tell each other who they are before all else: a gateway that ends Istio's mutual TLS.
    pub exchanges_metadata: bool,
    /// Whether who may call is for the workload behind to decide: no policies.
    pub unauthorized: bool,
}

/// What a `DestinationRule` says of TCP proxies.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TcpPolicy {
    /// `connectionPool.tcp.idleTimeout`.
    pub idle_timeout: Option<xdslab_proto::protobuf::Duration>,
    /// `connectionPool.tcp.maxConnectionDuration`.
    pub longest: Option<xdslab_proto::protobuf::Duration>,
    /// `loadBalancer.consistentHash.useSourceIp`.
    pub hash_source_ip: bool,
    /// `tunnel`: `host:port`, and whether by POST.
    pub tunnel: Option<(String, bool)>,
}

impl<'v> Filters<'v> {
    /// What the proxy's chains are made with.
    pub fn new(view: &'v View) -> Self {
        Self { view, policies: Policies::of(view) }
    }

    /// The proxy.
    pub fn view(&self) -> &'v View {
        self.view
    }

    /// All network filters of an HTTP chain.
    pub fn http(&self, class: Class, connection: HttpConnection) -> Vec<Filter> {
        let _ = (class, connection, &self.policies);
        Vec::new()
    }

    /// All network filters of a TCP chain.
    pub fn tcp(&self, class: Class, connection: TcpConnection) -> Vec<Filter> {
        let _ = (class, connection);
        Vec::new()
    }
}
