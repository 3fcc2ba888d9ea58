//! Tracers of providers (istiod: `configureFromProviderConfig` in `pilot/pkg/networking/core/tracing.go`).

use xdslab_mesh::object::istio::{
    Collector, DynatraceSampler, ExtensionProvider, OpenTelemetry, ProviderHeader, ProviderHttp,
    ResourceDetectors, ServiceAttributes, TraceContext, Zipkin,
};
use xdslab_proto::core::header_value_option::HeaderAppendAction;
use xdslab_proto::core::http_uri::HttpUpstreamType;
use xdslab_proto::core::{HeaderValue, HeaderValueOption, HttpService, HttpUri, TypedExtensionConfig};
use xdslab_proto::opentelemetry::resource_detectors::v3::{
    DynatraceResourceDetectorConfig, EnvironmentResourceDetectorConfig,
};
use xdslab_proto::opentelemetry::samplers::v3::DynatraceSamplerConfig;
use xdslab_proto::pack_any;
use xdslab_proto::protobuf::{Any, BoolValue, Duration};
use xdslab_proto::trace::tracing::{Http, http::ConfigType};
use xdslab_proto::trace::zipkin_config::{CollectorEndpointVersion, TraceContextOption};
use xdslab_proto::trace::{DatadogConfig, OpenTelemetryConfig, SkyWalkingConfig, ZipkinConfig};

use super::logger::to_service;
use crate::generate::cluster::wire;
use crate::generate::provider::{self, Destination};
use crate::generate::view::View;

/// A provider as connection managers name it.
#[derive(Debug)]
pub(super) struct Tracer {
    /// Name and configuration.
    pub message: Http,
    /// The longest path that its spans tell.
    pub longest_path: Option<u32>,
    /// Whether it decides itself what is sampled.
    pub samples: bool,
    /// Whether the upstream request is a span of its own.
    pub spawns: bool,
}

impl Tracer {
    /// That of a provider; none for one of a type that traces nothing, or whose service is not there.
    pub fn of(view: &View, provider: &ExtensionProvider) -> Option<Self> {
        let find = |service, port| provider::destination(&view.snapshot, service, port);
        if let Some(otel) = &provider.opentelemetry {
            let config = open_telemetry(view, otel, &find(&otel.service, otel.port)?)?;
            let samples = config.sampler.is_some();
            return Some(Self {
                samples,
                ..Self::new("opentelemetry", pack_any(config), otel.max_tag_length)
            });
        }
        if let Some(skywalking) = &provider.skywalking {
            let to = find(&skywalking.service, skywalking.port)?;
            let config = SkyWalkingConfig { grpc_service: Some(to_service(&to)), ..Default::default() };
            return Some(Self { spawns: true, ..Self::new("skywalking", pack_any(config), None) });
        }
        if let Some(Collector { service, port, max_tag_length }) = &provider.datadog {
            let to = find(service, *port)?;
            let config = DatadogConfig {
                collector_cluster: to.cluster,
                collector_hostname: to.hostname,
                service_name: view.proxy.cluster.to_string(),
                ..Default::default()
            };
            return Some(Self::new("datadog", pack_any(config), *max_tag_length));
        }
        let given = provider.zipkin.as_ref()?;
        let config = zipkin(Version::of(view), given, find(&given.service, given.port)?);
        Some(Self::new("zipkin", pack_any(config), given.max_tag_length))
    }

    fn new(name: &str, config: Any, longest_path: Option<u32>) -> Self {
        let name = format!("envoy.tracers.{name}");
        let message = Http { name, config_type: Some(ConfigType::TypedConfig(config)) };
        Self { message, longest_path, samples: false, spawns: false }
    }
}

/// The minor version of Istio that a proxy is of; what says none is of the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Version(Option<u32>);

impl Version {
    /// That of the proxy (istiod: `ParseIstioVersion`).
    pub fn of(view: &View) -> Self {
        Self::parse(&view.proxy.metadata.istio_version)
    }

    fn parse(written: &str) -> Self {
        let mut parts = written.split(['.', '-']).map(str::parse::<u32>);
        let (Some(Ok(1)), Some(Ok(minor))) = (parts.next(), parts.next()) else { return Self(None) };
        Self(Some(minor))
    }

    /// Whether it is Istio 1.`minor` or newer.
    pub fn is_at_least(self, minor: u32) -> bool {
        self.0.is_none_or(|own| own >= minor)
    }
}

fn zipkin(version: Version, given: &Zipkin, to: Destination) -> ZipkinConfig {
    let path = if given.path.is_empty() { "/api/v2/spans" } else { &given.path };
    let w3c = given.trace_context_option == TraceContext::B3AndW3c && version.is_at_least(28);
    let context = if w3c { TraceContextOption::UseB3WithW3cPropagation } else { TraceContextOption::UseB3 };
    let config = ZipkinConfig {
        collector_endpoint_version: CollectorEndpointVersion::HttpJson.into(),
        trace_id_128bit: !given.short_ids,
        shared_span_context: Some(BoolValue { value: false }),
        trace_context_option: context.into(),
        ..Default::default()
    };
    if version.is_at_least(29) {
        let timeout = given.timeout.map_or(Some(Duration { seconds: 5, nanos: 0 }), wire::duration);
        let uri = format!("http://{}{path}", to.hostname);
        let collector_service = Some(http_service(uri, to.cluster, timeout, &given.headers));
        return ZipkinConfig { collector_service, ..config };
    }
    ZipkinConfig {
        collector_cluster: to.cluster,
        collector_endpoint: path.to_owned(),
        collector_hostname: to.hostname,
        ..config
    }
}

/// None where its sampler has nobody to ask.
fn open_telemetry(view: &View, given: &OpenTelemetry, to: &Destination) -> Option<OpenTelemetryConfig> {
    let conventions = given.service_attribute_enrichment == ServiceAttributes::OtelSemanticConventions;
    let sampler = match &given.dynatrace_sampler {
        Some(sampler) => Some(dynatrace_sampler(view, sampler, given.http.as_ref(), to)?),
        None => None,
    };
    let mut config = OpenTelemetryConfig {
        service_name: if conventions { conventional_name(view) } else { view.proxy.cluster.to_string() },
        resource_detectors: detectors(given.resource_detectors.as_ref(), conventions),
        sampler,
        ..Default::default()
    };
    if let Some(http) = &given.http {
        config.http_service = Some(exporter(http, &http.path, to));
    } else {
        let grpc = given.grpc.clone().unwrap_or_default();
        let mut service = to_service(to);
        service.timeout = grpc.timeout.and_then(wire::duration);
        service.initial_metadata = grpc.initial_metadata.iter().map(header).collect();
        config.grpc_service = Some(service);
    }
    Some(config)
}

/// A service over HTTP.
fn exporter(http: &ProviderHttp, path: &str, to: &Destination) -> HttpService {
    let uri = joined(&to.hostname, path);
    http_service(uri, to.cluster.clone(), http.timeout.and_then(wire::duration), &http.headers)
}

/// Host and path as Go's `url.JoinPath` has it: one slash between parts, `.` and `..` resolved, a final slash kept.
fn joined(host: &str, path: &str) -> String {
    let mut parts = Vec::new();
    for part in host.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let end = if path.ends_with('/') { "/" } else { "" };
    parts.join("/") + end
}

fn http_service(
    uri: String,
    cluster: String,
    timeout: Option<Duration>,
    headers: &[ProviderHeader],
) -> HttpService {
    let added = |given| HeaderValueOption {
        header: Some(header(given)),
        append_action: HeaderAppendAction::OverwriteIfExistsOrAdd.into(),
        ..Default::default()
    };
    HttpService {
        http_uri: Some(HttpUri {
            uri,
            timeout,
            http_upstream_type: Some(HttpUpstreamType::Cluster(cluster)),
        }),
        request_headers_to_add: headers.iter().map(added).collect(),
        ..Default::default()
    }
}

fn header(given: &ProviderHeader) -> HeaderValue {
    HeaderValue { key: given.name.to_string(), value: given.value.to_string(), ..Default::default() }
}

fn detectors(given: Option<&ResourceDetectors>, conventions: bool) -> Vec<TypedExtensionConfig> {
    let environment = given.is_some_and(|d| d.environment.is_some());
    let dynatrace = given.is_some_and(|d| d.dynatrace.is_some());
    let found_by = |name: &str, config| TypedExtensionConfig {
        name: format!("envoy.tracers.opentelemetry.resource_detectors.{name}"),
        typed_config: Some(config),
    };
    let environment_detector = || found_by("environment", pack_any(EnvironmentResourceDetectorConfig {}));
    [
        environment.then(environment_detector),
        dynatrace.then(|| found_by("dynatrace", pack_any(DynatraceResourceDetectorConfig {}))),
        (conventions && !environment).then(environment_detector),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Dynatrace tells how much to sample: where it says so itself, else where the spans go.
fn dynatrace_sampler(
    view: &View,
    given: &DynatraceSampler,
    http: Option<&ProviderHttp>,
    to: &Destination,
) -> Option<TypedExtensionConfig> {
    let asked = match &given.http_service {
        Some(api) => {
            let to = provider::destination(&view.snapshot, &api.service, api.port)?;
            exporter(&api.http, &api.http.path, &to)
        }
        None => exporter(http?, "api/v2/samplingConfiguration", to),
    };
    let config = DynatraceSamplerConfig {
        tenant: given.tenant.to_string(),
        cluster_id: given.cluster_id,
        http_service: Some(asked),
        root_spans_per_minute: given.root_spans_per_minute,
    };
    Some(TypedExtensionConfig {
        name: "envoy.tracers.opentelemetry.samplers.dynatrace".to_owned(),
        typed_config: Some(pack_any(config)),
    })
}

/// What OpenTelemetry's conventions for Kubernetes call the service.
fn conventional_name(view: &View) -> String {
    let (proxy, labels) = (&view.proxy, &view.workload.labels);
    let raw = &proxy.metadata.raw;
    let label = |key: &str| labels.get(key).map(arcstr::ArcStr::as_str);
    let annotation = raw.get("ANNOTATIONS").and_then(|a| a.get("resource.opentelemetry.io/service.name"));
    [
        annotation.and_then(|a| a.as_str()),
        label("app.kubernetes.io/instance"),
        label("app.kubernetes.io/name"),
        raw.get("WORKLOAD_NAME").and_then(|n| n.as_str()),
        proxy.id.split('.').next(),
    ]
    .into_iter()
    .flatten()
    .find(|name| !name.is_empty())
    .unwrap_or("unknown_service")
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there() -> Destination {
        Destination { hostname: "h".into(), cluster: "c".into() }
    }

    #[test]
    fn versions_that_are_none_are_the_newest() {
        for (written, minor, wanted) in [
            ("1.29.0", 29, true),
            ("1.28.4", 29, false),
            ("1.30-alpha.1", 30, true),
            ("1.31.0-rc.0", 32, false),
            ("", 99, true),
            ("latest", 99, true),
        ] {
            assert_eq!(Version::parse(written).is_at_least(minor), wanted, "{written} {minor}");
        }
    }

    #[test]
    fn zipkin_by_version() {
        let given = Zipkin { trace_context_option: TraceContext::B3AndW3c, ..Zipkin::default() };
        let of = |version| zipkin(Version::parse(version), &given, there());
        let uri = |config: &ZipkinConfig| config.collector_service.clone()?.http_uri.map(|u| u.uri);
        let (old, older, new) = (of("1.28.0"), of("1.27.0"), of("1.29.0"));
        assert_eq!(
            (old.trace_context_option, older.trace_context_option, new.trace_context_option),
            (1, 0, 1)
        );
        assert_eq!((old.collector_endpoint.as_str(), uri(&old)), ("/api/v2/spans", None));
        assert_eq!((new.collector_endpoint.as_str(), uri(&new)), ("", Some("http://h/api/v2/spans".into())));
    }

    #[test]
    fn host_and_path_are_joined() {
        for (path, uri) in [
            ("v1/traces", "h/v1/traces"),
            ("/v1/traces", "h/v1/traces"),
            ("//v1/./x/../traces/", "h/v1/traces/"),
            ("", "h"),
            ("/", "h/"),
        ] {
            let service = exporter(&ProviderHttp::default(), path, &there());
            assert_eq!(service.http_uri.map(|u| (u.uri, u.timeout)), Some((uri.into(), None)));
        }
    }

    #[test]
    fn detectors_are_named_once() {
        let some = || Some(serde_json::Map::new());
        let given = ResourceDetectors { environment: some(), dynatrace: some() };
        let names = |given: Option<&ResourceDetectors>, conventions| {
            let last = |d: TypedExtensionConfig| d.name.rsplit('.').next().map(str::to_owned);
            detectors(given, conventions).into_iter().filter_map(last).collect::<Vec<_>>()
        };
        assert_eq!(names(Some(&given), true), ["environment", "dynatrace"]);
        let dynatrace = ResourceDetectors { dynatrace: some(), ..ResourceDetectors::default() };
        assert_eq!(names(Some(&dynatrace), true), ["dynatrace", "environment"]);
        assert!(names(None, false).is_empty());
    }
}
