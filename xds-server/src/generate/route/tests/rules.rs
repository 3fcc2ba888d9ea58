//! Rules of the routes of virtual services.

use serde_json::{Value, json};
use xdslab_proto::route::Route;
use xdslab_proto::route::route::Action;

use super::world::{entry, hosts, made, object, rule, service, to};

/// The routes of the host `a.com` on port 80, as text.
fn shown(http: &Value, metadata: Value) -> String {
    let mesh = [service("b", 2, &[("http", 80)]), entry("a.com", &[]), rule("r", 1, &["a.com"], http)];
    let all = hosts(&mesh, metadata, "80");
    all[0].split_once("] ").unwrap().1.to_owned()
}

/// Its first route.
fn first(http: &Value, more: &[Value]) -> Route {
    let mesh =
        [&[service("b", 2, &[("http", 80)]), entry("a.com", &[]), rule("r", 1, &["a.com"], http)], more];
    made(&mesh.concat(), json!({}), "80").virtual_hosts.swap_remove(0).routes.swap_remove(0)
}

const B: &str = "outbound|80||b.front.svc.cluster.local";

#[test]
fn matches_that_count_up_to_the_first_that_takes_all() {
    let matched =
        |matches: Value| json!([{"match": matches, "route": to("b")}, {"name": "rest", "route": to("b")}]);
    let rest = format!("rest={B}");
    for (matches, metadata, own) in [
        (json!([{"uri": {"prefix": "/a"}}]), json!({}), 1),
        (json!([{"name": "x", "uri": {"prefix": "/a"}}, {"uri": {"exact": "/b"}}]), json!({}), 2),
        (json!([{"port": 80, "uri": {"prefix": "/a"}}]), json!({}), 1),
        (json!([{"port": 81, "uri": {"prefix": "/a"}}]), json!({}), 0),
        (
            json!([{"gateways": ["mesh"], "sourceLabels": {"app": "other"}, "uri": {"prefix": "/a"}}]),
            json!({}),
            1,
        ),
        (json!([{"gateways": ["front/gate"], "uri": {"prefix": "/a"}}]), json!({}), 0),
        (json!([{"sourceLabels": {"app": "web"}, "uri": {"prefix": "/a"}}]), json!({}), 1),
        (json!([{"sourceLabels": {"app": "other"}, "uri": {"prefix": "/a"}}]), json!({}), 0),
        (json!([{"sourceNamespace": "front", "uri": {"prefix": "/a"}}]), json!({}), 1),
        (json!([{"sourceNamespace": "back", "uri": {"prefix": "/a"}}]), json!({}), 0),
        // The namespace of the metadata counts; without it, none.
        (json!([{"sourceNamespace": "front", "uri": {"prefix": "/a"}}]), json!({"NAMESPACE": null}), 0),
    ] {
        let all = shown(&matched(matches.clone()), metadata);
        let all: Vec<_> = all.split(", ").collect();
        assert_eq!((all.len(), all[all.len() - 1]), (own + 1, rest.as_str()), "{matches}");
    }
    assert_eq!(
        shown(&matched(json!([{"name": "all", "uri": {"regex": ".*"}}])), json!({})),
        format!(".all={B}")
    );
}

#[test]
fn destinations() {
    let three = json!([{"route": [
        {"destination": {"host": "b", "subset": "s"}, "weight": 1},
        {"destination": {"host": "b", "port": {"number": 9}}, "weight": 0},
        {"destination": {"host": "c.com"}, "weight": 3},
    ]}]);
    assert_eq!(shown(&three, json!({})), "1*outbound|80|s|b.front.svc.cluster.local+3*outbound|80||c.com");
    let only = json!([{"route": [{"destination": {"host": "b"}, "weight": 0}]}]);
    assert_eq!(shown(&only, json!({})), B);
    let alias = object(
        "Service",
        "b",
        0,
        &json!({"type": "ExternalName", "externalName": "c.com",
        "ports": [{"name": "http", "port": 80, "protocol": "TCP"}]}),
    );
    let mesh = [alias, entry("a.com", &[]), rule("r", 1, &["a.com"], &json!([{"route": to("b")}]))];
    assert!(hosts(&mesh, json!({}), "80")[0].ends_with("outbound|80||c.com"));
}

#[test]
fn redirects() {
    for (redirect, want) in [
        (json!({"authority": "x.com"}), "-> x.com:0"),
        (json!({"uri": "/u", "port": 8443}), "-> :8443/u"),
        (json!({"uri": "/u", "port": 80}), "-> :0/u"),
        (json!({"uri": "/u", "port": 443, "scheme": "https"}), "-> :0/u"),
        (json!({"uri": "/u", "port": 443}), "-> :443/u"),
        (json!({"uri": "/u", "derivePort": "FROM_REQUEST_PORT", "scheme": "https"}), "-> :80/u"),
        (json!({"uri": "/u", "derivePort": "FROM_PROTOCOL_DEFAULT"}), "-> :0/u"),
        (json!({"uri": "/u", "redirectCode": 304}), "nothing"),
    ] {
        assert_eq!(shown(&json!([{"redirect": redirect}]), json!({})), want, "{redirect}");
    }
    let of_prefix = json!([{"match": [{"uri": {"prefix": "/a"}}], "redirect": {"prefixRewrite": "/p"}}]);
    assert_eq!(shown(&of_prefix, json!({})), "-> :0/p*");
}

#[test]
fn hashes_decide_whether_failed_hosts_are_avoided() {
    let hashed = |policy: &Value, subsets: Value| {
        let spec = json!({"host": "b", "trafficPolicy": policy, "subsets": subsets});
        object("DestinationRule", "b", 0, &spec)
    };
    let by = |hash: Value| json!({"loadBalancer": {"consistentHash": hash}});
    let header = by(json!({"httpHeaderName": "h"}));
    let subset =
        json!([{"name": "s", "labels": {"v": "1"}, "trafficPolicy": by(json!({"useSourceIp": true}))}]);
    let one = json!([{"route": [{"destination": {"host": "b", "subset": "s"}}]}]);
    let two = json!([{"route": [{"destination": {"host": "b"}, "weight": 1}, {"destination": {"host": "c.com"}, "weight": 1}]}]);
    let ring = by(json!({"ringHash": {"minimumRingSize": 9}}));
    for (http, rule, hashes, avoids) in [
        (&one, hashed(&json!({"tls": {"mode": "ISTIO_MUTUAL"}}), json!([])), 0, true),
        (&one, hashed(&header, json!([])), 1, false),
        (&one, hashed(&header, subset), 1, false),
        (&one, hashed(&ring, json!([])), 0, false),
        (&two, hashed(&header, json!([])), 1, true),
    ] {
        let Some(Action::Route(action)) = first(http, std::slice::from_ref(&rule)).action else {
            panic!("a route")
        };
        let avoided = action.retry_policy.map(|p| !p.retry_host_predicate.is_empty());
        assert_eq!((action.hash_policy.len(), avoided), (hashes, Some(avoids)), "{rule}");
    }
}

#[test]
fn rewrites_and_mirrors() {
    let http = json!([{
        "route": [{"destination": {"host": "b"}, "headers": {"request": {"set": {"host": "d.com"}}}}],
        "headers": {"request": {"set": {"host": "c.com", "x": "1"}}},
        "mirrors": [
            {"destination": {"host": "m.com"}, "percentage": {"value": 12.5}},
            {"destination": {"host": "n.com"}, "percentage": {"value": 0}},
            {"destination": {"host": "o.com"}},
        ],
    }]);
    let route = first(&http, &[]);
    assert_eq!(route.request_headers_to_add.len(), 1);
    let Some(Action::Route(action)) = route.action else { panic!("a route") };
    let mirrors = action.request_mirror_policies.iter();
    let shares: Vec<_> = mirrors
        .map(|m| {
            (
                m.cluster.as_str(),
                m.runtime_fraction.as_ref().and_then(|f| f.default_value).map(|v| v.numerator),
            )
        })
        .collect();
    assert_eq!(shares, [("outbound|80||m.com", Some(125_000)), ("outbound|80||o.com", Some(100))]);
    let host = |literal: &str| {
        Some(xdslab_proto::route::route_action::HostRewriteSpecifier::HostRewriteLiteral(literal.to_owned()))
    };
    assert_eq!(action.host_rewrite_specifier, host("c.com"));
}
