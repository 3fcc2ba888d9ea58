//! What becomes of a request: sent on, redirected, answered (istiod: `translateRoute` in `core/route/route.go`).

use std::collections::BTreeMap;

use xdslab_mesh::object::istio::{
    Destination, DirectResponse, HttpRedirect, HttpRoute, HttpRouteDestination, Percent,
};
use xdslab_proto::common::FractionalPercent;
use xdslab_proto::core::{DataSource, RuntimeFractionalPercent, data_source};
use xdslab_proto::matcher::{RegexMatchAndSubstitute, RegexMatcher};
use xdslab_proto::protobuf::{BoolValue, Duration, UInt32Value};
use xdslab_proto::route::redirect_action::{
    PathRewriteSpecifier, RedirectResponseCode, SchemeRewriteSpecifier,
};
use xdslab_proto::route::route_action::{
    ClusterSpecifier, HostRewriteSpecifier, MaxStreamDuration, RequestMirrorPolicy,
};
use xdslab_proto::route::weighted_cluster::{ClusterWeight, cluster_weight};
use xdslab_proto::route::{DirectResponseAction, RedirectAction, RouteAction, WeightedCluster};

use super::destination::cluster;
use super::headers::Changes;
use super::rule::RuleContext;
use super::{filters, hash, retry};
use crate::generate::cluster::wire::duration;
use crate::generate::grpc;
use crate::generate::view::View;

/// The action of a route that sends on, and what it changes in headers.
pub(super) fn forward(context: &RuleContext<'_>, http: &HttpRoute) -> (RouteAction, Changes) {
    let mut changes = Changes::of(http.headers.as_ref());
    let destinations: Vec<(&Destination, &HttpRouteDestination)> =
        http.route.iter().filter_map(|r| Some((r.destination.as_ref()?, r))).collect();
    let (specifier, reached) = if let [(only, route)] = destinations[..] {
        changes.extend(Changes::of(route.headers.as_ref()));
        (ClusterSpecifier::Cluster(cluster(context, only)), vec![only])
    } else {
        let weighted = destinations.iter().filter(|(_, route)| route.weight > 0);
        let clusters = weighted.clone().map(|(to, route)| weighted_cluster(context, to, route)).collect();
        let specifier =
            ClusterSpecifier::WeightedClusters(WeightedCluster { clusters, ..Default::default() });
        (specifier, weighted.map(|(to, _)| *to).collect())
    };
    let hashes: Vec<_> = reached.iter().filter_map(|to| hash::of_destination(context.view, to)).collect();
    let is_hashed = destinations.len() == 1 && !hashes.is_empty();
    let retry_policy = match &http.retries {
        Some(retries) => retry::of(retries, is_hashed),
        None => retry::default(context.view.snapshot.mesh_config(), is_hashed),
    };
    let mut action = RouteAction {
        request_mirror_policies: mirrors(context, http),
        retry_policy,
        hash_policy: hashes.into_iter().filter_map(hash::policy).collect(),
        append_x_forwarded_host: http.rewrite.is_some() && super::forwards_host(context.view),
        cluster_specifier: Some(specifier),
        ..within(context.view, http.timeout.and_then(duration))
    };
    if let Some(rewrite) = &http.rewrite {
        match &rewrite.uri_regex_rewrite {
            Some(by_regex) => {
                action.regex_rewrite = Some(RegexMatchAndSubstitute {
                    pattern: Some(RegexMatcher { regex: by_regex.pattern.to_string(), ..Default::default() }),
                    substitution: by_regex.rewrite.to_string(),
                });
            }
            None => action.prefix_rewrite = rewrite.uri.to_string(),
        }
    }
    let authority = http.rewrite.as_ref().map(|r| r.authority.to_string()).filter(|a| !a.is_empty());
    let host = authority.or_else(|| changes.host.clone());
    action.host_rewrite_specifier = host.map(HostRewriteSpecifier::HostRewriteLiteral);
    (action, changes)
}

/// A virtual service's action with a time limit: to gRPC clients in the field that they read.
#[expect(deprecated, reason = "istiod sends max_grpc_timeout")]
fn within(view: &View, timeout: Option<Duration>) -> RouteAction {
    let action = sent_within(timeout);
    if !grpc::is_client(view) {
        return action;
    }
    let limit = MaxStreamDuration { max_stream_duration: action.timeout, ..Default::default() };
    RouteAction { max_grpc_timeout: None, max_stream_duration: Some(limit), ..action }
}

/// An action with a time limit; none is zero, which is no limit.
#[expect(deprecated, reason = "istiod sends max_grpc_timeout")]
pub(super) fn sent_within(timeout: Option<Duration>) -> RouteAction {
    let timeout = Some(timeout.unwrap_or_default());
    RouteAction { timeout, max_grpc_timeout: timeout, ..Default::default() }
}

fn weighted_cluster(
    context: &RuleContext<'_>,
    to: &Destination,
    route: &HttpRouteDestination,
) -> ClusterWeight {
    let changes = Changes::of(route.headers.as_ref());
    ClusterWeight {
        name: cluster(context, to),
        weight: Some(UInt32Value { value: u32::try_from(route.weight).unwrap_or_default() }),
        request_headers_to_add: changes.request.0,
        request_headers_to_remove: changes.request.1,
        response_headers_to_add: changes.response.0,
        response_headers_to_remove: changes.response.1,
        host_rewrite_specifier: changes.host.map(cluster_weight::HostRewriteSpecifier::HostRewriteLiteral),
        ..Default::default()
    }
}

/// Where copies of requests go.
fn mirrors(context: &RuleContext<'_>, http: &HttpRoute) -> Vec<RequestMirrorPolicy> {
    let all = || FractionalPercent { numerator: 100, ..Default::default() };
    let policy = |to: &Destination, share: FractionalPercent| {
        (share.numerator > 0).then(|| RequestMirrorPolicy {
            cluster: cluster(context, to),
            runtime_fraction: Some(RuntimeFractionalPercent {
                default_value: Some(share),
                ..Default::default()
            }),
            trace_sampled: Some(BoolValue { value: false }),
            disable_shadow_host_suffix_append: true,
            ..Default::default()
        })
    };
    let exact = |percentage: Option<Percent>| percentage.map(filters::millionths);
    if let Some(to) = &http.mirror {
        let whole = || Some(FractionalPercent { numerator: http.mirror_percent?, ..Default::default() });
        let share = exact(http.mirror_percentage).or_else(whole).unwrap_or_else(all);
        return policy(to, share).into_iter().collect();
    }
    let each = http.mirrors.iter().filter_map(|m| Some((m.destination.as_ref()?, m.percentage)));
    each.filter_map(|(to, percentage)| policy(to, exact(percentage).unwrap_or_else(all))).collect()
}

/// A redirect; none where its code is none of a redirect's.
pub(super) fn redirect(context: &RuleContext<'_>, written: &HttpRedirect) -> Option<RedirectAction> {
    let code = match written.redirect_code {
        0 | 301 => RedirectResponseCode::MovedPermanently,
        302 => RedirectResponseCode::Found,
        303 => RedirectResponseCode::SeeOther,
        307 => RedirectResponseCode::TemporaryRedirect,
        308 => RedirectResponseCode::PermanentRedirect,
        _ => return None,
    };
    // Of both the last that the API lists counts, as protobuf reads a `oneof`.
    let port = match (written.derive_port.as_deref(), written.port) {
        (Some("FROM_REQUEST_PORT"), _) => context.port,
        (None, Some(port)) => port,
        _ => 0,
    };
    let default_scheme = if context.tls { "https" } else { "http" };
    let scheme = if written.scheme.is_empty() { default_scheme } else { written.scheme.as_str() };
    let is_usual = matches!((scheme, port), ("http", 80) | ("https", 443));
    let path = match written.prefix_rewrite.as_deref().filter(|prefix| !prefix.is_empty()) {
        Some(prefix) => PathRewriteSpecifier::PrefixRewrite(prefix.to_string()),
        None => PathRewriteSpecifier::PathRedirect(written.uri.to_string()),
    };
    let to_scheme = (!written.scheme.is_empty())
        .then(|| SchemeRewriteSpecifier::SchemeRedirect(written.scheme.to_string()));
    Some(RedirectAction {
        host_redirect: written.authority.to_string(),
        port_redirect: if is_usual { 0 } else { port },
        response_code: code.into(),
        path_rewrite_specifier: Some(path),
        scheme_rewrite_specifier: to_scheme,
        ..Default::default()
    })
}

/// An answer without upstream.
pub(super) fn direct_response(written: &DirectResponse) -> DirectResponseAction {
    let body = written.body.as_ref().and_then(|body| {
        let specifier = match (&body.string, &body.bytes) {
            (_, Some(bytes)) => {
                use base64::Engine;
                let decoded =
                    base64::engine::general_purpose::STANDARD.decode(bytes.replace(['\r', '\n'], ""));
                data_source::Specifier::InlineBytes(decoded.unwrap_or_default())
            }
            (Some(text), None) => data_source::Specifier::InlineString(text.to_string()),
            (None, None) => return None,
        };
        Some(DataSource { specifier: Some(specifier), ..Default::default() })
    });
    DirectResponseAction { status: written.status, body, ..Default::default() }
}

/// Filters of a route by name.
pub(super) fn per_filter(http: &HttpRoute) -> BTreeMap<String, xdslab_proto::protobuf::Any> {
    let fault = http.fault.as_ref().map(|fault| xdslab_proto::pack_any(filters::fault(fault)));
    let cors = http.cors_policy.as_ref().map(|cors| xdslab_proto::pack_any(filters::cors(cors)));
    let named = |name: &str, config| Some((name.to_owned(), config?));
    [named("envoy.filters.http.fault", fault), named("envoy.filters.http.cors", cors)]
        .into_iter()
        .flatten()
        .collect()
}
