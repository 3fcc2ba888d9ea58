//! What a page answers.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{PrettyFormatter, Serializer};

/// What a page answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::serve) struct Page {
    /// Status of HTTP.
    pub status: u16,
    /// `Content-Type`.
    pub kind: &'static str,
    /// Body.
    pub body: String,
}

impl Page {
    pub(super) fn text(status: u16, body: impl Into<String>) -> Self {
        Self { status, kind: "text/plain; charset=utf-8", body: body.into() }
    }

    pub(super) fn html(body: String) -> Self {
        Self { status: 200, kind: "text/html; charset=utf-8", body }
    }

    pub(super) fn not_found() -> Self {
        Self::text(404, "404 page not found\n")
    }

    /// As Go writes JSON: on one line, or indented by four spaces; `<`, `>` and `&` escaped.
    pub(super) fn json(value: &Value, pretty: bool) -> Self {
        let body = escaped(&if pretty { indented(value) } else { value.to_string() });
        Self { status: 200, kind: "application/json", body }
    }
}

fn indented(value: &Value) -> String {
    let mut body = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut body, PrettyFormatter::with_indent(b"    "));
    // A Value always has a form, and a Vec takes it.
    let _ = value.serialize(&mut serializer);
    String::from_utf8(body).unwrap_or_default()
}

/// These characters stand in JSON's strings only.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' => text.push_str("\\u003c"),
            '>' => text.push_str("\\u003e"),
            '&' => text.push_str("\\u0026"),
            '\u{2028}' => text.push_str("\\u2028"),
            '\u{2029}' => text.push_str("\\u2029"),
            c => text.push(c),
        }
    }
    text
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, [(header::CONTENT_TYPE, self.kind)], self.body).into_response()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_as_go_writes_it() {
        let value = json!({"a": ["<b>"], "c": {}});
        assert_eq!(Page::json(&value, false).body, r#"{"a":["\u003cb\u003e"],"c":{}}"#);
        let pretty = "{\n    \"a\": [\n        \"\\u003cb\\u003e\"\n    ],\n    \"c\": {}\n}";
        assert_eq!(Page::json(&value, true).body, pretty);
    }
}
