//! The immutable list of resources that many streams are sent.

use crate::join::{Joined, join};
use crate::{NameSet, Resource};
use arcstr::ArcStr;
use std::iter::Peekable;
use std::sync::{Arc, LazyLock, OnceLock};
use xxhash_rust::xxh3::Xxh3;

/// Resources of one type, sorted by name, each name once. Cloning shares; all streams that are sent the same hold one.
///
/// The server may keep the encoded form of a set by [`ResourceSet::id`]: a stream that needs no filtering responds with
/// the very set that it was given.
#[derive(Debug, Clone)]
pub struct ResourceSet(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// What many sets have in common: a set without base, none of whose names is in `own`.
    base: Option<ResourceSet>,
    own: Box<[Resource]>,
    /// Made when first asked for, where there is a base.
    versions: OnceLock<Versions>,
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

    /// What many are sent alike, and beside it what one is sent on its own: O(`own`), and `base` is kept once for all.
    /// Of resources with the same name that of `base` stays.
    pub fn beside(base: &Self, mut own: Vec<Resource>) -> Self {
        let taken = |r: &Resource| base.get(&r.name).is_some();
        own.retain(|r| !taken(r));
        if own.is_empty() {
            return base.clone();
        }
        let own = Self::new(own);
        if base.is_empty() || base.0.base.is_some() {
            return base.overlay(&own);
        }
        let (bytes, expires) = (base.bytes() + own.bytes(), base.expires() || own.expires());
        let own = own.0.own.clone();
        Self(Arc::new(Inner { base: Some(base.clone()), own, versions: OnceLock::new(), bytes, expires }))
    }

    /// The empty set (shared).
    pub fn empty() -> Self {
        EMPTY.clone()
    }

    /// The resource of this name: O(log n).
    pub fn get(&self, name: &str) -> Option<&Resource> {
        let Ok(at) = self.0.own.binary_search_by(|r| r.name.as_str().cmp(name)) else {
            return self.0.base.as_ref()?.get(name);
        };
        self.0.own.get(at)
    }

    /// The resources in order of name.
    pub fn iter(&self) -> Iter<'_> {
        let [base, own] = self.parts();
        Iter { base: base.iter().peekable(), own: own.iter().peekable() }
    }

    /// The resources as two lists, each in order of name: what many sets have in common, and what is this one's own.
    pub fn parts(&self) -> [&[Resource]; 2] {
        let base = self.0.base.as_ref().map_or(&[][..], |base| &base.0.own);
        [base, &self.0.own]
    }

    /// The set that this one has in common with many, which may be itself, and what is its own beside that.
    pub(crate) fn layers(&self) -> (&Self, &[Resource]) {
        self.0.base.as_ref().map_or((self, &[]), |base| (base, &self.0.own))
    }

    /// How many resources.
    pub fn len(&self) -> usize {
        self.parts().map(<[_]>::len).iter().sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
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
        let make = || Versions::from_sorted(self.iter().map(|r| (r.name.clone(), r.version)));
        self.0.versions.get_or_init(make)
    }

    /// The names.
    pub fn names(&self) -> &NameSet {
        self.versions().names()
    }

    /// Hash over all names and versions: equal for equal content.
    pub fn content_version(&self) -> u64 {
        self.versions().hash()
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
        let bytes = resources.iter().map(|r| r.body.len()).sum();
        let expires = resources.iter().any(|r| r.ttl.is_some());
        let own = resources.into();
        Self(Arc::new(Inner { base: None, own, versions: OnceLock::new(), bytes, expires }))
    }
}

impl Default for ResourceSet {
    fn default() -> Self {
        Self::empty()
    }
}

impl<'a> IntoIterator for &'a ResourceSet {
    type Item = &'a Resource;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The resources of a [`ResourceSet`] in order of name.
#[derive(Debug, Clone)]
pub struct Iter<'a> {
    base: Peekable<std::slice::Iter<'a, Resource>>,
    own: Peekable<std::slice::Iter<'a, Resource>>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = &'a Resource;

    fn next(&mut self) -> Option<&'a Resource> {
        match (self.base.peek(), self.own.peek()) {
            (Some(base), Some(own)) if own.name < base.name => self.own.next(),
            (Some(_), _) => self.base.next(),
            (None, _) => self.own.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let length = self.base.len() + self.own.len();
        (length, Some(length))
    }
}

impl ExactSizeIterator for Iter<'_> {}

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
