//! `exportTo`: which namespaces may see an object.

use std::collections::BTreeSet;

use arcstr::ArcStr;

use super::faults::Faults;
use super::host::is_label;

/// What the list belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// A `ServiceEntry`, which may be exported to nobody (`~`).
    ServiceEntry,
    /// A `DestinationRule` that is for some workloads, and so for its own namespace only.
    SelectingRule,
    /// Any other.
    Other,
}

/// Refuses entries that are no namespaces, doubles, and contradictions (istiod: `validateExportTo`).
pub(super) fn check(list: &[ArcStr], namespace: &str, of: Of, f: Faults<'_>) {
    let mut seen = BTreeSet::new();
    for (f, entry) in f.each("exportTo", list) {
        let key = if entry == "." { namespace } else { entry };
        if seen.contains(key) {
            f.push(
                format!("{entry:?} is there twice (. is this namespace, {namespace})"),
                "leave one of them out",
            );
            continue;
        }
        match key {
            "~" if of != Of::ServiceEntry => {
                f.push("~ (nobody) is only for a ServiceEntry", "write . for this namespace only");
                continue;
            }
            "." | "*" | "~" => {}
            key if is_label(key) => {}
            key => {
                f.push(
                    format!("{key:?} is not a namespace"),
                    "write . (this namespace), * (all) or a namespace's name",
                );
                continue;
            }
        }
        seen.insert(key);
    }
    let f = f.at("exportTo");
    if of == Of::SelectingRule && !seen.is_empty() && !(seen.len() == 1 && seen.contains(namespace)) {
        f.push(
            "a rule with a workloadSelector is only for its own namespace",
            "write . or leave exportTo out",
        );
    }
    if seen.contains("*") && list.len() > 1 {
        f.push("* (all namespaces) stands beside others", "write * alone, or the namespaces without it");
    }
    if seen.contains("~") && list.len() > 1 {
        f.push("~ (nobody) stands beside others", "write ~ alone, or the namespaces without it");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        for (list, of, bad) in [
            (&[][..], Of::Other, false),
            (&["."], Of::Other, false),
            (&["*"], Of::Other, false),
            (&[".", "back"], Of::Other, false),
            (&["~"], Of::ServiceEntry, false),
            (&["~"], Of::Other, true),
            (&["~", "back"], Of::ServiceEntry, true),
            (&["~", "*"], Of::ServiceEntry, true),
            (&["*", "back"], Of::Other, true),
            (&[".", "."], Of::Other, true),
            (&[".", "front"], Of::Other, true),
            (&["back", "back"], Of::Other, true),
            (&["not_a_namespace"], Of::Other, true),
            (&[""], Of::Other, true),
            (&["."], Of::SelectingRule, false),
            (&["front"], Of::SelectingRule, false),
            (&[], Of::SelectingRule, false),
            (&["*"], Of::SelectingRule, true),
            (&["back"], Of::SelectingRule, true),
            (&[".", "back"], Of::SelectingRule, true),
        ] {
            let entries: Vec<ArcStr> = list.iter().map(|e| ArcStr::from(*e)).collect();
            let faults = Faults::collect(|f| check(&entries, "front", of, f));
            assert_eq!(!faults.is_empty(), bad, "{list:?}: {faults:?}");
        }
    }
}
