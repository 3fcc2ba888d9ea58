//! Extension providers of the mesh configuration: those that telemetry uses, and those that authorize.

use arcstr::ArcStr;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::object::decode_protobuf;
use crate::object::scalar::{Duration, words};

/// One of the mesh's `extensionProviders`. It has a name and is of one type; a type that nothing here uses is not
/// listed.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExtensionProvider {
    pub name: ArcStr,
    /// Any message: it has no fields that matter.
    pub prometheus: Option<Map<String, Value>>,
    pub envoy_file_access_log: Option<FileAccessLog>,
    pub envoy_http_als: Option<HttpAccessLogService>,
    pub envoy_tcp_als: Option<TcpAccessLogService>,
    pub envoy_otel_als: Option<OtelAccessLogService>,
    pub zipkin: Option<Zipkin>,
    pub datadog: Option<Collector>,
    pub skywalking: Option<Collector>,
    pub opentelemetry: Option<OpenTelemetry>,
    pub envoy_ext_authz_http: Option<HttpAuthorizer>,
    pub envoy_ext_authz_grpc: Option<GrpcAuthorizer>,
}

impl ExtensionProvider {
    /// Reads what was written; what cannot be read is no provider.
    pub fn read(written: &Value) -> Option<Self> {
        decode_protobuf(written, "").ok()
    }
}

/// `envoyExtAuthzHttp`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpAuthorizer {
    pub service: ArcStr,
    pub port: u32,
    pub timeout: Option<Duration>,
    pub path_prefix: ArcStr,
    pub fail_open: bool,
    pub clear_route_cache: bool,
    pub status_on_error: ArcStr,
    /// Deprecated spelling of `includeRequestHeadersInCheck`.
    pub include_headers_in_check: Vec<ArcStr>,
    pub include_request_headers_in_check: Vec<ArcStr>,
    pub include_additional_headers_in_check: IndexMap<ArcStr, ArcStr>,
    pub include_request_body_in_check: Option<AuthorizationBody>,
    pub headers_to_upstream_on_allow: Vec<ArcStr>,
    pub headers_to_downstream_on_deny: Vec<ArcStr>,
    pub headers_to_downstream_on_allow: Vec<ArcStr>,
}

impl HttpAuthorizer {
    /// The headers that the provider is told.
    pub fn checked_headers(&self) -> &[ArcStr] {
        let (new, old) = (&self.include_request_headers_in_check, &self.include_headers_in_check);
        if new.is_empty() { old } else { new }
    }

    /// Whether its path begins with a slash, and no list of headers holds a mere `*`.
    pub fn is_well_formed(&self) -> bool {
        let lists = [
            self.checked_headers(),
            &self.headers_to_upstream_on_allow,
            &self.headers_to_downstream_on_deny,
            &self.headers_to_downstream_on_allow,
        ];
        let path = self.path_prefix.is_empty() || self.path_prefix.starts_with('/');
        path && !lists.iter().any(|list| list.iter().any(|name| name == "*"))
    }
}

/// `envoyExtAuthzGrpc`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GrpcAuthorizer {
    pub service: ArcStr,
    pub port: u32,
    pub timeout: Option<Duration>,
    pub fail_open: bool,
    pub clear_route_cache: bool,
    pub status_on_error: ArcStr,
    pub include_request_body_in_check: Option<AuthorizationBody>,
}

/// How much of a request's body an authorizer is told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AuthorizationBody {
    pub max_request_bytes: u32,
    pub allow_partial_message: bool,
    pub pack_as_bytes: bool,
}

/// How a line of an access log looks.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LogFormat {
    pub text: Option<ArcStr>,
    pub labels: Option<Map<String, Value>>,
}

/// `envoyFileAccessLog`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FileAccessLog {
    pub path: ArcStr,
    pub log_format: Option<LogFormat>,
    pub omit_empty_values: bool,
}

/// `envoyHttpAls`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpAccessLogService {
    pub service: ArcStr,
    pub port: u32,
    pub log_name: ArcStr,
    pub filter_state_objects_to_log: Vec<ArcStr>,
    pub additional_request_headers_to_log: Vec<ArcStr>,
    pub additional_response_headers_to_log: Vec<ArcStr>,
    pub additional_response_trailers_to_log: Vec<ArcStr>,
}

/// `envoyTcpAls`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TcpAccessLogService {
    pub service: ArcStr,
    pub port: u32,
    pub log_name: ArcStr,
    pub filter_state_objects_to_log: Vec<ArcStr>,
}

/// `envoyOtelAls`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OtelAccessLogService {
    pub service: ArcStr,
    pub port: u32,
    pub log_name: ArcStr,
    pub log_format: Option<LogFormat>,
}

/// `datadog`, `skywalking`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Collector {
    pub service: ArcStr,
    pub port: u32,
    pub max_tag_length: Option<u32>,
}

words! {
    TraceContext { B3 = "USE_B3" => 0, B3AndW3c = "USE_B3_WITH_W3C_PROPAGATION" => 1 }
}

/// `zipkin`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Zipkin {
    pub service: ArcStr,
    pub port: u32,
    pub max_tag_length: Option<u32>,
    #[serde(rename = "enable64bitTraceId")]
    pub short_ids: bool,
    pub path: ArcStr,
    pub trace_context_option: TraceContext,
    pub timeout: Option<Duration>,
    pub headers: Vec<ProviderHeader>,
}

/// A header that a proxy sends to a provider.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProviderHeader {
    pub name: ArcStr,
    /// Absent where `envName`, a variable of the control plane's environment, is given.
    pub value: ArcStr,
}

/// `http` of OpenTelemetry and of Dynatrace's sampler.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct ProviderHttp {
    pub path: ArcStr,
    pub timeout: Option<Duration>,
    pub headers: Vec<ProviderHeader>,
}

/// `grpc` of OpenTelemetry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProviderGrpc {
    pub timeout: Option<Duration>,
    pub initial_metadata: Vec<ProviderHeader>,
}

/// What a proxy finds out about where it runs.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct ResourceDetectors {
    pub environment: Option<Map<String, Value>>,
    pub dynatrace: Option<Map<String, Value>>,
}

words! {
    ServiceAttributes { IstioCanonical = "ISTIO_CANONICAL" => 0, OtelSemanticConventions = "OTEL_SEMANTIC_CONVENTIONS" => 1 }
}

/// `opentelemetry`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OpenTelemetry {
    pub service: ArcStr,
    pub port: u32,
    pub max_tag_length: Option<u32>,
    pub http: Option<ProviderHttp>,
    pub grpc: Option<ProviderGrpc>,
    pub resource_detectors: Option<ResourceDetectors>,
    pub service_attribute_enrichment: ServiceAttributes,
    pub dynatrace_sampler: Option<DynatraceSampler>,
}

/// `dynatraceSampler`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DynatraceSampler {
    pub tenant: ArcStr,
    pub cluster_id: i32,
    pub root_spans_per_minute: u32,
    pub http_service: Option<DynatraceApi>,
}

/// Where Dynatrace's sampler asks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct DynatraceApi {
    pub service: ArcStr,
    pub port: u32,
    pub http: ProviderHttp,
}
