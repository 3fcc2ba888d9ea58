//! The mesh's `defaultConfig` of its proxies (istiod: `ValidateMeshConfigProxyConfig`).

use arcstr::ArcStr;
use serde::Deserialize;
use serde_json::Value;

use super::faults::Faults;
use super::{client_tls, duration, host, port};
use crate::object::istio::ClientTls;
use crate::object::{Duration, decode_protobuf};

/// The fields that are judged, over Istio's defaults.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ProxyConfig {
    config_path: ArcStr,
    binary_path: ArcStr,
    service_cluster: Option<ArcStr>,
    tracing_service_name: Option<Value>,
    drain_duration: Duration,
    discovery_address: ArcStr,
    statsd_udp_address: ArcStr,
    envoy_metrics_service_address: ArcStr,
    proxy_admin_port: i32,
    status_port: i32,
    concurrency: Option<i32>,
    tracing: Option<Tracing>,
    envoy_access_log_service: Option<RemoteService>,
    envoy_metrics_service: Option<RemoteService>,
    private_key_provider: Option<PrivateKeyProvider>,
    connection_settings: Option<ConnectionSettings>,
}

impl Default for ProxyConfig {
    fn default() -> Self {
        Self {
            config_path: "./etc/istio/proxy".into(),
            binary_path: "/usr/local/bin/envoy".into(),
            service_cluster: Some("istio-proxy".into()),
            tracing_service_name: None,
            drain_duration: Duration::from_secs(45),
            discovery_address: "istiod.istio-system.svc:15012".into(),
            statsd_udp_address: ArcStr::new(),
            envoy_metrics_service_address: ArcStr::new(),
            proxy_admin_port: 15000,
            status_port: 15020,
            concurrency: None,
            tracing: None,
            envoy_access_log_service: None,
            envoy_metrics_service: None,
            private_key_provider: None,
            connection_settings: None,
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Tracing {
    lightstep: Option<Lightstep>,
    zipkin: Option<RemoteService>,
    datadog: Option<RemoteService>,
    stackdriver: Option<Value>,
    open_census_agent: Option<Value>,
    tls_settings: Option<ClientTls>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Lightstep {
    address: ArcStr,
    access_token: ArcStr,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RemoteService {
    address: ArcStr,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PrivateKeyProvider {
    cryptomb: Option<Polling>,
    qat: Option<Polling>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Polling {
    poll_delay: Duration,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ConnectionSettings {
    listener_per_connection_buffer_limit_bytes: Option<i32>,
    cluster_per_connection_buffer_limit_bytes: Option<i32>,
    http_idle_timeout: Option<Duration>,
    http_max_connection_duration: Option<Duration>,
    http_drain_timeout: Option<Duration>,
    http_request_timeout: Option<Duration>,
    http_request_headers_timeout: Option<Duration>,
    http_stream_idle_timeout: Option<Duration>,
    http_max_stream_duration: Option<Duration>,
    http_max_concurrent_streams: Option<i32>,
    #[serde(rename = "http2InitialStreamWindowSize")]
    http2_initial_stream_window_size: Option<i32>,
    #[serde(rename = "http2InitialConnectionWindowSize")]
    http2_initial_connection_window_size: Option<i32>,
    listener_connection_limit: Option<i32>,
    global_downstream_connection_limit: Option<i32>,
}

/// Refuses what cannot be decoded or is out of range in a `defaultConfig` as it was written.
pub(super) fn check(written: &Value, f: Faults<'_>) {
    let Some(config) = f.decoded(|root| decode_protobuf::<ProxyConfig>(written, root)) else { return };
    for (name, given) in [
        ("configPath", Some(config.config_path.as_str())),
        ("binaryPath", Some(config.binary_path.as_str())),
        ("discoveryAddress", Some(config.discovery_address.as_str())),
        (
            "serviceCluster",
            config.service_cluster.as_deref().filter(|_| config.tracing_service_name.is_none()),
        ),
    ] {
        if given == Some("") {
            f.at(name).push(format!("{name} is empty"), "leave it out for Istio's default");
        }
    }
    duration::check(config.drain_duration, f.at("drainDuration"));
    if config.drain_duration.subsec_nanos() != 0 {
        let what = format!("{} is not a whole number of seconds", config.drain_duration);
        f.at("drainDuration").push(what, "round it to seconds");
    }
    port::number(config.proxy_admin_port, f.at("proxyAdminPort"));
    port::number(config.status_port, f.at("statusPort"));
    let service =
        |service: &Option<RemoteService>| service.as_ref().map(|s| s.address.clone()).unwrap_or_default();
    for (name, given) in [
        ("discoveryAddress", config.discovery_address),
        ("statsdUdpAddress", config.statsd_udp_address),
        ("envoyMetricsServiceAddress", config.envoy_metrics_service_address),
        ("envoyMetricsService", service(&config.envoy_metrics_service)),
        ("envoyAccessLogService", service(&config.envoy_access_log_service)),
    ] {
        if !given.is_empty() {
            address(&given, f.at(name));
        }
    }
    if let Some(given) = &config.tracing {
        tracing(given, f.at("tracing"));
    }
    if let Some(PrivateKeyProvider { cryptomb, qat }) = &config.private_key_provider {
        let given = qat.as_ref().or(cryptomb.as_ref());
        if given.is_none_or(|polling| polling.poll_delay == Duration::default()) {
            let what = "a private key provider needs cryptomb or qat, and a pollDelay";
            f.at("privateKeyProvider").push(what, "write cryptomb: {pollDelay: 10ms}, say");
        }
    }
    if let Some(given) = &config.connection_settings {
        connection_settings(given, f.at("connectionSettings"));
    }
}

/// Of several collectors the last that the API lists counts, as protobuf reads a `oneof`.
fn tracing(tracing: &Tracing, f: Faults<'_>) {
    let other = tracing.stackdriver.is_some() || tracing.open_census_agent.is_some();
    let collector = match tracing {
        _ if other => None,
        Tracing { datadog: Some(service), .. } => Some(("datadog", &service.address)),
        Tracing { lightstep: Some(service), .. } => {
            if service.access_token.is_empty() {
                let f = f.at("lightstep");
                f.at("accessToken").missing("the access token", "write the token of your project");
            }
            Some(("lightstep", &service.address))
        }
        Tracing { zipkin: Some(service), .. } => Some(("zipkin", &service.address)),
        _ => None,
    };
    if let Some((name, given)) = collector {
        let f = f.at(name);
        address(
            &given.replacen("$(HOST_IP)", "127.0.0.1", usize::from(name != "lightstep")),
            f.at("address"),
        );
    }
    if let Some(tls) = &tracing.tls_settings {
        client_tls::check(tls, "", f.at("tlsSettings"));
    }
}

fn address(address: &str, f: Faults<'_>) {
    let parts = host::split_port(address);
    let good = parts.is_some_and(|(name, port)| {
        let named = host::fqdn_fault(name).is_none() || host::is_ip(name);
        named && port.parse::<i64>().is_ok_and(|p| (1..=65535).contains(&p))
    });
    if !good {
        f.push(
            format!("{address:?} is not a host with a port"),
            "write one such as zipkin.istio-system:9411",
        );
    }
}

fn connection_settings(settings: &ConnectionSettings, f: Faults<'_>) {
    const LEAST_WINDOW: i32 = 65535;
    for (name, given, least) in [
        ("listenerPerConnectionBufferLimitBytes", settings.listener_per_connection_buffer_limit_bytes, 0),
        ("clusterPerConnectionBufferLimitBytes", settings.cluster_per_connection_buffer_limit_bytes, 0),
        ("httpMaxConcurrentStreams", settings.http_max_concurrent_streams, 1),
        ("http2InitialStreamWindowSize", settings.http2_initial_stream_window_size, LEAST_WINDOW),
        ("http2InitialConnectionWindowSize", settings.http2_initial_connection_window_size, LEAST_WINDOW),
        ("listenerConnectionLimit", settings.listener_connection_limit, 1),
        ("globalDownstreamConnectionLimit", settings.global_downstream_connection_limit, 1),
    ] {
        if let Some(number) = given.filter(|n| *n < least) {
            f.at(name).push(format!("{number} is too small"), format!("write {least} or more"));
        }
    }
    for (name, given) in [
        ("httpIdleTimeout", settings.http_idle_timeout),
        ("httpMaxConnectionDuration", settings.http_max_connection_duration),
        ("httpDrainTimeout", settings.http_drain_timeout),
        ("httpRequestTimeout", settings.http_request_timeout),
        ("httpRequestHeadersTimeout", settings.http_request_headers_timeout),
        ("httpStreamIdleTimeout", settings.http_stream_idle_timeout),
        ("httpMaxStreamDuration", settings.http_max_stream_duration),
    ] {
        if let Some(duration) = given.filter(|d| *d < Duration::default()) {
            f.at(name).push(format!("{duration} is negative"), "write 0s or more");
        }
    }
}
