//! Istio's API as typed structs: `networking.istio.io`, `security.istio.io`, `telemetry.istio.io` and the mesh configuration.
//!
//! Field names are the API's in `snake_case`; docs are short where the API's own reference says it all.
#![allow(missing_docs)] // the field names are Istio's API, documented there field by field

mod connection_settings;
mod destination_rule;
mod extension_provider;
mod gateway;
mod mesh_config;
mod proxy_config;
mod security;
mod service_entry;
mod sidecar;
mod telemetry;
mod traffic_policy;
mod virtual_service;

pub use connection_settings::{ConnectionProfile, ConnectionSettings, EscapedSlashes, Underscores};
pub use destination_rule::{DestinationRule, Subset};
pub use extension_provider::{
    AuthorizationBody, Collector, DynatraceSampler, ExtensionProvider, FileAccessLog, GrpcAuthorizer,
    HttpAccessLogService, HttpAuthorizer, LogFormat, OpenTelemetry, OtelAccessLogService, ProviderHeader,
    ProviderHttp, ResourceDetectors, ServiceAttributes, TcpAccessLogService, TraceContext, Zipkin,
};
pub use gateway::{Gateway, GatewayServer, ServerTls, ServerTlsMode, TlsCertificate, TlsProtocol};
pub(crate) use mesh_config::IgnoredMeshConfig;
pub use mesh_config::{
    AccessLogEncoding, DefaultProviders, DefaultTrafficPolicy, InboundTrafficPolicy,
    InboundTrafficPolicyMode, MeshConfig, MeshMtls, MeshTls, MeshTlsVersion, Normalization,
    OutboundTrafficPolicy, OutboundTrafficPolicyMode, PathNormalization, ServiceEntryVisibility,
    ServiceEntryVisibilityPolicy, ServiceEntryVisibilityRule, TrafficPolicyTls, Visibility,
};
pub use proxy_config::{
    ClientCertDetails, ExchangeMode, ForwardClientCert, GatewayTopology, ProxyConfig, ProxyHeaders,
    ProxyTracing,
};
pub use security::{
    AuthorizationAction, AuthorizationCondition, AuthorizationOperation, AuthorizationPolicy,
    AuthorizationRule, AuthorizationSource, JwtRule, MutualTls, MutualTlsMode, PeerAuthentication,
    RequestAuthentication, RuleFrom, RuleTo, TargetReference,
};
pub use service_entry::{Location, Resolution, ServiceEntry, ServiceEntryPort, WorkloadEntry};
pub use sidecar::{
    CaptureMode, EgressListener, IngressListener, Sidecar, SidecarOutboundTrafficPolicy, SidecarPort,
};
pub use telemetry::{
    AccessLogFilter, AccessLogging, CustomTag, IstioMetric, MetricSelector, Metrics, MetricsOverride,
    ModeMatch, ProviderRef, TagOperation, TagOverride, TagValue, Telemetry, Tracing, WorkloadMode,
};
pub use traffic_policy::{
    ClientTls, ClientTlsMode, ConnectionPool, ConsistentHash, Distribute, Failover, H2Upgrade,
    Http2KeepAlive, HttpCookie, HttpPool, KeepAlive, LoadBalancer, LocalityLb, Maglev, OutlierDetection,
    PortTrafficPolicy, ProxyProtocol, ProxyProtocolVersion, RetryBudget, RingHash, SimpleLb, TcpPool,
    TrafficPolicy, Tunnel, Warmup, ZoneAwareLb,
};
pub use virtual_service::{
    Abort, Cors, Delay, Delegate, Destination, DirectResponse, Fault, HeaderOperations, Headers, HttpMatch,
    HttpMirror, HttpRedirect, HttpRetry, HttpRewrite, HttpRoute, HttpRouteDestination, L4Match, RegexRewrite,
    ResponseBody, RouteDestination, StringMatch, TcpRoute, TlsMatch, TlsRoute, VirtualService,
};

use serde::{Deserialize, Serialize};

use crate::object::meta::Labels;

/// Labels of the workloads that a policy is for (`workloadSelector` of the networking API).
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct WorkloadSelector {
    /// All must be there; none given selects every workload.
    pub labels: Labels,
}

/// Labels of the workloads that a policy is for (`selector` of the security and telemetry APIs).
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PolicySelector {
    /// All must be there; none given selects every workload.
    pub match_labels: Labels,
}

/// A port by number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct PortSelector {
    pub number: u32,
}

/// A percentage, 0 to 100.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Percent {
    pub value: f64,
}
