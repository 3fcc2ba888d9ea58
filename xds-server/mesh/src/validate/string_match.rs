//! Matches on text, and the regular expressions in them.

use super::faults::Faults;
use super::re2;
use crate::object::istio::StringMatch;

const LONGEST_REGEX: usize = 1024;

/// What a match compares with. Of several, the last that the API lists counts, as protobuf reads a `oneof`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Match<'a> {
    /// Nothing is given.
    Nothing,
    /// The whole text.
    Exact(&'a str),
    /// Its beginning.
    Prefix(&'a str),
    /// The whole text, by expression.
    Regex(&'a str),
}

/// What `of` compares with.
pub(super) fn effective(of: &StringMatch) -> Match<'_> {
    match of {
        StringMatch { regex: Some(regex), .. } => Match::Regex(regex),
        StringMatch { prefix: Some(prefix), .. } => Match::Prefix(prefix),
        StringMatch { exact: Some(exact), .. } => Match::Exact(exact),
        _ => Match::Nothing,
    }
}

/// Refuses an empty prefix and a bad expression.
pub(super) fn check(of: &StringMatch, f: Faults<'_>) {
    match effective(of) {
        Match::Prefix("") => {
            f.at("prefix").push("the prefix is empty", "write a prefix, or leave the match out");
        }
        _ => expression(of, f),
    }
}

/// Refuses a bad expression only: a URI's prefix may be empty.
pub(super) fn expression(of: &StringMatch, f: Faults<'_>) {
    match effective(of) {
        Match::Regex("") => f.at("regex").push("the expression is empty", "write one such as /v[0-9]+/.*"),
        Match::Regex(regex) => regular(regex, f.at("regex")),
        _ => {}
    }
}

/// Refuses an expression that RE2 does not take, or that is too long.
pub(super) fn regular(regex: &str, f: Faults<'_>) {
    if regex.len() > LONGEST_REGEX {
        let what = format!("the expression has {} characters", regex.len());
        f.push(what, format!("{LONGEST_REGEX} at most are allowed; split it into several matches"));
    } else if let Err(fault) = re2::check(regex) {
        f.push(
            format!("{regex:?} is not an RE2 expression: {fault}"),
            "see https://github.com/google/re2/wiki/Syntax",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches() {
        let of = |exact: Option<&str>, prefix: Option<&str>, regex: Option<&str>| StringMatch {
            exact: exact.map(Into::into),
            prefix: prefix.map(Into::into),
            regex: regex.map(Into::into),
        };
        let (long, longer) = ("a".repeat(1024), "a".repeat(1025));
        // the match, refused, refused for a URI
        for (of, bad, bad_uri) in [
            (of(None, None, None), false, false),
            (of(Some(""), None, None), false, false),
            (of(None, Some("/"), None), false, false),
            (of(None, Some(""), None), true, false),
            (of(Some("a"), Some(""), None), true, false),
            (of(None, Some(""), Some("a")), false, false),
            (of(None, None, Some("")), true, true),
            (of(None, None, Some("a(")), true, true),
            (of(None, None, Some(&long)), false, false),
            (of(None, None, Some(&longer)), true, true),
        ] {
            assert_eq!(!Faults::collect(|f| check(&of, f)).is_empty(), bad, "{of:?}");
            assert_eq!(!Faults::collect(|f| expression(&of, f)).is_empty(), bad_uri, "{of:?}");
        }
    }
}
