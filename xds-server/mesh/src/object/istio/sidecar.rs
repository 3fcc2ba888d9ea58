//! `Sidecar`.

use arcstr::ArcStr;
use serde::{Deserialize, Serialize};

use super::{ConnectionPool, Destination, OutboundTrafficPolicyMode, ServerTls, WorkloadSelector};
use crate::object::scalar::words;

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Sidecar {
    pub workload_selector: Option<WorkloadSelector>,
    pub ingress: Vec<IngressListener>,
    pub egress: Vec<EgressListener>,
    pub inbound_connection_pool: Option<ConnectionPool>,
    pub outbound_traffic_policy: Option<SidecarOutboundTrafficPolicy>,
}

/// A port of a listener: number, protocol word, name; `targetPort` is deprecated and refused in egress.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SidecarPort {
    pub number: u32,
    pub protocol: ArcStr,
    pub name: ArcStr,
    pub target_port: u32,
}

words! {
    CaptureMode { Default = "DEFAULT" => 0, Iptables = "IPTABLES" => 1, None = "NONE" => 2 }
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IngressListener {
    pub port: Option<SidecarPort>,
    pub bind: ArcStr,
    pub capture_mode: CaptureMode,
    pub default_endpoint: ArcStr,
    pub tls: Option<ServerTls>,
    pub connection_pool: Option<ConnectionPool>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EgressListener {
    pub port: Option<SidecarPort>,
    pub bind: ArcStr,
    pub capture_mode: CaptureMode,
    pub hosts: Vec<ArcStr>,
}

/// A Sidecar's own outbound policy. An unset mode is `REGISTRY_ONLY`, the enum's first word.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SidecarOutboundTrafficPolicy {
    pub mode: OutboundTrafficPolicyMode,
    pub egress_proxy: Option<Destination>,
}
