//! Why a value cannot be decoded, in words for people.

use std::fmt;

use serde::de::{self, Expected, Unexpected};

use super::quoted;
use crate::object::path::Path;
use crate::object::spelling;

/// What is wrong with a value, and what to do; the innermost place that noticed gives the path.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub(super) struct Error {
    pub(super) path: Option<String>,
    pub(super) what: String,
    pub(super) hint: String,
}

impl Error {
    pub(super) fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { path: None, what: what.into(), hint: hint.into() }
    }

    pub(super) fn at(mut self, path: &Path<'_>) -> Self {
        self.path.get_or_insert_with(|| path.to_string());
        self
    }
}

impl de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string(), "correct the value; the kind's API reference says what it takes")
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_value(found, expected)
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = match found {
            Unexpected::Str(s) => quoted(s),
            Unexpected::Unsigned(n) => n.to_string(),
            Unexpected::Signed(n) => n.to_string(),
            Unexpected::Float(n) => n.to_string(),
            Unexpected::Bool(b) => b.to_string(),
            Unexpected::Unit => "null".into(),
            Unexpected::Seq => "a list".into(),
            Unexpected::Map => "a mapping".into(),
            other => other.to_string(),
        };
        Self::new(format!("{found} is not {expected}"), format!("write {expected}"))
    }

    fn unknown_variant(word: &str, words: &'static [&'static str]) -> Self {
        let hint = match spelling::closest(word, words.iter().copied()) {
            Some(meant) => format!("did you mean {meant}?"),
            None => format!("write one of {}", words.join(", ")),
        };
        Self::new(format!("{} is not one of {}", quoted(word), words.join(", ")), hint)
    }
}
