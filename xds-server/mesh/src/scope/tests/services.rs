//! The scope's list of services: rows of istiod's `TestCreateSidecarScope` (`sidecar_test.go`).

use serde_json::{Value, json};

use super::world::{World, app, config, written};

const P803X: &str = "8031,8032,8033,8034,8035";
const EACH_803X: &str =
    "8031:TCP */foobar; 8032:TCP */foobar; 8033:TCP */foobar; 8034:TCP */foobar; 8035:TCP */foobar";
const FOO_BAZ: &str =
    "foo.ns@ns1[7443]; baz.ns@ns3[7443] name=baz; bar.ns@ns2[7443,7442]; barprime.ns@ns3[7442]";
const SAME_NAME: &str = "foobar@ns1[8031,8032,8033,8034,8035] name=foo; foobar@ns2[8000] name=foo; \
                         foobar@ns3[7443] name=baz";

fn kubernetes(services: &str) -> String {
    services.split(';').map(|s| format!("K {}", s.trim())).collect::<Vec<_>>().join(";")
}

/// Name; egress of the Sidecar, if there is one; services; those of the scope, in order. The proxy is in `own`.
#[rustfmt::skip]
const TABLE: &[(&str, Option<&str>, &str, &str)] = &[
    ("no sidecar, no service", None, "", ""),
    ("no sidecar", None, "bar@", "bar@[]"),
    ("no sidecar: ports of one namespace are united", None,
     "foobar@ns1[8031,8032] name=foo; foobar@ns2[8000] name=foo; foobar@ns1[7443] name=baz",
     "foobar@ns1[7443,8031,8032]"),
    ("no sidecar: Kubernetes goes first", None,
     "foobar@ns1[8031] name=foo; foobar@ns2[8000] name=bar; K foobar@ns3[7443] name=baz", "foobar@ns3[7443]"),
    ("two listeners", Some("9000:HTTP */*; */*"), "", ""),
    ("two listeners with a service", Some("9000:HTTP */*; */*"), "bar@", "bar@[]"),
    ("two listeners, one port", Some("9000:HTTP */*; */*"), "bar@[9000]; barprime@", "bar@[9000] barprime@[]"),
    ("two listeners, no ports", Some("9000:HTTP */*; */*"), "bar@; barprime@", "bar@[] barprime@[]"),
    ("no egress", Some(""), "", ""),
    ("no egress, two services", Some(""), "bar@; barprime@", "bar@[] barprime@[]"),
    ("a host and all", Some("foo/bar */*"), "bar@[8000]; barprime@", "bar@[8000] barprime@[]"),
    ("a port that one service has", Some("8000:HTTP foo/*"), "bar@foo[8000]; barprime@foo", "bar@foo[8000]"),
    ("a port trims", Some("8000:HTTP foo/*"), "bar@foo[8000,7000]", "bar@foo[8000]"),
    ("ports of two listeners are united", Some("8000:HTTP foo/*; 7000:HTTP foo/*"), "bar@foo[8000,7000]",
     "bar@foo[8000,7000]"),
    ("ports are trimmed and united", Some("8000:HTTP foo/*; 7000:HTTP foo/*"),
     "bar@foo[8000,7000]; barprime@foo[8000]; foo@foo[8000,7000,9000]",
     "bar@foo[8000,7000] barprime@foo[8000] foo@foo[8000,7000]"),
    ("a port and the rest", Some("23145:TCP */bookinginfo.com */private.com; ns1/* */*.tcp.com"),
     "bookinginfo.com@ns1[9999]; private.com@ns1", "bookinginfo.com@ns1[9999] private.com@ns1[]"),
    ("two ports, one for a namespace", Some("7443:GRPC */*; 7442:HTTP ns2/*"),
     "foo@ns1[7443]; baz@ns3[7443]; bar@ns2[7442]; barprime@ns3[7442]",
     "baz@ns3[7443] foo@ns1[7443] bar@ns2[7442]"),
    ("two ports and all the rest", Some("7443:GRPC */*; 7442:HTTP ns2/*; */*"),
     "foo@ns1[7443]; baz@ns3[7443]; bar@ns2[7442]; barprime@ns3[7442]; barprime@ns3[7442]; random@randomns[9999]",
     "baz@ns3[7443] foo@ns1[7443] bar@ns2[7442] barprime@ns3[7442] random@randomns[9999]"),
    ("two ports, a service with both", Some("7443:GRPC */*; 7442:HTTP ns2/*"),
     "foo@ns1[7443]; baz@ns3[7443]; bar@ns2[7443,7442]; barprime@ns3[7442]",
     "bar@ns2[7443,7442] baz@ns3[7443] foo@ns1[7443]"),
    ("the port of an HTTP proxy is any port", Some("7443:http_proxy */*"),
     "bar@foo[8000,7000]; barprime@foo[8000]; foo@foo[8000,7000,9000]",
     "bar@foo[8000,7000] barprime@foo[8000] foo@foo[8000,7000,9000]"),
    ("a host without slash is passed over", Some("7443:http_proxy foo foo/bar"), "bar@foo[7443]", "bar@foo[7443]"),
    ("an exact host imports no wildcard service", Some("*/en.wikipedia.org"),
     "en.wikipedia.org@ns1; *.wikipedia.org@ns1", "en.wikipedia.org@ns1[]"),
    ("a wildcard host imports both", Some("*/*.wikipedia.org"), "en.wikipedia.org@ns1; *.wikipedia.org@ns1",
     "*.wikipedia.org@ns1[] en.wikipedia.org@ns1[]"),
    ("three services of one host", Some(""),
     "proxy@own[7000] name=s1; proxy@own[7443] name=s2; proxy@own[7442] name=s3", "proxy@own[7000,7443,7442]"),
    ("Kubernetes goes before external services", Some(""),
     "proxy@own[7000] name=s1; proxy@own[7443] name=s2; K proxy@own[7442] name=s3", "proxy@own[7442]"),
    ("but not before Kubernetes", Some(""),
     "proxy@own[7000] name=s1; K proxy@own[7443] name=s2; K proxy@own[7442] name=s3", "proxy@own[7443,7442]"),
    ("external services of two namespaces are not united", Some(EACH_803X),
     "foobar@ns1[8031,8032,8033] name=foo; foobar@ns2[8034,8035] name=zoo; foobar@ns3[7443] name=baz",
     "foobar@ns1[8031,8032,8033]"),
    ("Kubernetes goes before, on every port", Some(EACH_803X),
     "foobar@ns1[8031,8032,8033,8034,8035] name=foo; K foobar@ns2[8031,8032,8033,8034,8035] name=bar; \
      foobar@ns3[7443] name=baz", "foobar@ns2[8031,8032,8033,8034,8035]"),
    ("external services of one namespace are united", Some(EACH_803X),
     "foobar@ns1[8031,8032,8033] name=aoo; foobar@ns1[8034,8035] name=bar; foobar@ns3[7443] name=baz",
     "foobar@ns1[8031,8032,8033,8034,8035]"),
    ("not if they resolve otherwise", Some(EACH_803X),
     "foobar@ns1[8031,8032] name=a; foobar@ns1[8034] name=b dns=1", "foobar@ns1[8031,8032]"),
    ("not if they select otherwise", Some(EACH_803X),
     "foobar@ns1[8031,8032] name=a selects=x; foobar@ns1[8034] name=b selects=y", "foobar@ns1[8031,8032]"),
    ("not if they are exported otherwise", Some("8031:TCP */foobar; 8032:TCP */foobar; 8034:TCP */foobar"),
     "foobar@own[8031,8032] name=a export=*; foobar@own[8034] name=b export=.", "foobar@own[8031,8032]"),
];

#[test]
fn services_of_the_scope() {
    for (name, egress, services, want) in TABLE {
        let world = World::of(services);
        let world = egress.map_or(world.clone(), |egress| world.sidecar("own", egress));
        let scope = world.scope("own");
        assert_eq!(written(scope.services()), *want, "{name}");
        let declared = egress.map_or(0, |e| e.split(';').filter(|l| !l.trim().is_empty()).count());
        assert_eq!(scope.listeners().len(), declared.max(1), "{name}");
    }
}

#[test]
fn kubernetes_services_of_one_host_in_several_namespaces() {
    let services = kubernetes(SAME_NAME);
    for (egress, want) in [
        (None, "foobar@ns3[7443]".to_owned()),
        (Some(EACH_803X), format!("foobar@ns1[{P803X}]")),
        (Some("8031:TCP ns1/foobar; 8032:TCP ns1/foobar"), "foobar@ns1[8031,8032]".to_owned()),
    ] {
        let world = World::of(&services);
        let world = egress.map_or(world.clone(), |egress| world.sidecar("own", egress));
        assert_eq!(written(world.scope("own").services()), want, "{egress:?}");
    }
}

#[test]
fn a_trimmed_port_stays_the_services_own() {
    let scope = World::of("foo@mesh[7443,1]").sidecar("own", "7443:TCP mesh/*").scope("own");
    let port = &scope.services()[0].ports[0];
    assert_eq!(
        (port.number, port.name.as_str(), port.protocol),
        (7443, "p7443", crate::service::Protocol::Http)
    );
}

fn to(routes: &Value) -> Value {
    json!({"hosts": ["virtualbar"], "http": routes})
}

/// Name, egress, services, the spec of a `VirtualService` in `foo`, what the scope holds.
#[test]
fn destinations_of_virtual_services() {
    let bar = "foo/virtualbar.foo.svc.cluster.local";
    let proxy = &*format!("7443:http_proxy {bar}");
    let host = |host: &str| json!({"destination": {"host": host}});
    let at_7000 = |host: &str| json!({"destination": {"host": host, "port": {"number": 7000}}});
    let simple = to(&json!([{"route": [host("baz.ns")], "mirror": {"host": "foo.ns"}}]));
    let everything = json!({"hosts": ["virtualbar", "*"], "http": simple["http"]});
    let http_7000 = to(
        &json!([{"route": [at_7000("baz.ns")], "mirrors": [{"destination": at_7000("foo.ns")["destination"]}]}]),
    );
    let tcp_7000 = json!({"hosts": ["virtualbar"], "tcp": [{"route": [at_7000("baz.ns")]}]});
    let tls_7000 = json!({"hosts": ["virtualbar"], "tls": [{"route": [at_7000("baz.ns")]}]});
    let from = |namespaces: &[&str], host_: &str| {
        let matches: Vec<Value> = namespaces.iter().map(|n| json!({"sourceNamespace": n})).collect();
        json!({"match": matches, "route": [host(host_)]})
    };
    let by_source =
        to(&json!([from(&["own"], "baz.ns"), from(&["foo"], "foo.ns"), {"route": [host("bar.ns")]}]));
    let mixed = to(&json!([from(&["", "foo"], "baz.ns"), from(&["", "own"], "foo.ns")]));
    let both = "foo.ns@ns1[8000,7000]; baz.ns@ns3[8000,7000]";
    let twice = "foo.ns@ns1[7443]; foo.ns@ns2[8000]; baz.ns@ns3[7443]";
    for (name, egress, services, spec, want) in [
        ("route and mirror", proxy, FOO_BAZ, &simple, "baz.ns@ns3[7443] foo.ns@ns1[7443]"),
        (
            "the listener's port trims",
            "7443:http */*",
            "foo.ns@ns1[7443]; baz.ns@ns3[7442]",
            &simple,
            "foo.ns@ns1[7443]",
        ),
        ("ports of http routes", bar, both, &http_7000, "baz.ns@ns3[7000] foo.ns@ns1[7000]"),
        ("ports of tcp routes", bar, both, &tcp_7000, "baz.ns@ns3[7000]"),
        ("ports of tls routes", bar, both, &tls_7000, "baz.ns@ns3[7000]"),
        (
            "what is imported stays",
            &format!("{proxy} ns2/foo.ns"),
            twice,
            &simple,
            "foo.ns@ns2[8000] baz.ns@ns3[7443]",
        ),
        (
            "the own namespace goes first",
            proxy,
            "foo.ns@ns1[7443]; foo.ns@own[8000] export=~; baz.ns@ns3[7443]",
            &simple,
            "baz.ns@ns3[7443] foo.ns@own[8000]",
        ),
        (
            "then the oldest",
            proxy,
            "foo.ns@ns1[8000] t=2000; foo.ns@ns2[7443] t=1000; baz.ns@ns3[7443]",
            &simple,
            "baz.ns@ns3[7443] foo.ns@ns2[7443]",
        ),
        (
            "but Kubernetes before",
            proxy,
            "foo.ns@ns1[8000] t=1000; K foo.ns@ns2[7443] t=2000",
            &simple,
            "foo.ns@ns2[7443]",
        ),
        (
            "only visible ones",
            proxy,
            "foo.ns@ns1[7443] export=.; foo.ns@ns2[8000]; baz.ns@ns3[7443]",
            &simple,
            "baz.ns@ns3[7443] foo.ns@ns2[8000]",
        ),
        ("unknown hosts are passed over", proxy, "foo.ns@mesh[7443]", &simple, "foo.ns@mesh[7443]"),
        ("ports that are not there", bar, "baz.ns@ns3[7443]", &http_7000, ""),
        (
            "a VirtualService for every host",
            proxy,
            "foo.ns@*[7443]; baz.ns@*[7443]",
            &everything,
            "baz.ns@*[7443] foo.ns@*[7443]",
        ),
        (
            "with an import of one of them",
            &format!("{proxy} ns2/foo.ns"),
            "foo.ns@*[7443]; baz.ns@*[7443]",
            &everything,
            "baz.ns@*[7443] foo.ns@*[7443]",
        ),
        (
            "with all imported",
            "7443:http */*",
            "foo.ns@*[7443]; baz.ns@*[7443]",
            &everything,
            "baz.ns@*[7443] foo.ns@*[7443]",
        ),
        (
            "source namespaces",
            bar,
            "baz.ns@ns1; foo.ns@ns1; bar.ns@ns2",
            &by_source,
            "baz.ns@ns1[] bar.ns@ns2[]",
        ),
        ("a match without one rescues nothing", bar, "baz.ns@ns1; foo.ns@ns1", &mixed, "foo.ns@ns1[]"),
        (
            "exclusions do not matter",
            &format!("{bar} ~/*.ns"),
            FOO_BAZ,
            &simple,
            "baz.ns@ns3[7443] foo.ns@ns1[7443]",
        ),
    ] {
        let world =
            World::of(services).sidecar("own", egress).virtual_service("virtualbar", "foo", spec.clone());
        assert_eq!(written(world.scope("own").services()), want, "{name}");
    }
}

#[test]
fn the_rule_that_selects_the_workload_is_used() {
    let pool = json!({"connectionPool": {"http": {"maxRetries": 33}}});
    let selecting = |app: &str, extra: Value| {
        let mut spec = json!({"host": "httpbin.org", "workloadSelector": {"matchLabels": {"app": app}}});
        spec.as_object_mut().expect("an object").extend(extra.as_object().expect("an object").clone());
        spec
    };
    let world = World::of("httpbin.org@own")
        .rule("first", "own", selecting("app1", json!({"trafficPolicy": pool})))
        .rule("second", "own", selecting("app2", json!({"trafficPolicy": pool})))
        .rule("third", "own", selecting("app1", json!({"subsets": [{"name": "v1"}, {"name": "v2"}]})))
        .rule("whole", "own", json!({"host": "httpbin.org", "trafficPolicy": pool}));
    for (label, name, subsets) in [("app1", "first", 2), ("app2", "second", 0), ("app5", "whole", 0)] {
        let scope = world.scope_of("own", &app(label));
        let rule = scope.outbound_rule("httpbin.org", &app(label)).expect("a rule");
        assert_eq!((rule.name.as_str(), rule.spec.subsets.len()), (name, subsets), "{label}");
        assert!(rule.spec.traffic_policy.is_some(), "{label}");
        assert_eq!(scope.inbound_rule("httpbin.org").expect("a rule").name, "whole");
        assert!(scope.has_workload_rules());
    }
}

/// istiod: `TestSidecarScope`, `TestRootSidecarScopePropagation` (`push_context_test.go`).
#[test]
fn which_sidecar_applies() {
    let mut world = World::of("svc1@default; svc2@foo; svc3@foo; svc4@istio-system");
    world.sidecars = vec![
        config("younger", "default", 5, json!({"workloadSelector": {"labels": {"app": "foo"}}})),
        config("foo", "default", 4, json!({"workloadSelector": {"labels": {"app": "foo"}}})),
        config("global", "istio-system", 9, json!({"egress": [{"hosts": ["./*", "istio-system/*"]}]})),
        config("selecting", "istio-system", 1, json!({"workloadSelector": {"labels": {}}})),
        config("whole", "bar", 1, json!({})),
        config("everybody", "bar", 2, json!({"workloadSelector": {}})),
    ];
    for (namespace, label, name, sees) in [
        ("default", "foo", "foo", 4),
        ("default", "bar", "global", 2),
        ("foo", "foo", "global", 3),
        ("nosidecar", "foo", "global", 1),
        ("istio-system", "foo", "selecting", 4),
        ("bar", "foo", "everybody", 4),
    ] {
        let scope = world.scope_of(namespace, &app(label));
        assert_eq!((scope.name().as_str(), scope.services().len()), (name, sees), "{namespace} {label}");
        assert_eq!(scope.namespace(), namespace);
    }
    let gateway = world.build(crate::proxy::ProxyKind::Router, "default", &app("foo"), &world.index());
    assert_eq!((gateway.name().as_str(), gateway.services().len()), ("default-sidecar", 4));
    world.sidecars.clear();
    assert_eq!(world.scope("default").name(), "default-sidecar");
}
