//! Which proxies are meant: `NAME.NAMESPACE` with `*` for any part.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A proxy's name, in which `*` stands for any text, also for none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern(String);

/// A pattern that fits nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} has no namespace; write NAME.NAMESPACE, for instance productpage-v1-*.default")]
pub struct PatternError(String);

impl Pattern {
    /// Whether `name`, a `NAME.NAMESPACE`, is meant.
    pub fn is_match(&self, name: &str) -> bool {
        let mut parts = self.0.split('*');
        let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else { return false };
        let mut parts: Vec<_> = parts.collect();
        let Some(last) = parts.pop() else { return rest.is_empty() };
        for part in parts {
            let Some(at) = rest.find(part) else { return false };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(last)
    }
}

impl TryFrom<String> for Pattern {
    type Error = PatternError;

    fn try_from(text: String) -> Result<Self, PatternError> {
        if text.contains('.') || text == "*" { Ok(Self(text)) } else { Err(PatternError(text)) }
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.0
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_text() {
        for (pattern, name, expected) in [
            ("a.b", "a.b", true),
            ("a.b", "a.bc", false),
            ("a-*.b", "a-1.b", true),
            ("a-*.b", "a-.b", true),
            ("a-*.b", "a-1.bc", false),
            ("*.b", "x.y.b", true),
            ("*", "anything.at-all", true),
            ("*-v1-*.default", "productpage-v1-5d8f7-x.default", true),
            ("*-v1-*.default", "productpage-v2-5d8f7-x.default", false),
            ("a.*", "a.", true),
            ("ab*b.n", "ab.n", false),
        ] {
            let pattern = Pattern::try_from(pattern.to_owned()).unwrap();
            assert_eq!(pattern.is_match(name), expected, "{pattern} {name}");
        }
        assert!(Pattern::try_from("productpage".to_owned()).is_err());
    }
}
