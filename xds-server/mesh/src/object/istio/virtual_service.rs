//! `VirtualService`.

use arcstr::ArcStr;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{Percent, PortSelector};
use crate::object::meta::Labels;
use crate::object::scalar::Duration;

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VirtualService {
    pub hosts: Vec<ArcStr>,
    pub gateways: Vec<ArcStr>,
    pub http: Vec<HttpRoute>,
    pub tls: Vec<TlsRoute>,
    pub tcp: Vec<TcpRoute>,
    pub export_to: Vec<ArcStr>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpRoute {
    pub name: ArcStr,
    #[serde(rename = "match")]
    pub matches: Vec<HttpMatch>,
    pub route: Vec<HttpRouteDestination>,
    pub redirect: Option<HttpRedirect>,
    pub direct_response: Option<DirectResponse>,
    pub delegate: Option<Delegate>,
    pub rewrite: Option<HttpRewrite>,
    pub timeout: Option<Duration>,
    pub retries: Option<HttpRetry>,
    pub fault: Option<Fault>,
    pub mirror: Option<Destination>,
    pub mirrors: Vec<HttpMirror>,
    /// Deprecated spelling of `mirrorPercentage`, whole per cents.
    pub mirror_percent: Option<u32>,
    pub mirror_percentage: Option<Percent>,
    pub cors_policy: Option<Cors>,
    pub headers: Option<Headers>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct StringMatch {
    pub exact: Option<ArcStr>,
    pub prefix: Option<ArcStr>,
    pub regex: Option<ArcStr>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpMatch {
    pub name: ArcStr,
    pub uri: Option<StringMatch>,
    pub scheme: Option<StringMatch>,
    pub method: Option<StringMatch>,
    pub authority: Option<StringMatch>,
    pub headers: IndexMap<ArcStr, StringMatch>,
    pub port: u32,
    pub source_labels: Labels,
    pub gateways: Vec<ArcStr>,
    pub query_params: IndexMap<ArcStr, StringMatch>,
    pub ignore_uri_case: bool,
    pub without_headers: IndexMap<ArcStr, StringMatch>,
    pub source_namespace: ArcStr,
    pub stat_prefix: ArcStr,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Destination {
    pub host: ArcStr,
    pub subset: ArcStr,
    pub port: Option<PortSelector>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct HttpRouteDestination {
    pub destination: Option<Destination>,
    pub weight: i32,
    pub headers: Option<Headers>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct RouteDestination {
    pub destination: Option<Destination>,
    pub weight: i32,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Headers {
    pub request: Option<HeaderOperations>,
    pub response: Option<HeaderOperations>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct HeaderOperations {
    pub set: IndexMap<ArcStr, ArcStr>,
    pub add: IndexMap<ArcStr, ArcStr>,
    pub remove: Vec<ArcStr>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpRedirect {
    pub uri: ArcStr,
    pub authority: ArcStr,
    pub port: Option<u32>,
    pub derive_port: Option<ArcStr>,
    pub scheme: ArcStr,
    pub redirect_code: u32,
    pub prefix_rewrite: Option<ArcStr>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct DirectResponse {
    pub status: u32,
    pub body: Option<ResponseBody>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct ResponseBody {
    pub string: Option<ArcStr>,
    pub bytes: Option<ArcStr>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Delegate {
    pub name: ArcStr,
    pub namespace: ArcStr,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpRewrite {
    pub uri: ArcStr,
    pub authority: ArcStr,
    pub uri_regex_rewrite: Option<RegexRewrite>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RegexRewrite {
    #[serde(rename = "match")]
    pub pattern: ArcStr,
    pub rewrite: ArcStr,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpRetry {
    pub attempts: i32,
    pub per_try_timeout: Option<Duration>,
    pub retry_on: ArcStr,
    pub retry_remote_localities: Option<bool>,
    pub retry_ignore_previous_hosts: Option<bool>,
    pub backoff: Option<Duration>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Fault {
    pub delay: Option<Delay>,
    pub abort: Option<Abort>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Delay {
    /// Deprecated: whole per cents.
    pub percent: i32,
    pub percentage: Option<Percent>,
    pub fixed_delay: Option<Duration>,
    pub exponential_delay: Option<Duration>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Abort {
    pub percentage: Option<Percent>,
    pub http_status: Option<i32>,
    pub grpc_status: Option<ArcStr>,
    #[serde(rename = "http2Error")]
    pub http2_error: Option<ArcStr>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct HttpMirror {
    pub destination: Option<Destination>,
    pub percentage: Option<Percent>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Cors {
    pub allow_origin: Vec<ArcStr>,
    pub allow_origins: Vec<StringMatch>,
    pub allow_methods: Vec<ArcStr>,
    pub allow_headers: Vec<ArcStr>,
    pub expose_headers: Vec<ArcStr>,
    pub max_age: Option<Duration>,
    pub allow_credentials: Option<bool>,
    pub unmatched_preflights: ArcStr,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct TlsRoute {
    #[serde(rename = "match")]
    pub matches: Vec<TlsMatch>,
    pub route: Vec<RouteDestination>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TlsMatch {
    pub sni_hosts: Vec<ArcStr>,
    pub destination_subnets: Vec<ArcStr>,
    pub port: u32,
    pub source_labels: Labels,
    pub gateways: Vec<ArcStr>,
    pub source_namespace: ArcStr,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct TcpRoute {
    #[serde(rename = "match")]
    pub matches: Vec<L4Match>,
    pub route: Vec<RouteDestination>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct L4Match {
    pub destination_subnets: Vec<ArcStr>,
    pub port: u32,
    pub source_subnet: ArcStr,
    pub source_labels: Labels,
    pub gateways: Vec<ArcStr>,
    pub source_namespace: ArcStr,
}
