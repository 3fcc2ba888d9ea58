//! Role-based access control and token authentication: filters that hold maps of policies and providers.

use std::collections::BTreeMap;

use crate::filter::http::jwt_authn::{JwtProvider, RequirementRule};
use crate::rbac::Policy;

/// `envoy.config.rbac.v3.RBAC`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Rbac {
    /// An `envoy.config.rbac.v3.RBAC.Action`.
    #[prost(int32, tag = "1")]
    pub action: i32,
    /// Policies by name.
    #[prost(btree_map = "string, message", tag = "2")]
    pub policies: BTreeMap<String, Policy>,
}

/// `envoy.extensions.filters.http.rbac.v3.RBAC`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct HttpRbac {
    /// What is enforced.
    #[prost(message, optional, tag = "1")]
    pub rules: Option<Rbac>,
    /// What is only told.
    #[prost(message, optional, tag = "2")]
    pub shadow_rules: Option<Rbac>,
    /// Prefix of statistics and metadata of what is only told.
    #[prost(string, tag = "3")]
    pub shadow_rules_stat_prefix: String,
}

/// `envoy.extensions.filters.network.rbac.v3.RBAC`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct NetworkRbac {
    /// What is enforced.
    #[prost(message, optional, tag = "1")]
    pub rules: Option<Rbac>,
    /// What is only told.
    #[prost(message, optional, tag = "2")]
    pub shadow_rules: Option<Rbac>,
    /// Prefix of statistics.
    #[prost(string, tag = "3")]
    pub stat_prefix: String,
    /// Prefix of statistics and metadata of what is only told.
    #[prost(string, tag = "5")]
    pub shadow_rules_stat_prefix: String,
}

/// `envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct JwtAuthentication {
    /// Issuers by name.
    #[prost(btree_map = "string, message", tag = "1")]
    pub providers: BTreeMap<String, JwtProvider>,
    /// Which requests need whose tokens.
    #[prost(message, repeated, tag = "2")]
    pub rules: Vec<RequirementRule>,
    /// Whether preflight requests need none.
    #[prost(bool, tag = "4")]
    pub bypass_cors_preflight: bool,
}
