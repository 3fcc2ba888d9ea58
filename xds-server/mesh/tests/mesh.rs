//! A mesh changes: what each change concerns, and what snapshots share.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};
use xdslab_mesh::object::{ObjectKey, Reading, read};
use xdslab_mesh::{Change, ChangeSet, ConfigKind, Effects, Mesh, NodeIdentity, Proxy, Reason, Snapshot};

fn apply(values: impl IntoIterator<Item = Value>) -> ChangeSet {
    values.into_iter().map(|v| Change::Apply(object(v))).collect()
}

fn object(value: Value) -> xdslab_mesh::object::Object {
    match read(value) {
        Ok(Reading::Object(object, _)) => object,
        other => panic!("a good object, not {other:?}"),
    }
}

fn delete(value: Value) -> ChangeSet {
    let key: ObjectKey = object(value).key();
    ChangeSet { changes: vec![Change::Delete(key)] }
}

fn service(name: &str, port: u32) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "default"},
           "spec": {"clusterIP": "10.0.0.1", "selector": {"app": name},
                    "ports": [{"name": "http", "port": port, "targetPort": 8080}]}})
}

fn pod(name: &str, app: &str, account: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod",
           "metadata": {"name": name, "namespace": "default", "labels": {"app": app}},
           "spec": {"serviceAccountName": account},
           "status": {"podIP": "10.1.0.1", "phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}})
}

fn slice(service: &str, pods: &[(&str, bool)]) -> Value {
    let endpoint = |(i, (pod, ready)): (usize, &(&str, bool))| {
        json!({"addresses": [format!("10.1.0.{}", i + 1)], "conditions": {"ready": ready},
               "targetRef": {"kind": "Pod", "name": pod, "namespace": "default"}})
    };
    let endpoints: Vec<Value> = pods.iter().enumerate().map(endpoint).collect();
    json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
           "metadata": {"name": format!("{service}-1"), "namespace": "default",
                        "labels": {"kubernetes.io/service-name": service}},
           "addressType": "IPv4", "endpoints": endpoints, "ports": [{"name": "http", "port": 8080}]})
}

fn sidecar(hosts: &[&str]) -> Value {
    json!({"apiVersion": "networking.istio.io/v1", "kind": "Sidecar",
           "metadata": {"name": "default", "namespace": "istio-system"}, "spec": {"egress": [{"hosts": hosts}]}})
}

fn kinds(effects: &Effects) -> BTreeSet<ConfigKind> {
    effects.keys.iter().map(|k| k.kind).collect()
}

fn proxy(namespace: &str) -> Proxy {
    let id = format!("sidecar~10.9.9.9~client.{namespace}~{namespace}.svc.cluster.local");
    let metadata = json!({"NAMESPACE": namespace, "CLUSTER_ID": "Kubernetes"});
    Proxy::parse(NodeIdentity { id: id.into(), metadata, ..NodeIdentity::default() }).expect("a whole node")
}

fn hosts(snapshot: &Snapshot, namespace: &str) -> Vec<String> {
    let proxy = proxy(namespace);
    let workload = snapshot.workload(&proxy);
    snapshot.scope(&proxy, &workload.labels).services().iter().map(|s| s.hostname.to_string()).collect()
}

#[test]
fn each_change_concerns_what_istiod_says() {
    let mut mesh = Mesh::new();
    let effects = mesh.apply(apply([service("a", 80)]));
    assert_eq!(kinds(&effects), [ConfigKind::ServiceEntry].into());
    assert!(mesh.apply(apply([service("a", 80)])).is_empty(), "nothing changed");

    mesh.apply(apply([pod("a-1", "a", "a"), pod("a-2", "a", "a")]));
    let first = mesh.apply(apply([slice("a", &[("a-1", true)])]));
    assert_eq!(kinds(&first), [ConfigKind::ServiceEntry].into(), "a new account shows in the cluster");
    let second = mesh.apply(apply([slice("a", &[("a-1", true), ("a-2", true)])]));
    assert_eq!(kinds(&second), [ConfigKind::Endpoints].into(), "the same account does not");
    let unready = mesh.apply(apply([slice("a", &[("a-1", true), ("a-2", false)])]));
    assert_eq!(kinds(&unready), [ConfigKind::Endpoints].into());
    assert_eq!(unready.reasons.get(&Reason::Endpoint), Some(&1));
    let none = mesh.apply(apply([slice("a", &[])]));
    assert_eq!(kinds(&none), [ConfigKind::Endpoints].into(), "scaling to nothing is no new service");
    let again = mesh.apply(apply([slice("a", &[("a-1", true)])]));
    assert_eq!(
        kinds(&again),
        [ConfigKind::Endpoints].into(),
        "nor is scaling from it, with the same account"
    );
    let unready = mesh.apply(apply([slice("a", &[("a-1", true), ("a-2", false)])]));
    assert_eq!(kinds(&unready), [ConfigKind::Endpoints].into(), "one that is not ready is told too");
    let ready = mesh.apply(apply([slice("a", &[("a-1", true), ("a-2", true)])]));
    assert_eq!(kinds(&ready), [ConfigKind::Endpoints].into());

    assert_eq!(kinds(&mesh.apply(apply([sidecar(&["./*"])]))), [ConfigKind::Sidecar].into());
    assert_eq!(kinds(&mesh.apply(delete(sidecar(&["./*"])))), [ConfigKind::Sidecar].into());
    assert_eq!(kinds(&mesh.apply(delete(service("a", 80)))), [ConfigKind::ServiceEntry].into());
}

#[test]
fn what_asks_for_nothing_else_is_no_news() {
    let mut mesh = Mesh::new();
    let changed = |mut value: Value, path: &str, to: Value| {
        *value.pointer_mut(path).expect("there") = to;
        value
    };
    let mut plain = sidecar(&["./*"]);
    plain["metadata"]["labels"] = json!({"team": "a"});
    let mut web = service("web", 80);
    web["metadata"]["annotations"] = json!({"note": "a"});
    web["spec"]["ports"][0]["targetPort"] = json!(8080);
    web["spec"]["type"] = json!("ClusterIP");
    web["spec"]["publishNotReadyAddresses"] = json!(false);
    let entry = json!({"apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry",
        "metadata": {"name": "e", "namespace": "default"},
        "spec": {"hosts": ["e.example.com"], "ports": [{"number": 80, "name": "http", "protocol": "HTTP", "targetPort": 80}],
                 "resolution": "DNS", "endpoints": [{"address": "one.example.com"}]}});
    mesh.apply(apply([plain.clone(), web.clone(), entry.clone()]));
    for (title, value, kinds_of) in [
        ("a label", changed(plain.clone(), "/metadata/labels/team", json!("b")), vec![]),
        ("an annotation", changed(web.clone(), "/metadata/annotations/note", json!("b")), vec![]),
        (
            "a port of the pods",
            changed(web.clone(), "/spec/ports/0/targetPort", json!(9090)),
            vec![ConfigKind::ServiceEntry],
        ),
        (
            "an address that its clients resolve",
            changed(entry.clone(), "/spec/endpoints/0/address", json!("two.example.com")),
            vec![ConfigKind::ServiceEntry],
        ),
        (
            "a port of the workloads",
            changed(entry.clone(), "/spec/ports/0/targetPort", json!(8080)),
            vec![ConfigKind::ServiceEntry],
        ),
        ("its type", changed(web.clone(), "/spec/type", json!("NodePort")), vec![ConfigKind::ServiceEntry]),
        (
            "whether what is not ready is published",
            changed(web.clone(), "/spec/publishNotReadyAddresses", json!(true)),
            vec![ConfigKind::ServiceEntry],
        ),
    ] {
        let effects = mesh.apply(apply([value]));
        assert_eq!(kinds(&effects), kinds_of.into_iter().collect(), "{title}");
    }
    let mut marked = plain;
    marked["metadata"]["labels"] = json!({"istio.io/rev": "default"});
    assert_eq!(kinds(&mesh.apply(apply([marked]))), [ConfigKind::Sidecar].into(), "a label of Istio's own");
}

#[test]
fn mesh_configuration_concerns_everybody() {
    let config = json!({"apiVersion": "v1", "kind": "ConfigMap",
                        "metadata": {"name": "istio", "namespace": "istio-system"},
                        "data": {"mesh": "connectTimeout: 3s\n"}});
    let mut mesh = Mesh::new();
    let before = mesh.snapshot();
    assert!(mesh.apply(apply([config.clone()])).forced);
    assert_eq!(mesh.snapshot().mesh_config().connect_timeout.secs(), 3);
    assert!(mesh.apply(delete(config)).forced);
    assert_eq!(mesh.snapshot().mesh_config(), before.mesh_config());
}

#[test]
fn one_by_one_is_as_all_at_once_in_any_order() {
    let objects = [
        service("a", 80),
        service("b", 81),
        pod("a-1", "a", "a"),
        slice("a", &[("a-1", true)]),
        sidecar(&["./*"]),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "far", "namespace": "other"},
               "spec": {"clusterIP": "10.0.0.9", "ports": [{"name": "http", "port": 80}]}}),
    ];
    let mut at_once = Mesh::new();
    at_once.apply(apply(objects.clone()));
    let want = at_once.snapshot();
    for turn in 0..objects.len() {
        let mut turned = objects.to_vec();
        turned.rotate_left(turn);
        turned.reverse();
        let mut mesh = Mesh::new();
        for object in turned {
            mesh.apply(apply([object]));
            mesh.snapshot();
        }
        let got = mesh.snapshot();
        assert_eq!(hosts(&got, "default"), hosts(&want, "default"), "turned by {turn}");
        assert_eq!(hosts(&got, "default"), ["a.default.svc.cluster.local", "b.default.svc.cluster.local"]);
        assert_eq!(got.endpoint_index(), want.endpoint_index(), "turned by {turn}");
    }
}

#[test]
fn snapshots_share_what_did_not_change() {
    let mut mesh = Mesh::new();
    mesh.apply(apply([
        service("a", 80),
        service("b", 81),
        pod("a-1", "a", "a"),
        slice("a", &[("a-1", true)]),
    ]));
    let first = mesh.snapshot();
    let scope = |snapshot: &Snapshot, namespace: &str| {
        let proxy = proxy(namespace);
        snapshot.scope(&proxy, &snapshot.workload(&proxy).labels)
    };
    assert!(Arc::ptr_eq(&scope(&first, "default"), &scope(&first, "default")), "one scope for two proxies");

    mesh.apply(apply([slice("a", &[])]));
    let second = mesh.snapshot();
    assert!(Arc::ptr_eq(first.services(), second.services()));
    assert!(
        Arc::ptr_eq(&scope(&first, "default"), &scope(&second, "default")),
        "endpoints are not in a scope"
    );

    mesh.apply(apply([service("b", 82)]));
    let third = mesh.snapshot();
    let of = |snapshot: &Snapshot, host: &str| {
        snapshot.services().get(host, "default").cloned().expect("the service is there")
    };
    assert!(Arc::ptr_eq(
        &of(&second, "a.default.svc.cluster.local"),
        &of(&third, "a.default.svc.cluster.local")
    ));
    assert_eq!(of(&third, "b.default.svc.cluster.local").ports[0].number, 82);
    assert_eq!(
        of(&second, "b.default.svc.cluster.local").ports[0].number,
        81,
        "the old snapshot is as it was"
    );
}
