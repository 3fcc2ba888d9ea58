//! How a line of an access log looks (istiod: `pilot/pkg/model/telemetry_logging.go`).

use std::sync::LazyLock;

use serde_json::Value as Json;
use xdslab_mesh::object::istio::{AccessLogEncoding, LogFormat, MeshConfig};
use xdslab_proto::core::data_source::Specifier;
use xdslab_proto::core::{DataSource, JsonFormatOptions, TypedExtensionConfig};
use xdslab_proto::ordered::access_log::SubstitutionFormatString;
use xdslab_proto::ordered::{Struct, Value, value::Kind};
use xdslab_proto::pack_any;
use xdslab_proto::req_without_query::ReqWithoutQuery;

/// A line where nothing else is said.
pub(super) const DEFAULT_TEXT: &str = concat!(
    "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" %RESPONSE_CODE% ",
    "%RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% ",
    "\"%UPSTREAM_TRANSPORT_FAILURE_REASON%\" %BYTES_RECEIVED% %BYTES_SENT% %DURATION% ",
    "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% \"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\" ",
    "\"%REQ(X-REQUEST-ID)%\" \"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\" %UPSTREAM_CLUSTER_RAW% ",
    "%UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% ",
    "%REQUESTED_SERVER_NAME% %ROUTE_NAME%\n"
);

/// A line of JSON where nothing else is said.
static DEFAULT_JSON: LazyLock<Struct> = LazyLock::new(|| {
    let plain = [
        "start_time",
        "route_name",
        "protocol",
        "response_code",
        "response_flags",
        "response_code_details",
        "connection_termination_details",
        "bytes_received",
        "bytes_sent",
        "duration",
        "upstream_host",
        "upstream_local_address",
        "downstream_local_address",
        "downstream_remote_address",
        "requested_server_name",
        "upstream_transport_failure_reason",
    ];
    let others = [
        ("method", "%REQ(:METHOD)%"),
        ("path", "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%"),
        ("upstream_service_time", "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%"),
        ("x_forwarded_for", "%REQ(X-FORWARDED-FOR)%"),
        ("user_agent", "%REQ(USER-AGENT)%"),
        ("request_id", "%REQ(X-REQUEST-ID)%"),
        ("authority", "%REQ(:AUTHORITY)%"),
        ("upstream_cluster", "%UPSTREAM_CLUSTER_RAW%"),
    ];
    let plain = plain.map(|key| (key, Value::from(&*format!("%{}%", key.to_uppercase()))));
    Struct::of(plain.into_iter().chain(others.map(|(key, value)| (key, Value::from(value)))))
});

/// What a provider asks for; none where it names a format of no kind.
pub(super) fn of_provider(
    given: Option<&LogFormat>,
    omit_empty_values: bool,
) -> Option<SubstitutionFormatString> {
    let format = match given {
        None => text(""),
        Some(LogFormat { labels: Some(labels), .. }) => json(labels),
        Some(LogFormat { text: Some(line), .. }) => text(line),
        Some(_) => return None,
    };
    Some(SubstitutionFormatString { omit_empty_values, ..format })
}

/// What `accessLogFormat` and `accessLogEncoding` of the mesh ask for. Text that is no JSON gives the default JSON.
pub(super) fn of_mesh(mesh: &MeshConfig) -> SubstitutionFormatString {
    match mesh.access_log_encoding {
        AccessLogEncoding::Text => text(&mesh.access_log_format),
        AccessLogEncoding::Json => json(&serde_json::from_str(&mesh.access_log_format).unwrap_or_default()),
    }
}

/// Extensions that one of the `parts` of a format needs.
pub(super) fn formatters<'p>(parts: impl IntoIterator<Item = &'p str>) -> Vec<TypedExtensionConfig> {
    let needed = parts.into_iter().any(|part| part.contains("%REQ_WITHOUT_QUERY"));
    let extension = || TypedExtensionConfig {
        name: "envoy.formatter.req_without_query".to_owned(),
        typed_config: Some(pack_any(ReqWithoutQuery {})),
    };
    needed.then(extension).into_iter().collect()
}

/// A line of text; it ends where the next begins.
fn text(given: &str) -> SubstitutionFormatString {
    let line = match given {
        "" => DEFAULT_TEXT.to_owned(),
        whole if whole.ends_with('\n') => whole.to_owned(),
        part => format!("{part}\n"),
    };
    SubstitutionFormatString {
        formatters: formatters([line.as_str()]),
        text_format_source: Some(DataSource {
            specifier: Some(Specifier::InlineString(line)),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn json(given: &serde_json::Map<String, Json>) -> SubstitutionFormatString {
    let fields = if given.is_empty() { DEFAULT_JSON.clone() } else { structure(given) };
    SubstitutionFormatString {
        formatters: formatters(given.values().filter_map(Json::as_str)),
        json_format: Some(fields),
        json_format_options: Some(JsonFormatOptions::default()),
        ..Default::default()
    }
}

fn structure(fields: &serde_json::Map<String, Json>) -> Struct {
    Struct::of(fields.iter().map(|(key, value)| (key.as_str(), protobuf(value))))
}

fn protobuf(value: &Json) -> Value {
    match value {
        Json::Null => Value { kind: Some(Kind::Null(0)) },
        Json::Bool(b) => Value::from(*b),
        Json::Number(n) => Value { kind: Some(Kind::Number(n.as_f64().unwrap_or_default())) },
        Json::String(s) => Value::from(s.as_str()),
        Json::Array(items) => Value::list(items.iter().map(protobuf)),
        Json::Object(fields) => Value::from(structure(fields)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(format: &SubstitutionFormatString) -> &str {
        match &format.text_format_source.as_ref().expect("text").specifier {
            Some(Specifier::InlineString(line)) => line,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn lines_of_text_end() {
        for (given, wanted) in [("", DEFAULT_TEXT), ("a", "a\n"), ("a\n", "a\n")] {
            assert_eq!(line(&text(given)), wanted);
        }
        assert_eq!(text("%REQ_WITHOUT_QUERY(X)%").formatters.len(), 1);
        assert!(text("%REQ(X)%").formatters.is_empty());
    }

    #[test]
    fn json_is_the_default_unless_it_is_an_object() {
        let mesh = |format: &str| MeshConfig {
            access_log_encoding: AccessLogEncoding::Json,
            access_log_format: format.into(),
            ..MeshConfig::default()
        };
        for (format, fields) in [("", 24), ("[1]", 24), ("{", 24), ("{}", 24), (r#"{"a": "%X%", "b": 1}"#, 2)]
        {
            let read = of_mesh(&mesh(format)).json_format.expect("JSON");
            assert_eq!(read.fields.len(), fields, "{format:?}");
        }
    }

    #[test]
    fn labels_go_before_text() {
        let labels = json!({"a": "%REQ_WITHOUT_QUERY(X)%"}).as_object().cloned();
        let both = LogFormat { text: Some("x".into()), labels };
        let format = of_provider(Some(&both), true).expect("a format");
        assert!(format.omit_empty_values && format.json_format.is_some() && format.formatters.len() == 1);
        assert_eq!(of_provider(Some(&LogFormat::default()), false), None);
        assert_eq!(line(&of_provider(None, false).expect("a format")), DEFAULT_TEXT);
    }
}
