//! Why a service is in a scope, and why it is not.

use serde_json::json;

use super::world::World;
use crate::object::Labels;
use crate::proxy::ProxyKind;
use crate::scope::{Absence, Import, Scope};

fn import(scope: &Scope, hostname: &str) -> Option<Import> {
    scope.imports().into_iter().find(|(s, _)| s.hostname == hostname).map(|(_, import)| import)
}

#[test]
fn what_imported_a_service() {
    let world = World::of("a@a[80,90]; b@b[80]; c@c[80]; d@own[80] export=~; late@b[90]").virtual_service(
        "vs",
        "b",
        json!({"hosts": ["b"], "http": [{"route": [
            {"destination": {"host": "c"}}, {"destination": {"host": "d"}}, {"destination": {"host": "b"}}
        ]}]}),
    );
    let world = {
        let mut world = world;
        // Destinations with a dot only are full names.
        for rule in &mut world.virtual_services {
            let rule = std::sync::Arc::make_mut(rule);
            rule.meta.annotations.insert("internal.istio.io/route-semantics".into(), "gateway".into());
        }
        world
    };
    let scope = world.clone().sidecar("own", "80:HTTP a/a b/b; a/* b/*").scope("own");
    let host = |listener, host: &str| Some(Import::EgressHost { listener, host: host.into() });
    assert_eq!(import(&scope, "a"), host(0, "a/a"));
    assert_eq!(import(&scope, "b"), host(0, "b/b"));
    assert_eq!(import(&scope, "late"), host(1, "b/*"));
    let rule = world.scope("own").listeners()[0].virtual_services[0].key().clone();
    assert_eq!(import(&scope, "c"), Some(Import::Destination { listener: 0, rule: rule.clone() }));
    let open = world.scope("own");
    assert_eq!(import(&open, "c"), Some(Import::Default));
    assert_eq!(
        import(&open, "d"),
        Some(Import::Destination { listener: 0, rule }),
        "hidden, but a destination"
    );
    let router = world.build(ProxyKind::Router, "own", &Labels::new(), &world.index());
    assert!(router.imports().iter().all(|(_, import)| *import == Import::Default));
}

#[test]
fn why_a_service_is_not_there() {
    let world = World::of(
        "in@a[80]; hidden@a[80] export=.; none@b[80]; out@a[80]; port@p[90]; twice@a[80] t=1; twice@c[80] t=2; \
         nobody@a export=~",
    )
    .sidecar("own", "a/* c/* ~/out; 80:HTTP p/*");
    let index = world.index();
    let scope = world.build(ProxyKind::Sidecar, "own", &Labels::new(), &index);
    let absences = scope.absences(&index);
    let why: Vec<_> =
        absences.iter().map(|(s, why)| format!("{}@{}: {why}", s.hostname, s.namespace)).collect();
    assert_eq!(
        why,
        [
            "hidden@a: exported to . only",
            "nobody@a: exported to ~ only",
            "none@b: no egress host names it",
            "out@a: excluded by egress[0] ~/out",
            "port@p: egress[1] is for port 80, which it has not",
            "twice@c: the host is that of namespace a here",
        ]
    );
    assert_eq!(absences[2].1, Absence::NotImported);
    assert_eq!(scope.services().len() + absences.len(), index.all().count());
}
