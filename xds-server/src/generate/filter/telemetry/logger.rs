//! Access loggers of providers and of the mesh configuration (istiod: `pilot/pkg/model/telemetry_logging.go`).

use arcstr::ArcStr;
use xdslab_mesh::object::istio::{
    ExtensionProvider, FileAccessLog as File, HttpAccessLogService, LogFormat, MeshConfig,
    OtelAccessLogService, TcpAccessLogService,
};
use xdslab_proto::access_loggers::grpc::v3::{
    CommonGrpcAccessLogConfig, HttpGrpcAccessLogConfig, TcpGrpcAccessLogConfig,
};
use xdslab_proto::access_loggers::open_telemetry::v3::OpenTelemetryAccessLogConfig;
use xdslab_proto::core::grpc_service::{EnvoyGrpc, TargetSpecifier};
use xdslab_proto::core::{ApiVersion, GrpcService};
use xdslab_proto::ordered::access_log::FileAccessLog;
use xdslab_proto::otel_common::{AnyValue, KeyValue, KeyValueList, any_value};
use xdslab_proto::pack_any;
use xdslab_proto::protobuf::Any;

use super::access_log::Place;
use super::format;
use crate::generate::provider::{self, Destination};
use crate::generate::view::View;

/// What a proxy knows of its peer, as Istio's filters of today keep it.
const PEERS: [&str; 2] = ["upstream_peer", "downstream_peer"];

/// [`PEERS`], and as the Wasm filters of old kept it.
const ALL_PEERS: [&str; 6] = [
    "upstream_peer",
    "downstream_peer",
    "wasm.upstream_peer",
    "wasm.upstream_peer_id",
    "wasm.downstream_peer",
    "wasm.downstream_peer_id",
];

const HTTP_GRPC: &str = "envoy.access_loggers.http_grpc";
const TCP_GRPC: &str = "envoy.tcp_grpc_access_log";

/// A name that Envoy knows a logger by, and its configuration.
#[derive(Clone, Debug)]
pub(super) struct Logger {
    /// The extension.
    pub name: &'static str,
    /// Its configuration.
    pub config: Any,
}

impl Logger {
    /// That of a provider; none for one of a type that logs nothing, or whose service is not there.
    pub fn of_provider(view: &View, provider: &ExtensionProvider) -> Option<Self> {
        let find = |service, port| provider::destination(&view.snapshot, service, port);
        if let Some(log) = &provider.envoy_otel_als {
            return Some(Self::otel(log, &find(&log.service, log.port)?));
        }
        if let Some(log) = &provider.envoy_tcp_als {
            return Some(Self::tcp(log, &find(&log.service, log.port)?));
        }
        if let Some(log) = &provider.envoy_http_als {
            return Some(Self::http(log, &find(&log.service, log.port)?));
        }
        let file = provider.envoy_file_access_log.as_ref()?;
        Some(Self::of_file(view.snapshot.mesh_config(), &provider.name, file))
    }

    /// The file of the mesh configuration.
    pub fn file(mesh: &MeshConfig, path: &str) -> Self {
        Self::file_log(path, Some(format::of_mesh(mesh)))
    }

    /// The access log service that proxies' bootstraps name, which the mesh configuration switches on.
    pub fn service(place: Place) -> Self {
        let service = GrpcService {
            target_specifier: Some(TargetSpecifier::EnvoyGrpc(EnvoyGrpc {
                cluster_name: "envoy_accesslog_service".to_owned(),
                ..Default::default()
            })),
            ..Default::default()
        };
        let config = |name: &str| common(name, service.clone(), ALL_PEERS.map(str::to_owned).into());
        match place {
            Place::Http => Self {
                name: HTTP_GRPC,
                config: pack_any(HttpGrpcAccessLogConfig {
                    common_config: Some(config("http_envoy_accesslog")),
                    ..Default::default()
                }),
            },
            Place::Tcp | Place::Listener => {
                let of_listener = place == Place::Listener;
                let name = if of_listener { "listener_envoy_accesslog" } else { "tcp_envoy_accesslog" };
                Self {
                    name: TCP_GRPC,
                    config: pack_any(TcpGrpcAccessLogConfig { common_config: Some(config(name)) }),
                }
            }
        }
    }

    /// The mesh configuration's format is that of the provider `envoy`, unless it has one of its own.
    fn of_file(mesh: &MeshConfig, name: &str, file: &File) -> Self {
        let path = if file.path.is_empty() { "/dev/stdout" } else { &file.path };
        if name == provider::ENVOY && file.log_format.is_none() && !file.omit_empty_values {
            return Self::file(mesh, path);
        }
        Self::file_log(path, format::of_provider(file.log_format.as_ref(), file.omit_empty_values))
    }

    fn file_log(
        path: &str,
        log_format: Option<xdslab_proto::ordered::access_log::SubstitutionFormatString>,
    ) -> Self {
        let config = pack_any(FileAccessLog { path: path.to_owned(), log_format });
        Self { name: "envoy.access_loggers.file", config }
    }

    fn http(log: &HttpAccessLogService, to: &Destination) -> Self {
        let config = HttpGrpcAccessLogConfig {
            common_config: Some(sent(
                &log.log_name,
                "http_envoy_accesslog",
                to,
                &log.filter_state_objects_to_log,
            )),
            additional_request_headers_to_log: texts(&log.additional_request_headers_to_log),
            additional_response_headers_to_log: texts(&log.additional_response_headers_to_log),
            additional_response_trailers_to_log: texts(&log.additional_response_trailers_to_log),
        };
        Self { name: HTTP_GRPC, config: pack_any(config) }
    }

    fn tcp(log: &TcpAccessLogService, to: &Destination) -> Self {
        let states = &log.filter_state_objects_to_log;
        let common_config = Some(sent(&log.log_name, "tcp_envoy_accesslog", to, states));
        Self { name: TCP_GRPC, config: pack_any(TcpGrpcAccessLogConfig { common_config }) }
    }

    #[allow(deprecated)] // istiod uses these fields
    fn otel(log: &OtelAccessLogService, to: &Destination) -> Self {
        let default = LogFormat::default();
        let LogFormat { text, labels } = log.log_format.as_ref().unwrap_or(&default);
        let line = text.as_deref().filter(|t| !t.is_empty()).unwrap_or(format::DEFAULT_TEXT);
        let labels = labels.iter().flatten();
        let mut labels: Vec<_> = labels.map(|(k, v)| (k.as_str(), v.as_str().unwrap_or_default())).collect();
        labels.sort_unstable();
        let parts = labels.iter().map(|(_, value)| *value).chain([line]);
        let formatters = format::formatters(parts);
        let value = |text: &str| AnyValue { value: Some(any_value::Value::StringValue(text.to_owned())) };
        let pair = |(key, text): &(&str, &str)| KeyValue {
            key: (*key).to_owned(),
            value: Some(value(text)),
            ..Default::default()
        };
        let name = if log.log_name.is_empty() { "otel_envoy_accesslog" } else { &log.log_name };
        let config = OpenTelemetryAccessLogConfig {
            common_config: Some(common(name, to_service(to), ALL_PEERS.map(str::to_owned).into())),
            disable_builtin_labels: true,
            body: Some(value(line)),
            attributes: (!labels.is_empty())
                .then(|| KeyValueList { values: labels.iter().map(pair).collect() }),
            formatters,
            ..Default::default()
        };
        Self { name: "envoy.access_loggers.open_telemetry", config: pack_any(config) }
    }
}

/// The common part of a gRPC log that goes to a provider.
fn sent(name: &str, default: &str, to: &Destination, states: &[ArcStr]) -> CommonGrpcAccessLogConfig {
    let name = if name.is_empty() { default } else { name };
    let states = if states.is_empty() { PEERS.map(str::to_owned).into() } else { texts(states) };
    common(name, to_service(to), states)
}

fn common(name: &str, service: GrpcService, states: Vec<String>) -> CommonGrpcAccessLogConfig {
    CommonGrpcAccessLogConfig {
        log_name: name.to_owned(),
        grpc_service: Some(service),
        transport_api_version: ApiVersion::V3.into(),
        filter_state_objects_to_log: states,
        ..Default::default()
    }
}

/// A provider as a gRPC service.
pub(super) fn to_service(to: &Destination) -> GrpcService {
    let target =
        EnvoyGrpc { cluster_name: to.cluster.clone(), authority: to.hostname.clone(), ..Default::default() };
    GrpcService { target_specifier: Some(TargetSpecifier::EnvoyGrpc(target)), ..Default::default() }
}

fn texts(all: &[ArcStr]) -> Vec<String> {
    all.iter().map(ToString::to_string).collect()
}
