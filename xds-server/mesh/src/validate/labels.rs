//! Labels, and selectors by labels.

use super::faults::Faults;
use crate::object::Labels;

const LONGEST_PREFIX: usize = 253;
const LONGEST_NAME: usize = 63;

/// Refuses keys and values that Kubernetes has no labels for (istiod: `pkg/config/labels/instance.go`; values may be of any length).
pub(super) fn check(labels: &Labels, f: Faults<'_>) {
    for (key, value) in labels {
        if !is_key(key) {
            let what = format!("{key:?} is not a label's key");
            f.key(key).push(what, "write name or prefix/name, such as app or example.com/team");
        }
        if !value.is_empty() && !is_name(value) {
            let what = format!("{value:?} is not a label's value");
            f.key(key).push(what, "write letters, digits, -, _ and . with a letter or digit at both ends");
        }
    }
}

/// Refuses a selector's empty keys and wildcards.
pub(super) fn selector(labels: &Labels, f: Faults<'_>) {
    for (key, value) in labels {
        if key.is_empty() {
            f.key(key)
                .push(format!("the label of value {value:?} has no key"), "write a label such as app: web");
        }
        if key.contains('*') || value.contains('*') {
            let what = format!("{key}: {value} has a wildcard");
            f.key(key).push(what, "a selector compares whole values: write the label as the pods have it");
        }
    }
}

fn is_key(key: &str) -> bool {
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    let good_prefix = prefix.is_none_or(|p| p.len() <= LONGEST_PREFIX && p.split('.').all(is_prefix_label));
    good_prefix && name.len() <= LONGEST_NAME && is_name(name)
}

/// As a DNS label, of any length.
fn is_prefix_label(label: &str) -> bool {
    is_name(label) && !label.contains(['_', '.'])
}

fn is_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    let alphanumeric = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    alphanumeric(bytes.first())
        && alphanumeric(bytes.last())
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use arcstr::ArcStr;

    use super::*;

    fn refused(check: fn(&Labels, Faults<'_>), key: &str, value: &str) -> bool {
        let labels = [(ArcStr::from(key), ArcStr::from(value))].into();
        !Faults::collect(|f| check(&labels, f)).is_empty()
    }

    #[test]
    fn keys_and_values() {
        let long = "a".repeat(64);
        for (key, value, bad) in [
            ("app", "web", false),
            ("app.kubernetes.io/name", "Web_1.0-a", false),
            ("app", "", false),
            ("app", long.as_str(), false),
            ("", "web", true),
            (&long, "web", true),
            ("-app", "web", true),
            ("a/b/c", "web", true),
            ("/a", "web", true),
            ("a_b/c", "web", true),
            ("app", "not a label!", true),
            ("app", "-web", true),
        ] {
            assert_eq!(refused(check, key, value), bad, "{key}: {value}");
        }
    }

    #[test]
    fn selectors() {
        for (key, value, bad) in [
            ("app", "web", false),
            ("a b", "c d", false),
            ("", "web", true),
            ("a*", "web", true),
            ("app", "*", true),
        ] {
            assert_eq!(refused(selector, key, value), bad, "{key}: {value}");
        }
    }
}
