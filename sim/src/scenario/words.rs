//! The words that a scenario file uses for values of more than one shape.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

use super::file::Envoys;

/// A number or a text, kept as text.
pub(super) struct Scalar(pub(super) String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor).map(Scalar)
    }
}

struct ScalarVisitor;

impl de::Visitor<'_> for ScalarVisitor {
    type Value = String;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a number or a comparison such as <= 40")
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<String, E> {
        Ok(value.to_owned())
    }
}

/// Which proxies get an Envoy: `all`, a number, or a list of names.
pub(super) struct EnvoysWord(pub(super) Envoys);

impl Default for EnvoysWord {
    fn default() -> Self {
        Self(Envoys::All)
    }
}

impl<'de> Deserialize<'de> for EnvoysWord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EnvoysVisitor).map(Self)
    }
}

struct EnvoysVisitor;

impl<'de> de::Visitor<'de> for EnvoysVisitor {
    type Value = Envoys;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("all, a number, or a list of NAME.NAMESPACE")
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Envoys, E> {
        usize::try_from(value).map(Envoys::Count).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Envoys, E> {
        usize::try_from(value)
            .map(Envoys::Count)
            .map_err(|_| E::invalid_value(de::Unexpected::Signed(value), &self))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Envoys, E> {
        match value {
            "all" => Ok(Envoys::All),
            other => Err(E::invalid_value(de::Unexpected::Str(other), &self)),
        }
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Envoys, A::Error> {
        let mut patterns = Vec::new();
        while let Some(pattern) = list.next_element()? {
            patterns.push(pattern);
        }
        Ok(Envoys::Named(patterns))
    }
}

/// A length of time: `500ms`, `2s`, `1m`.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Span(pub(super) Duration);

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let unit = match unit.trim() {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            _ => f64::NAN,
        };
        let seconds = number.parse().map_or(f64::NAN, |number: f64| number * unit);
        Duration::try_from_secs_f64(seconds)
            .map(Self)
            .map_err(|_| format!("{text:?} is no length of time; write for instance 500ms, 30s or 2m"))
    }
}
