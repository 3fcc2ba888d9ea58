//! Virtual hosts: which hosts they have, and the routes of which virtual services.

use xdslab_proto::route::RouteConfiguration;
use xdslab_proto::route::virtual_host::TlsRequirementType;

use super::*;

/// A virtual service of the gateway `g`; each route is named, and is for a path if the name begins with `/`.
fn rule(name: &str, namespace: &str, hosts: &[&str], routes: &[&str]) -> Value {
    let route = |name: &&str| {
        let mut route = json!({"name": name, "route": [{"destination": {"host": "x.y"}}]});
        if name.starts_with('/') {
            route["match"] = json!([{"uri": {"prefix": name}}]);
        }
        route
    };
    let http: Vec<Value> = routes.iter().map(route).collect();
    json!({"apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"hosts": hosts, "gateways": ["edge/g"], "http": http}})
}

/// Each virtual host: name, domains, routes, `!` where it redirects to HTTPS.
fn hosts(view: &View, name: &str) -> Vec<String> {
    let read = RouteConfiguration::decode(&*configuration(view, name)).expect("routes");
    let all = TlsRequirementType::All as i32;
    let text = |h: xdslab_proto::route::VirtualHost| {
        let routes: Vec<String> = h.routes.into_iter().map(|r| r.name).collect();
        let redirects = if h.require_tls == all { " !" } else { "" };
        format!("{} {} {}{redirects}", h.name, h.domains.join(","), routes.join(","))
    };
    read.virtual_hosts.into_iter().map(text).collect()
}

#[test]
fn hosts_of_virtual_services() {
    for (servers, rules, want) in [
        (
            // Older ones first, but what catches all is last.
            &["80 HTTP *"][..],
            vec![
                rule("a", "edge", &["a.com", "b.com"], &["all-a"]),
                rule("b", "edge", &["a.com"], &["/b", "all-b"]),
            ],
            &["a.com:80 a.com /b,all-a,all-b", "b.com:80 b.com all-a"][..],
        ),
        (
            // Hosts with the same routes become one, named by the most specific.
            &["80 HTTP *"],
            vec![rule("a", "edge", &["*.org", "a.com", "*.b.com", "long.a.com"], &["all"])],
            &["long.a.com:80 long.a.com,a.com,*.b.com,*.org all"],
        ),
        (
            // Hosts are compared as they are written, and sent in lower case.
            &["80 HTTP a.com", "80 HTTP *"],
            vec![rule("a", "edge", &["A.com"], &["/a"])],
            &["a.com:80 a.com /a"],
        ),
        (
            // What two servers share is there twice.
            &["80 HTTP *.com", "80 HTTP *"],
            vec![rule("a", "edge", &["a.com"], &["/a"])],
            &["a.com:80 a.com /a,/a"],
        ),
        (
            &["80 HTTP near/*"],
            vec![rule("a", "edge", &["a.com"], &["/a"]), rule("b", "near", &["b.com"], &["/b"])],
            &["b.com:80 b.com /b"],
        ),
        (
            // Equal routes are held against the last such host only.
            &["80 HTTP xx.com,z.com REDIRECT", "80 HTTP y.com"],
            vec![rule("a", "edge", &["xx.com", "y.com", "z.com"], &["/a"])],
            &["xx.com:80 xx.com /a !", "y.com:80 y.com /a", "z.com:80 z.com /a !"],
        ),
    ] {
        let view = view([gateway("g", servers)].into_iter().chain(rules).collect());
        assert_eq!(hosts(&view, "http.80"), want, "{servers:?}");
    }
}

#[test]
fn hosts_that_only_redirect() {
    let servers = ["80 HTTP A.com,b.org REDIRECT", "80 HTTP ns/c.com REDIRECT", "80 HTTP d.com"];
    let view = view(vec![gateway("g", &servers)]);
    assert_eq!(hosts(&view, "http.80"), ["ns/c.com:80 ns/c.com,a.com,b.org  !"]);
}

#[test]
fn nothing_is_served() {
    let view = view(vec![gateway("g", &["80 HTTP a.com"])]);
    assert_eq!(hosts(&view, "http.80"), ["blackhole:80 * "]);
    let unknown = RouteConfiguration::decode(&*configuration(&view, "http.81")).expect("routes");
    assert!(unknown.virtual_hosts.is_empty() && unknown.validate_clusters.is_some());
    assert!(!unknown.ignore_port_in_host_matching);
}

#[test]
fn each_https_server_has_routes_of_its_own() {
    let servers = ["443 HTTPS a.com SIMPLE", "443 HTTPS b.com SIMPLE"];
    let view = view(vec![gateway("g", &servers), rule("v", "edge", &["a.com", "b.com"], &["/v"])]);
    assert_eq!(hosts(&view, "https.443.p0.g.edge"), ["a.com:443 a.com /v"]);
    assert_eq!(hosts(&view, "https.443.p1.g.edge"), ["b.com:443 b.com /v"]);
}
