//! Which requests a route is for (istiod: `TranslateRouteMatch` in `core/route/route.go`).

use arcstr::ArcStr;
use indexmap::IndexMap;
use xdslab_mesh::object::istio::{HttpMatch, StringMatch};
use xdslab_proto::matcher::metadata_matcher::{PathSegment, path_segment};
use xdslab_proto::matcher::{
    ListMatcher, MetadataMatcher, OrMatcher, RegexMatcher, StringMatcher, ValueMatcher, list_matcher,
    string_matcher, value_matcher,
};
use xdslab_proto::protobuf::BoolValue;
use xdslab_proto::route::header_matcher::HeaderMatchSpecifier;
use xdslab_proto::route::query_parameter_matcher::QueryParameterMatchSpecifier;
use xdslab_proto::route::route_match::PathSpecifier;
use xdslab_proto::route::{HeaderMatcher, QueryParameterMatcher, RouteMatch};

use super::rule::RuleContext;

/// Headers with this prefix are claims of a request's token.
const CLAIMS: &str = "@request.auth.claims";

/// Whether a match is for the context's proxy, gateway and port. One that names gateways does not look at who calls.
pub(super) fn is_for(context: &RuleContext<'_>, matched: &HttpMatch) -> bool {
    if matched.port != 0 && matched.port != context.port {
        return false;
    }
    if !matched.gateways.is_empty() {
        return matched.gateways.iter().any(|g| g == context.gateway);
    }
    let view = context.view;
    let labels = &view.workload.labels;
    let namespace = view.proxy.metadata.namespace.as_deref().unwrap_or_default();
    matched.source_labels.iter().all(|(k, v)| labels.get(k) == Some(v))
        && (matched.source_namespace.is_empty() || matched.source_namespace == namespace)
}

/// A route for every request.
pub(super) fn everything() -> RouteMatch {
    RouteMatch { path_specifier: Some(PathSpecifier::Prefix("/".to_owned())), ..Default::default() }
}

/// Envoy's form of a match.
pub(super) fn route_match(matched: &HttpMatch) -> RouteMatch {
    let mut out = RouteMatch {
        path_specifier: Some(path(matched.uri.as_ref())),
        case_sensitive: Some(BoolValue { value: !matched.ignore_uri_case }),
        ..Default::default()
    };
    for (inverted, conditions) in [(false, &matched.headers), (true, &matched.without_headers)] {
        for (name, value) in sorted(conditions) {
            match claim(name) {
                Some(path) => out.dynamic_metadata.push(of_claim(path, value, inverted)),
                None => out.headers.push(header(name, value, inverted)),
            }
        }
    }
    out.headers.sort_by(|a, b| a.name.cmp(&b.name));
    for (name, value) in
        [(":method", &matched.method), (":authority", &matched.authority), (":scheme", &matched.scheme)]
    {
        out.headers.extend(value.as_ref().map(|v| header(name, v, false)));
    }
    out.query_parameters = sorted(&matched.query_params).map(|(name, value)| query(name, value)).collect();
    out
}

/// Conditions in order of name: istiod's order is that of a Go map, which is none.
fn sorted(conditions: &IndexMap<ArcStr, StringMatch>) -> impl Iterator<Item = (&ArcStr, &StringMatch)> {
    let mut all: Vec<_> = conditions.iter().collect();
    all.sort_by_key(|(name, _)| *name);
    all.into_iter()
}

/// Whether a match takes every request.
pub(super) fn catches_all(matched: &RouteMatch) -> bool {
    let path = match &matched.path_specifier {
        Some(PathSpecifier::Prefix(prefix)) => prefix == "/",
        Some(PathSpecifier::SafeRegex(regex)) => regex.regex == ".*",
        _ => false,
    };
    path && matched.headers.is_empty()
        && matched.query_parameters.is_empty()
        && matched.dynamic_metadata.is_empty()
}

/// The path as a decorator shows it.
pub(super) fn shown(matched: &RouteMatch) -> String {
    match &matched.path_specifier {
        Some(PathSpecifier::Prefix(prefix)) => format!("{prefix}*"),
        Some(PathSpecifier::Path(path)) => path.clone(),
        Some(PathSpecifier::SafeRegex(regex)) => regex.regex.clone(),
        _ => "/*".to_owned(),
    }
}

fn path(uri: Option<&StringMatch>) -> PathSpecifier {
    match uri.map(pattern) {
        Some(Pattern::Exact(exact)) => PathSpecifier::Path(exact.to_string()),
        Some(Pattern::Prefix(prefix)) => PathSpecifier::Prefix(prefix.to_string()),
        Some(Pattern::Regex(regex)) => PathSpecifier::SafeRegex(self::regex(regex)),
        None | Some(Pattern::Nothing) => PathSpecifier::Prefix("/".to_owned()),
    }
}

/// What a string is compared with.
enum Pattern<'a> {
    Exact(&'a ArcStr),
    Prefix(&'a ArcStr),
    Regex(&'a ArcStr),
    Nothing,
}

/// Of several the last that the API lists counts, as protobuf reads a `oneof`.
fn pattern(matched: &StringMatch) -> Pattern<'_> {
    match matched {
        StringMatch { regex: Some(regex), .. } => Pattern::Regex(regex),
        StringMatch { prefix: Some(prefix), .. } => Pattern::Prefix(prefix),
        StringMatch { exact: Some(exact), .. } => Pattern::Exact(exact),
        _ => Pattern::Nothing,
    }
}

fn regex(text: &str) -> RegexMatcher {
    RegexMatcher { regex: text.to_owned(), ..Default::default() }
}

/// Envoy's form of a string match; none where nothing is given (istiod: `ConvertToEnvoyMatch`).
pub(super) fn string(matched: &StringMatch) -> Option<StringMatcher> {
    use string_matcher::MatchPattern;
    let pattern = match pattern(matched) {
        Pattern::Exact(exact) => MatchPattern::Exact(exact.to_string()),
        Pattern::Prefix(prefix) => MatchPattern::Prefix(prefix.to_string()),
        Pattern::Regex(text) => MatchPattern::SafeRegex(regex(text)),
        Pattern::Nothing => return None,
    };
    Some(StringMatcher { match_pattern: Some(pattern), ..Default::default() })
}

/// As [`string`]; none, too, for the word `*`, which stands for any value: what has one is there.
fn unless_any(matched: &StringMatch) -> Option<StringMatcher> {
    let is_any = matches!(pattern(matched), Pattern::Regex(text) if text == "*");
    if is_any { None } else { string(matched) }
}

fn header(name: &str, value: &StringMatch, inverted: bool) -> HeaderMatcher {
    let (specifier, may_be_missing) = match unless_any(value) {
        Some(matcher) => (HeaderMatchSpecifier::StringMatch(matcher), inverted),
        None => (HeaderMatchSpecifier::PresentMatch(true), false),
    };
    HeaderMatcher {
        name: name.to_owned(),
        invert_match: inverted,
        treat_missing_header_as_empty: may_be_missing,
        header_match_specifier: Some(specifier),
    }
}

fn query(name: &str, value: &StringMatch) -> QueryParameterMatcher {
    let specifier = match unless_any(value) {
        Some(matcher) => QueryParameterMatchSpecifier::StringMatch(matcher),
        None => QueryParameterMatchSpecifier::PresentMatch(true),
    };
    QueryParameterMatcher { name: name.to_owned(), query_parameter_match_specifier: Some(specifier) }
}

/// The claim that a header stands for: `@request.auth.claims.a.b`, or `@request.auth.claims[a][b]`
/// (istiod: `ToRoutingClaim` in `pkg/jwt`).
fn claim(name: &str) -> Option<Vec<&str>> {
    let begins = name.get(..CLAIMS.len()).is_some_and(|p| p.eq_ignore_ascii_case(CLAIMS));
    let rest = name.get(CLAIMS.len()..).filter(|_| begins)?;
    let (claims, separator) = match rest.strip_prefix('.') {
        Some(dotted) => (dotted, "."),
        None => (rest.strip_prefix('[')?.strip_suffix(']')?, "]["),
    };
    (!claims.is_empty()).then(|| claims.split(separator).collect())
}

/// A match of a token's claim: a text, or a list that holds it (istiod: `MetadataMatcherForJWTClaims`).
fn of_claim(path: Vec<&str>, value: &StringMatch, invert: bool) -> MetadataMatcher {
    use value_matcher::MatchPattern;
    let value_matcher = |pattern| ValueMatcher { match_pattern: Some(pattern) };
    let text = || value_matcher(MatchPattern::StringMatch(string(value).unwrap_or_default()));
    let one_of = list_matcher::MatchPattern::OneOf(Box::new(text()));
    let list = MatchPattern::ListMatch(Box::new(ListMatcher { match_pattern: Some(one_of) }));
    let either = OrMatcher { value_matchers: vec![value_matcher(list), text()] };
    let key = |key: &str| PathSegment { segment: Some(path_segment::Segment::Key(key.to_owned())) };
    MetadataMatcher {
        filter: "envoy.filters.http.jwt_authn".to_owned(),
        path: std::iter::once("payload").chain(path).map(key).collect(),
        value: Some(value_matcher(MatchPattern::OrMatch(either))),
        invert,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(exact: Option<&str>, prefix: Option<&str>, regex: Option<&str>) -> StringMatch {
        let [exact, prefix, regex] = [exact, prefix, regex].map(|v| v.map(ArcStr::from));
        StringMatch { exact, prefix, regex }
    }

    #[test]
    fn claims_are_told_from_headers() {
        for (name, want) in [
            ("@request.auth.claims.a.b", Some(&["a", "b"][..])),
            ("@Request.Auth.Claims.A", Some(&["A"])),
            ("@request.auth.claims[a.b][c]", Some(&["a.b", "c"])),
            ("@request.auth.claims", None),
            ("@request.auth.claims.", None),
            ("@request.auth.claims[]", None),
            ("@request.auth.claims[a", None),
            ("@request.auth.claimsx", None),
            ("x-user", None),
        ] {
            assert_eq!(claim(name).as_deref(), want, "{name}");
        }
    }

    #[test]
    fn of_several_patterns_the_last_of_the_api_counts() {
        for (matched, want) in [
            (given(Some("/a"), None, None), PathSpecifier::Path("/a".into())),
            (given(Some("/a"), Some("/b"), None), PathSpecifier::Prefix("/b".into())),
            (given(Some("/a"), Some("/b"), Some("/c")), PathSpecifier::SafeRegex(regex("/c"))),
            (given(None, None, None), PathSpecifier::Prefix("/".into())),
        ] {
            assert_eq!(path(Some(&matched)), want);
        }
    }

    #[test]
    fn any_value_is_presence() {
        use HeaderMatchSpecifier::{PresentMatch, StringMatch as Text};
        for (value, inverted, is_presence, may_be_missing) in [
            (given(None, None, None), false, true, false),
            (given(None, None, Some("*")), true, true, false),
            (given(None, None, Some(".*")), true, false, true),
            (given(Some("1"), None, None), false, false, false),
        ] {
            let header = header("x", &value, inverted);
            assert_eq!(matches!(header.header_match_specifier, Some(PresentMatch(true))), is_presence);
            assert_eq!(matches!(header.header_match_specifier, Some(Text(_))), !is_presence);
            assert_eq!(header.treat_missing_header_as_empty, may_be_missing);
        }
    }

    #[test]
    fn conditions_are_sorted_and_catch_all_has_none() {
        let conditions = |names: &[&str]| -> IndexMap<ArcStr, StringMatch> {
            names.iter().map(|n| (ArcStr::from(*n), given(None, None, None))).collect()
        };
        let matched = HttpMatch {
            headers: conditions(&["c", "a", "@request.auth.claims.z"]),
            without_headers: conditions(&["b", "@request.auth.claims.y"]),
            method: Some(given(Some("GET"), None, None)),
            query_params: conditions(&["q", "p"]),
            ..HttpMatch::default()
        };
        let out = route_match(&matched);
        let names: Vec<_> = out.headers.iter().map(|h| h.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "c", ":method"]);
        assert_eq!(out.dynamic_metadata.iter().map(|m| m.invert).collect::<Vec<_>>(), [false, true]);
        assert_eq!(out.query_parameters[0].name, "p");
        assert!(!catches_all(&out));
        let by_path = |uri| route_match(&HttpMatch { uri: Some(uri), ..HttpMatch::default() });
        assert!(catches_all(&by_path(given(None, Some("/"), None))));
        assert!(catches_all(&by_path(given(None, None, Some(".*")))));
        assert!(!catches_all(&by_path(given(None, None, Some("/.*")))));
        assert!(catches_all(&everything()));
    }
}
