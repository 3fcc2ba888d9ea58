//! Which `DestinationRules` a service gets: rows of istiod's `TestSetDestinationRule...` (`push_context_test.go`).

use serde_json::{Value, json};

use super::world::{World, config};
use crate::object::istio::MeshConfig;
use crate::rules::{DestinationRuleIndex, MergedRule};

fn subsets(names: &[&str]) -> Value {
    names.iter().map(|n| json!({"name": n})).collect()
}

fn names(rule: &MergedRule) -> Vec<String> {
    rule.spec.subsets.iter().map(|s| s.name.to_string()).collect()
}

fn from(rule: &MergedRule) -> Vec<String> {
    rule.from.iter().map(|k| k.name.to_string()).collect()
}

#[test]
fn rules_by_visibility() {
    let mut rules = Vec::new();
    for (name, namespace, host, export_to, of) in [
        ("rule1", "test1", "httpbin.org", &[".", "ns1"][..], ["1", "2"]),
        ("rule2", "test2", "httpbin.org", &["test2", "ns1", "test1", "newNS"], ["3", "4"]),
        ("rule3", "test3", "httpbin.org", &["test1", "test2", "*"], ["5", "6"]),
        ("rule4-local", "test4", "httpbin.org", &["test4"], ["15", "16"]),
        ("rule4", "istio-system", "httpbin.org", &[], ["7", "8"]),
        ("rule1", "istio-system", "httpbin.org", &["."], ["9", "10"]),
        ("rule2", "istio-system", "*.org", &["."], ["11", "12"]),
        ("rule3", "istio-system", "*.app.org", &["."], ["13", "14"]),
        ("rule5", "test5", "api.test.com", &["istio-system"], ["5-0", "5-1"]),
        ("rule6", "test6", "api.test.com", &["istio-system"], ["6-0", "6-1"]),
    ] {
        let spec = json!({"host": host, "exportTo": export_to, "subsets": subsets(&of)});
        rules.push(config(name, namespace, 0, spec));
    }
    let index = DestinationRuleIndex::new(&rules, &MeshConfig::default());
    for (proxy, service, host, want) in [
        ("test1", "test1", "httpbin.org", Some(["1", "2"])),
        ("test1", "test2", "httpbin.org", Some(["1", "2"])),
        ("test2", "test1", "httpbin.org", Some(["3", "4"])),
        ("newNS", "test2", "httpbin.org", Some(["3", "4"])),
        ("test3", "test1", "httpbin.org", Some(["5", "6"])),
        ("test5", "test4", "httpbin.org", Some(["7", "8"])),
        ("ns1", "test1", "httpbin.org", Some(["1", "2"])),
        ("ns1", "random", "httpbin.org", Some(["7", "8"])),
        ("random", "random", "httpbin.org", Some(["7", "8"])),
        ("test3", "random", "httpbin.org", Some(["5", "6"])),
        ("istio-system", "random", "httpbin.org", Some(["9", "10"])),
        ("istio-system", "istio-system", "httpbin.org", Some(["9", "10"])),
        ("istio-system", "istio-system", "foo.app.org", Some(["13", "14"])),
        ("istio-system", "test5", "api.test.com", Some(["5-0", "5-1"])),
        ("istio-system", "test6", "api.test.com", Some(["6-0", "6-1"])),
        ("istio-system", "test7", "api.test.com", None),
    ] {
        let services = World::of(&format!("{host}@{service}")).services;
        let found = index.lookup(proxy, &services[0]);
        let found = found.as_ref().map(|rules| names(&rules[0]));
        let want = want.map(|w| w.map(str::to_owned).to_vec());
        assert_eq!(found, want, "{proxy} {service} {host}");
    }
}

/// `appN` select workloads; none is exported. Each also takes in the rule that is for all.
#[test]
fn rules_for_workloads() {
    let rule = |name: &str, created: i64, app: Option<&str>| {
        let selector = app.map(|app| json!({"matchLabels": {"app": app}}));
        let to = if app.is_some() { ["test2", "."] } else { [".", "test2"] };
        config(
            name,
            "test",
            created,
            json!({"host": "httpbin.org", "exportTo": to, "workloadSelector": selector}),
        )
    };
    let rules = [
        rule("app1", 5, Some("1")),
        rule("app2", 6, Some("2")),
        rule("app3", 6, Some("2")),
        rule("all", 4, None),
    ];
    let index = DestinationRuleIndex::new(&rules, &MeshConfig::default());
    let service = &World::of("httpbin.org@test").services[0];
    let found = |namespace| {
        let rules = index.lookup(namespace, service).expect("rules");
        rules.iter().map(|r| from(r)).collect::<Vec<_>>()
    };
    assert_eq!(found("test"), [vec!["app1", "all"], vec!["app2", "app3", "all"], vec!["all"]]);
    assert_eq!(found("test2"), [vec!["all"]]);
}

#[test]
fn a_rule_for_all_is_swallowed_by_one_with_the_same_export() {
    let rules = [
        config("app", "a", 0, json!({"host": "x.com", "workloadSelector": {"matchLabels": {"app": "x"}}})),
        config("all", "a", 0, json!({"host": "x.com", "exportTo": ["."]})),
    ];
    let index = DestinationRuleIndex::new(&rules, &MeshConfig::default());
    let found = index.lookup("a", &World::of("x.com@a").services[0]).expect("rules");
    assert_eq!(found.iter().map(|r| from(r)).collect::<Vec<_>>(), [["app", "all"]]);
}

#[test]
fn rules_of_one_host_are_merged() {
    let rule = |name: &str, export_to: &[&str], of: [&str; 2]| {
        config(
            name,
            "test",
            0,
            json!({"host": "httpbin.org", "exportTo": export_to, "subsets": subsets(&of)}),
        )
    };
    let rules = [
        rule("rule1", &[], ["1", "2"]),
        rule("rule2", &[], ["2", "4"]),
        rule("rule3", &["istio-system"], ["5", "6"]),
    ];
    let index = DestinationRuleIndex::new(&rules, &MeshConfig::default());
    let service = &World::of("httpbin.org@test").services[0];
    let found = |namespace| {
        let rules = index.lookup(namespace, service).expect("rules");
        rules.iter().map(|r| (r.name.to_string(), names(r))).collect::<Vec<_>>()
    };
    let merged = ("rule1".to_owned(), ["1", "2", "4"].map(str::to_owned).to_vec());
    assert_eq!(found("test"), std::slice::from_ref(&merged));
    assert_eq!(found("other"), std::slice::from_ref(&merged));
    assert_eq!(found("istio-system"), [merged, ("rule3".to_owned(), ["5", "6"].map(str::to_owned).to_vec())]);
}

#[test]
fn a_specific_rule_that_is_not_exported_hides_a_wildcard_one() {
    let rules = [
        config("specific", "test", 0, json!({"host": "a.com", "exportTo": ["elsewhere"]})),
        config("wild", "test", 0, json!({"host": "*.com"})),
        config("root", "istio-system", 0, json!({"host": "*"})),
    ];
    let index = DestinationRuleIndex::new(&rules, &MeshConfig::default());
    let found = |host: &str| index.lookup("own", &World::of(host).services[0]).map(|r| r[0].name.to_string());
    assert_eq!(found("a.com@test").as_deref(), Some("root"));
    assert_eq!(found("b.com@test").as_deref(), Some("wild"));
}

#[test]
fn a_rule_that_stands_alone_is_one_everywhere() {
    let rules = [config("rule", "a", 0, json!({"host": "x"}))];
    let index = DestinationRuleIndex::new(&rules, &MeshConfig::default());
    let service = &World::of("x.a.svc.cluster.local@a").services[0];
    let found = |namespace| index.lookup(namespace, service).expect("rules")[0].clone();
    assert!(std::sync::Arc::ptr_eq(&found("a"), &found("b")));
    assert_eq!(found("b").spec.host, "x.a.svc.cluster.local");
}
