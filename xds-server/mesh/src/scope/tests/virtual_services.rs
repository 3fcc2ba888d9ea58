//! Which `VirtualServices` a listener selects: rows of istiod's `virtualservice_test.go`, and of
//! `TestVirtualServiceWithExportTo` and its kin (`push_context_test.go`).

use serde_json::{Value, json};

use super::world::{World, config};
use crate::object::Config;
use crate::object::istio::MeshConfig;
use crate::rules::VirtualServiceIndex;

fn selected(world: &World, namespace: &str) -> Vec<String> {
    let scope = world.scope(namespace);
    scope.listeners()[0].virtual_services.iter().map(|r| r.meta().name.to_string()).collect()
}

fn world_of(rules: &[(&str, &str, &[&str])]) -> World {
    let add = |world: World, (name, namespace, hosts): &(&str, &str, &[&str])| {
        world.virtual_service(name, namespace, json!({"hosts": hosts}))
    };
    rules.iter().fold(World::default(), add)
}

#[test]
fn hosts_that_overlap_with_imports() {
    let world = world_of(&[
        ("1", "not-default", &["test-private-2.com"]),
        ("2", "not-default", &["test-private-2.com"]),
        ("3", "not-default", &["test-private-3.com"]),
        ("4", "not-default", &["test-headless.com", "example.com"]),
        ("5", "not-default", &["test-svc.testns.svc.cluster.local"]),
        ("6", "not-default", &["match-no-service"]),
        ("7", "some-other-ns", &["test-headless-someother.com"]),
        ("8", "default", &["*.test1.wildcard.com"]),
        ("9", "default", &["foo.test2.wildcard.com"]),
    ]);
    let hosts = "default/bookinfo.com default/private.com not-default/test.com not-default/test-private.com \
                 not-default/test-private-2.com not-default/test-headless.com \
                 some-other-ns/test-headless-someother.com default/a.test1.wildcard.com \
                 default/*.test2.wildcard.com";
    assert_eq!(selected(&world.sidecar("some-ns", hosts), "some-ns"), ["1", "2", "4", "7", "8", "9"]);
}

#[test]
fn exclusions() {
    let world = world_of(&[
        ("vs-a", "a", &["a.com"]),
        ("vs-b", "b", &["b.com"]),
        ("vs-multi", "a", &["drop.com", "keep.com"]),
        ("vs-wild", "w", &["*.org"]),
        ("vs-exact", "w", &["a.org"]),
    ]);
    let of_w = ["vs-exact", "vs-wild"];
    for (hosts, want) in [
        ("*/* ~w/*", vec!["vs-a", "vs-b", "vs-multi"]),
        ("*/* ~w/* ~b/*", vec!["vs-a", "vs-multi"]),
        ("*/* ~w/* ~/a.com", vec!["vs-b", "vs-multi"]),
        ("*/* ~w/* ~/drop.com", vec!["vs-a", "vs-b", "vs-multi"]),
        ("*/* ~w/* ~/drop.com ~/keep.com", vec!["vs-a", "vs-b"]),
        ("*/* ~w/* ~a/a.com", vec!["vs-b", "vs-multi"]),
        ("~/*", vec![]),
        ("w/*", of_w.to_vec()),
        ("w/* ~/*.org", vec![]),
        ("w/* ~/a.org", vec!["vs-wild"]),
    ] {
        assert_eq!(selected(&world.clone().sidecar("own", hosts), "own"), want, "{hosts}");
    }
}

/// A route of the Gateway API is imported as a service is, and the namespace's own go first.
#[test]
fn gateway_semantics() {
    let mut world = World::default();
    for (name, namespace, host, gateway) in [
        ("1", "a", "x.com", false),
        ("2", "own", "x.com", true),
        ("3", "a", "*.com", true),
        ("4", "a", "*.com", false),
    ] {
        let mut rule = Config::clone(&config(name, namespace, 0, json!({"hosts": [host]})));
        if gateway {
            rule.meta.annotations.insert("internal.istio.io/route-semantics".into(), "gateway".into());
        }
        world.virtual_services.push(rule.into());
    }
    assert_eq!(selected(&world.clone().sidecar("own", "*/x.com"), "own"), ["2", "1", "4"]);
    assert_eq!(selected(&world.sidecar("own", "*/*"), "own"), ["2", "1", "3", "4"]);
}

fn hosts(index: &VirtualServiceIndex, namespace: &str, gateway: &str) -> Vec<String> {
    index.of_gateway(namespace, gateway).iter().flat_map(|r| &r.spec.hosts).map(ToString::to_string).collect()
}

#[test]
fn exported_by_name_or_to_all() {
    let rule = |name: &str, namespace: &str, gateways: Value, export_to: Value| {
        config(
            name,
            namespace,
            0,
            json!({"hosts": [format!("{name}.com")], "gateways": gateways, "exportTo": export_to}),
        )
    };
    let to = json!(["test2", "ns1", "test1"]);
    let all = json!(["test1", "test2", "*"]);
    let index = VirtualServiceIndex::new(
        &[
            rule("rule1", "test1", json!([]), json!([".", "ns1"])),
            rule("rule2", "test2", json!([]), to.clone()),
            rule("rule2gw", "test2", json!(["default/gateway", "mesh"]), to),
            rule("rule3", "test3", json!(["mesh"]), all.clone()),
            rule("rule3gw", "test3", json!(["default/gateway"]), all),
            rule("zzz", "zzz", json!([]), json!([])),
            rule("hidden", "zzz", json!([]), json!(["~", "test1"])),
        ],
        &MeshConfig::default(),
    );
    for (namespace, mesh, gateway) in [
        (
            "test1",
            &["rule1.com", "rule2.com", "rule2gw.com", "rule3.com", "zzz.com"][..],
            &["rule2gw.com", "rule3gw.com"][..],
        ),
        ("test2", &["rule2.com", "rule2gw.com", "rule3.com", "zzz.com"], &["rule2gw.com", "rule3gw.com"]),
        (
            "ns1",
            &["rule1.com", "rule2.com", "rule2gw.com", "rule3.com", "zzz.com"],
            &["rule2gw.com", "rule3gw.com"],
        ),
        ("random", &["rule3.com", "zzz.com"], &["rule3gw.com"]),
    ] {
        assert_eq!(hosts(&index, namespace, "mesh"), mesh, "{namespace}");
        assert_eq!(hosts(&index, namespace, "default/gateway"), gateway, "{namespace}");
    }
}

#[test]
fn exported_by_default() {
    let mesh = MeshConfig {
        default_virtual_service_export_to: vec![".".into(), "ns1".into()],
        ..MeshConfig::default()
    };
    let rule = |name: &str, namespace: &str, gateways: Value| {
        config(name, namespace, 0, json!({"hosts": [format!("{name}.com")], "gateways": gateways}))
    };
    let index = VirtualServiceIndex::new(
        &[
            rule("one", "test1", json!([])),
            rule("two", "test2", json!([])),
            rule("gw", "test1", json!(["default/gateway"])),
        ],
        &mesh,
    );
    for (namespace, gateway, want) in [
        ("test1", "mesh", &["one.com"][..]),
        ("ns1", "mesh", &["one.com", "two.com"]),
        ("test2", "mesh", &["two.com"]),
        ("random", "mesh", &[]),
        ("test1", "default/gateway", &["gw.com"]),
        ("ns1", "default/gateway", &["gw.com"]),
        ("random", "default/gateway", &[]),
    ] {
        assert_eq!(hosts(&index, namespace, gateway), want, "{namespace} {gateway}");
    }
}

/// istiod: `TestComputeWildcardHostVirtualServiceIndex`.
#[test]
fn the_most_specific_one_of_a_host() {
    let mut world = World::default();
    for (name, created, host) in [
        ("foo", 1, "foo.example.com"),
        ("foo2", 2, "foo.example.com"),
        ("wild", 3, "*.example.com"),
        ("barwild", 4, "*.bar.example.com"),
        ("barwild2", 5, "*.bar.example.com"),
    ] {
        world.virtual_services.push(config(name, "default", created, json!({"hosts": [host]})));
    }
    let scope = world.scope("default");
    let name = |host: &str| scope.listeners()[0].most_specific(host).map(|r| r.meta().name.to_string());
    for (host, want) in [
        ("foo.example.com", Some("foo")),
        ("baz.example.com", Some("wild")),
        ("qux.bar.example.com", Some("barwild")),
        ("*.bar.example.com", Some("barwild")),
        ("example.org", None),
    ] {
        assert_eq!(name(host).as_deref(), want, "{host}");
    }
}

/// istiod: `TestInitVirtualService`.
#[test]
fn delegates_stand_in_the_place_of_their_route() {
    let root = |delegate: Value| {
        json!({"hosts": ["a.org"], "gateways": ["gateway"], "http": [
            {"match": [{"uri": {"prefix": "/productpage"}}], "delegate": delegate},
            {"route": [{"destination": {"host": "rest"}}]},
        ]})
    };
    let delegate = |export_to: Value| {
        json!({"exportTo": export_to, "http": [
            {"match": [{"uri": {"prefix": "/productpage/v1"}}], "route": [{"destination": {"host": "test"}}]},
            {"match": [{"uri": {"prefix": "/other"}}], "route": [{"destination": {"host": "never"}}]},
        ]})
    };
    let destinations = |delegate: Value, name: &str| {
        let rules = [
            config("root", "ns1", 0, root(json!({"name": name, "namespace": "ns2"}))),
            config("delegate", "ns2", 0, delegate),
        ];
        let index = VirtualServiceIndex::new(&rules, &MeshConfig::default());
        let rules = index.of_gateway("ns3", "ns1/gateway");
        let [rule] = &rules[..] else { panic!("one rule, not {rules:?}") };
        let keys: Vec<_> = rule.from.iter().map(ToString::to_string).collect();
        assert_eq!(keys, ["VirtualService/ns1/root".to_owned(), format!("VirtualService/ns2/{name}")]);
        let hosts = rule.spec.http.iter().flat_map(|r| &r.route).filter_map(|r| r.destination.as_ref());
        hosts.map(|d| d.host.to_string()).collect::<Vec<_>>()
    };
    let rest = "rest.ns1.svc.cluster.local";
    assert_eq!(destinations(delegate(json!(["*"])), "delegate"), ["test.ns2.svc.cluster.local", rest]);
    assert_eq!(destinations(delegate(json!(["ns1"])), "delegate"), ["test.ns2.svc.cluster.local", rest]);
    assert_eq!(
        destinations(delegate(json!(["."])), "delegate"),
        [rest],
        "not exported to the root's namespace"
    );
    assert_eq!(destinations(delegate(json!(["*"])), "missing"), [rest]);
}
