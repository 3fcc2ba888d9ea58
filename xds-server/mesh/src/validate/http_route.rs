//! The HTTP routes of a `VirtualService` (istiod: `pkg/config/validation/virtualservice.go`).

use super::faults::Faults;
use super::string_match::{self, Match, effective};
use super::{base64, duration, fault_injection, headers, host, http_retry, port, route};
use crate::object::istio::{
    Cors, DirectResponse, HttpMatch, HttpMirror, HttpRedirect, HttpRewrite, HttpRoute, Percent, ResponseBody,
};

const LARGEST_BODY: usize = 1024 * 1024;
const METHODS: [&str; 10] =
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE", "*"];

/// Refuses what is wrong with a route; `delegate`: of a `VirtualService` that others delegate to.
pub(super) fn check(route: &HttpRoute, delegate: bool, f: Faults<'_>) {
    actions(route, delegate, f);
    for (f, condition) in f.each("match", &route.matches) {
        matches(condition, f);
    }
    if let Some(changes) = &route.headers {
        headers::check(changes, f.at("headers"));
    }
    if let Some(policy) = &route.cors_policy {
        cors(policy, f.at("corsPolicy"));
    }
    if let Some(fault) = &route.fault {
        fault_injection::check(fault, f.at("fault"));
    }
    mirroring(route, f);
    if let Some(to) = &route.redirect {
        redirect(to, &route.matches, f.at("redirect"));
    }
    if let Some(response) = &route.direct_response {
        direct_response(response, f.at("directResponse"));
    }
    if let Some(retries) = &route.retries {
        http_retry::check(retries, f.at("retries"));
    }
    if let Some(change) = &route.rewrite {
        rewrite(change, f.at("rewrite"));
    }
    headers::one_authority(route.rewrite.as_ref(), route.headers.as_ref(), f);
    for (f, to) in f.each("route", &route.route) {
        route::required(to.destination.as_ref(), f);
        if let Some(changes) = &to.headers {
            headers::check(changes, f.at("headers"));
        }
    }
    route::weights(route.route.iter().map(|to| to.weight), f.at("route"));
    duration::optional(route.timeout, f.at("timeout"));
}

/// Refuses a route that does nothing, or things that exclude each other.
fn actions(route: &HttpRoute, delegate: bool, f: Faults<'_>) {
    let (has_route, has_redirect) = (!route.route.is_empty(), route.redirect.is_some());
    if route.delegate.is_some() && !delegate {
        for (name, given) in [("redirect", has_redirect), ("route", has_route)] {
            if given {
                let hint = format!("leave out {name}, or delegate");
                f.at(name).push(format!("a route that delegates has a {name} of its own"), hint);
            }
        }
        return;
    }
    if route.delegate.is_some() {
        let hint = "give hosts, or leave out delegate";
        f.at("delegate").push("a VirtualService that is delegated to (it has no hosts) delegates on", hint);
    }
    let action = match (&route.redirect, &route.direct_response) {
        (Some(_), _) => "redirect",
        (None, Some(_)) => "directResponse",
        (None, None) => {
            if !has_route {
                let hint = "give one of route, redirect and directResponse";
                f.push("the HTTP route leads nowhere", hint);
            }
            ""
        }
    };
    for (name, given) in [
        ("route", has_route),
        ("fault", route.fault.is_some()),
        ("rewrite", route.rewrite.is_some()),
        ("directResponse", has_redirect && route.direct_response.is_some()),
    ] {
        if given && !action.is_empty() {
            f.at(name)
                .push(format!("{name} stands beside {action}"), format!("leave out {name} or {action}"));
        }
    }
    if route.mirror.is_some() && !route.mirrors.is_empty() {
        f.at("mirrors").push("mirrors stands beside mirror", "put the mirror into mirrors");
    }
}

fn matches(condition: &HttpMatch, f: Faults<'_>) {
    for (field, map) in [("headers", &condition.headers), ("withoutHeaders", &condition.without_headers)] {
        let f = f.at(field);
        for (name, value) in map {
            headers::matched_name(name, f.key(name));
            // `*` is no expression; without a header it means that there is none of any value.
            let any = field == "withoutHeaders" && effective(value) == Match::Regex("*");
            if !any {
                string_match::check(value, f.key(name));
            }
        }
    }
    if let Some(uri) = &condition.uri {
        string_match::expression(uri, f.at("uri"));
    }
    for (name, given) in
        [("scheme", &condition.scheme), ("method", &condition.method), ("authority", &condition.authority)]
    {
        if let Some(given) = given {
            string_match::check(given, f.at(name));
        }
    }
    let at = f.at("queryParams");
    for (name, value) in &condition.query_params {
        string_match::check(value, at.key(name));
    }
    route::source(condition.port, &condition.source_labels, &condition.gateways, f);
    let namespace = condition.source_namespace.as_str();
    if !namespace.is_empty() && !host::is_label(namespace) {
        f.at("sourceNamespace").push(format!("{namespace:?} is not a namespace"), "write a namespace's name");
    }
}

fn cors(policy: &Cors, f: Faults<'_>) {
    for (f, origin) in f.each("allowOrigins", &policy.allow_origins) {
        match effective(origin) {
            Match::Nothing | Match::Exact("") | Match::Prefix("") | Match::Regex("") => {
                f.push("the origin is empty", "write one such as exact: https://example.com");
            }
            _ => string_match::expression(origin, f),
        }
    }
    for (f, method) in f.each("allowMethods", &policy.allow_methods) {
        if !METHODS.contains(&method.as_str()) {
            f.push(
                format!("{method:?} is not an HTTP method"),
                format!("write one of {}", METHODS.join(", ")),
            );
        }
    }
    for (field, names) in [("allowHeaders", &policy.allow_headers), ("exposeHeaders", &policy.expose_headers)]
    {
        for (f, name) in f.each(field, names) {
            headers::cors_name(name, f);
        }
    }
    if let Some(age) = policy.max_age {
        duration::check(age, f.at("maxAge"));
        if age.subsec_nanos() > 0 {
            f.at("maxAge").push(format!("{age} is not a whole number of seconds"), "round it to seconds");
        }
    }
    if !matches!(policy.unmatched_preflights.as_str(), "" | "UNSPECIFIED" | "FORWARD" | "IGNORE") {
        let what = format!("{:?} is not one of FORWARD, IGNORE", policy.unmatched_preflights);
        f.at("unmatchedPreflights").push(what, "write FORWARD or IGNORE");
    }
}

fn mirroring(route: &HttpRoute, f: Faults<'_>) {
    if let Some(percent) = route.mirror_percent.filter(|p| *p > 100) {
        f.at("mirrorPercent").push(format!("{percent} is not a percentage"), "write a number from 0 to 100");
    }
    mirror_percentage(route.mirror_percentage, f.at("mirrorPercentage"));
    if let Some(to) = &route.mirror {
        route::destination(to, f.at("mirror"));
    }
    for (f, HttpMirror { destination, percentage }) in f.each("mirrors", &route.mirrors) {
        route::required(destination.as_ref(), f);
        mirror_percentage(*percentage, f.at("percentage"));
    }
}

fn mirror_percentage(percentage: Option<Percent>, f: Faults<'_>) {
    if let Some(Percent { value }) = percentage.filter(|p| p.value < 0.0 || p.value > 100.0) {
        f.at("value").push(format!("{value} is not a percentage"), "write a number from 0 to 100");
    }
}

fn redirect(redirect: &HttpRedirect, matches: &[HttpMatch], f: Faults<'_>) {
    let prefix = redirect.prefix_rewrite.as_deref().filter(|p| !p.is_empty());
    if !redirect.uri.is_empty() && prefix.is_some() {
        f.push("both uri and prefixRewrite are set", "leave one of them out");
    }
    let by_other =
        |m: &HttpMatch| m.uri.as_ref().is_some_and(|uri| !matches!(effective(uri), Match::Prefix(_)));
    if prefix.is_some() && matches.iter().any(by_other) {
        let hint = "match every uri by prefix, or use uri in place of prefixRewrite";
        f.at("prefixRewrite").push("a prefix is rewritten that is not matched", hint);
    }
    let has_port = redirect.port.is_some() || redirect.derive_port.is_some();
    if redirect.uri.is_empty()
        && prefix.is_none()
        && redirect.authority.is_empty()
        && redirect.scheme.is_empty()
        && !has_port
    {
        let hint = "give one of uri, prefixRewrite, authority, port, derivePort and scheme";
        f.push("the redirect leads to where the request came to", hint);
    }
    let code = redirect.redirect_code;
    if code != 0 && !(300..=399).contains(&code) {
        f.at("redirectCode")
            .push(format!("{code} is not a redirect"), "write a code such as 301, 302, 307 or 308");
    }
    if !matches!(redirect.scheme.as_str(), "" | "http" | "https") {
        f.at("scheme").push(format!("{:?} is not a scheme", redirect.scheme), "write http or https");
    }
    match (&redirect.derive_port, redirect.port) {
        (Some(word), _) if !matches!(word.as_str(), "FROM_PROTOCOL_DEFAULT" | "FROM_REQUEST_PORT") => {
            let what = format!("{word:?} is not one of FROM_PROTOCOL_DEFAULT, FROM_REQUEST_PORT");
            f.at("derivePort").push(what, "write FROM_PROTOCOL_DEFAULT or FROM_REQUEST_PORT");
        }
        (None, Some(number)) if number > 0 => port::number(number, f.at("port")),
        _ => {}
    }
}

fn direct_response(response: &DirectResponse, f: Faults<'_>) {
    http_status(i64::from(response.status), f.at("status"));
    let Some(body) = &response.body else { return };
    let f = f.at("body");
    let size = match body {
        ResponseBody { bytes: Some(bytes), .. } => match base64::padded(bytes) {
            Some(bytes) => bytes.len(),
            None => {
                return f
                    .at("bytes")
                    .push("the body is not in base64", "encode it, or write string: and plain text");
            }
        },
        ResponseBody { string: Some(text), .. } => text.len(),
        _ => 0,
    };
    if size > LARGEST_BODY {
        f.push(format!("the body has {size} bytes"), "write 1 MB at most; Envoys hold it in memory");
    }
}

/// Refuses what is no status of a response.
pub(super) fn http_status(status: i64, f: Faults<'_>) {
    if !(200..=600).contains(&status) {
        f.push(format!("{status} is not an HTTP status"), "write a number from 200 to 599");
    }
}

fn rewrite(rewrite: &HttpRewrite, f: Faults<'_>) {
    if !rewrite.uri.is_empty() && rewrite.uri_regex_rewrite.is_some() {
        return f.push("both uri and uriRegexRewrite are set", "leave one of them out");
    }
    let Some(regex) = &rewrite.uri_regex_rewrite else {
        if rewrite.uri.is_empty() && rewrite.authority.is_empty() {
            f.push("nothing is rewritten", "give uri, uriRegexRewrite or authority, or leave out rewrite");
        }
        return;
    };
    let f = f.at("uriRegexRewrite");
    if regex.pattern.is_empty() || regex.rewrite.is_empty() {
        f.push(
            "a rewrite by expression needs both match and rewrite",
            "write match: /v1/(.*) and rewrite: /v2/\\1, say",
        );
    } else {
        string_match::regular(&regex.pattern, f.at("match"));
    }
}
