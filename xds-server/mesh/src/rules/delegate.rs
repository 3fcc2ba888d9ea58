//! Delegates: routes of one `VirtualService` put in the place of another's route
//! (istiod: `MergeHTTPRoutes` in `virtualservice.go`).

use arcstr::{ArcStr, format};
use indexmap::IndexMap;

use crate::object::istio::{HttpMatch, HttpRoute, StringMatch};

/// The delegate's routes under the root's route. A route whose matches conflict with all of the root's is dropped.
pub(super) fn expand(root: &HttpRoute, delegate: &[HttpRoute]) -> Vec<HttpRoute> {
    delegate.iter().filter_map(|route| merge_route(root, route)).collect()
}

fn merge_route(root: &HttpRoute, delegate: &HttpRoute) -> Option<HttpRoute> {
    let mut merged = delegate.clone();
    merged.matches = merge_matches(&root.matches, &delegate.matches)?;
    merged.name = joined(&root.name, &delegate.name);
    macro_rules! inherit {
        ($($field:ident),*) => { $(if merged.$field.is_none() { merged.$field.clone_from(&root.$field); })* };
    }
    inherit!(rewrite, direct_response, timeout, retries, fault, mirror, mirror_percent, mirror_percentage);
    inherit!(cors_policy, headers);
    if merged.mirrors.is_empty() {
        merged.mirrors.clone_from(&root.mirrors);
    }
    Some(merged)
}

/// For each of the delegate's matches the root's matches that it is narrower than, merged; none where one of the
/// delegate's has no such match.
fn merge_matches(root: &[HttpMatch], delegate: &[HttpMatch]) -> Option<Vec<HttpMatch>> {
    if root.is_empty() {
        return Some(delegate.to_vec());
    }
    if delegate.is_empty() {
        return Some(root.to_vec());
    }
    let mut merged = Vec::new();
    for leaf in delegate {
        let before = merged.len();
        merged.extend(root.iter().filter(|r| !conflict(r, leaf)).map(|r| merge_match(r, leaf)));
        if merged.len() == before {
            return None;
        }
    }
    Some(merged)
}

fn merge_match(root: &HttpMatch, leaf: &HttpMatch) -> HttpMatch {
    let or = |leaf: &Option<StringMatch>, root: &Option<StringMatch>| leaf.clone().or_else(|| root.clone());
    let or_word = |leaf: &ArcStr, root: &ArcStr| if leaf.is_empty() { root.clone() } else { leaf.clone() };
    let mut source_labels = root.source_labels.clone();
    source_labels.extend(leaf.source_labels.clone());
    HttpMatch {
        name: joined(&root.name, &leaf.name),
        uri: or(&leaf.uri, &root.uri),
        scheme: or(&leaf.scheme, &root.scheme),
        method: or(&leaf.method, &root.method),
        authority: or(&leaf.authority, &root.authority),
        headers: united(&root.headers, &leaf.headers),
        port: if leaf.port == 0 { root.port } else { leaf.port },
        source_labels,
        gateways: if leaf.gateways.is_empty() { root.gateways.clone() } else { leaf.gateways.clone() },
        query_params: united(&root.query_params, &leaf.query_params),
        ignore_uri_case: leaf.ignore_uri_case,
        without_headers: united(&root.without_headers, &leaf.without_headers),
        source_namespace: or_word(&leaf.source_namespace, &root.source_namespace),
        stat_prefix: or_word(&leaf.stat_prefix, &root.stat_prefix),
    }
}

type Matches = IndexMap<ArcStr, StringMatch>;

fn united(root: &Matches, leaf: &Matches) -> Matches {
    let mut all = root.clone();
    all.extend(leaf.iter().map(|(k, v)| (k.clone(), v.clone())));
    all
}

fn joined(root: &ArcStr, leaf: &ArcStr) -> ArcStr {
    match (root.is_empty(), leaf.is_empty()) {
        (_, true) => root.clone(),
        (true, false) => leaf.clone(),
        (false, false) => format!("{root}-{leaf}"),
    }
}

/// Whether a request could match the delegate's but not the root's.
fn conflict(root: &HttpMatch, leaf: &HttpMatch) -> bool {
    let words = [
        (&root.uri, &leaf.uri),
        (&root.scheme, &leaf.scheme),
        (&root.method, &leaf.method),
        (&root.authority, &leaf.authority),
    ];
    let maps = [
        (&root.headers, &leaf.headers),
        (&root.without_headers, &leaf.without_headers),
        (&root.query_params, &leaf.query_params),
    ];
    let of_map =
        |(root, leaf): (&Matches, &Matches)| leaf.iter().any(|(k, v)| words_conflict(root.get(k), Some(v)));
    let other_label = |(k, v): (&ArcStr, &ArcStr)| root.source_labels.get(k).is_some_and(|r| r != v);
    let gateways = &root.gateways;
    words.into_iter().any(|(root, leaf)| words_conflict(root.as_ref(), leaf.as_ref()))
        || maps.into_iter().any(of_map)
        || root.ignore_uri_case != leaf.ignore_uri_case
        || (root.port > 0 && leaf.port > 0 && root.port != leaf.port)
        || (!root.source_namespace.is_empty() && leaf.source_namespace != root.source_namespace)
        || leaf.source_labels.iter().any(other_label)
        || (!gateways.is_empty()
            && !leaf.gateways.is_empty()
            && (gateways.len() < leaf.gateways.len() || leaf.gateways.iter().any(|g| !gateways.contains(g))))
}

fn words_conflict(root: Option<&StringMatch>, leaf: Option<&StringMatch>) -> bool {
    let (Some(root), Some(leaf)) = (root, leaf) else { return false };
    let [root_exact, root_prefix, root_regex] = words(root);
    let [exact, prefix, regex] = words(leaf);
    if !root_regex.is_empty() || !regex.is_empty() {
        true
    } else if !root_exact.is_empty() {
        !prefix.is_empty() || exact != root_exact
    } else {
        let word = if prefix.is_empty() { exact } else { prefix };
        root_prefix.is_empty() || word.is_empty() || !word.starts_with(root_prefix)
    }
}

/// Exact, prefix, regex; empty where not given.
fn words(word: &StringMatch) -> [&str; 3] {
    [&word.exact, &word.prefix, &word.regex].map(|w| w.as_deref().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str) -> Option<StringMatch> {
        let (kind, value) = text.split_once(':')?;
        let value = Some(ArcStr::from(value));
        Some(match kind {
            "exact" => StringMatch { exact: value, ..StringMatch::default() },
            "prefix" => StringMatch { prefix: value, ..StringMatch::default() },
            "regex" => StringMatch { regex: value, ..StringMatch::default() },
            _ => StringMatch::default(),
        })
    }

    /// Rows of istiod's `TestHasConflict` (`virtualservice_test.go`).
    #[test]
    fn conflicts_of_words() {
        for (root, leaf, want) in [
            ("", "prefix:/a", false),
            ("regex:^/a", "", false),
            ("regex:^/a", "prefix:/a", true),
            ("regex:^/a", "regex:^/a", true),
            ("prefix:/a", "regex:^/a", true),
            ("prefix:/a", "prefix:/a/b", false),
            ("prefix:/a/b", "prefix:/a", true),
            ("prefix:/a", "exact:/a/b", false),
            ("prefix:/a", "exact:/b", true),
            ("exact:/a", "exact:/a", false),
            ("exact:/a", "exact:/b", true),
            ("exact:/a", "prefix:/a", true),
            ("prefix:/a", "none:", true),
        ] {
            let (root, leaf) = (word(root), word(leaf));
            assert_eq!(words_conflict(root.as_ref(), leaf.as_ref()), want, "{root:?} {leaf:?}");
        }
    }

    /// Rows of istiod's `TestMergeHTTPMatchRequests` and `TestHasConflict`.
    #[test]
    fn matches_are_merged_or_conflict() {
        let on = |uri: &str| HttpMatch { uri: word(uri), ..HttpMatch::default() };
        let gateways = |names: &[&str]| HttpMatch {
            gateways: names.iter().map(|n| ArcStr::from(*n)).collect(),
            ..HttpMatch::default()
        };
        let label = |value: &str| HttpMatch {
            source_labels: [("app".into(), value.into())].into(),
            ..HttpMatch::default()
        };
        let from = |namespace: &str| HttpMatch { source_namespace: namespace.into(), ..HttpMatch::default() };
        let port = |port| HttpMatch { port, ..HttpMatch::default() };
        for (root, leaf, want) in [
            (vec![], vec![on("prefix:/a")], Some(1)),
            (vec![on("prefix:/a")], vec![], Some(1)),
            (vec![on("prefix:/a"), on("prefix:/b")], vec![on("prefix:/a/x")], Some(1)),
            (vec![on("prefix:/a"), on("")], vec![on("prefix:/a/x")], Some(2)),
            (vec![on("prefix:/a")], vec![on("prefix:/a/x"), on("prefix:/b")], None),
            (vec![port(80)], vec![port(81)], None),
            (vec![port(80)], vec![port(0)], Some(1)),
            (vec![from("a")], vec![from("")], None),
            (vec![from("a")], vec![from("a")], Some(1)),
            (vec![label("x")], vec![label("y")], None),
            (vec![gateways(&["ns/a", "mesh"])], vec![gateways(&["mesh"])], Some(1)),
            (vec![gateways(&["mesh"])], vec![gateways(&["ns/a"])], None),
            (vec![HttpMatch { ignore_uri_case: true, ..on("") }], vec![on("exact:/a")], None),
        ] {
            assert_eq!(merge_matches(&root, &leaf).map(|m| m.len()), want, "{root:?} {leaf:?}");
        }
    }

    #[test]
    fn a_delegate_route_takes_what_it_lacks() {
        let root = HttpRoute {
            name: "root".into(),
            matches: vec![HttpMatch {
                name: "m".into(),
                uri: word("prefix:/a"),
                port: 80,
                ..HttpMatch::default()
            }],
            timeout: Some(crate::object::Duration::from_secs(3)),
            mirror_percent: Some(7),
            ..HttpRoute::default()
        };
        let own = HttpRoute {
            name: "leaf".into(),
            timeout: Some(crate::object::Duration::from_secs(5)),
            matches: vec![HttpMatch { uri: word("exact:/a/b"), ..HttpMatch::default() }],
            ..HttpRoute::default()
        };
        let merged = expand(&root, &[own, HttpRoute::default()]);
        assert_eq!(merged.iter().map(|r| r.name.as_str()).collect::<Vec<_>>(), ["root-leaf", "root"]);
        assert_eq!(merged[0].timeout, Some(crate::object::Duration::from_secs(5)));
        assert_eq!(merged[1].timeout, Some(crate::object::Duration::from_secs(3)));
        assert_eq!(merged[0].mirror_percent, Some(7));
        let first = &merged[0].matches[0];
        assert_eq!((first.name.as_str(), first.port, &first.uri), ("m", 80, &word("exact:/a/b")));
        assert_eq!(merged[1].matches, root.matches);
    }
}
