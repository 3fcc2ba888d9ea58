//! `ProxyConfig`: what the mesh (`defaultConfig`), or a proxy's own metadata (`PROXY_CONFIG`), says of a proxy.

use arcstr::ArcStr;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ConnectionSettings, CustomTag};
use crate::object::decode_protobuf;
use crate::object::scalar::words;

/// A proxy's configuration: the parts that shape listeners, routes and clusters.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProxyConfig {
    pub proxy_headers: ProxyHeaders,
    pub tracing: ProxyTracing,
    pub gateway_topology: GatewayTopology,
    pub connection_settings: Option<ConnectionSettings>,
}

impl ProxyConfig {
    /// Reads what was written; what cannot be read counts as not written.
    pub fn read(written: &Value) -> Self {
        decode_protobuf(written, "").unwrap_or_default()
    }
}

/// Headers that a proxy sets, or does not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProxyHeaders {
    pub forwarded_client_cert: ForwardClientCert,
    pub set_current_client_cert_details: Option<ClientCertDetails>,
    pub request_id: Switch,
    pub server: ServerHeader,
    pub attempt_count: Switch,
    pub envoy_debug_headers: Switch,
    pub metadata_exchange_headers: ExchangeHeaders,
    #[serde(rename = "preserveHttp1HeaderCase")]
    pub preserve_http1_header_case: Option<bool>,
    pub x_forwarded_host: Enabled,
    pub x_forwarded_port: Enabled,
}

words! {
    ForwardClientCert {
        Undefined = "UNDEFINED" => 0,
        Sanitize = "SANITIZE" => 1,
        ForwardOnly = "FORWARD_ONLY" => 2,
        AppendForward = "APPEND_FORWARD" => 3,
        SanitizeSet = "SANITIZE_SET" => 4,
        AlwaysForwardOnly = "ALWAYS_FORWARD_ONLY" => 5,
    }
}

/// What is told of a client's certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct ClientCertDetails {
    pub subject: Option<bool>,
    pub cert: Option<bool>,
    pub chain: Option<bool>,
    pub dns: Option<bool>,
    pub uri: Option<bool>,
}

/// Something that is on unless it is disabled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Switch {
    pub disabled: Option<bool>,
}

impl Switch {
    /// Whether it is switched off.
    pub fn is_off(self) -> bool {
        self.disabled == Some(true)
    }
}

/// Something that is off unless it is enabled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Enabled {
    pub enabled: Option<bool>,
}

/// The `server` header.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct ServerHeader {
    pub disabled: Option<bool>,
    pub value: ArcStr,
}

/// The headers by which HTTP proxies tell each other who they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct ExchangeHeaders {
    pub mode: ExchangeMode,
}

words! {
    ExchangeMode { Undefined = "UNDEFINED" => 0, InMesh = "IN_MESH" => 1 }
}

/// What proxies say of tracing.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProxyTracing {
    pub sampling: f64,
    pub custom_tags: IndexMap<ArcStr, CustomTag>,
    pub max_path_tag_length: u32,
    pub enable_istio_tags: Option<bool>,
}

/// What stands before a gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GatewayTopology {
    pub num_trusted_proxies: u32,
    pub forward_client_cert_details: ForwardClientCert,
    /// Whether the PROXY protocol comes before everything else; an empty message switches it on.
    pub proxy_protocol: Option<Value>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_cannot_be_read_is_not_there() {
        let read = ProxyConfig::read(
            &json!({"proxyHeaders": {"server": {"value": "me"}}, "tracing": {"sampling": 5}}),
        );
        assert_eq!((read.proxy_headers.server.value.as_str(), read.tracing.sampling), ("me", 5.0));
        assert_eq!(ProxyConfig::read(&json!({"tracing": {"sampling": "much"}})), ProxyConfig::default());
        assert_eq!(ProxyConfig::read(&Value::Null), ProxyConfig::default());
    }
}
