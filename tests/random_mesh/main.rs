//! What holds for every mesh, on meshes drawn at random.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod drawn;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arcstr::ArcStr;
use proptest::prelude::*;
use serde_json::{Value, json};
use xdslab_mesh::object::{Object, Reading, read};
use xdslab_mesh::{Change, Mesh, NodeIdentity, Proxy, Snapshot};
use xdslab_protocol::{ResourceSet, ResourceType};
use xdslab_server::generate::{Generator, View};
use xdslab_tests::{decoded, eds_names, named_clusters, rds_names};

use drawn::{Drawn, NAMESPACES, drawn, egress_hosts, sidecar};

fn parsed(value: &Value) -> Object {
    match read(value.clone()) {
        Ok(Reading::Object(object, _)) => object,
        other => panic!("{value:#}: {other:?}"),
    }
}

fn mesh(objects: &[Value]) -> Arc<Snapshot> {
    let mut mesh = Mesh::new();
    mesh.apply(objects.iter().map(|o| Change::Apply(parsed(o))).collect());
    mesh.snapshot()
}

fn view(snapshot: &Arc<Snapshot>, namespace: &str, name: &str) -> View {
    let node = NodeIdentity {
        id: format!("sidecar~10.9.0.1~{name}.{namespace}~{namespace}.svc.cluster.local").into(),
        metadata: json!({"NAMESPACE": namespace, "CLUSTER_ID": "Kubernetes", "LABELS": {"app": name}}),
        ..NodeIdentity::default()
    };
    View::new(snapshot.clone(), Arc::new(Proxy::parse(node).unwrap()))
}

/// Everything that the proxies of all namespaces are sent, byte for byte.
fn answers(snapshot: &Arc<Snapshot>) -> BTreeMap<(&'static str, &'static str, ArcStr), Vec<u8>> {
    let generator = Generator::new();
    let mut all = BTreeMap::new();
    for namespace in NAMESPACES {
        let view = view(snapshot, namespace, "client");
        let (clusters, listeners) = (generator.clusters(&view), generator.listeners(&view));
        let endpoints =
            generator.endpoints(&view, &eds_names(&decoded(&ResourceType::Cluster, &clusters).unwrap()));
        let routes =
            generator.routes(&view, &rds_names(&decoded(&ResourceType::Listener, &listeners).unwrap()));
        for (kind, set) in [("cds", clusters), ("eds", endpoints), ("lds", listeners), ("rds", routes)] {
            all.extend(set.iter().map(|r| ((namespace, kind, r.name.clone()), r.body.to_vec())));
        }
    }
    all
}

fn hostnames(set: &ResourceSet) -> BTreeSet<String> {
    let outbound = set.iter().filter(|r| r.name.starts_with("outbound|"));
    outbound.filter_map(|r| r.name.rsplit('|').next().map(str::to_owned)).collect()
}

/// Hosts of services that `namespace` may see at all.
fn visible(mesh: &Drawn, namespace: &str) -> BTreeSet<String> {
    let services = mesh.services.iter().enumerate();
    let services = services.filter(|(_, s)| s.export.reaches(s.namespace(), namespace));
    let entries = mesh.entries.iter().filter(|e| e.export.reaches(e.namespace(), namespace));
    services.map(|(at, s)| s.hostname(at)).chain(entries.map(|e| e.hostname().to_owned())).collect()
}

fn objects(mesh: &Drawn) -> Vec<Value> {
    [mesh.objects(), mesh.sidecars()].concat()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_cluster_for_what_is_not_visible(drawn in drawn()) {
        let snapshot = mesh(&objects(&drawn));
        for namespace in NAMESPACES {
            let clusters = Generator::new().clusters(&view(&snapshot, namespace, "client"));
            let allowed = &visible(&drawn, namespace) | &drawn.destinations(namespace);
            let hidden: Vec<_> = hostnames(&clusters).difference(&allowed).cloned().collect();
            prop_assert!(hidden.is_empty(), "{namespace} sees {hidden:?}");
        }
    }

    #[test]
    fn without_a_sidecar_everything_visible_has_a_cluster(drawn in drawn()) {
        let snapshot = mesh(&drawn.objects());
        for namespace in NAMESPACES {
            let clusters = Generator::new().clusters(&view(&snapshot, namespace, "client"));
            let unseen: Vec<_> = visible(&drawn, namespace).difference(&hostnames(&clusters)).cloned().collect();
            prop_assert!(unseen.is_empty(), "{namespace} has no cluster for {unseen:?}");
        }
    }

    #[test]
    fn every_cluster_that_is_named_exists(drawn in drawn()) {
        // Without Sidecars: one that hides a virtual service's destination leaves its route without a cluster.
        let snapshot = mesh(&drawn.objects());
        let generator = Generator::new();
        for namespace in NAMESPACES {
            let view = view(&snapshot, namespace, "client");
            let clusters: BTreeSet<_> = generator.clusters(&view).iter().map(|r| r.name.to_string()).collect();
            let listeners = decoded(&ResourceType::Listener, &generator.listeners(&view)).unwrap();
            let routes = decoded(&ResourceType::Route, &generator.routes(&view, &rds_names(&listeners))).unwrap();
            let named: BTreeSet<_> = named_clusters(listeners.values().chain(routes.values()));
            // As istiod's, listeners know the ports of every service of a host, and clusters those of one alone where
            // the services cannot be merged.
            let twice = |host: &str| drawn.entries.iter().filter(|e| e.hostname() == host).count() > 1;
            let mut seen = visible(&drawn, namespace);
            seen.retain(|host| !twice(host));
            let of_visible = |name: &&String| name.rsplit('|').next().is_none_or(|h| !h.contains('.') || seen.contains(h));
            let missing: Vec<_> = named.difference(&clusters).filter(of_visible).collect();
            prop_assert!(missing.is_empty(), "{namespace}: {missing:?}");
            prop_assert!(named.contains("PassthroughCluster"));
        }
    }

    #[test]
    fn every_eds_cluster_has_an_assignment(drawn in drawn()) {
        let snapshot = mesh(&objects(&drawn));
        let generator = Generator::new();
        for namespace in NAMESPACES {
            let view = view(&snapshot, namespace, "client");
            let names = eds_names(&decoded(&ResourceType::Cluster, &generator.clusters(&view)).unwrap());
            let assignments = generator.endpoints(&view, &names);
            let answered: Vec<_> = assignments.iter().map(|r| r.name.clone()).collect();
            prop_assert_eq!(answered.iter().collect::<BTreeSet<_>>(), names.iter().collect::<BTreeSet<_>>());
            for (name, assignment) in decoded(&ResourceType::Endpoint, &assignments).unwrap() {
                prop_assert_eq!(assignment["cluster_name"].as_str(), Some(name.as_str()));
            }
        }
    }

    #[test]
    fn a_wider_sidecar_never_sees_less(drawn in drawn(), some in egress_hosts(), more in egress_hosts()) {
        let wide = [some.clone(), more].concat();
        let seen = |hosts: &[&str]| {
            let objects = [drawn.objects(), vec![sidecar("ns-0", "s", hosts)]].concat();
            hostnames(&Generator::new().clusters(&view(&mesh(&objects), "ns-0", "client")))
        };
        let (narrow, wide) = (seen(&some), seen(&wide));
        prop_assert!(narrow.is_subset(&wide), "{:?}", narrow.difference(&wide).collect::<Vec<_>>());
    }

    #[test]
    fn equal_inputs_share_one_scope(drawn in drawn()) {
        let snapshot = mesh(&objects(&drawn));
        for namespace in NAMESPACES {
            let (one, other) = (view(&snapshot, namespace, "one"), view(&snapshot, namespace, "other"));
            prop_assert!(Arc::ptr_eq(&one.scope, &other.scope));
        }
    }

    #[test]
    fn the_order_of_files_does_not_matter(
        (straight, shuffled) in drawn().prop_flat_map(|d| { let all = objects(&d); (Just(all.clone()), Just(all).prop_shuffle()) })
    ) {
        prop_assert!(answers(&mesh(&straight)) == answers(&mesh(&shuffled)));
    }

    #[test]
    fn one_change_after_another_ends_where_all_at_once_do(drawn in drawn(), gone in 0..64_usize) {
        let all = objects(&drawn);
        let gone = parsed(&all[gone % all.len()]).key();
        let mut stepwise = Mesh::new();
        let mut at_once = Mesh::new();
        for object in &all {
            stepwise.apply([Change::Apply(parsed(object))].into_iter().collect());
            stepwise.snapshot();
        }
        stepwise.apply([Change::Delete(gone.clone())].into_iter().collect());
        let rest = all.iter().map(parsed).filter(|object| object.key() != gone);
        at_once.apply(rest.map(Change::Apply).collect());
        prop_assert!(answers(&stepwise.snapshot()) == answers(&at_once.snapshot()));
    }
}
