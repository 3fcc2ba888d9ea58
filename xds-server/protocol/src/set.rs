//! The immutable list of resources that many streams are sent.

use crate::join::{Joined, join};
use crate::{NameSet, Resource};
use arcstr::ArcStr;
use std::sync::{Arc, LazyLock};
use xxhash_rust::xxh3::Xxh3;

/// Resources of one type, sorted by name, each name once. Cloning shares; all streams that are sent the same hold one.
///
/// The server may keep the encoded form of a set by [`ResourceSet::id`]: a stream that needs no filtering responds with
/// the very set that it was given.
#[derive(Debug, Clone)]
pub struct ResourceSet(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    resources: Box<[Resource]>,
    versions: Versions,
    bytes: usize,
    expires: bool,
}

static EMPTY: LazyLock<ResourceSet> = LazyLock::new(|| ResourceSet::from_sorted(Vec::new()));

impl ResourceSet {
    /// Sorts by name; of resources with the same name the first one stays.
    ///
    /// Envoy docs: `xds_protocol#duplicate-resource-names`.
    pub fn new(mut resources: Vec<Resource>) -> Self {
        resources.sort_by(|a, b| a.name.cmp(&b.name));
        resources.dedup_by(|later, earlier| later.name == earlier.name);
        Self::from_sorted(resources)
    }

    /// The empty set (shared).
    pub fn empty() -> Self {
        EMPTY.clone()
    }

    /// The resource of this name: O(log n).
    pub fn get(&self, name: &str) -> Option<&Resource> {
        let at = self.0.resources.binary_search_by(|r| r.name.as_str().cmp(name)).ok()?;
        self.0.resources.get(at)
    }

    /// The resources in order of name.
    pub fn iter(&self) -> std::slice::Iter<'_, Resource> {
        self.0.resources.iter()
    }

    /// How many resources.
    pub fn len(&self) -> usize {
        self.0.resources.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.resources.is_empty()
    }

    /// Sum of the bodies' lengths in bytes, which is what istiod calls the size of a push.
    pub fn bytes(&self) -> usize {
        self.0.bytes
    }

    /// Whether any of them has a lifetime.
    pub fn expires(&self) -> bool {
        self.0.expires
    }

    /// Names and versions, without the bodies.
    pub fn versions(&self) -> &Versions {
        &self.0.versions
    }

    /// The names.
    pub fn names(&self) -> &NameSet {
        self.0.versions.names()
    }

    /// Hash over all names and versions: equal for equal content.
    pub fn content_version(&self) -> u64 {
        self.0.versions.hash()
    }

    /// A number that is the same for clones of one set and differs between sets that live at the same time.
    pub fn id(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// Only the resources that `keep` wants; the same shared set if it wants them all.
    #[must_use]
    pub fn filter(&self, mut keep: impl FnMut(&Resource) -> bool) -> Self {
        self.kept(self.iter().filter(|r| keep(r)).cloned().collect())
    }

    /// Some of this set's own resources, in order; the same shared set if they are all.
    pub(crate) fn kept(&self, resources: Vec<Resource>) -> Self {
        if resources.len() == self.len() { self.clone() } else { Self::from_sorted(resources) }
    }

    /// This set with the resources of `other` added, replacing those of the same name.
    #[must_use]
    pub fn overlay(&self, other: &Self) -> Self {
        if self.is_empty() {
            return other.clone();
        }
        let merged =
            join(self.iter(), other.iter(), |a| a.name.as_str(), |b| b.name.as_str()).map(
                |step| match step {
                    Joined::Left(r) | Joined::Right(r) | Joined::Both(_, r) => r.clone(),
                },
            );
        Self::from_sorted(merged.collect())
    }

    fn from_sorted(resources: Vec<Resource>) -> Self {
        debug_assert!(resources.windows(2).all(|pair| pair[0].name < pair[1].name));
        let versions = Versions::from_sorted(resources.iter().map(|r| (r.name.clone(), r.version)));
        let bytes = resources.iter().map(|r| r.body.len()).sum();
        let expires = resources.iter().any(|r| r.ttl.is_some());
        Self(Arc::new(Inner { resources: resources.into(), versions, bytes, expires }))
    }
}

impl Default for ResourceSet {
    fn default() -> Self {
        Self::empty()
    }
}

impl<'a> IntoIterator for &'a ResourceSet {
    type Item = &'a Resource;
    type IntoIter = std::slice::Iter<'a, Resource>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Names with their versions: what a stream remembers of a [`ResourceSet`] without keeping its bodies alive.
#[derive(Debug, Clone)]
pub struct Versions(Arc<VersionList>);

#[derive(Debug)]
struct VersionList {
    names: NameSet,
    versions: Box<[u64]>,
    hash: u64,
}

static NO_VERSIONS: LazyLock<Versions> = LazyLock::new(|| Versions::build(Vec::new(), Vec::new()));

impl Versions {
    /// The names.
    pub fn names(&self) -> &NameSet {
        &self.0.names
    }

    /// Hash over all names and versions.
    pub fn hash(&self) -> u64 {
        self.0.hash
    }

    /// The version under this name: O(log n).
    pub fn get(&self, name: &str) -> Option<u64> {
        let at = self.0.names.as_slice().binary_search_by(|n| n.as_str().cmp(name)).ok()?;
        self.0.versions.get(at).copied()
    }

    /// Names and versions in order of name.
    pub fn iter(&self) -> impl Iterator<Item = (&ArcStr, u64)> {
        self.0.names.iter().zip(self.0.versions.iter().copied())
    }

    /// Whether both are the same list in memory.
    pub fn ptr_eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn from_sorted(pairs: impl Iterator<Item = (ArcStr, u64)>) -> Self {
        let (names, versions): (Vec<ArcStr>, Vec<u64>) = pairs.unzip();
        if names.is_empty() { Self::default() } else { Self::build(names, versions) }
    }

    fn build(names: Vec<ArcStr>, versions: Vec<u64>) -> Self {
        let mut hash = Xxh3::new();
        for (name, version) in names.iter().zip(&versions) {
            hash.update(name.as_bytes());
            hash.update(&[0]);
            hash.update(&version.to_le_bytes());
        }
        let hash = hash.digest();
        Self(Arc::new(VersionList { names: NameSet::from_sorted(names), versions: versions.into(), hash }))
    }
}

impl Default for Versions {
    fn default() -> Self {
        NO_VERSIONS.clone()
    }
}

impl PartialEq for Versions {
    fn eq(&self, other: &Self) -> bool {
        self.ptr_eq(other)
            || (self.0.hash == other.0.hash
                && self.0.versions == other.0.versions
                && self.0.names == other.0.names)
    }
}

impl Eq for Versions {}
