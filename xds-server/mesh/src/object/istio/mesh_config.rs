//! The mesh configuration: the key `mesh` of the `ConfigMap` `istio`, laid over Istio's defaults.

use arcstr::{ArcStr, literal};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ConnectionPool, H2Upgrade, HttpRetry, KeepAlive, LocalityLb, OutlierDetection, ZoneAwareLb};
use crate::object::kubernetes::LabelSelector;
use crate::object::scalar::{Duration, words};

/// Mesh-wide settings. A field that is given replaces the default whole, messages and lists too.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(clippy::struct_excessive_bools)] // as in the API
pub struct MeshConfig {
    pub root_namespace: ArcStr,
    pub trust_domain: ArcStr,
    pub trust_domain_aliases: Vec<ArcStr>,
    pub connect_timeout: Duration,
    pub tcp_keepalive: Option<KeepAlive>,
    pub dns_refresh_rate: Duration,
    pub protocol_detection_timeout: Duration,
    pub proxy_listen_port: i32,
    pub proxy_inbound_listen_port: i32,
    pub proxy_http_port: i32,
    pub enable_auto_mtls: bool,
    pub enable_tracing: bool,
    pub access_log_file: ArcStr,
    pub access_log_format: ArcStr,
    pub access_log_encoding: AccessLogEncoding,
    pub enable_envoy_access_log_service: bool,
    pub disable_envoy_listener_log: bool,
    pub outbound_traffic_policy: OutboundTrafficPolicy,
    pub inbound_traffic_policy: InboundTrafficPolicy,
    pub locality_lb_setting: Option<LocalityLb>,
    pub zone_aware_lb_setting: Option<ZoneAwareLb>,
    pub default_service_export_to: Vec<ArcStr>,
    pub default_virtual_service_export_to: Vec<ArcStr>,
    pub default_destination_rule_export_to: Vec<ArcStr>,
    pub h2_upgrade_policy: MeshH2Upgrade,
    pub path_normalization: PathNormalization,
    #[serde(rename = "meshMTLS")]
    pub mesh_mtls: Option<MeshTls>,
    pub tls_defaults: Option<MeshTls>,
    pub default_traffic_policy: Option<DefaultTrafficPolicy>,
    pub default_http_retry_policy: Option<HttpRetry>,
    pub discovery_selectors: Vec<LabelSelector>,
    pub service_entry_visibility: Option<ServiceEntryVisibility>,
    pub outbound_cluster_stat_name: ArcStr,
    pub inbound_cluster_stat_name: ArcStr,
    pub service_settings: Vec<ServiceSettings>,
    pub verify_certificate_at_client: Option<bool>,
    pub ca_certificates: Vec<CaCertificates>,
    /// `ProxyConfig` of proxies that bring none of their own, as it was written.
    pub default_config: Value,
    /// Extension providers, as they were written.
    pub extension_providers: Vec<Value>,
    pub default_providers: DefaultProviders,
}

impl Default for MeshConfig {
    fn default() -> Self {
        let everywhere = || vec![literal!("*")];
        Self {
            root_namespace: literal!("istio-system"),
            trust_domain: literal!("cluster.local"),
            trust_domain_aliases: Vec::new(),
            connect_timeout: Duration::from_secs(10),
            tcp_keepalive: None,
            dns_refresh_rate: Duration::from_secs(60),
            protocol_detection_timeout: Duration::default(),
            proxy_listen_port: 15001,
            proxy_inbound_listen_port: 15006,
            proxy_http_port: 0,
            enable_auto_mtls: true,
            enable_tracing: true,
            access_log_file: ArcStr::new(),
            access_log_format: ArcStr::new(),
            access_log_encoding: AccessLogEncoding::Text,
            enable_envoy_access_log_service: false,
            disable_envoy_listener_log: false,
            outbound_traffic_policy: OutboundTrafficPolicy {
                mode: OutboundTrafficPolicyMode::AllowAny,
                tls: None,
            },
            inbound_traffic_policy: InboundTrafficPolicy::default(),
            locality_lb_setting: Some(LocalityLb { enabled: Some(true), ..LocalityLb::default() }),
            zone_aware_lb_setting: None,
            default_service_export_to: everywhere(),
            default_virtual_service_export_to: everywhere(),
            default_destination_rule_export_to: everywhere(),
            h2_upgrade_policy: MeshH2Upgrade::DoNotUpgrade,
            path_normalization: PathNormalization::default(),
            mesh_mtls: None,
            tls_defaults: None,
            default_traffic_policy: None,
            default_http_retry_policy: None,
            discovery_selectors: Vec::new(),
            service_entry_visibility: None,
            outbound_cluster_stat_name: ArcStr::new(),
            inbound_cluster_stat_name: ArcStr::new(),
            service_settings: Vec::new(),
            verify_certificate_at_client: None,
            ca_certificates: Vec::new(),
            default_config: Value::Null,
            extension_providers: Vec::new(),
            default_providers: DefaultProviders::default(),
        }
    }
}

/// Names of the extension providers that proxies use where nothing else is said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DefaultProviders {
    pub metrics: Vec<ArcStr>,
    pub tracing: Vec<ArcStr>,
    pub access_logging: Vec<ArcStr>,
}

/// The mesh configuration's fields that have no effect here: read only to refuse what istiod cannot decode.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(dead_code)] // read for its types
pub(crate) struct IgnoredMeshConfig {
    hbone_idle_timeout: Option<Duration>,
    ingress_class: ArcStr,
    ingress_service: ArcStr,
    ingress_controller_mode: IngressControllerMode,
    ingress_selector: ArcStr,
    config_sources: Vec<Value>,
    certificates: Vec<Value>,
    service_scope_configs: Vec<Value>,
    enable_prometheus_merge: Option<bool>,
    ca: Value,
}

words! {
    IngressControllerMode { Unspecified = "UNSPECIFIED" => 0, Off = "OFF" => 1, Default = "DEFAULT" => 2, Strict = "STRICT" => 3 }
}

words! {
    AccessLogEncoding { Text = "TEXT" => 0, Json = "JSON" => 1 }
}

words! {
    /// The mesh-wide policy has two words only, unlike a `DestinationRule`'s [`H2Upgrade`].
    MeshH2Upgrade { DoNotUpgrade = "DO_NOT_UPGRADE" => 0, Upgrade = "UPGRADE" => 1 }
}

impl From<MeshH2Upgrade> for H2Upgrade {
    fn from(policy: MeshH2Upgrade) -> Self {
        match policy {
            MeshH2Upgrade::DoNotUpgrade => Self::DoNotUpgrade,
            MeshH2Upgrade::Upgrade => Self::Upgrade,
        }
    }
}

words! {
    OutboundTrafficPolicyMode {
        RegistryOnly = "REGISTRY_ONLY" => 0,
        AllowAny = "ALLOW_ANY" => 1,
        AllowAnyDynamicDns = "ALLOW_ANY_DYNAMIC_DNS" => 3,
    }
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct OutboundTrafficPolicy {
    pub mode: OutboundTrafficPolicyMode,
    /// How `ALLOW_ANY_DYNAMIC_DNS` speaks to the outside.
    pub tls: Option<TrafficPolicyTls>,
}

/// TLS settings of the mesh's outbound policy, in a `DestinationRule`'s form.
pub type TrafficPolicyTls = super::ClientTls;

words! {
    InboundTrafficPolicyMode { Passthrough = "PASSTHROUGH" => 0, Localhost = "LOCALHOST" => 1 }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct InboundTrafficPolicy {
    pub mode: InboundTrafficPolicyMode,
}

words! {
    Normalization {
        Default = "DEFAULT" => 0,
        None = "NONE" => 1,
        Base = "BASE" => 2,
        MergeSlashes = "MERGE_SLASHES" => 3,
        DecodeAndMergeSlashes = "DECODE_AND_MERGE_SLASHES" => 4,
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct PathNormalization {
    pub normalization: Normalization,
}

/// TLS parameters of one side of the mesh (`meshMTLS`, `tlsDefaults`).
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MeshTls {
    pub min_protocol_version: MeshTlsVersion,
    pub cipher_suites: Vec<ArcStr>,
    pub ecdh_curves: Vec<ArcStr>,
}

/// Roots of other trust domains: of all that it says only whom they vouch for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CaCertificates {
    pub trust_domains: Vec<ArcStr>,
    pub pem: ArcStr,
    pub spiffe_bundle_url: ArcStr,
    pub cert_signers: Vec<ArcStr>,
}

/// `meshMTLS`, by its own name.
pub type MeshMtls = MeshTls;

words! {
    MeshTlsVersion { Auto = "TLS_AUTO" => 0, V1_2 = "TLSV1_2" => 1, V1_3 = "TLSV1_3" => 2 }
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DefaultTrafficPolicy {
    pub connection_pool: Option<ConnectionPool>,
    pub outlier_detection: Option<OutlierDetection>,
}

words! {
    Visibility {
        Unset = "VISIBILITY_UNSPECIFIED" => 0,
        None = "NONE" => 1,
        Namespace = "NAMESPACE" => 2,
        Public = "PUBLIC" => 3,
    }
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceEntryVisibility {
    pub apply_to_sidecars: bool,
    pub default_visibility: Visibility,
    pub policies: Vec<ServiceEntryVisibilityPolicy>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct ServiceEntryVisibilityPolicy {
    pub visibility: Visibility,
    #[serde(rename = "matchingRules")]
    pub rules: Vec<ServiceEntryVisibilityRule>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceEntryVisibilityRule {
    pub namespace_selector: Option<LabelSelector>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct ServiceSettings {
    pub settings: ClusterLocal,
    pub hosts: Vec<ArcStr>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClusterLocal {
    pub cluster_local: bool,
}
