//! What a scope depends on: rows of istiod's `TestContainsEgressDependencies`, `TestRootNsSidecarDependencies`,
//! `TestSidecarScopeAuthnPolicies` (`sidecar_test.go`), `TestProxyNeedsPush` (`proxy_dependencies_test.go`).

use serde_json::{Value, json};

use super::world::{World, config};
use crate::object::Labels;
use crate::proxy::ProxyKind;
use crate::rules::{ConfigKey, ConfigKind};

fn key(kind: ConfigKind, name: &str, namespace: &str) -> ConfigKey {
    ConfigKey::new(kind, &name.into(), &namespace.into())
}

fn world() -> World {
    World::of("nomatch@nomatch; svc1.com@ns")
        .virtual_service("vs1", "ns", json!({"hosts": ["svc1.com"]}))
        .rule("dr1", "ns", json!({"host": "svc1.com", "exportTo": ["*"]}))
}

#[test]
fn what_is_imported() {
    for (egress, namespace, want) in [
        (Some("*/*"), "ns", true),
        (Some("ns/* */*"), "ns", true),
        (Some("ns/*"), "ns", true),
        (Some("ns/*"), "other-ns", false),
        (None, "ns", true),
        (None, "other-ns", false),
    ] {
        let world = world();
        let scope = egress.map_or(world.clone(), |egress| world.sidecar("default", egress)).scope("default");
        for key in [
            key(ConfigKind::ServiceEntry, "svc1.com", namespace),
            key(ConfigKind::Endpoints, "svc1.com", namespace),
            key(ConfigKind::VirtualService, "vs1", namespace),
            key(ConfigKind::DestinationRule, "dr1", namespace),
        ] {
            assert_eq!(scope.depends_on(&key), want, "{egress:?} {key}");
        }
        assert_eq!(scope.depends_on(&key(ConfigKind::Sidecar, "sidecar", "default")), egress.is_some());
    }
}

#[test]
fn policies_of_the_namespace_and_of_the_mesh() {
    let mut world = World::default();
    world.sidecars.push(config("foo", "istio-system", 0, json!({"egress": [{"hosts": ["*/*"]}]})));
    let scope = world.scope("default");
    for kind in [ConfigKind::AuthorizationPolicy, ConfigKind::RequestAuthentication, ConfigKind::Telemetry] {
        for (namespace, want) in [("default", true), ("ns1", false), ("istio-system", true)] {
            assert_eq!(scope.depends_on(&key(kind, "x", namespace)), want, "{kind} {namespace}");
        }
    }
    assert!(scope.depends_on(&key(ConfigKind::Sidecar, "foo", "istio-system")), "under its own namespace");
    assert!(!scope.depends_on(&key(ConfigKind::Sidecar, "foo", "default")));
}

#[test]
fn peer_authentications_of_imported_namespaces() {
    let mut world = World::of("svc1.com@ns; far.com@far export=.").sidecar("default", "ns/*");
    for (name, namespace) in
        [("default", "default"), ("svc", "ns"), ("unrelated", "other-ns"), ("root", "istio-system")]
    {
        world.authentications.push(config(name, namespace, 0, json!({"mtls": {"mode": "STRICT"}})));
    }
    let scope = world.scope("default");
    let names: Vec<_> = scope.peer_authentications().iter().map(|p| p.meta.name.as_str()).collect();
    assert_eq!(names, ["default", "root", "svc"]);
    for (name, namespace, want) in [
        ("default", "default", true),
        ("svc", "ns", true),
        ("unrelated", "other-ns", false),
        ("root", "istio-system", true),
    ] {
        assert_eq!(scope.depends_on(&key(ConfigKind::PeerAuthentication, name, namespace)), want, "{name}");
    }
}

#[test]
fn delegates_that_are_missing_too() {
    let delegating: Value =
        json!({"hosts": ["svc1.com"], "http": [{"delegate": {"name": "gone", "namespace": "d"}}]});
    let scope = World::of("svc1.com@ns").virtual_service("root", "ns", delegating).scope("ns");
    assert!(scope.depends_on(&key(ConfigKind::VirtualService, "gone", "d")));
    assert!(!scope.depends_on(&key(ConfigKind::VirtualService, "other", "d")));
}

#[test]
fn kinds_of_proxies() {
    let world = world();
    let scope = |kind| world.build(kind, "default", &Labels::new(), &world.index());
    let (sidecar, router, waypoint) =
        (scope(ProxyKind::Sidecar), scope(ProxyKind::Router), scope(ProxyKind::Waypoint));
    for (kind, of_sidecar, of_router) in [
        (ConfigKind::Gateway, false, true),
        (ConfigKind::Sidecar, false, false),
        (ConfigKind::ServiceEntry, false, false),
        (ConfigKind::VirtualService, false, true),
        (ConfigKind::DnsName, true, true),
    ] {
        let key = key(kind, "unknown", "elsewhere");
        assert_eq!((sidecar.depends_on(&key), router.depends_on(&key)), (of_sidecar, of_router), "{kind}");
        assert!(waypoint.depends_on(&key));
    }
    assert!(router.depends_on(&key(ConfigKind::ServiceEntry, "svc1.com", "wherever")));
    assert!(scope(ProxyKind::Ztunnel).services().is_empty());
}
