//! What proxies hold in common, once: names, resources and whole tables of them.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use arcstr::ArcStr;
use xxhash_rust::xxh3::{Xxh3Builder, Xxh3Default, xxh3_128};

use super::cluster::{Cluster, ClusterNames};
use super::listener::{Listener, route_names};
use super::mux::{Held, Watch};
use super::scan::{self, Malformed};
use super::table::Table;

/// Shared by the proxies of a process. What nobody holds any more is dropped now and then, so its size follows what is
/// held, not what was ever sent.
#[derive(Debug, Default)]
pub struct Catalogue {
    names: Mutex<NameSet>,
    clusters: Mutex<Shelf<u128, Cluster>>,
    listeners: Mutex<Shelf<u128, Listener>>,
    cluster_tables: Mutex<Shelf<u64, Vec<(ArcStr, Arc<Cluster>)>>>,
    listener_tables: Mutex<Shelf<u64, Vec<(ArcStr, Arc<Listener>)>>>,
    watch_tables: Mutex<Shelf<u64, Vec<(ArcStr, Watch)>>>,
    held_tables: Mutex<Shelf<u64, Vec<(ArcStr, Held)>>>,
}

/// Tables start to be shared at this length: shorter ones cost less than the look-up saves.
const WORTH_SHARING: usize = 4;
/// Dead entries are looked for when there are as many more.
const LEAST: usize = 1024;

impl Catalogue {
    /// The one copy of a name.
    pub(super) fn name(&self, name: &str) -> ArcStr {
        locked(&self.names).get(name)
    }

    /// The one copy of a cluster. With `whole` unset its bytes are not looked into.
    pub(super) fn cluster(&self, name: &str, body: &[u8], whole: bool) -> Result<Arc<Cluster>, Malformed> {
        let content = xxh3_128(if whole { body } else { name.as_bytes() });
        if let Some(known) = locked(&self.clusters).get(&content) {
            return Ok(known);
        }
        let names = if whole { ClusterNames::scan(body)? } else { ClusterNames::guess(name) };
        let endpoints = names.endpoints.map(|endpoints| self.name(endpoints));
        let cluster = Cluster { content, name: self.name(names.name), endpoints };
        Ok(locked(&self.clusters).put(content, Arc::new(cluster)))
    }

    /// The one copy of a listener. With `whole` unset its bytes are not looked into.
    pub(super) fn listener(&self, name: &str, body: &[u8], whole: bool) -> Result<Arc<Listener>, Malformed> {
        let content = xxh3_128(if whole { body } else { name.as_bytes() });
        if let Some(known) = locked(&self.listeners).get(&content) {
            return Ok(known);
        }
        let (name, routes) =
            if whole { (scan::name(body)?, route_names(body)?) } else { (name, BTreeSet::new()) };
        let routes = routes.into_iter().map(|route| self.name(route)).collect();
        let listener = Listener { content, name: self.name(name), routes };
        Ok(locked(&self.listeners).put(content, Arc::new(listener)))
    }

    pub(super) fn share_clusters(&self, table: &mut Table<Arc<Cluster>>) {
        share(&self.cluster_tables, table, |cluster, hasher| cluster.content.hash(hasher));
    }

    pub(super) fn share_listeners(&self, table: &mut Table<Arc<Listener>>) {
        share(&self.listener_tables, table, |listener, hasher| listener.content.hash(hasher));
    }

    pub(super) fn share_watches(&self, table: &mut Table<Watch>) {
        share(&self.watch_tables, table, Hash::hash);
    }

    pub(super) fn share_held(&self, table: &mut Table<Held>) {
        share(&self.held_tables, table, Hash::hash);
    }
}

/// Puts the one copy of an equal table in its place.
fn share<V: Clone + PartialEq>(
    shelf: &Mutex<Shelf<u64, Vec<(ArcStr, V)>>>,
    table: &mut Table<V>,
    hash: impl Fn(&V, &mut Xxh3Default),
) {
    if table.len() < WORTH_SHARING {
        return;
    }
    let mut hasher = Xxh3Default::new();
    for (name, value) in table.iter() {
        // Names are unique objects: the address stands for the text.
        hasher.write_usize(name.as_ptr() as usize);
        hash(value, &mut hasher);
    }
    let key = hasher.finish();
    let mut shelf = locked(shelf);
    match shelf.get(&key) {
        Some(known) if Arc::ptr_eq(&known, table.rows()) => {}
        Some(known) if known == *table.rows() => table.replace(known),
        _ => {
            shelf.put(key, table.rows().clone());
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is in there is whole at any time: a copy more or less is all that can go wrong.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Things by what identifies them, kept alive by those who use them.
#[derive(Debug)]
struct Shelf<K, T> {
    items: HashMap<K, Weak<T>, Xxh3Builder>,
    limit: usize,
}

impl<K, T> Default for Shelf<K, T> {
    fn default() -> Self {
        Self { items: HashMap::default(), limit: LEAST }
    }
}

impl<K: Hash + Eq, T> Shelf<K, T> {
    fn get(&self, key: &K) -> Option<Arc<T>> {
        self.items.get(key)?.upgrade()
    }

    fn put(&mut self, key: K, item: Arc<T>) -> Arc<T> {
        if self.items.len() >= self.limit {
            self.items.retain(|_, item| item.strong_count() > 0);
            self.limit = (self.items.len() * 2).max(LEAST);
        }
        self.items.insert(key, Arc::downgrade(&item));
        item
    }
}

#[derive(Debug)]
struct NameSet {
    names: HashSet<ArcStr, Xxh3Builder>,
    limit: usize,
}

impl Default for NameSet {
    fn default() -> Self {
        Self { names: HashSet::with_hasher(Xxh3Builder::new()), limit: LEAST }
    }
}

impl NameSet {
    fn get(&mut self, name: &str) -> ArcStr {
        if let Some(known) = self.names.get(name) {
            return known.clone();
        }
        if self.names.len() >= self.limit {
            self.names.retain(|name| ArcStr::strong_count(name).is_some_and(|count| count > 1));
            self.limit = (self.names.len() * 2).max(LEAST);
        }
        let new = ArcStr::from(name);
        self.names.insert(new.clone());
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_things_are_one() {
        let catalogue = Catalogue::default();
        let body = b"\x0a\x01a\x10\x03";
        let (one, two) =
            (catalogue.cluster("", body, true).unwrap(), catalogue.cluster("", body, true).unwrap());
        assert!(Arc::ptr_eq(&one, &two));
        assert_eq!((one.name.as_str(), one.endpoints.as_deref()), ("a", Some("a")));

        let table = || {
            let mut table = Table::default();
            let names = ["a", "b", "c", "d", "e"].map(|name| (catalogue.name(name), Some(one.clone())));
            table.change(names.into_iter().collect());
            catalogue.share_clusters(&mut table);
            table
        };
        let (first, second) = (table(), table());
        assert!(Arc::ptr_eq(first.rows(), second.rows()));
    }

    #[test]
    fn what_nobody_holds_is_dropped() {
        let catalogue = Catalogue::default();
        for number in 0..10 * LEAST {
            catalogue.name(&number.to_string());
            catalogue.cluster(&number.to_string(), b"", false).unwrap();
        }
        assert!(locked(&catalogue.names).names.len() <= 2 * LEAST);
        assert!(locked(&catalogue.clusters).items.len() <= 2 * LEAST);
    }
}
