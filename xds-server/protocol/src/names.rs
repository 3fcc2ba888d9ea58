//! Sets of resource names, shared between streams where they are equal.

use crate::join::{Joined, join};
use arcstr::ArcStr;
use std::fmt;
use std::sync::Arc;

/// A sorted set of resource names. Cloning it shares it; an empty set allocates nothing.
///
/// Ten thousand proxies subscribe to the same thousand endpoints: [`NameSet::adopt`] lets them keep one list.
#[derive(Clone, Default)]
pub struct NameSet(Option<Arc<[ArcStr]>>);

impl NameSet {
    /// The empty set.
    pub const EMPTY: NameSet = NameSet(None);

    /// How many names.
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Whether there is no name.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The names, sorted, each once.
    pub fn as_slice(&self) -> &[ArcStr] {
        self.0.as_deref().unwrap_or_default()
    }

    /// The names, sorted, each once.
    pub fn iter(&self) -> std::slice::Iter<'_, ArcStr> {
        self.as_slice().iter()
    }

    /// Whether `name` is in the set: O(log n).
    pub fn contains(&self, name: &str) -> bool {
        self.as_slice().binary_search_by(|n| n.as_str().cmp(name)).is_ok()
    }

    /// Whether both are the same list in memory.
    pub fn ptr_eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        }
    }

    /// Whether every name of this set is in `other`: one walk over both, or look-ups where this one is small.
    pub fn is_subset(&self, other: &Self) -> bool {
        if self.ptr_eq(other) || self.len() > other.len() {
            return self.ptr_eq(other);
        }
        if self.is_few_of(other) {
            return self.iter().all(|name| other.contains(name));
        }
        !self.join(other).any(|step| matches!(step, Joined::Left(_)))
    }

    /// The names of either set. Shares one of the two lists where it holds the other.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        if other.is_subset(self) {
            return self.clone();
        }
        if self.is_subset(other) {
            return other.clone();
        }
        if self.is_few_of(other) {
            return other.with_few(self);
        }
        if other.is_few_of(self) {
            return self.with_few(other);
        }
        let names = self.join(other).map(|step| match step {
            Joined::Left(name) | Joined::Right(name) | Joined::Both(name, _) => name.clone(),
        });
        Self::from_sorted(names.collect())
    }

    /// These names and a few more: one look-up for each of them.
    fn with_few(&self, more: &Self) -> Self {
        let mut names = Vec::with_capacity(self.len() + more.len());
        let mut rest = self.as_slice();
        for name in more {
            let at = rest.partition_point(|n| n < name);
            let (before, after) = rest.split_at(at);
            names.extend_from_slice(before);
            if after.first() != Some(name) {
                names.push(name.clone());
            }
            rest = after;
        }
        names.extend_from_slice(rest);
        Self::from_sorted(names)
    }

    /// The names of this set that are not in `other`.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        self.filter_by(other, |in_other| !in_other)
    }

    /// The names that are in both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        if other.is_subset(self) {
            return other.clone();
        }
        self.filter_by(other, |in_other| in_other)
    }

    /// Shares memory with `offered`: the whole list where both are equal, else the strings that are in both.
    ///
    /// A client's names come off the wire as strings of its own; the server holds the same ones already.
    pub fn adopt(&mut self, offered: &Self) {
        if self.ptr_eq(offered) {
            return;
        }
        if self == offered {
            *self = offered.clone();
            return;
        }
        let Some(own) = self.0.as_mut().and_then(Arc::get_mut) else { return };
        for step in join(own.iter_mut(), offered.iter(), |a| a.as_str(), |b| b.as_str()) {
            if let Joined::Both(own, offered) = step {
                own.clone_from(offered);
            }
        }
    }

    fn join<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = Joined<&'a ArcStr, &'a ArcStr>> {
        join(self, other, |a| a.as_str(), |b| b.as_str())
    }

    /// Whether looking each name up is cheaper than one walk over both sets.
    fn is_few_of(&self, other: &Self) -> bool {
        self.len() < other.len() / 16
    }

    fn filter_by(&self, other: &Self, keep: impl Fn(bool) -> bool) -> Self {
        if self.is_empty() || (other.is_empty() && keep(false)) {
            return self.clone();
        }
        let kept: Vec<ArcStr> = if self.is_few_of(other) {
            self.iter().filter(|name| keep(other.contains(name))).cloned().collect()
        } else {
            let wanted = |step: Joined<&ArcStr, &ArcStr>| match step {
                Joined::Left(name) if keep(false) => Some(name.clone()),
                Joined::Both(name, _) if keep(true) => Some(name.clone()),
                _ => None,
            };
            self.join(other).filter_map(wanted).collect()
        };
        if kept.len() == self.len() { self.clone() } else { Self::from_sorted(kept) }
    }

    pub(crate) fn from_sorted(names: Vec<ArcStr>) -> Self {
        debug_assert!(names.is_sorted() && names.windows(2).all(|pair| pair[0] != pair[1]));
        if names.is_empty() { Self(None) } else { Self(Some(names.into())) }
    }
}

impl FromIterator<ArcStr> for NameSet {
    /// Order and duplicates do not matter.
    fn from_iter<I: IntoIterator<Item = ArcStr>>(names: I) -> Self {
        let mut names: Vec<ArcStr> = names.into_iter().collect();
        names.sort_unstable();
        names.dedup();
        Self::from_sorted(names)
    }
}

impl<'a> IntoIterator for &'a NameSet {
    type Item = &'a ArcStr;
    type IntoIter = std::slice::Iter<'a, ArcStr>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl PartialEq for NameSet {
    fn eq(&self, other: &Self) -> bool {
        self.ptr_eq(other) || self.as_slice() == other.as_slice()
    }
}

impl Eq for NameSet {}

impl fmt::Debug for NameSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(ArcStr::as_str)).finish()
    }
}

/// What a client is subscribed to, or what an answer must cover.
///
/// Envoy docs: `xds_protocol#how-the-client-specifies-what-resources-to-return`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Names {
    /// Everything that the server thinks the client needs (`*`, or the legacy empty list).
    Wildcard,
    /// Everything, and these names even where the wildcard leaves them out.
    WildcardAnd(NameSet),
    /// These names and nothing else.
    Named(NameSet),
}

impl Names {
    /// Whether a resource of this name belongs to the answer.
    pub fn covers(&self, name: &str) -> bool {
        match self {
            Names::Wildcard | Names::WildcardAnd(_) => true,
            Names::Named(names) => names.contains(name),
        }
    }

    /// Whether the wildcard is part of it.
    pub fn is_wildcard(&self) -> bool {
        !matches!(self, Names::Named(_))
    }

    /// The names that were given one by one; empty for a plain wildcard.
    pub fn named(&self) -> &NameSet {
        match self {
            Names::Wildcard => &NameSet::EMPTY,
            Names::WildcardAnd(names) | Names::Named(names) => names,
        }
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        matches!(self, Names::Named(names) if names.is_empty())
    }
}
