//! The algebra of host names with a wildcard in front (istiod: `pkg/config/host/name.go`).

use std::cmp::Ordering;
use std::net::IpAddr;

use arcstr::{ArcStr, format};

/// Whether the name begins with `*`.
pub fn is_wildcard(host: &str) -> bool {
    host.starts_with('*')
}

/// Whether some name is covered by both.
pub fn host_matches(a: &str, b: &str) -> bool {
    match (a.strip_prefix('*'), b.strip_prefix('*')) {
        (None, None) => a == b,
        (Some(suffix), None) => b.ends_with(suffix),
        (None, Some(suffix)) => a.ends_with(suffix),
        (Some(a), Some(b)) if a.len() >= b.len() => a.ends_with(b),
        (Some(a), Some(b)) => b.ends_with(a),
    }
}

/// Whether every name that `a` covers is covered by `b`.
pub fn host_is_subset(a: &str, b: &str) -> bool {
    match (a.strip_prefix('*'), b.strip_prefix('*')) {
        (None, None) => a == b,
        (None, Some(suffix)) => a.ends_with(suffix),
        (Some(_), None) => false,
        (Some(a), Some(b)) => a.len() >= b.len() && a.ends_with(b),
    }
}

/// Of the wildcard `patterns` the one that covers `host` most closely: the longest, then the first by alphabet.
///
/// An exact key must be looked up before; a wildcard `host` is compared without its `*`.
pub fn most_specific<'a>(host: &str, patterns: impl IntoIterator<Item = &'a ArcStr>) -> Option<&'a ArcStr> {
    let needle = host.strip_prefix('*').unwrap_or(host);
    patterns
        .into_iter()
        .filter(|p| p.strip_prefix('*').is_some_and(|suffix| needle.ends_with(suffix)))
        .min_by(|a, b| match b.len().cmp(&a.len()) {
            Ordering::Equal => a.cmp(b),
            longer => longer,
        })
}

/// The full form of a host in a rule of `namespace`: a short name becomes that of a Service there.
pub fn qualify(host: &ArcStr, namespace: &str, domain: &str) -> ArcStr {
    if host.contains('.') || is_wildcard(host) || host.is_empty() || host.parse::<IpAddr>().is_ok() {
        host.clone()
    } else {
        format!("{host}.{namespace}.svc.{domain}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlap_and_subset() {
        for (a, b, overlap, subset) in [
            ("foo.com", "foo.com", true, true),
            ("foo.com", "bar.com", false, false),
            ("a.foo.com", "*.foo.com", true, true),
            ("foo.com", "*.foo.com", false, false),
            ("*.foo.com", "a.foo.com", true, false),
            ("*.a.foo.com", "*.foo.com", true, true),
            ("*.foo.com", "*.a.foo.com", true, false),
            ("anything", "*", true, true),
            ("*", "*", true, true),
        ] {
            assert_eq!(host_matches(a, b), overlap, "{a} matches {b}");
            assert_eq!(host_matches(b, a), overlap, "{b} matches {a}");
            assert_eq!(host_is_subset(a, b), subset, "{a} subset of {b}");
        }
    }

    #[test]
    fn the_longest_wildcard_wins() {
        let patterns: Vec<ArcStr> = ["*", "*.com", "*.foo.com", "*.bar.com"].map(ArcStr::from).into();
        assert_eq!(most_specific("a.foo.com", &patterns).map(ArcStr::as_str), Some("*.foo.com"));
        assert_eq!(most_specific("*.x.foo.com", &patterns).map(ArcStr::as_str), Some("*.foo.com"));
        assert_eq!(most_specific("a.org", &patterns).map(ArcStr::as_str), Some("*"));
    }
}
