//! Messages of Istio's API that are kept as they were written, field by field: so that what istiod cannot decode of them
//! is refused, and what it does not know is noted, though nothing here reads all of it.

use serde_json::{Map, Value};

use super::decode::{Dialect, Unknown, camel_case, decode, shown};
use super::path::Path;
use super::read::Fault;
use super::scalar::Duration;
use super::spelling::closest;

/// What a field holds.
enum Type {
    Text,
    Bool,
    Int,
    Uint,
    Float,
    Span,
    Words(&'static [&'static str]),
    List(&'static Type),
    /// A map with text for keys.
    Dictionary(&'static Type),
    Message(&'static [(&'static str, Type)]),
    /// A message that is not described here.
    AnyMessage,
}

use Type::{AnyMessage, Bool, Dictionary, Float, Int, List, Message, Span, Text, Uint, Words};

/// Reads the parts of a mesh configuration, which is at `root` of its object, that no type here describes.
///
/// # Errors
/// The first thing that is not of its field's type.
pub(super) fn check_mesh(mesh: &Value, root: &str) -> Result<Vec<Unknown>, Fault> {
    let mut unknown = Vec::new();
    let root = Path::root(root);
    for (name, of) in MESH {
        if let Some(value) = find(mesh.as_object(), name) {
            of.check(value, &root.field(name), &mut unknown)?;
        }
    }
    Ok(unknown)
}

/// The field `name`, by that name or by the one in its `.proto` file.
fn find<'v>(fields: Option<&'v Map<String, Value>>, name: &str) -> Option<&'v Value> {
    let fields = fields?;
    fields
        .get(name)
        .or_else(|| fields.iter().find(|(k, _)| camel_case(k).as_deref() == Some(name)).map(|(_, v)| v))
}

impl Type {
    fn check(&self, value: &Value, at: &Path<'_>, unknown: &mut Vec<Unknown>) -> Result<(), Fault> {
        if value.is_null() {
            return Ok(());
        }
        match self {
            Text => scalar::<String>(value, at),
            Bool => scalar::<bool>(value, at),
            Int => scalar::<i32>(value, at),
            Uint => scalar::<u32>(value, at),
            Float => scalar::<f64>(value, at),
            Span => scalar::<Duration>(value, at),
            Words(words) => word(value, words, at),
            List(of) => {
                let items: Vec<Value> = decode(value, &at.to_string(), Dialect::Protobuf)?.0;
                items.iter().enumerate().try_for_each(|(i, item)| of.check(item, &at.item("", i), unknown))
            }
            Dictionary(of) => {
                object(value, at)?.iter().try_for_each(|(k, v)| of.check(v, &at.key(k), unknown))
            }
            AnyMessage => object(value, at).map(|_| ()),
            Message(fields) => {
                for (name, value) in object(value, at)? {
                    let camel = camel_case(name);
                    let is = |field: &str| field == name || camel.as_deref() == Some(field);
                    if let Some((_, of)) = fields.iter().find(|(field, _)| is(field)) {
                        of.check(value, &at.field(name), unknown)?;
                    } else {
                        let meant = closest(name, fields.iter().map(|(field, _)| *field));
                        unknown.push(Unknown { path: at.field(name).to_string(), meant });
                    }
                }
                Ok(())
            }
        }
    }
}

fn scalar<T: serde::de::DeserializeOwned>(value: &Value, at: &Path<'_>) -> Result<(), Fault> {
    decode::<T>(value, &at.to_string(), Dialect::Protobuf).map(|_| ())
}

fn object<'v>(value: &'v Value, at: &Path<'_>) -> Result<&'v Map<String, Value>, Fault> {
    let what = || format!("{} where a mapping belongs", shown(value));
    let hint = "write its fields below it, each as `name: value`, two spaces further in";
    value.as_object().ok_or_else(|| Fault::new(at.to_string(), what(), hint))
}

fn word(value: &Value, words: &[&str], at: &Path<'_>) -> Result<(), Fault> {
    let known = match value {
        Value::String(word) => words.contains(&word.as_str()),
        other => other.as_i64().is_some_and(|n| i32::try_from(n).is_ok()),
    };
    let what = || format!("{} is not one of {}", shown(value), words.join(", "));
    if known {
        Ok(())
    } else {
        Err(Fault::new(at.to_string(), what(), format!("write one of {}", words.join(", "))))
    }
}

const MESH: [(&str, Type); 3] = [
    ("defaultConfig", Message(&PROXY_CONFIG)),
    ("extensionProviders", List(&Message(&EXTENSION_PROVIDER))),
    ("defaultProviders", Message(&[("tracing", TEXTS), ("metrics", TEXTS), ("accessLogging", TEXTS)])),
];

const TEXTS: Type = List(&Text);
const SWITCH: Type = Message(&[("disabled", Bool)]);
const ENABLED: Type = Message(&[("enabled", Bool)]);
const FORWARD_DETAILS: Type = Words(&[
    "UNDEFINED",
    "SANITIZE",
    "FORWARD_ONLY",
    "APPEND_FORWARD",
    "SANITIZE_SET",
    "ALWAYS_FORWARD_ONLY",
]);
const REMOTE: Type = Message(&[("address", Text), ("tlsSettings", CLIENT_TLS), ("tcpKeepalive", KEEP_ALIVE)]);
const KEEP_ALIVE: Type = Message(&[("probes", Uint), ("time", Span), ("interval", Span)]);
const POLLING: Type = Message(&[("pollDelay", Span), ("fallback", Bool)]);
const CLIENT_TLS: Type = Message(&[
    ("mode", Words(&["DISABLE", "SIMPLE", "MUTUAL", "ISTIO_MUTUAL"])),
    ("clientCertificate", Text),
    ("privateKey", Text),
    ("caCertificates", Text),
    ("credentialName", Text),
    ("subjectAltNames", TEXTS),
    ("sni", Text),
    ("insecureSkipVerify", Bool),
    ("caCrl", Text),
]);

const PROXY_CONFIG: [(&str, Type); 41] = [
    ("configPath", Text),
    ("binaryPath", Text),
    ("serviceCluster", Text),
    (
        "tracingServiceName",
        Words(&["APP_LABEL_AND_NAMESPACE", "CANONICAL_NAME_ONLY", "CANONICAL_NAME_AND_NAMESPACE"]),
    ),
    ("drainDuration", Span),
    ("discoveryAddress", Text),
    ("discoveryRefreshDelay", Span),
    ("zipkinAddress", Text),
    ("statsdUdpAddress", Text),
    ("envoyMetricsServiceAddress", Text),
    ("proxyAdminPort", Int),
    ("availabilityZone", Text),
    ("controlPlaneAuthPolicy", Words(&["NONE", "MUTUAL_TLS", "INHERIT"])),
    ("customConfigFile", Text),
    ("statNameLength", Int),
    ("concurrency", Int),
    ("proxyBootstrapTemplatePath", Text),
    ("interceptionMode", Words(&["REDIRECT", "TPROXY", "NONE"])),
    ("tracing", Message(&TRACING)),
    ("sds", Message(&[("enabled", Bool), ("k8sSaJwtPath", Text)])),
    ("envoyAccessLogService", REMOTE),
    ("envoyMetricsService", REMOTE),
    ("proxyMetadata", Dictionary(&Text)),
    ("runtimeValues", Dictionary(&Text)),
    ("statusPort", Int),
    ("extraStatTags", TEXTS),
    (
        "gatewayTopology",
        Message(&[
            ("numTrustedProxies", Uint),
            ("forwardClientCertDetails", FORWARD_DETAILS),
            ("proxyProtocol", AnyMessage),
        ]),
    ),
    ("terminationDrainDuration", Span),
    ("meshId", Text),
    ("readinessProbe", AnyMessage),
    (
        "proxyStatsMatcher",
        Message(&[("inclusionPrefixes", TEXTS), ("inclusionSuffixes", TEXTS), ("inclusionRegexps", TEXTS)]),
    ),
    ("holdApplicationUntilProxyStarts", Bool),
    ("caCertificatesPem", TEXTS),
    ("image", Message(&[("imageType", Text)])),
    ("privateKeyProvider", Message(&[("cryptomb", POLLING), ("qat", POLLING)])),
    ("proxyHeaders", Message(&PROXY_HEADERS)),
    ("fileFlushInterval", Span),
    ("fileFlushMinSizeKb", Uint),
    ("statsCompression", Bool),
    ("connectionSettings", Message(&CONNECTION_SETTINGS)),
    ("statsEviction", AnyMessage),
];

const TAG: Type = Message(&[
    ("literal", Message(&[("value", Text)])),
    ("environment", Message(&[("name", Text), ("defaultValue", Text)])),
    ("header", Message(&[("name", Text), ("defaultValue", Text)])),
]);

const TRACING: [(&str, Type); 10] = [
    ("zipkin", Message(&[("address", Text)])),
    ("lightstep", Message(&[("address", Text), ("accessToken", Text)])),
    ("datadog", Message(&[("address", Text)])),
    ("stackdriver", AnyMessage),
    ("openCensusAgent", AnyMessage),
    ("customTags", Dictionary(&TAG)),
    ("maxPathTagLength", Uint),
    ("sampling", Float),
    ("tlsSettings", CLIENT_TLS),
    ("enableIstioTags", Bool),
];

const PROXY_HEADERS: [(&str, Type); 10] = [
    ("forwardedClientCert", FORWARD_DETAILS),
    (
        "setCurrentClientCertDetails",
        Message(&[("subject", Bool), ("cert", Bool), ("chain", Bool), ("dns", Bool), ("uri", Bool)]),
    ),
    ("requestId", SWITCH),
    ("server", Message(&[("disabled", Bool), ("value", Text)])),
    ("attemptCount", SWITCH),
    ("envoyDebugHeaders", SWITCH),
    ("metadataExchangeHeaders", Message(&[("mode", Words(&["UNDEFINED", "IN_MESH"]))])),
    ("preserveHttp1HeaderCase", Bool),
    ("xForwardedHost", ENABLED),
    ("xForwardedPort", ENABLED),
];

const CONNECTION_SETTINGS: [(&str, Type); 18] = [
    ("profile", Words(&["SIDECAR", "EDGE"])),
    ("listenerPerConnectionBufferLimitBytes", Int),
    ("clusterPerConnectionBufferLimitBytes", Int),
    ("httpIdleTimeout", Span),
    ("httpMaxConnectionDuration", Span),
    ("httpDrainTimeout", Span),
    ("httpRequestTimeout", Span),
    ("httpRequestHeadersTimeout", Span),
    ("httpStreamIdleTimeout", Span),
    ("httpMaxStreamDuration", Span),
    ("httpMaxConcurrentStreams", Int),
    ("http2InitialStreamWindowSize", Int),
    ("http2InitialConnectionWindowSize", Int),
    (
        "httpHeadersWithUnderscoresAction",
        Words(&[
            "HEADERS_WITH_UNDERSCORES_UNSPECIFIED",
            "HEADERS_WITH_UNDERSCORES_ALLOW",
            "HEADERS_WITH_UNDERSCORES_REJECT_REQUEST",
            "HEADERS_WITH_UNDERSCORES_DROP_HEADER",
        ]),
    ),
    ("httpMergeSlashes", Bool),
    (
        "httpPathWithEscapedSlashesAction",
        Words(&[
            "PATH_WITH_ESCAPED_SLASHES_UNSPECIFIED",
            "KEEP_UNCHANGED",
            "REJECT_REQUEST",
            "UNESCAPE_AND_REDIRECT",
            "UNESCAPE_AND_FORWARD",
        ]),
    ),
    ("listenerConnectionLimit", Int),
    ("globalDownstreamConnectionLimit", Int),
];

const HEADERS: Type = List(&Message(&[("name", Text), ("value", Text), ("envName", Text)]));
const HTTP_SERVICE: Type = Message(&[("path", Text), ("timeout", Span), ("headers", HEADERS)]);
const LOG_FORMAT: Type = Message(&[("text", Text), ("labels", AnyMessage)]);
const REQUEST_BODY: Type =
    Message(&[("maxRequestBytes", Uint), ("allowPartialMessage", Bool), ("packAsBytes", Bool)]);
const COLLECTOR: Type =
    Message(&[("service", Text), ("port", Uint), ("maxTagLength", Uint), ("accessToken", Text)]);

const EXTENSION_PROVIDER: [(&str, Type); 16] = [
    ("name", Text),
    (
        "envoyExtAuthzHttp",
        Message(&[
            ("service", Text),
            ("port", Uint),
            ("timeout", Span),
            ("pathPrefix", Text),
            ("failOpen", Bool),
            ("clearRouteCache", Bool),
            ("statusOnError", Text),
            ("includeHeadersInCheck", TEXTS),
            ("includeRequestHeadersInCheck", TEXTS),
            ("includeAdditionalHeadersInCheck", Dictionary(&Text)),
            ("includeRequestBodyInCheck", REQUEST_BODY),
            ("headersToUpstreamOnAllow", TEXTS),
            ("headersToDownstreamOnDeny", TEXTS),
            ("headersToDownstreamOnAllow", TEXTS),
        ]),
    ),
    (
        "envoyExtAuthzGrpc",
        Message(&[
            ("service", Text),
            ("port", Uint),
            ("timeout", Span),
            ("failOpen", Bool),
            ("clearRouteCache", Bool),
            ("statusOnError", Text),
            ("includeRequestBodyInCheck", REQUEST_BODY),
        ]),
    ),
    (
        "zipkin",
        Message(&[
            ("service", Text),
            ("port", Uint),
            ("maxTagLength", Uint),
            ("enable64bitTraceId", Bool),
            ("path", Text),
            ("traceContextOption", Words(&["USE_B3", "USE_B3_WITH_W3C_PROPAGATION"])),
            ("timeout", Span),
            ("headers", HEADERS),
        ]),
    ),
    ("lightstep", COLLECTOR),
    ("datadog", COLLECTOR),
    ("skywalking", COLLECTOR),
    ("stackdriver", AnyMessage),
    ("opencensus", AnyMessage),
    ("opentelemetry", Message(&OPEN_TELEMETRY)),
    ("prometheus", Message(&[])),
    ("envoyFileAccessLog", Message(&[("path", Text), ("logFormat", LOG_FORMAT), ("omitEmptyValues", Bool)])),
    (
        "envoyHttpAls",
        Message(&[
            ("service", Text),
            ("port", Uint),
            ("logName", Text),
            ("filterStateObjectsToLog", TEXTS),
            ("additionalRequestHeadersToLog", TEXTS),
            ("additionalResponseHeadersToLog", TEXTS),
            ("additionalResponseTrailersToLog", TEXTS),
        ]),
    ),
    (
        "envoyTcpAls",
        Message(&[("service", Text), ("port", Uint), ("logName", Text), ("filterStateObjectsToLog", TEXTS)]),
    ),
    (
        "envoyOtelAls",
        Message(&[("service", Text), ("port", Uint), ("logName", Text), ("logFormat", LOG_FORMAT)]),
    ),
    ("sds", Message(&[("name", Text), ("service", Text), ("port", Uint)])),
];

const OPEN_TELEMETRY: [(&str, Type); 8] = [
    ("service", Text),
    ("port", Uint),
    ("maxTagLength", Uint),
    ("http", HTTP_SERVICE),
    ("grpc", Message(&[("timeout", Span), ("initialMetadata", HEADERS)])),
    ("resourceDetectors", Message(&[("environment", AnyMessage), ("dynatrace", AnyMessage)])),
    ("serviceAttributeEnrichment", Words(&["ISTIO_CANONICAL", "OTEL_SEMANTIC_CONVENTIONS"])),
    (
        "dynatraceSampler",
        Message(&[
            ("tenant", Text),
            ("clusterId", Int),
            ("rootSpansPerMinute", Uint),
            ("httpService", Message(&[("service", Text), ("port", Uint), ("http", HTTP_SERVICE)])),
        ]),
    ),
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parts_are_read_by_their_fields() {
        let mesh = json!({
            "defaultConfig": {"concurrency": "2", "proxy_admin_port": 1, "proxyMetadata": {"A": null}, "weather": 1},
            "extension_providers": [{"name": "a", "zipkin": {"srvice": "z", "port": 9411}}, null],
        });
        let unknown = check_mesh(&mesh, "data.mesh").expect("passes");
        let unknown: Vec<_> = unknown.iter().map(|u| (u.path.as_str(), u.meant)).collect();
        assert_eq!(
            unknown,
            [
                ("data.mesh.defaultConfig.weather", None),
                ("data.mesh.extensionProviders[0].zipkin.srvice", Some("service"))
            ]
        );
    }

    #[test]
    fn what_has_the_wrong_type_is_refused() {
        for (mesh, path) in [
            (json!({"defaultConfig": []}), "mesh.defaultConfig"),
            (json!({"defaultConfig": {"interceptionMode": "NOPE"}}), "mesh.defaultConfig.interceptionMode"),
            (
                json!({"defaultConfig": {"tracing": {"sampling": "half"}}}),
                "mesh.defaultConfig.tracing.sampling",
            ),
            (json!({"defaultConfig": {"proxyMetadata": {"A": 1}}}), "mesh.defaultConfig.proxyMetadata.A"),
            (json!({"defaultConfig": {"drainDuration": "soon"}}), "mesh.defaultConfig.drainDuration"),
            (json!({"extensionProviders": {}}), "mesh.extensionProviders"),
            (
                json!({"extensionProviders": [{"zipkin": {"port": "x"}}]}),
                "mesh.extensionProviders[0].zipkin.port",
            ),
            (json!({"extensionProviders": [{"zipkin": "x"}]}), "mesh.extensionProviders[0].zipkin"),
            (json!({"defaultProviders": {"metrics": ["a", 1]}}), "mesh.defaultProviders.metrics[1]"),
        ] {
            let fault = check_mesh(&mesh, "mesh").err().unwrap_or_else(|| panic!("{mesh} passes"));
            assert_eq!(fault.path, path, "{mesh}: {fault:?}");
            assert!(!fault.hint.is_empty(), "{mesh}");
        }
    }
}
