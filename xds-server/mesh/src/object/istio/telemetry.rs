//! `Telemetry`: what proxies report.

use arcstr::ArcStr;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{PolicySelector, TargetReference};
use crate::object::scalar::{Duration, words};

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Telemetry {
    pub selector: Option<PolicySelector>,
    pub target_ref: Option<TargetReference>,
    pub target_refs: Vec<TargetReference>,
    pub tracing: Vec<Tracing>,
    pub metrics: Vec<Metrics>,
    pub access_logging: Vec<AccessLogging>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct ProviderRef {
    pub name: ArcStr,
}

words! {
    WorkloadMode { ClientAndServer = "CLIENT_AND_SERVER" => 0, Client = "CLIENT" => 1, Server = "SERVER" => 2 }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct ModeMatch {
    pub mode: WorkloadMode,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Tracing {
    #[serde(rename = "match")]
    pub matches: Option<ModeMatch>,
    pub providers: Vec<ProviderRef>,
    pub random_sampling_percentage: Option<f64>,
    pub disable_span_reporting: Option<bool>,
    pub custom_tags: IndexMap<ArcStr, CustomTag>,
    pub use_request_id_for_trace_sampling: Option<bool>,
    pub enable_istio_tags: Option<bool>,
    pub disable_context_propagation: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct CustomTag {
    pub literal: Option<TagValue>,
    pub environment: Option<TagValue>,
    pub header: Option<TagValue>,
    pub formatter: Option<TagValue>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TagValue {
    pub name: ArcStr,
    pub value: ArcStr,
    pub default_value: ArcStr,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Metrics {
    pub providers: Vec<ProviderRef>,
    pub overrides: Vec<MetricsOverride>,
    pub reporting_interval: Option<Duration>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MetricsOverride {
    #[serde(rename = "match")]
    pub matches: Option<MetricSelector>,
    pub disabled: Option<bool>,
    pub tag_overrides: IndexMap<ArcStr, TagOverride>,
}

words! {
    IstioMetric {
        All = "ALL_METRICS" => 0,
        RequestCount = "REQUEST_COUNT" => 1,
        RequestDuration = "REQUEST_DURATION" => 2,
        RequestSize = "REQUEST_SIZE" => 3,
        ResponseSize = "RESPONSE_SIZE" => 4,
        TcpOpenedConnections = "TCP_OPENED_CONNECTIONS" => 5,
        TcpClosedConnections = "TCP_CLOSED_CONNECTIONS" => 6,
        TcpSentBytes = "TCP_SENT_BYTES" => 7,
        TcpReceivedBytes = "TCP_RECEIVED_BYTES" => 8,
        GrpcRequestMessages = "GRPC_REQUEST_MESSAGES" => 9,
        GrpcResponseMessages = "GRPC_RESPONSE_MESSAGES" => 10,
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MetricSelector {
    pub metric: Option<IstioMetric>,
    pub custom_metric: Option<ArcStr>,
    pub mode: WorkloadMode,
}

words! {
    TagOperation { Upsert = "UPSERT" => 0, Remove = "REMOVE" => 1 }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct TagOverride {
    pub operation: TagOperation,
    pub value: ArcStr,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct AccessLogging {
    #[serde(rename = "match")]
    pub matches: Option<ModeMatch>,
    pub providers: Vec<ProviderRef>,
    pub disabled: Option<bool>,
    pub filter: Option<AccessLogFilter>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct AccessLogFilter {
    pub expression: ArcStr,
}
