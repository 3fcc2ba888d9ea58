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

    pub(crate) fn is_exactly(&self, versions: &Versions) -> bool {
        self.patch.is_empty() && self.base == *versions
    }

    /// The names in `resources` that the client does not hold at that version.
    pub(crate) fn differing(&self, resources: &ResourceSet) -> NameSet {
        if self.is_exactly(resources.versions()) {
            return NameSet::EMPTY;
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

    pub(crate) fn replace(&mut self, versions: Versions) {
        *self = Self { base: versions, patch: Arc::default() };
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
            self.replace(Versions::from_sorted(self.iter().map(|(name, version)| (name.clone(), version))));
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
