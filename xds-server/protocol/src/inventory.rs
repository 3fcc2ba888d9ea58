//! What a client holds, as far as its stream knows.

use crate::join::{Joined, join};
use crate::{NameSet, Resource, ResourceSet, Versions};
use arcstr::ArcStr;
use std::sync::Arc;

/// Names and versions of what a client holds: a list that it shares with all streams that were sent the same, and a
/// patch of what has changed for this one since. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Inventory {
    base: Versions,
    patch: Arc<Vec<Change>>,
}

/// A name's new version, or `None` where the client no longer holds it.
pub(crate) type Change = (ArcStr, Option<u64>);

/// A version that is known to be none of this server's.
pub(crate) const UNKNOWN: u64 = 0;

impl Inventory {
    /// The version that the client holds under this name.
    pub fn get(&self, name: &str) -> Option<u64> {
        match self.patch.binary_search_by(|(n, _)| n.as_str().cmp(name)) {
            Ok(at) => self.patch.get(at).and_then(|(_, version)| *version),
            Err(_) => self.base.get(name),
        }
    }

    /// Whether the client holds a resource of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Names and versions in order of name.
    pub fn iter(&self) -> impl Iterator<Item = (&ArcStr, u64)> {
        join(self.base.iter(), self.patch.iter(), |(a, _)| a.as_str(), |(b, _)| b.as_str()).filter_map(
            |step| match step {
                Joined::Left(held) => Some(held),
                Joined::Right((name, version)) | Joined::Both(_, (name, version)) => {
                    version.map(|v| (name, v))
                }
            },
        )
    }

    /// The names alone. O(1) and shared where the stream was last sent everything at once.
    pub fn names(&self) -> NameSet {
        if self.patch.is_empty() {
            return self.base.names().clone();
        }
        NameSet::from_sorted(self.iter().map(|(name, _)| name.clone()).collect())
    }

    /// Whether the client holds nothing.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// Whether the client holds just these resources.
    pub(crate) fn is_exactly(&self, resources: &ResourceSet) -> bool {
        let (base, own) = resources.layers();
        if self.base.ptr_eq(base.versions()) && self.patch.len() == own.len() {
            let equal = |(held, own): (&Change, &Resource)| held.0 == own.name && held.1 == Some(own.version);
            return self.patch.iter().zip(own).all(equal);
        }
        self.iter().eq(resources.iter().map(|r| (&r.name, r.version)))
    }

    /// The names in `resources` that the client does not hold at that version.
    pub(crate) fn differing(&self, resources: &ResourceSet) -> NameSet {
        let (base, own) = resources.layers();
        if self.base.ptr_eq(base.versions()) {
            let patched = self.patch.iter().map(|(name, _)| name);
            let differs =
                |name: &&ArcStr| resources.get(name).is_some_and(|r| self.get(name) != Some(r.version));
            return patched.chain(own.iter().map(|r| &r.name)).filter(differs).cloned().collect();
        }
        if resources.len() < self.base.names().len() / 16 {
            let differs = |r: &&Resource| self.get(&r.name) != Some(r.version);
            return NameSet::from_sorted(resources.iter().filter(differs).map(|r| r.name.clone()).collect());
        }
        let steps = join(resources.iter(), self.iter(), |r| r.name.as_str(), |(name, _)| name.as_str());
        let names = steps.filter_map(|step| match step {
            Joined::Left(r) => Some(r.name.clone()),
            Joined::Both(r, (_, version)) if version != r.version => Some(r.name.clone()),
            _ => None,
        });
        NameSet::from_sorted(names.collect())
    }

    /// The names that the client holds and that are not in `resources`.
    pub(crate) fn absent_from(&self, resources: &ResourceSet) -> NameSet {
        if self.base.ptr_eq(resources.layers().0.versions()) {
            let held = self.patch.iter().filter(|(_, version)| version.is_some()).map(|(name, _)| name);
            return held.filter(|name| resources.get(name).is_none()).cloned().collect();
        }
        let steps = join(resources.iter(), self.iter(), |r| r.name.as_str(), |(name, _)| name.as_str());
        let names = steps.filter_map(|step| match step {
            Joined::Right((name, _)) => Some(name.clone()),
            _ => None,
        });
        NameSet::from_sorted(names.collect())
    }

    /// The client holds these resources and nothing else. What they share with many stays shared.
    pub(crate) fn replace(&mut self, resources: &ResourceSet) {
        let (base, own) = resources.layers();
        let own = own.iter().map(|r| (r.name.clone(), Some(r.version)));
        *self = Self { base: base.versions().clone(), patch: Arc::new(own.collect()) };
    }

    /// Applies changes that are sorted by name.
    pub(crate) fn update(&mut self, changes: Vec<Change>) {
        if changes.is_empty() {
            return;
        }
        let patch =
            join(self.patch.iter(), changes, |(a, _)| a.as_str(), |(b, _)| b.as_str()).map(
                |step| match step {
                    Joined::Left(old) => old.clone(),
                    Joined::Right(new) | Joined::Both(_, new) => new,
                },
            );
        self.patch = Arc::new(patch.collect());
        if self.patch.len() > 16 + self.base.names().len() / 8 {
            let base = Versions::from_sorted(self.iter().map(|(name, version)| (name.clone(), version)));
            *self = Self { base, patch: Arc::default() };
        }
    }

    pub(crate) fn forget(&mut self, names: &NameSet) {
        self.update(names.iter().filter(|n| self.contains(n)).map(|n| (n.clone(), None)).collect());
    }

    pub(crate) fn keep_only(&mut self, names: &NameSet) {
        let gone = self.names().difference(names);
        self.forget(&gone);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// Names that many have, and names of one's own, each with a version of its own or none.
    type Content = (Vec<u8>, BTreeMap<u8, u8>);

    fn content() -> impl Strategy<Value = Content> {
        (
            prop::sample::subsequence((0..40).collect::<Vec<u8>>(), 30),
            prop::collection::btree_map(30..60u8, 0..3u8, 0..6),
        )
    }

    fn set((base, own): &Content) -> ResourceSet {
        let resource = |name: u8, body: u8| Resource::new(format!("{name:02}"), vec![body]);
        let base = ResourceSet::new(base.iter().map(|name| resource(*name, 0)).collect());
        ResourceSet::beside(&base, own.iter().map(|(name, body)| resource(*name, *body)).collect())
    }

    fn map(set: &ResourceSet) -> BTreeMap<ArcStr, u64> {
        set.iter().map(|r| (r.name.clone(), r.version)).collect()
    }

    proptest! {
        #[test]
        fn sets_in_layers_are_compared_as_flat_ones(
            (base, own) in content(), other in content(), own_too in prop::collection::btree_map(30..60u8, 0..3u8, 0..6),
            changes in prop::collection::btree_map(0..60u8, prop::option::of(0..3u64), 0..4),
        ) {
            let first = set(&(base, own));
            let (shared, _) = first.layers();
            let same_base = ResourceSet::beside(
                shared,
                own_too.iter().map(|(name, body)| Resource::new(format!("{name:02}"), vec![*body])).collect(),
            );
            let mut held = Inventory::default();
            held.replace(&first);
            let mut expected = map(&first);
            prop_assert!(held.is_exactly(&first));
            let changes = changes.into_iter().map(|(name, version)| (ArcStr::from(format!("{name:02}")), version));
            let changes: Vec<_> = changes.collect();
            for (name, version) in &changes {
                match version {
                    Some(version) => expected.insert(name.clone(), *version),
                    None => expected.remove(name),
                };
            }
            held.update(changes);
            prop_assert!(held.iter().eq(expected.iter().map(|(name, version)| (name, *version))));
            for offered in [&first, &same_base, &set(&other)] {
                let there = map(offered);
                let differing: NameSet =
                    there.iter().filter(|(n, v)| expected.get(*n) != Some(v)).map(|(n, _)| n.clone()).collect();
                let absent: NameSet = expected.keys().filter(|n| !there.contains_key(*n)).cloned().collect();
                prop_assert_eq!(held.differing(offered), differing);
                prop_assert_eq!(held.absent_from(offered), absent);
                prop_assert_eq!(held.is_exactly(offered), expected == there);
            }
        }
    }
}
