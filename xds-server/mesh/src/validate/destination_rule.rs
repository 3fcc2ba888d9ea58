//! `DestinationRule` (istiod: `ValidateDestinationRule`).

use std::collections::BTreeSet;

use super::faults::Faults;
use super::{export_to, host, labels, traffic_policy};
use crate::object::istio::DestinationRule;

/// Refuses what is wrong with a rule in `namespace`.
pub(super) fn check(rule: &DestinationRule, namespace: &str, f: Faults<'_>) {
    host::wild(&rule.host, f.at("host"));
    if let Some(policy) = &rule.traffic_policy {
        traffic_policy::check(policy, namespace, f.at("trafficPolicy"));
    }
    let mut names = BTreeSet::new();
    for (f, subset) in f.each("subsets", &rule.subsets) {
        if !names.insert(&subset.name) {
            let what = format!("two subsets are named {:?}", subset.name);
            f.at("name").push(what, "give each a name of its own, or leave one out");
        }
        subset_name(&subset.name, f.at("name"));
        labels::check(&subset.labels, f.at("labels"));
        if let Some(policy) = &subset.traffic_policy {
            traffic_policy::check(policy, namespace, f.at("trafficPolicy"));
        }
    }
    let of = match rule.workload_selector {
        Some(_) => export_to::Of::SelectingRule,
        None => export_to::Of::Other,
    };
    export_to::check(&rule.export_to, namespace, of, f);
    if let Some(selector) = &rule.workload_selector {
        let f = f.at("workloadSelector");
        labels::selector(&selector.labels, f.at("matchLabels"));
    }
}

/// Refuses what no subset may be named.
pub(super) fn subset_name(name: &str, f: Faults<'_>) {
    if name.is_empty() {
        f.missing("the subset's name", "name it, such as v1");
    } else if !host::is_label(name) {
        f.push(
            format!("{name:?} is not a subset's name"),
            "write letters, digits and - (63 at most), such as v1",
        );
    }
}
