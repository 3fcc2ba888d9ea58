//! What holds for every mesh and every Sidecar.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::RngSeed;
use serde_json::json;

use super::world::{World, config, written};
use crate::object::Labels;
use crate::proxy::ProxyKind;
use crate::scope::Scope;

const NAMESPACES: [&str; 4] = ["own", "a", "b", "c"];
const HOSTS: [&str; 7] = ["x.com", "y.com", "*.com", "x.org", "*.org", "z.x.com", "*.x.com"];
const ENTRIES: [&str; 18] = [
    "*/*",
    "*/*.com",
    "*/x.com",
    "./*",
    "./x.com",
    "a/*",
    "a/x.com",
    "a/y.com",
    "b/*.com",
    "b/z.x.com",
    "c/*.org",
    "c/x.org",
    "*/*.x.com",
    "b/x.com",
    "own/y.com",
    "c/*",
    "a/*.x.com",
    "b/y.com",
];
const EXCLUSIONS: [&str; 6] = ["~/x.com", "~a/*", "~./*.com", "~b/x.com", "~/*.org", "~c/*"];
const PORTS: [u32; 3] = [80, 90, 443];

/// Services of which no two have the same host and namespace.
fn services() -> impl Strategy<Value = String> {
    let all: Vec<(&str, &str)> = HOSTS.iter().flat_map(|h| NAMESPACES.map(|n| (*h, n))).collect();
    let one = |(host, namespace): (&'static str, &'static str)| {
        let export = select(vec!["", " export=*", " export=.", " export=own", " export=a,b", " export=~"]);
        let ports = subsequence(PORTS.to_vec(), 1..=3);
        (select(vec!["", "K "]), ports, 0..4_i64, export).prop_map(
            move |(registry, ports, created, export)| {
                let ports: Vec<_> = ports.iter().map(ToString::to_string).collect();
                format!("{registry}{host}@{namespace}[{}] t={created} name={host}{export}", ports.join(","))
            },
        )
    };
    subsequence(all, 0..20)
        .prop_flat_map(move |picked| picked.into_iter().map(one).collect::<Vec<_>>())
        .prop_map(|s| s.join(";"))
}

fn entries(from: &'static [&'static str], most: usize) -> impl Strategy<Value = Vec<&'static str>> {
    subsequence(from.to_vec(), 0..=most)
}

fn world(services: &str, rules: &[(usize, &'static str, &'static str)]) -> World {
    let mut world = World::of(services);
    for (i, (to, host, namespace)) in rules.iter().enumerate() {
        let destination = json!({"destination": {"host": HOSTS[*to]}});
        let spec = json!({"hosts": [host], "http": [{"route": [destination]}]});
        world.virtual_services.push(config(&format!("vs{i}"), namespace, 0, spec));
        let spec = json!({"host": host, "subsets": [{"name": format!("v{i}")}]});
        world.rules.push(config(&format!("dr{i}"), namespace, 0, spec));
    }
    world
}

fn rules() -> impl Strategy<Value = Vec<(usize, &'static str, &'static str)>> {
    vec((0..HOSTS.len(), select(HOSTS.to_vec()), select(NAMESPACES.to_vec())), 0..5)
}

fn hosts(scope: &Scope) -> BTreeSet<String> {
    scope.services().iter().map(|s| s.hostname.to_string()).collect()
}

/// All that shapes answers.
fn picture(scope: &Scope) -> Vec<String> {
    let mut lines = vec![written(scope.services())];
    for listener in scope.listeners() {
        let rules: Vec<_> = listener.virtual_services.iter().map(|r| r.key().to_string()).collect();
        lines.push(format!("{} | {}", written(&listener.services), rules.join(" ")));
    }
    for service in scope.services() {
        let rules =
            scope.rules(&service.hostname).iter().map(|r| format!("{:?} {:?}", r.from, r.spec.subsets));
        lines.push(format!("{}: {}", service.hostname, rules.collect::<Vec<_>>().join(" ")));
    }
    lines
}

fn settings() -> ProptestConfig {
    ProptestConfig {
        cases: 400,
        rng_seed: RngSeed::Fixed(7),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(settings())]

    #[test]
    fn a_wider_sidecar_sees_no_less(
        services in services(),
        rules in rules(),
        narrow in entries(&ENTRIES, 6),
        more in entries(&ENTRIES, 6),
        exclusions in entries(&EXCLUSIONS, 2),
    ) {
        let world = world(&services, &rules);
        let sees = |entries: &[&str]| hosts(&world.clone().sidecar("own", &entries.join(" ")).scope("own"));
        let narrow = [&["nowhere/nothing"][..], &narrow].concat();
        let wide = [&narrow[..], &more].concat();
        prop_assert!(sees(&narrow).is_subset(&sees(&wide)));
        prop_assert!(sees(&wide).is_subset(&hosts(&world.scope("own"))));
        prop_assert!(sees(&[&wide[..], &exclusions].concat()).is_subset(&sees(&wide)));
    }

    #[test]
    fn the_order_of_files_does_not_matter(
        services in services(),
        rules in rules(),
        listed in entries(&ENTRIES, 6),
        by in 1..7_usize,
    ) {
        let world = world(&services, &rules).sidecar("own", &format!("80:HTTP */*; {} ~c/x.org", listed.join(" ")));
        let mut turned = world.clone();
        turned.services.reverse();
        let places = turned.services.len().max(1);
        turned.services.rotate_left(by % places);
        turned.virtual_services.reverse();
        turned.rules.reverse();
        prop_assert_eq!(picture(&world.scope("own")), picture(&turned.scope("own")));
    }

    #[test]
    fn looking_up_is_as_looking_at_all(services in services(), listed in entries(&ENTRIES, 18)) {
        // Of two namespaces of one host the two ways prefer different ones (tests/egress.rs).
        let mut hosts = BTreeSet::new();
        let host = |e: &&str| e.split('/').nth(1).map(str::to_owned);
        let exact: Vec<_> = listed.into_iter().filter(|e| !e.contains('*') && hosts.insert(host(e))).collect();
        prop_assume!(!exact.is_empty());
        let world = World::of(&services);
        let sees = |more: &str| {
            let scope = world.clone().sidecar("own", &format!("{} {more}", exact.join(" "))).scope("own");
            scope.services().iter().map(|s| written(std::slice::from_ref(s))).collect::<BTreeSet<_>>()
        };
        prop_assert_eq!(sees(""), sees("nowhere/*"));
        prop_assert_eq!(sees(""), sees("*/no.such.host"));
    }

    #[test]
    fn what_is_whole_is_shared_and_everything_is_explained(
        services in services(),
        rules in rules(),
        listed in entries(&ENTRIES, 6),
        port in select(PORTS.to_vec()),
    ) {
        let world = world(&services, &rules).sidecar("own", &format!("{port}:HTTP {}; b/*", listed.join(" ")));
        let index = world.index();
        let scope = world.build(ProxyKind::Sidecar, "own", &Labels::new(), &index);
        for service in scope.services().iter().chain(scope.listeners().iter().flat_map(|l| l.services.iter())) {
            let whole = index.get(&service.hostname, &service.namespace).expect("a service of the mesh");
            prop_assert!(Arc::ptr_eq(service, whole) || **service != **whole);
            prop_assert!(service.ports.iter().all(|p| whole.ports.contains(p)));
        }
        prop_assert_eq!(scope.imports().len(), scope.services().len());
        prop_assert_eq!(scope.services().len() + scope.absences(&index).len(), index.all().count());
        for service in scope.services() {
            prop_assert!(scope.service(&service.hostname).is_some_and(|s| Arc::ptr_eq(s, service)));
        }
    }
}
