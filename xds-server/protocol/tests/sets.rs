//! The shared lists, against the standard library's.

use arcstr::ArcStr;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use xdslab_protocol::{NameSet, Resource, ResourceSet};

fn plain() -> impl Strategy<Value = Vec<String>> {
    prop_oneof![prop::collection::vec("[a-d]{1,2}", 0..8), prop::collection::vec("[a-h]{1,3}", 0..200)]
}

fn both(names: &[String]) -> (NameSet, BTreeSet<String>) {
    (names.iter().map(|n| ArcStr::from(n.as_str())).collect(), names.iter().cloned().collect())
}

fn list<'a>(names: impl IntoIterator<Item = &'a ArcStr>) -> Vec<String> {
    names.into_iter().map(ToString::to_string).collect()
}

fn collect<'a>(names: impl Iterator<Item = &'a String>) -> Vec<String> {
    names.cloned().collect()
}

proptest! {
    #[test]
    fn names_behave_like_sets(a in plain(), b in plain()) {
        let ((a, set_a), (b, set_b)) = (both(&a), both(&b));
        prop_assert_eq!(list(&a), collect(set_a.iter()));
        prop_assert_eq!(list(&a.union(&b)), collect(set_a.union(&set_b)));
        prop_assert_eq!(list(&a.difference(&b)), collect(set_a.difference(&set_b)));
        prop_assert_eq!(list(&a.intersection(&b)), collect(set_a.intersection(&set_b)));
        prop_assert_eq!(a.is_subset(&b), set_a.is_subset(&set_b));
        prop_assert_eq!(a == b, set_a == set_b);
        prop_assert_eq!(set_b.iter().map(|n| a.contains(n)).collect::<Vec<_>>(), set_b.iter().map(|n| set_a.contains(n)).collect::<Vec<_>>());
        let mut adopted = a.clone();
        adopted.adopt(&b);
        prop_assert_eq!(&adopted, &a);
    }

    #[test]
    fn the_first_of_a_name_stays_and_later_sets_lie_on_top(a in plain(), b in plain()) {
        let resources = |names: &[String]| -> Vec<Resource> {
            names.iter().enumerate().map(|(at, n)| Resource::new(n.as_str(), at.to_string())).collect()
        };
        let map = |names: &[String]| -> BTreeMap<String, String> {
            names.iter().enumerate().rev().map(|(at, n)| (n.clone(), at.to_string())).collect()
        };
        let (set_a, set_b) = (ResourceSet::new(resources(&a)), ResourceSet::new(resources(&b)));
        let show = |set: &ResourceSet| -> BTreeMap<String, String> {
            set.iter().map(|r| (r.name.to_string(), String::from_utf8_lossy(&r.body).into_owned())).collect()
        };
        prop_assert_eq!(show(&set_a), map(&a));
        prop_assert_eq!(set_a.bytes(), map(&a).values().map(String::len).sum::<usize>());
        let mut merged = map(&a);
        merged.extend(map(&b));
        prop_assert_eq!(show(&set_a.overlay(&set_b)), merged);
        let beside = ResourceSet::beside(&set_a, resources(&b));
        let mut under = map(&b);
        under.extend(map(&a));
        prop_assert_eq!(show(&beside), under.clone());
        prop_assert_eq!(beside.len(), under.len());
        prop_assert_eq!(beside.iter().len(), under.len());
        prop_assert_eq!(beside.is_empty(), under.is_empty());
        prop_assert_eq!(beside.bytes(), under.values().map(String::len).sum::<usize>());
        prop_assert!(beside.iter().is_sorted_by_key(|r| &r.name));
        prop_assert!(beside.iter().all(|r| beside.get(&r.name) == Some(r)));
        let flat: Vec<_> = beside.iter().cloned().collect();
        let flat = ResourceSet::new(flat);
        prop_assert_eq!(beside.versions(), flat.versions());
        let again = ResourceSet::beside(&beside, resources(&a));
        prop_assert_eq!(show(&again), under);
        prop_assert_eq!(set_a.content_version() == set_b.content_version(), map(&a) == map(&b));
        prop_assert_eq!(set_a.versions() == set_b.versions(), map(&a) == map(&b));
    }
}

#[test]
fn versions_are_of_content_alone() {
    assert_eq!(Resource::new("a", "x").version, Resource::new("b", "x").version);
    assert_ne!(Resource::new("a", "x").version, Resource::new("a", "y").version);
    assert_eq!(Resource::new("a", "x").version_text().len(), 16);
}
