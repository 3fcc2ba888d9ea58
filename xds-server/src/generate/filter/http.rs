//! The HTTP connection manager (istiod: `buildHTTPConnectionManager` in `pilot/pkg/networking/core/listener.go`,
//! `GetProxyHeadersFromProxyConfig` in `core/httproute.go`).

use xdslab_mesh::object::Duration as Span;
use xdslab_mesh::object::istio::{
    ClientCertDetails, ForwardClientCert, Normalization, ProxyConfig, ProxyHeaders,
};
use xdslab_proto::core::{Http1ProtocolOptions, Http2ProtocolOptions, HttpProtocolOptions};
use xdslab_proto::filter::network::http_connection_manager::http_connection_manager::{
    ForwardClientCertDetails, PathWithEscapedSlashesAction, RouteSpecifier, ServerHeaderTransformation,
    SetCurrentClientCertDetails, UpgradeConfig,
};
use xdslab_proto::filter::network::http_connection_manager::{
    HttpConnectionManager, Rds, RequestIdExtension,
};
use xdslab_proto::listener::Filter;
use xdslab_proto::protobuf::{Any, BoolValue, Duration};
use xdslab_proto::request_id::UuidRequestIdConfig;
use xdslab_proto::{Message, Name, pack_any};
use xxhash_rust::xxh3::Xxh3;

use super::telemetry::Telemetry;
use super::{Class, HttpConnection, Routes, add_all, filter, http_filters, settings, tcp};
use crate::generate::cluster::protocol::preserved_case;
use crate::generate::cluster::wire;
use crate::generate::policy::Policies;
use crate::generate::view::View;

/// What all HTTP connection managers of a class have alike.
#[derive(Debug)]
pub(super) struct Common {
    /// Network filters before it.
    before: Vec<Filter>,
    /// All common fields, HTTP filters up to those of policies; encoded.
    head: Vec<u8>,
    /// The other HTTP filters; encoded.
    tail: Vec<u8>,
    http1: Option<Http1ProtocolOptions>,
}

impl Common {
    /// That of a proxy's class of listeners.
    pub fn new(view: &View, class: Class, policies: &Policies, telemetry: &Telemetry) -> Self {
        let http_filters = http_filters::before_policies(view, class).into_iter();
        let head = HttpConnectionManager {
            http_filters: http_filters.chain(policies.http.iter().cloned()).collect(),
            ..manager(view, class, telemetry)
        };
        let tail = HttpConnectionManager {
            http_filters: http_filters::after_policies(view, class, &telemetry.stats),
            ..Default::default()
        };
        Self {
            before: tcp::exchange(view, class == Class::Inbound).into_iter().collect(),
            head: head.encode_to_vec(),
            tail: tail.encode_to_vec(),
            http1: http1(view, class),
        }
    }

    /// Adds all of it to a hash.
    pub fn add_to(&self, hasher: &mut Xxh3) {
        let Self { before, head, tail, http1 } = self;
        add_all(hasher, before);
        add_all(hasher, [head, tail]);
        add_all(hasher, http1);
    }

    /// The network filters of a chain.
    pub fn filters(&self, connection: HttpConnection) -> Vec<Filter> {
        let http1 = if connection.absolute_urls {
            let allowed = Some(BoolValue { value: true });
            Some(Http1ProtocolOptions {
                allow_absolute_url: allowed,
                ..self.http1.clone().unwrap_or_default()
            })
        } else {
            self.http1.clone()
        };
        let own = HttpConnectionManager {
            stat_prefix: connection.stat_prefix,
            http_protocol_options: http1,
            http2_protocol_options: connection.http2.then(Http2ProtocolOptions::default),
            http_filters: connection.grpc_web.then(|| http_filters::GRPC_WEB.clone()).into_iter().collect(),
            route_specifier: Some(match connection.routes {
                Routes::Named(name) => {
                    RouteSpecifier::Rds(Rds { route_config_name: name, config_source: Some(wire::ads()) })
                }
                Routes::Inline(routes) => RouteSpecifier::RouteConfig(*routes),
            }),
            ..Default::default()
        };
        // A message's fields may be written in any order and in parts; the parts of a list follow each other.
        let mut value = Vec::with_capacity(self.head.len() + own.encoded_len() + self.tail.len());
        value.extend_from_slice(&self.head);
        own.encode_raw(&mut value);
        value.extend_from_slice(&self.tail);
        let config = Any { type_url: HttpConnectionManager::type_url(), value };
        let mut filters = self.before.clone();
        filters.push(filter("envoy.filters.network.http_connection_manager", config));
        filters
    }
}

/// The fields that do not differ from chain to chain, HTTP filters left out.
fn manager(view: &View, class: Class, telemetry: &Telemetry) -> HttpConnectionManager {
    let config = &view.proxy_config;
    let headers = &config.proxy_headers;
    let normalization = view.snapshot.mesh_config().path_normalization.normalization;
    let (forward, details) = client_certificate(class, config);
    let (server_name, server_header_transformation) = server(class, headers);
    let request_id = UuidRequestIdConfig {
        use_request_id_for_trace_sampling: Some(BoolValue { value: telemetry.tracing.by_request_id }),
        ..Default::default()
    };
    let mut manager = HttpConnectionManager {
        tracing: telemetry.tracing.message.clone(),
        access_log: telemetry.http_logs.clone(),
        common_http_protocol_options: idle_timeout(view)
            .map(|idle| HttpProtocolOptions { idle_timeout: Some(idle), ..Default::default() }),
        server_name,
        server_header_transformation: server_header_transformation.into(),
        stream_idle_timeout: Some(Duration::default()),
        use_remote_address: Some(BoolValue { value: class == Class::Gateway }),
        xff_num_trusted_hops: match class {
            Class::Gateway => config.gateway_topology.num_trusted_proxies,
            _ => 0,
        },
        generate_request_id: headers.request_id.is_off().then_some(BoolValue { value: false }),
        forward_client_cert_details: forward.into(),
        set_current_client_cert_details: details,
        proxy_100_continue: true,
        upgrade_configs: vec![UpgradeConfig { upgrade_type: "websocket".to_owned(), ..Default::default() }],
        normalize_path: Some(BoolValue { value: normalization != Normalization::None }),
        merge_slashes: matches!(
            normalization,
            Normalization::MergeSlashes | Normalization::DecodeAndMergeSlashes
        ),
        path_with_escaped_slashes_action: match normalization {
            Normalization::DecodeAndMergeSlashes => PathWithEscapedSlashesAction::UnescapeAndForward,
            _ => PathWithEscapedSlashesAction::KeepUnchanged,
        }
        .into(),
        append_x_forwarded_port: headers.x_forwarded_port.enabled == Some(true),
        request_id_extension: Some(RequestIdExtension { typed_config: Some(pack_any(request_id)) }),
        ..Default::default()
    };
    if let Some(given) = config.connection_settings {
        let given = if class == Class::Gateway { given.of_gateway() } else { given };
        settings::apply(&mut manager, &given);
    }
    manager
}

/// The node's `IDLE_TIMEOUT`; none where Go would not read it.
pub(super) fn idle_timeout(view: &View) -> Option<Duration> {
    let written = view.proxy.metadata.raw.get("IDLE_TIMEOUT")?.as_str()?;
    Span::parse(written).and_then(wire::duration)
}

fn http1(view: &View, class: Class) -> Option<Http1ProtocolOptions> {
    let accept_http_10 = view.proxy.metadata.raw.get("HTTP10").and_then(|v| v.as_str()) == Some("1");
    let header_key_format = view.preserve_case().then(preserved_case);
    let options = Http1ProtocolOptions { accept_http_10, header_key_format, ..Default::default() };
    (class == Class::Gateway || options != Http1ProtocolOptions::default()).then_some(options)
}

/// Name and fate of the `server` header. Outbound, Envoy's own name stays.
fn server(class: Class, headers: &ProxyHeaders) -> (String, ServerHeaderTransformation) {
    let server = &headers.server;
    if server.disabled == Some(true) {
        return (String::new(), ServerHeaderTransformation::PassThrough);
    }
    let name = match (server.value.as_str(), class) {
        ("", Class::Outbound) => "",
        ("", _) => "istio-envoy",
        (value, _) => value,
    };
    (name.to_owned(), ServerHeaderTransformation::Overwrite)
}

/// What becomes of `x-forwarded-client-cert`.
fn client_certificate(
    class: Class,
    config: &ProxyConfig,
) -> (ForwardClientCertDetails, Option<SetCurrentClientCertDetails>) {
    use ForwardClientCertDetails::{AppendForward, SanitizeSet};
    let headers = &config.proxy_headers;
    match class {
        Class::Outbound => (ForwardClientCertDetails::Sanitize, None),
        Class::Inbound => {
            let forward = forwarded(headers.forwarded_client_cert, AppendForward);
            (forward, Some(details(headers.set_current_client_cert_details.unwrap_or_default(), false)))
        }
        Class::Gateway => {
            let forward = forwarded(config.gateway_topology.forward_client_cert_details, SanitizeSet);
            let told = matches!(forward, AppendForward | SanitizeSet);
            (forward, told.then(|| details(ClientCertDetails::default(), true)))
        }
    }
}

fn forwarded(word: ForwardClientCert, default: ForwardClientCertDetails) -> ForwardClientCertDetails {
    match word {
        ForwardClientCert::Undefined => default,
        ForwardClientCert::Sanitize => ForwardClientCertDetails::Sanitize,
        ForwardClientCert::ForwardOnly => ForwardClientCertDetails::ForwardOnly,
        ForwardClientCert::AppendForward => ForwardClientCertDetails::AppendForward,
        ForwardClientCert::SanitizeSet => ForwardClientCertDetails::SanitizeSet,
        ForwardClientCert::AlwaysForwardOnly => ForwardClientCertDetails::AlwaysForwardOnly,
    }
}

/// Subject, DNS names and URI unless told otherwise; the certificate itself only at gateways.
fn details(given: ClientCertDetails, certificate: bool) -> SetCurrentClientCertDetails {
    SetCurrentClientCertDetails {
        subject: Some(BoolValue { value: given.subject.unwrap_or(true) }),
        cert: given.cert.unwrap_or(certificate),
        chain: given.chain.unwrap_or(false),
        dns: given.dns.unwrap_or(true),
        uri: given.uri.unwrap_or(true),
        ..Default::default()
    }
}
