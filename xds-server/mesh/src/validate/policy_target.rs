//! What a policy is for: workloads by label, or objects by name.

use super::faults::Faults;
use super::labels;
use crate::object::istio::{PolicySelector, TargetReference};

/// The kinds that a policy can be attached to, with their groups.
const TARGETS: [(&str, &str); 4] = [
    ("", "Service"),
    ("networking.istio.io", "ServiceEntry"),
    ("gateway.networking.k8s.io", "Gateway"),
    ("gateway.networking.k8s.io", "GatewayClass"),
];

/// Refuses more than one way of saying what a policy is for, and what is wrong with each.
pub(super) fn check(
    selector: Option<&PolicySelector>,
    target: Option<&TargetReference>,
    targets: &[TargetReference],
    f: Faults<'_>,
) {
    if [selector.is_some(), target.is_some(), !targets.is_empty()].into_iter().filter(|given| *given).count()
        > 1
    {
        f.push("more than one of selector, targetRef and targetRefs is set", "leave one of them");
    }
    if let Some(selector) = selector {
        let f = f.at("selector");
        labels::selector(&selector.match_labels, f.at("matchLabels"));
    }
    if let Some(target) = target {
        reference(target, f.at("targetRef"));
    }
    for (f, target) in f.each("targetRefs", targets) {
        reference(target, f);
    }
}

fn reference(target: &TargetReference, f: Faults<'_>) {
    if target.name.is_empty() {
        f.at("name").missing("the target's name", "name the object that the policy is attached to");
    }
    if !target.namespace.is_empty() {
        f.at("namespace").push("a policy is only for objects of its own namespace", "leave out namespace");
    }
    let group = if target.group == "core" { "" } else { target.group.as_str() };
    if !TARGETS.contains(&(group, target.kind.as_str())) {
        let what = format!("a policy cannot be attached to {}/{}", target.group, target.kind);
        let hint = "write kind: Service, or with group: kind Gateway or GatewayClass of gateway.networking.k8s.io, \
                    ServiceEntry of networking.istio.io";
        f.push(what, hint);
    }
}
