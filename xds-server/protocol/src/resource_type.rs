//! The kinds of resources, in the order in which they are pushed.

use crate::Violation;
use arcstr::ArcStr;
use std::fmt;

/// One kind of resource. The order of the variants is the push order: clusters, endpoints, listeners, routes, secrets,
/// then the rest.
///
/// Envoy docs: `xds_protocol#eventual-consistency-considerations`; istiod: `pilot/pkg/xds/ads.go`, `PushOrder` (what it
/// leaves to chance comes in order of type URL here).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceType {
    /// `envoy.config.cluster.v3.Cluster` (CDS).
    Cluster,
    /// `envoy.config.endpoint.v3.ClusterLoadAssignment` (EDS).
    Endpoint,
    /// `envoy.config.listener.v3.Listener` (LDS).
    Listener,
    /// `envoy.config.route.v3.RouteConfiguration` (RDS).
    Route,
    /// `envoy.extensions.transport_sockets.tls.v3.Secret` (SDS).
    Secret,
    /// `istio.workload.Address`.
    Address,
    /// `istio.workload.Workload`.
    Workload,
    /// `istio.security.Authorization`.
    Authorization,
    /// `envoy.config.core.v3.TypedExtensionConfig` (ECDS).
    ExtensionConfig,
    /// `envoy.config.route.v3.ScopedRouteConfiguration` (SRDS).
    ScopedRoute,
    /// `envoy.config.route.v3.VirtualHost` (VHDS).
    VirtualHost,
    /// `envoy.service.runtime.v3.Runtime` (RTDS).
    Runtime,
    /// `istio.mesh.v1alpha1.ProxyConfig` (PCDS).
    ProxyConfig,
    /// `istio.networking.nds.v1.NameTable` (NDS).
    NameTable,
    /// Any other type URL.
    Other(ArcStr),
}

const KNOWN: [(ResourceType, &str, &str); 14] = [
    (ResourceType::Cluster, "cds", "type.googleapis.com/envoy.config.cluster.v3.Cluster"),
    (ResourceType::Endpoint, "eds", "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"),
    (ResourceType::Listener, "lds", "type.googleapis.com/envoy.config.listener.v3.Listener"),
    (ResourceType::Route, "rds", "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"),
    (ResourceType::Secret, "sds", "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"),
    (ResourceType::Address, "wds", "type.googleapis.com/istio.workload.Address"),
    (ResourceType::Workload, "wds", "type.googleapis.com/istio.workload.Workload"),
    (ResourceType::Authorization, "wads", "type.googleapis.com/istio.security.Authorization"),
    (ResourceType::ExtensionConfig, "ecds", "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig"),
    (ResourceType::ScopedRoute, "srds", "type.googleapis.com/envoy.config.route.v3.ScopedRouteConfiguration"),
    (ResourceType::VirtualHost, "vhds", "type.googleapis.com/envoy.config.route.v3.VirtualHost"),
    (ResourceType::Runtime, "rtds", "type.googleapis.com/envoy.service.runtime.v3.Runtime"),
    (ResourceType::ProxyConfig, "pcds", "type.googleapis.com/istio.mesh.v1alpha1.ProxyConfig"),
    (ResourceType::NameTable, "nds", "type.googleapis.com/istio.networking.nds.v1.NameTable"),
];

impl ResourceType {
    /// The type of a request. An empty URL is an error on an aggregated stream; a per-type service knows its type.
    pub fn from_type_url(url: &str) -> Result<Self, Violation> {
        if url.is_empty() {
            return Err(Violation::MissingTypeUrl);
        }
        let known = KNOWN.iter().find(|(_, _, known)| *known == url);
        Ok(known.map_or_else(|| Self::Other(url.into()), |(kind, _, _)| kind.clone()))
    }

    /// The type that goes by this short name (`cds`, in any case); `wds` is [`ResourceType::Address`].
    pub fn from_short(short: &str) -> Option<Self> {
        KNOWN.iter().find(|(_, known, _)| known.eq_ignore_ascii_case(short)).map(|(kind, _, _)| kind.clone())
    }

    /// The type URL, as in `type_url` of requests, responses and `Any`s.
    pub fn type_url(&self) -> &str {
        self.known().map_or_else(|| self.other(), |(_, _, url)| url)
    }

    /// istiod's short name, as in its metrics' `type` label (`cds`); the type URL where there is none.
    pub fn short(&self) -> &str {
        self.known().map_or_else(|| self.other(), |(_, short, _)| short)
    }

    /// Whether a first request without names means everything, and a SotW response must hold everything.
    ///
    /// Envoy's protocol grants that to listeners and clusters; istiod to whatever is not known by name.
    /// istiod: `pkg/xds/server.go`, `IsWildcardTypeURL`.
    pub fn wildcard_capable(&self) -> bool {
        use ResourceType::{Endpoint, ExtensionConfig, Route, Runtime, Secret, VirtualHost};
        !matches!(self, Endpoint | Route | Secret | ExtensionConfig | VirtualHost | Runtime)
    }

    fn known(&self) -> Option<&'static (ResourceType, &'static str, &'static str)> {
        KNOWN.iter().find(|(kind, _, _)| kind == self)
    }

    fn other(&self) -> &str {
        match self {
            Self::Other(url) => url,
            _ => "",
        }
    }
}

impl fmt::Display for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.short())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_types_are_complete_and_in_push_order() {
        assert!(KNOWN.is_sorted_by_key(|(kind, _, _)| kind));
        for (kind, short, url) in &KNOWN {
            assert_eq!(ResourceType::from_type_url(url).as_ref(), Ok(kind));
            assert_eq!((kind.type_url(), kind.short()), (*url, *short));
        }
    }

    #[test]
    fn other_types_keep_their_url() {
        let other = ResourceType::from_type_url("type.googleapis.com/x.Y").unwrap();
        assert_eq!((other.type_url(), other.short()), ("type.googleapis.com/x.Y", "type.googleapis.com/x.Y"));
        assert!(other > ResourceType::NameTable && other.wildcard_capable());
        assert_eq!(ResourceType::from_type_url(""), Err(Violation::MissingTypeUrl));
    }
}
