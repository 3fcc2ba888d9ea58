//! Who may see an object: its `exportTo` set.

use arcstr::ArcStr;

/// A set of namespaces, with `*` for all, `.` for the object's own and `~` for none. Sorted, without duplicates.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExportTo(Vec<ArcStr>);

impl ExportTo {
    /// A set of the given entries, as written.
    pub fn new(entries: impl IntoIterator<Item = ArcStr>) -> Self {
        let mut entries: Vec<_> = entries.into_iter().collect();
        entries.sort();
        entries.dedup();
        Self(entries)
    }

    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the set holds exactly this entry.
    pub fn contains(&self, entry: &str) -> bool {
        self.0.iter().any(|e| e == entry)
    }

    /// Whether every entry of this set is in the other.
    pub fn is_subset(&self, of: &Self) -> bool {
        self.0.iter().all(|e| of.contains(e))
    }

    /// The entries, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &ArcStr> {
        self.0.iter()
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether an object of namespace `own` is visible in `namespace`.
    ///
    /// `~` is not special here: `{~, .}` is visible at home, though no list holds it
    /// (istiod: `IsServiceVisible` in `push_context.go`).
    pub fn is_visible(&self, own: &str, namespace: &str) -> bool {
        self.contains("*") || (own == namespace && self.contains(".")) || self.contains(namespace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// istiod's own table, `TestIsServiceVisible` in `push_context_test.go`; the object lives in `bar`.
    #[test]
    fn visibility() {
        for (entries, namespace, want) in [
            (&["*"][..], "foo", true),
            (&["."], "bar", true),
            (&["."], "foo", false),
            (&["foo"], "foo", true),
            (&["baz"], "foo", false),
            (&["~"], "bar", false),
            (&["*", "~"], "foo", true),
            (&["~", "."], "foo", false),
        ] {
            let set = ExportTo::new(entries.iter().map(|e| ArcStr::from(*e)));
            assert_eq!(set.is_visible("bar", namespace), want, "{entries:?} from {namespace}");
        }
    }
}
