//! Which requests a route is for (istiod: `TranslateRouteMatch` in `core/route/route.go`).

use std::collections::BTreeMap;

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
    let of_namespace = &matched.source_namespace;
    matched.source_labels.iter().all(|(k, v)| labels.get(k) == Some(v))
        && (of_namespace.is_empty() || *of_namespace == view.proxy.config_namespace)
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
    let with = matched.headers.iter().map(|(name, value)| (name, value, false));
    let without = matched.without_headers.iter().map(|(name, value)| (name, value, true));
    let mut headers = BTreeMap::new();
    for (name, value, inverted) in with.chain(without) {
        headers.entry((name, inverted)).or_insert(value);
    }
    for ((name, inverted), value) in headers {
        match claim(name) {
            Some(path) => out.dynamic_metadata.push(of_claim(path, value, inverted)),
            None => out.headers.push(header(name, value, inverted)),
        }
    }
    for (name, value) in
        [(":method", &matched.method), (":authority", &matched.authority), (":scheme", &matched.scheme)]
    {
        out.headers.extend(value.as_ref().map(|v| header(name, v, false)));
    }
    let parameters: BTreeMap<_, _> = matched.query_params.iter().collect();
    out.query_parameters.extend(parameters.into_iter().map(|(name, value)| query(name, value)));
    out
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
    match uri {
        Some(StringMatch { exact: Some(exact), .. }) => PathSpecifier::Path(exact.to_string()),
        Some(StringMatch { prefix: Some(prefix), .. }) => PathSpecifier::Prefix(prefix.to_string()),
        Some(StringMatch { regex: Some(regex), .. }) => PathSpecifier::SafeRegex(self::regex(regex)),
        _ => PathSpecifier::Prefix("/".to_owned()),
    }
}

fn regex(text: &str) -> RegexMatcher {
    RegexMatcher { regex: text.to_owned(), ..Default::default() }
}

/// Envoy's form of a string match; none for one that takes every string.
pub(super) fn string(matched: &StringMatch) -> Option<StringMatcher> {
    use string_matcher::MatchPattern;
    let pattern = match matched {
        StringMatch { exact: Some(exact), .. } => MatchPattern::Exact(exact.to_string()),
        StringMatch { prefix: Some(prefix), .. } => MatchPattern::Prefix(prefix.to_string()),
        StringMatch { regex: Some(text), .. } if text != "*" => MatchPattern::SafeRegex(regex(text)),
        _ => return None,
    };
    Some(StringMatcher { match_pattern: Some(pattern), ..Default::default() })
}

fn header(name: &str, value: &StringMatch, inverted: bool) -> HeaderMatcher {
    let (specifier, may_be_missing) = match string(value) {
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
    let specifier = match string(value) {
        Some(matcher) => QueryParameterMatchSpecifier::StringMatch(matcher),
        None => QueryParameterMatchSpecifier::PresentMatch(true),
    };
    QueryParameterMatcher { name: name.to_owned(), query_parameter_match_specifier: Some(specifier) }
}

/// The claim that a header stands for: `@request.auth.claims.a.b`, or `@request.auth.claims[a][b]`
/// (istiod: `ToRoutingClaim` in `pkg/jwt`).
fn claim(name: &str) -> Option<Vec<&str>> {
    let begins = name.get(..CLAIMS.len()).is_some_and(|p| p.eq_ignore_ascii_case(CLAIMS));
    let rest = &name[if begins { CLAIMS.len() } else { return None }..];
    if let Some(dotted) = rest.strip_prefix('.') {
        return (!dotted.is_empty()).then(|| dotted.split('.').collect());
    }
    let inner = rest.strip_prefix('[')?.strip_suffix(']')?;
    let claims: Vec<_> = inner.split("][").collect();
    claims.iter().all(|c| !c.is_empty() && !c.contains(['[', ']'])).then_some(claims)
}

/// A match of a token's claim: a text, or a list that holds it.
fn of_claim(path: Vec<&str>, value: &StringMatch, invert: bool) -> MetadataMatcher {
    use value_matcher::MatchPattern;
    let value_matcher = |pattern| ValueMatcher { match_pattern: Some(pattern) };
    let text = || match string(value) {
        Some(matcher) => value_matcher(MatchPattern::StringMatch(matcher)),
        None => value_matcher(MatchPattern::PresentMatch(true)),
    };
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
