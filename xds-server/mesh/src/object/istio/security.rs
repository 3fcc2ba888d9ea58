//! `PeerAuthentication`, `AuthorizationPolicy`, `RequestAuthentication`.

use std::collections::BTreeMap;

use arcstr::ArcStr;
use serde::{Deserialize, Serialize};

use super::PolicySelector;
use crate::object::scalar::{Duration, words};

words! {
    MutualTlsMode { Unset = "UNSET" => 0, Disable = "DISABLE" => 1, Permissive = "PERMISSIVE" => 2, Strict = "STRICT" => 3 }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct MutualTls {
    pub mode: MutualTlsMode,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PeerAuthentication {
    pub selector: Option<PolicySelector>,
    pub mtls: Option<MutualTls>,
    /// By workload port; the keys are numbers written as strings in JSON.
    pub port_level_mtls: Option<BTreeMap<u32, MutualTls>>,
}

/// The object that a policy is attached to instead of a selector.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct TargetReference {
    pub group: ArcStr,
    pub kind: ArcStr,
    pub name: ArcStr,
    pub namespace: ArcStr,
}

words! {
    AuthorizationAction { Allow = "ALLOW" => 0, Deny = "DENY" => 1, Audit = "AUDIT" => 2, Custom = "CUSTOM" => 3 }
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AuthorizationPolicy {
    pub selector: Option<PolicySelector>,
    pub target_ref: Option<TargetReference>,
    pub target_refs: Vec<TargetReference>,
    pub rules: Vec<AuthorizationRule>,
    pub action: AuthorizationAction,
    pub provider: Option<Provider>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Provider {
    pub name: ArcStr,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct AuthorizationRule {
    pub from: Option<Vec<RuleFrom>>,
    pub to: Option<Vec<RuleTo>>,
    pub when: Vec<AuthorizationCondition>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct RuleFrom {
    pub source: Option<AuthorizationSource>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AuthorizationSource {
    pub principals: Vec<ArcStr>,
    pub not_principals: Vec<ArcStr>,
    pub request_principals: Vec<ArcStr>,
    pub not_request_principals: Vec<ArcStr>,
    pub namespaces: Vec<ArcStr>,
    pub not_namespaces: Vec<ArcStr>,
    pub service_accounts: Vec<ArcStr>,
    pub not_service_accounts: Vec<ArcStr>,
    pub trust_domains: Vec<ArcStr>,
    pub not_trust_domains: Vec<ArcStr>,
    pub ip_blocks: Vec<ArcStr>,
    pub not_ip_blocks: Vec<ArcStr>,
    pub remote_ip_blocks: Vec<ArcStr>,
    pub not_remote_ip_blocks: Vec<ArcStr>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct RuleTo {
    pub operation: Option<AuthorizationOperation>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AuthorizationOperation {
    pub hosts: Vec<ArcStr>,
    pub not_hosts: Vec<ArcStr>,
    pub ports: Vec<ArcStr>,
    pub not_ports: Vec<ArcStr>,
    pub methods: Vec<ArcStr>,
    pub not_methods: Vec<ArcStr>,
    pub paths: Vec<ArcStr>,
    pub not_paths: Vec<ArcStr>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AuthorizationCondition {
    pub key: ArcStr,
    pub values: Vec<ArcStr>,
    pub not_values: Vec<ArcStr>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RequestAuthentication {
    pub selector: Option<PolicySelector>,
    pub target_ref: Option<TargetReference>,
    pub target_refs: Vec<TargetReference>,
    pub jwt_rules: Vec<JwtRule>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JwtRule {
    pub issuer: ArcStr,
    pub audiences: Vec<ArcStr>,
    pub jwks_uri: ArcStr,
    pub jwks: ArcStr,
    pub from_headers: Vec<JwtHeader>,
    pub from_params: Vec<ArcStr>,
    pub from_cookies: Vec<ArcStr>,
    pub output_payload_to_header: ArcStr,
    pub forward_original_token: bool,
    pub output_claim_to_headers: Vec<ClaimToHeader>,
    pub timeout: Option<Duration>,
    pub space_delimited_claims: Vec<ArcStr>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct JwtHeader {
    pub name: ArcStr,
    pub prefix: ArcStr,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct ClaimToHeader {
    pub header: ArcStr,
    pub claim: ArcStr,
}
