//! Providers that decide in the mesh's place (istiod: `pilot/pkg/security/authz/builder/extauthz.go`).

use std::collections::BTreeMap;

use arcstr::ArcStr;
use xdslab_mesh::object::istio::{AuthorizationBody, ExtensionProvider, GrpcAuthorizer, HttpAuthorizer};
use xdslab_proto::common::{HttpStatus, StatusCode};
use xdslab_proto::core::grpc_service::{EnvoyGrpc, TargetSpecifier};
use xdslab_proto::core::http_uri::HttpUpstreamType;
use xdslab_proto::core::{ApiVersion, GrpcService, HeaderValue, HttpUri};
use xdslab_proto::filter::http::ext_authz::{
    AuthorizationRequest, AuthorizationResponse, BufferSettings, ExtAuthz, HttpService, ext_authz::Services,
};
use xdslab_proto::filter::network::ext_authz::ExtAuthz as NetworkExtAuthz;
use xdslab_proto::filter::network::http_connection_manager::HttpFilter;
use xdslab_proto::listener::Filter;
use xdslab_proto::matcher::{ListStringMatcher, MetadataMatcher, StringMatcher, string_matcher};
use xdslab_proto::pack_any;
use xdslab_proto::protobuf::Duration;

use super::authorization::TCP;
use super::matcher;
use crate::generate::cluster::wire::duration;
use crate::generate::filter::{filter, http_filter};
use crate::generate::provider::{Destination, destination};
use crate::generate::view::View;

/// How long a provider may take that says nothing.
const TIMEOUT: Duration = Duration { seconds: 600, nanos: 0 };
const POLICY_ID: &str = "istio_ext_authz_shadow_effective_policy_id";
/// The longest name of a provider.
const LONGEST_NAME: usize = 63;

/// What a provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// HTTP: it cannot be asked about anything else.
    Http,
    /// gRPC.
    Grpc,
}

/// A provider that can be asked.
#[derive(Debug)]
pub(super) struct Authorizer {
    name: ArcStr,
    settings: Settings,
    to: Destination,
    status: Option<HttpStatus>,
}

#[derive(Debug)]
enum Settings {
    Http(HttpAuthorizer),
    Grpc(GrpcAuthorizer),
}

impl Authorizer {
    /// The provider of this very name; none where it is missing or wrong, or its service is.
    pub fn find(view: &View, name: &ArcStr) -> Option<Self> {
        let mesh = view.snapshot.mesh_config();
        let is_it = |p: &&serde_json::Value| p.get("name").and_then(|n| n.as_str()) == Some(name.as_str());
        let written = mesh.extension_providers.iter().rev().find(is_it)?;
        let provider = ExtensionProvider::read(written)?;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.len() > LONGEST_NAME
            || !name.chars().all(plain)
            || name.starts_with('-')
            || name.ends_with('-')
        {
            return None;
        }
        let (settings, service, port, status) =
            match (provider.envoy_ext_authz_http, provider.envoy_ext_authz_grpc) {
                (Some(http), _) => {
                    if !http.is_well_formed() {
                        return None;
                    }
                    let (service, port) = (http.service.clone(), http.port);
                    let status = http.status_on_error.clone();
                    (Settings::Http(http), service, port, status)
                }
                (None, Some(grpc)) => {
                    let (service, port) = (grpc.service.clone(), grpc.port);
                    let status = grpc.status_on_error.clone();
                    (Settings::Grpc(grpc), service, port, status)
                }
                (None, None) => return None,
            };
        let status = if status.is_empty() {
            None
        } else {
            let code = StatusCode::try_from(status.parse::<i32>().ok()?).ok()?;
            Some(HttpStatus { code: code.into() })
        };
        if !(1..=65535).contains(&port) {
            return None;
        }
        let to = destination(&view.snapshot, &service, port)?;
        Some(Self { name: name.clone(), settings, to, status })
    }

    /// What it speaks.
    pub fn kind(&self) -> Kind {
        match self.settings {
            Settings::Http(_) => Kind::Http,
            Settings::Grpc(_) => Kind::Grpc,
        }
    }

    /// The HTTP filter that asks it.
    pub fn http(&self) -> HttpFilter {
        let base = ExtAuthz {
            transport_api_version: ApiVersion::V3.into(),
            filter_enabled_metadata: Some(self.enabled("envoy.filters.http.rbac")),
            status_on_error: self.status,
            ..Default::default()
        };
        let config = match &self.settings {
            Settings::Grpc(grpc) => ExtAuthz {
                failure_mode_allow: grpc.fail_open,
                with_request_body: grpc.include_request_body_in_check.as_ref().map(body),
                services: Some(Services::GrpcService(self.grpc_service(grpc))),
                ..base
            },
            Settings::Http(http) => ExtAuthz {
                failure_mode_allow: http.fail_open,
                with_request_body: http.include_request_body_in_check.as_ref().map(body),
                allowed_headers: headers(http.checked_headers()),
                services: Some(Services::HttpService(self.http_service(http))),
                ..base
            },
        };
        http_filter("envoy.filters.http.ext_authz", pack_any(config))
    }

    /// The network filter that asks it; none for one that speaks HTTP.
    pub fn tcp(&self) -> Option<Filter> {
        let Settings::Grpc(grpc) = &self.settings else { return None };
        let config = NetworkExtAuthz {
            stat_prefix: TCP.to_owned(),
            grpc_service: Some(self.grpc_service(grpc)),
            failure_mode_allow: grpc.fail_open,
            transport_api_version: ApiVersion::V3.into(),
            filter_enabled_metadata: Some(self.enabled("envoy.filters.network.rbac")),
            ..Default::default()
        };
        Some(filter("envoy.filters.network.ext_authz", pack_any(config)))
    }

    /// Requests that a rule of this provider holds for.
    fn enabled(&self, filter: &str) -> MetadataMatcher {
        let text = matcher::prefix(format!("istio-ext-authz-{}", self.name));
        matcher::metadata(filter, &[POLICY_ID], matcher::string_value(text))
    }

    fn grpc_service(&self, grpc: &GrpcAuthorizer) -> GrpcService {
        let target = EnvoyGrpc {
            cluster_name: self.to.cluster.clone(),
            authority: self.to.hostname.clone(),
            ..Default::default()
        };
        GrpcService {
            target_specifier: Some(TargetSpecifier::EnvoyGrpc(target)),
            timeout: Some(grpc.timeout.and_then(duration).unwrap_or(TIMEOUT)),
            ..Default::default()
        }
    }

    fn http_service(&self, http: &HttpAuthorizer) -> HttpService {
        let added: BTreeMap<_, _> = http.include_additional_headers_in_check.iter().collect();
        let header = |(key, value): (&ArcStr, &ArcStr)| HeaderValue {
            key: key.to_string(),
            value: value.to_string(),
            ..Default::default()
        };
        let request = AuthorizationRequest {
            headers_to_add: added.into_iter().map(header).collect(),
            ..Default::default()
        };
        let response = AuthorizationResponse {
            allowed_upstream_headers: headers(&http.headers_to_upstream_on_allow),
            allowed_client_headers: headers(&http.headers_to_downstream_on_deny),
            allowed_client_headers_on_success: headers(&http.headers_to_downstream_on_allow),
            ..Default::default()
        };
        HttpService {
            server_uri: Some(HttpUri {
                uri: format!("http://{}", self.to.hostname),
                timeout: Some(http.timeout.and_then(duration).unwrap_or(TIMEOUT)),
                http_upstream_type: Some(HttpUpstreamType::Cluster(self.to.cluster.clone())),
            }),
            path_prefix: http.path_prefix.to_string(),
            authorization_request: (!request.headers_to_add.is_empty()).then_some(request),
            authorization_response: (response != AuthorizationResponse::default()).then_some(response),
            ..Default::default()
        }
    }
}

fn body(of: &AuthorizationBody) -> BufferSettings {
    BufferSettings {
        max_request_bytes: of.max_request_bytes,
        allow_partial_message: of.allow_partial_message,
        pack_as_bytes: of.pack_as_bytes,
    }
}

/// Headers by name, whatever their case; a star at an end stands for any text.
fn headers(names: &[ArcStr]) -> Option<ListStringMatcher> {
    use string_matcher::MatchPattern::{Exact, Prefix, Suffix};
    let pattern = |name: &ArcStr| {
        let pattern = match (name.strip_prefix('*'), name.strip_suffix('*')) {
            (Some(end), _) => Suffix(end.to_owned()),
            (None, Some(begin)) => Prefix(begin.to_owned()),
            (None, None) => Exact(name.to_string()),
        };
        StringMatcher { ignore_case: true, match_pattern: Some(pattern) }
    };
    (!names.is_empty()).then(|| ListStringMatcher { patterns: names.iter().map(pattern).collect() })
}
