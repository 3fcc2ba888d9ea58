//! Matchers of single values (istiod: `pilot/pkg/security/authz/{matcher,model}`).

use std::net::IpAddr;

use xdslab_proto::core::CidrRange;
use xdslab_proto::matcher::metadata_matcher::{PathSegment, path_segment};
use xdslab_proto::matcher::{
    ListMatcher, MetadataMatcher, OrMatcher, PathMatcher, RegexMatcher, StringMatcher, ValueMatcher,
    list_matcher, path_matcher, string_matcher::MatchPattern, value_matcher,
};
use xdslab_proto::protobuf::UInt32Value;
use xdslab_proto::route::HeaderMatcher;
use xdslab_proto::route::header_matcher::HeaderMatchSpecifier;

/// The filter whose metadata hold a token's claims.
const JWT: &str = "envoy.filters.http.jwt_authn";

fn matcher(pattern: MatchPattern) -> StringMatcher {
    StringMatcher { match_pattern: Some(pattern), ..Default::default() }
}

/// A regular expression for the whole text.
pub(super) fn regex(regex: impl Into<String>) -> StringMatcher {
    matcher(MatchPattern::SafeRegex(RegexMatcher { regex: regex.into(), ..Default::default() }))
}

/// A text that begins so.
pub(super) fn prefix(text: impl Into<String>) -> StringMatcher {
    matcher(MatchPattern::Prefix(text.into()))
}

/// Just this text.
pub(super) fn exact(text: impl Into<String>) -> StringMatcher {
    matcher(MatchPattern::Exact(text.into()))
}

fn suffix(text: impl Into<String>) -> StringMatcher {
    matcher(MatchPattern::Suffix(text.into()))
}

/// `*` is any text but the empty one; a star in front or at the end stands for any text there.
pub(super) fn text(value: &str) -> StringMatcher {
    if value == "*" {
        regex(".+")
    } else if let Some(end) = value.strip_prefix('*') {
        suffix(end)
    } else if let Some(begin) = value.strip_suffix('*') {
        prefix(begin)
    } else {
        exact(value)
    }
}

/// Quotes what a regular expression would read otherwise.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if "\\.+*?()|[]{}^$".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// A header's value; `*` asks that there is one.
pub(super) fn header(name: &str, value: &str, ignore_case: bool) -> HeaderMatcher {
    let specifier = if value == "*" {
        HeaderMatchSpecifier::PresentMatch(true)
    } else {
        HeaderMatchSpecifier::StringMatch(StringMatcher { ignore_case, ..text(value) })
    };
    HeaderMatcher { name: name.to_owned(), header_match_specifier: Some(specifier), ..Default::default() }
}

/// A path.
pub(super) fn path(value: &str) -> PathMatcher {
    PathMatcher { rule: Some(path_matcher::Rule::Path(text(value))) }
}

/// A block of addresses, as it was written; none where it is none.
pub(super) fn cidr(value: &str) -> Option<CidrRange> {
    let (address, length) = match value.split_once('/') {
        Some((address, length)) => (address, Some(length.parse::<u32>().ok()?)),
        None => (value, None),
    };
    let whole = if address.parse::<IpAddr>().ok()?.is_ipv4() { 32 } else { 128 };
    Some(CidrRange {
        address_prefix: address.to_owned(),
        prefix_len: Some(UInt32Value { value: length.unwrap_or(whole) }),
    })
}

/// A place in a filter's metadata.
pub(super) fn metadata(filter: &str, path: &[&str], value: ValueMatcher) -> MetadataMatcher {
    let key = |key: &&str| PathSegment { segment: Some(path_segment::Segment::Key((*key).to_owned())) };
    MetadataMatcher {
        filter: filter.to_owned(),
        path: path.iter().map(key).collect(),
        value: Some(value),
        ..Default::default()
    }
}

/// A value that is this text.
pub(super) fn string_value(matcher: StringMatcher) -> ValueMatcher {
    ValueMatcher { match_pattern: Some(value_matcher::MatchPattern::StringMatch(matcher)) }
}

/// A list of which one item is such.
pub(super) fn list_value(item: ValueMatcher) -> ValueMatcher {
    let one_of = list_matcher::MatchPattern::OneOf(Box::new(item));
    let list = ListMatcher { match_pattern: Some(one_of) };
    ValueMatcher { match_pattern: Some(value_matcher::MatchPattern::ListMatch(Box::new(list))) }
}

/// One of several values; the only one as it is.
pub(super) fn one_value_of(mut values: Vec<ValueMatcher>) -> Option<ValueMatcher> {
    if values.len() < 2 {
        return values.pop();
    }
    let either = OrMatcher { value_matchers: values };
    Some(ValueMatcher { match_pattern: Some(value_matcher::MatchPattern::OrMatch(either)) })
}

/// A claim of a request's token: one of the texts, or a list that holds one of them.
pub(super) fn claim(claim: &[&str], values: &[&str]) -> Option<MetadataMatcher> {
    let texts = one_value_of(values.iter().map(|v| string_value(text(v))).collect())?;
    let either = OrMatcher { value_matchers: vec![list_value(texts.clone()), texts] };
    let either = ValueMatcher { match_pattern: Some(value_matcher::MatchPattern::OrMatch(either)) };
    let path: Vec<&str> = std::iter::once("payload").chain(claim.iter().copied()).collect();
    Some(metadata(JWT, &path, either))
}

/// Issuer and subject of a request's token.
pub(super) fn request_principal(value: &str) -> [MetadataMatcher; 2] {
    let some = || regex(".+");
    let (issuer, subject) = if value == "*" {
        (some(), some())
    } else if let Some(rest) = value.strip_prefix('*') {
        match rest.rsplit_once('/') {
            Some(("", subject)) => (some(), exact(subject)),
            Some((issuer, subject)) => (suffix(issuer), exact(subject)),
            None => (some(), suffix(rest)),
        }
    } else if let Some(rest) = value.strip_suffix('*') {
        match rest.rsplit_once('/') {
            Some((issuer, "")) => (exact(issuer), some()),
            Some((issuer, subject)) => (exact(issuer), prefix(subject)),
            None => (prefix(rest), some()),
        }
    } else {
        let (issuer, subject) = value.rsplit_once('/').unwrap_or((value, ""));
        (exact(issuer), exact(subject))
    };
    [("iss", issuer), ("sub", subject)]
        .map(|(claim, matcher)| metadata(JWT, &["payload", claim], string_value(matcher)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars() {
        assert_eq!(text("*"), regex(".+"));
        assert_eq!(text("*.com"), suffix(".com"));
        assert_eq!(text("a*"), prefix("a"));
        assert_eq!(text("*a*"), suffix("a*"));
        assert_eq!(text("a"), exact("a"));
    }

    #[test]
    fn blocks_of_addresses() {
        let parts = |text| cidr(text).map(|c| (c.address_prefix, c.prefix_len.map(|p| p.value)));
        assert_eq!(parts("10.1.2.3"), Some(("10.1.2.3".to_owned(), Some(32))));
        assert_eq!(parts("10.1.2.3/8"), Some(("10.1.2.3".to_owned(), Some(8))));
        assert_eq!(parts("fd00::1"), Some(("fd00::1".to_owned(), Some(128))));
        assert_eq!(parts("0.0.0.0/0"), Some(("0.0.0.0".to_owned(), Some(0))));
        assert_eq!(parts("x"), None);
    }

    #[test]
    fn issuer_and_subject() {
        let of = |value| request_principal(value).map(|m| m.value);
        let want = |a: StringMatcher, b: StringMatcher| [a, b].map(|m| Some(string_value(m)));
        let some = || regex(".+");
        for (value, issuer, subject) in [
            ("*", some(), some()),
            ("*/sub", some(), exact("sub")),
            ("*.com/sub", suffix(".com"), exact("sub")),
            ("*sub", some(), suffix("sub")),
            ("iss/*", exact("iss"), some()),
            ("iss/s*", exact("iss"), prefix("s")),
            ("iss*", prefix("iss"), some()),
            ("https://iss/x/sub", exact("https://iss/x"), exact("sub")),
            ("iss", exact("iss"), exact("")),
        ] {
            assert_eq!(of(value), want(issuer, subject), "{value}");
        }
    }
}
