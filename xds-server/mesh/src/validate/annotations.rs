//! Annotations that make istiod refuse an object of any of its kinds.

use super::faults::Faults;
use crate::object::Meta;
use crate::object::istio::AuthorizationAction;

/// The annotation that makes an `AuthorizationPolicy` only tell what it would do.
const DRY_RUN: &str = "istio.io/dry-run";

/// Annotations of istiod's own making.
const INTERNAL: [&str; 3] = [
    "internal.istio.io/parents",
    "internal.istio.io/parent-namespace",
    "internal.istio.io/webhook-always-reject",
];

/// Refuses annotations that the object may not have; `action` is that of an `AuthorizationPolicy`.
pub(super) fn check(meta: &Meta, action: Option<AuthorizationAction>, object: Faults<'_>) {
    let f = object.at("metadata");
    let f = f.at("annotations");
    if let Some(value) = meta.annotations.get(DRY_RUN) {
        dry_run(value, action, f.key(DRY_RUN));
    }
    for name in INTERNAL.iter().filter(|name| meta.annotations.contains_key(**name)) {
        f.key(name).push(format!("the annotation {name} is istiod's own"), "leave it out");
    }
}

fn dry_run(value: &str, action: Option<AuthorizationAction>, f: Faults<'_>) {
    const BOOLEANS: [&str; 12] =
        ["1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"];
    match action {
        None => f.push("only an AuthorizationPolicy can be tried out by dry-run", "leave the annotation out"),
        Some(AuthorizationAction::Allow | AuthorizationAction::Deny) => {
            if !BOOLEANS.contains(&value) {
                f.push(format!("{value:?} is neither true nor false"), "write \"true\" or \"false\"");
            }
        }
        Some(action) => {
            let hint = "leave the annotation out, or write action: ALLOW or DENY";
            f.push(format!("dry-run does not work with action {}", action.word()), hint);
        }
    }
}
