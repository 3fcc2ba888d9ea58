//! Types of resources, and the services that serve them.

use std::fmt;

/// A type of resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// `envoy.config.cluster.v3.Cluster`.
    Cluster,
    /// `envoy.config.endpoint.v3.ClusterLoadAssignment`.
    Endpoint,
    /// `envoy.config.listener.v3.Listener`.
    Listener,
    /// `envoy.config.route.v3.RouteConfiguration`.
    Route,
}

impl Kind {
    /// All, in the order in which a change of them is made before what it replaces is broken.
    pub const ALL: [Self; 4] = [Self::Cluster, Self::Endpoint, Self::Listener, Self::Route];

    /// URL of the type.
    pub fn type_url(self) -> &'static str {
        match self {
            Self::Cluster => "type.googleapis.com/envoy.config.cluster.v3.Cluster",
            Self::Endpoint => "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
            Self::Listener => "type.googleapis.com/envoy.config.listener.v3.Listener",
            Self::Route => "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
        }
    }

    /// The type of this URL.
    pub fn from_type_url(url: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.type_url() == url)
    }

    /// `CDS`, `EDS`, `LDS`, `RDS`.
    pub fn short(self) -> &'static str {
        match self {
            Self::Cluster => "CDS",
            Self::Endpoint => "EDS",
            Self::Listener => "LDS",
            Self::Route => "RDS",
        }
    }

    /// Whether it can be subscribed to as a whole, and SotW responses of it are complete.
    pub fn is_wildcard_capable(self) -> bool {
        matches!(self, Self::Cluster | Self::Listener)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.short())
    }
}

/// Which service a stream is opened on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Service {
    /// The aggregated discovery service.
    Aggregated,
    /// The service of one type.
    Of(Kind),
}

impl Service {
    pub(super) fn sotw_path(self) -> &'static str {
        match self {
            Self::Aggregated => {
                "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources"
            }
            Self::Of(Kind::Cluster) => "/envoy.service.cluster.v3.ClusterDiscoveryService/StreamClusters",
            Self::Of(Kind::Endpoint) => "/envoy.service.endpoint.v3.EndpointDiscoveryService/StreamEndpoints",
            Self::Of(Kind::Listener) => "/envoy.service.listener.v3.ListenerDiscoveryService/StreamListeners",
            Self::Of(Kind::Route) => "/envoy.service.route.v3.RouteDiscoveryService/StreamRoutes",
        }
    }

    pub(super) fn delta_path(self) -> &'static str {
        match self {
            Self::Aggregated => {
                "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
            }
            Self::Of(Kind::Cluster) => "/envoy.service.cluster.v3.ClusterDiscoveryService/DeltaClusters",
            Self::Of(Kind::Endpoint) => "/envoy.service.endpoint.v3.EndpointDiscoveryService/DeltaEndpoints",
            Self::Of(Kind::Listener) => "/envoy.service.listener.v3.ListenerDiscoveryService/DeltaListeners",
            Self::Of(Kind::Route) => "/envoy.service.route.v3.RouteDiscoveryService/DeltaRoutes",
        }
    }
}
