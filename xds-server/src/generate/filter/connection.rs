//! What differs from chain to chain of one proxy.

use xdslab_proto::protobuf::Duration;
use xdslab_proto::route::RouteConfiguration;

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
#[allow(clippy::struct_excessive_bools)] // each is a trait of its own
pub(crate) struct TcpConnection {
    /// Prefix of its statistics.
    pub stat_prefix: String,
    /// Clusters with their shares; one cluster with a share of 0 is the only destination (`cluster`), all else are
    /// `weighted_clusters`, of which there may be just one.
    pub clusters: Vec<(String, u32)>,
    /// Rule of the first destination: idle timeout, longest connection, hash of the source, tunnel.
    pub policy: TcpPolicy,
    /// Whether the port speaks `MongoDB`.
    pub mongo: bool,
    /// A chain that only drops: no access log, no idle timeout of the node.
    pub black_hole: bool,
    /// Whether Istio's proxies tell each other who they are before all else: a gateway that ends Istio's mutual TLS.
    /// Inbound chains always do.
    pub exchanges_metadata: bool,
    /// Whether who may call is for the workload behind to decide: no policies.
    pub unauthorized: bool,
}

/// What a `DestinationRule` says of TCP proxies.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TcpPolicy {
    /// `connectionPool.tcp.idleTimeout`.
    pub idle_timeout: Option<Duration>,
    /// `connectionPool.tcp.maxConnectionDuration`.
    pub longest: Option<Duration>,
    /// `loadBalancer.consistentHash.useSourceIp`.
    pub hash_source_ip: bool,
    /// `tunnel`: `host:port`, and whether by POST.
    pub tunnel: Option<(String, bool)>,
}
