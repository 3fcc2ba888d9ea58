//! What a listener imports: rows of istiod's `TestIstioEgressListenerWrapper`, `TestSelectServicesExactParity`,
//! `TestSidecarOutboundTrafficPolicy`, `TestInboundConnectionPoolForPort` (`sidecar_test.go`).

use serde_json::{Value, json};

use super::world::{World, config, written};
use crate::object::istio::OutboundTrafficPolicyMode;
use crate::scope::Scope;

const A_THEN_B: &str = "host@a[8000] t=1; host@a[9000] t=2; alt@a[8000] t=3; \
                        host@b[8000] t=4; host@b[9000] t=5; alt@b[8000] t=6";
const B_THEN_A: &str = "host@b[8000] t=1; host@b[9000] t=2; alt@b[8000] t=3; \
                        host@a[8000] t=4; host@a[9000] t=5; alt@a[8000] t=6";
const ALL_A: &str = "host@a[8000] host@a[9000] alt@a[8000]";
const ALL_B: &str = "host@b[8000] host@b[9000] alt@b[8000]";

fn listener(services: &str, hosts: &str, namespace: &str) -> String {
    let scope = World::of(services).sidecar(namespace, hosts).scope(namespace);
    written(&scope.listeners()[0].services)
}

#[test]
fn services_of_a_listener() {
    for (hosts, namespace, services, want) in [
        ("*/*", "a", A_THEN_B, ALL_A),
        ("*/*", "a", B_THEN_A, ALL_A),
        ("a/*", "a", A_THEN_B, ALL_A),
        ("b/* b/*", "a", A_THEN_B, ALL_B),
        ("*/alt", "a", A_THEN_B, "alt@a[8000]"),
        ("b/alt", "a", A_THEN_B, "alt@b[8000]"),
        ("b/*", "a", "host@a[8000]", ""),
        ("a/* */*", "a", "host@a[8000]", "host@a[8000]"),
        ("*/host a/alt", "a", A_THEN_B, ALL_A),
        ("b/wildcard.com", "b", "*.test.wildcard.com@b[8000]", ""),
        ("b/*.wildcard.com", "b", "*.test.wildcard.com@b[8000]", "*.test.wildcard.com@b[8000]"),
        ("*/* ~b/*", "a", A_THEN_B, ALL_A),
        ("*/* ~/host", "a", A_THEN_B, "alt@a[8000]"),
        ("b/* ~b/*.wildcard.com", "b", "*.test.wildcard.com@b[8000]", ""),
        ("*/* ~a/*", "b", B_THEN_A, ALL_B),
        ("./* ~/*", "a", A_THEN_B, ""),
        ("~/*", "a", A_THEN_B, ""),
        ("./* ~./host", "a", A_THEN_B, "alt@a[8000]"),
        ("*/host", "c", "host@a[1] t=1; K host@b[2] t=2", "host@b[2]"),
        ("*/host", "a", "host@a[1] t=1; K host@b[2] t=2", "host@a[1]"),
    ] {
        assert_eq!(listener(services, hosts, namespace), want, "{hosts} in {namespace}");
    }
}

/// Exact hosts are looked up; an entry that matches nothing but is not exact makes istiod look at all services.
#[test]
fn looking_up_is_as_looking_at_all() {
    let services =
        "K foo@a[8000]; K bar@a[9000]; K foo@b[8000]; K priv@b[8000] export=.; K shared@c[8000] export=a";
    for (hosts, want) in [
        ("a/foo a/bar", "bar@a[9000] foo@a[8000]"),
        ("b/foo", "foo@b[8000]"),
        ("b/priv", ""),
        ("c/shared", "shared@c[8000]"),
        ("a/missing", ""),
        ("a/foo b/foo b/priv c/shared", "foo@a[8000] shared@c[8000]"),
    ] {
        let sorted = |hosts: &str| {
            let text = listener(services, hosts, "a");
            let mut words: Vec<_> = text.split(' ').map(str::to_owned).collect();
            words.sort();
            words.join(" ")
        };
        assert_eq!(sorted(hosts), want, "{hosts}");
        assert_eq!(sorted(&format!("{hosts} nowhere/*")), want, "{hosts}: services of some namespaces");
        assert_eq!(sorted(&format!("{hosts} */no.such.host")), want, "{hosts}: all services");
    }
}

/// istiod looks up one service a host and namespace: ports of a second one are not found.
#[test]
fn looking_up_misses_a_second_service() {
    let services = "x.com@a[80] t=1 name=one; x.com@a[443] t=2 name=two";
    let scope = |hosts| written(World::of(services).sidecar("a", hosts).scope("a").services());
    assert_eq!(scope("a/x.com"), "x.com@a[80]");
    assert_eq!(scope("a/*"), "x.com@a[80,443]");
}

/// Looked up, the oldest goes first; on the scan, what is exported to the namespace by name.
#[test]
fn looking_up_prefers_another_namespace() {
    let services = "x.com@a[80] t=1; x.com@b[80] t=2 export=own";
    assert_eq!(listener(services, "a/x.com b/x.com", "own"), "x.com@a[80]");
    assert_eq!(listener(services, "a/x.com b/x.com nowhere/*", "own"), "x.com@b[80]");
}

#[test]
fn aliases_are_imported_by_the_same_hosts() {
    let mut world = World::of("K real@a[80]; K alias@a[80]").sidecar("a", "a/real; a/*");
    let alias = crate::service::Alias { namespace: "a".into(), hostname: "alias".into() };
    let real = std::sync::Arc::make_mut(&mut world.services[0]);
    real.aliases.push(alias);
    let scope = world.scope("a");
    let aliases = |at: usize| {
        scope.listeners()[at].services.iter().find(|s| s.hostname == "real").map(|s| s.aliases.len())
    };
    assert_eq!((aliases(0), aliases(1)), (Some(0), Some(1)));
}

#[test]
fn routes_are_served_by_the_listener_of_their_port() {
    let scope = World::of("a@a[80,90]").sidecar("a", "80:HTTP */*; 90:HTTP */*; */*").scope("a");
    let port = |port, bind| scope.listener_of(port, bind).expect("a listener").match_port();
    assert_eq!([port(80, ""), port(90, ""), port(91, ""), port(0, "x")], [Some(80), Some(90), None, None]);
    let only = World::of("a@a[80]").sidecar("a", "80:HTTP */*").scope("a");
    assert!(only.listener_of(81, "").is_none());
}

fn with_spec(mesh: &str, spec: Option<Value>) -> Scope {
    let mut world = World::default();
    world.mesh.outbound_traffic_policy.mode = serde_json::from_value(json!(mesh)).expect("a mode");
    world.sidecars.extend(spec.map(|s| config("sidecar", "own", 0, s)));
    world.scope("own")
}

#[test]
fn outbound_traffic_policy() {
    let sidecar = |policy: Value| Some(json!({"outboundTrafficPolicy": policy}));
    for (mesh, spec, want) in [
        ("ALLOW_ANY", None, OutboundTrafficPolicyMode::AllowAny),
        ("ALLOW_ANY", Some(json!({})), OutboundTrafficPolicyMode::AllowAny),
        ("ALLOW_ANY", sidecar(json!({"mode": "REGISTRY_ONLY"})), OutboundTrafficPolicyMode::RegistryOnly),
        ("ALLOW_ANY", sidecar(json!({"mode": "ALLOW_ANY"})), OutboundTrafficPolicyMode::AllowAny),
        ("ALLOW_ANY", sidecar(json!({})), OutboundTrafficPolicyMode::RegistryOnly),
        ("REGISTRY_ONLY", None, OutboundTrafficPolicyMode::RegistryOnly),
        ("REGISTRY_ONLY", Some(json!({})), OutboundTrafficPolicyMode::RegistryOnly),
        ("REGISTRY_ONLY", sidecar(json!({"mode": "REGISTRY_ONLY"})), OutboundTrafficPolicyMode::RegistryOnly),
        ("REGISTRY_ONLY", sidecar(json!({"mode": "ALLOW_ANY"})), OutboundTrafficPolicyMode::AllowAny),
        ("ALLOW_ANY_DYNAMIC_DNS", None, OutboundTrafficPolicyMode::AllowAnyDynamicDns),
    ] {
        assert_eq!(with_spec(mesh, spec.clone()).outbound_policy().mode, want, "{mesh} {spec:?}");
    }
}

#[test]
fn inbound_connection_pool() {
    let pool = |n: u32| json!({"tcp": {"maxConnections": n}});
    let port =
        |n: u32, pool: Value| json!({"port": {"number": n, "protocol": "HTTP"}, "connectionPool": pool});
    for (spec, want) in [
        (json!({}), [None, None, None]),
        (json!({"ingress": [port(80, Value::Null), port(443, Value::Null)]}), [None, None, None]),
        (json!({"ingress": [port(80, pool(7))]}), [None, Some(7), None]),
        (
            json!({"inboundConnectionPool": pool(9), "ingress": [port(80, Value::Null)]}),
            [Some(9), Some(9), Some(9)],
        ),
        (
            json!({"inboundConnectionPool": pool(9), "ingress": [port(80, pool(7))]}),
            [Some(9), Some(7), Some(9)],
        ),
    ] {
        let scope = with_spec("ALLOW_ANY", Some(spec.clone()));
        let found = |port| Some(scope.inbound_connection_pool(port)?.tcp.as_ref()?.max_connections);
        assert_eq!([22, 80, 443].map(found), want, "{spec}");
    }
}
