//! Which services a namespace may see: istiod's `TestServiceWithExportTo`, `TestServiceIndexDefaultServiceExportTo`
//! (`push_context_test.go`).

use super::world::World;
use crate::service::Registry;

fn exported(world: &World, namespace: &str) -> Vec<String> {
    world.index().exported_to(namespace).map(|s| s.hostname.to_string()).collect()
}

#[test]
fn exported_by_name_or_to_all() {
    let world = World::of(
        "svc1@test1 export=.,ns1; svc2@test2 export=test1,ns1,test2; svc3@test3 export=test1,*,test2; svc4@test4; \
         svc4@test4; K svc4@test4; svc5@test5 export=~,test1",
    );
    for (namespace, want) in [
        ("test1", &["svc1", "svc2", "svc3", "svc4", "svc4", "svc4"][..]),
        ("test2", &["svc2", "svc3", "svc4", "svc4", "svc4"]),
        ("ns1", &["svc1", "svc2", "svc3", "svc4", "svc4", "svc4"]),
        ("random", &["svc3", "svc4", "svc4", "svc4"]),
    ] {
        assert_eq!(exported(&world, namespace), want, "{namespace}");
    }
    let index = world.index();
    assert_eq!(index.get("svc4", "test4").map(|s| s.registry), Some(Registry::Kubernetes));
    let some = |owners: &[&str]| {
        let owners: Vec<_> = owners.iter().map(|o| (*o).into()).collect();
        index.exported_to_from("ns1", owners.iter()).map(|s| s.hostname.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(some(&["test4", "test3"]), exported(&world, "ns1"), "in the same order");
    assert_eq!(some(&["test3"]), ["svc1", "svc2", "svc3"]);
}

#[test]
fn exported_by_default() {
    let mut world =
        World::of("svc-unset-1@test1; svc-unset-2@test2; svc-bar-ns@bar; svc-public@test1 export=*");
    world.mesh.default_service_export_to = vec![".".into(), "bar".into()];
    for (namespace, want) in [
        ("test1", &["svc-unset-1", "svc-public"][..]),
        ("test2", &["svc-unset-2", "svc-public"]),
        ("bar", &["svc-bar-ns", "svc-unset-1", "svc-unset-2", "svc-public"]),
    ] {
        assert_eq!(exported(&world, namespace), want, "{namespace}");
    }
}
