//! Objects of one kind by namespace, in istiod's order of age.

use std::collections::BTreeMap;
use std::sync::Arc;

use arcstr::ArcStr;

use super::age;
use crate::object::Config;

/// Objects of one kind by namespace, the oldest first.
#[derive(Debug)]
pub struct ByNamespace<T> {
    namespaces: BTreeMap<ArcStr, Vec<Arc<Config<T>>>>,
    all: Vec<Arc<Config<T>>>,
}

impl<T> ByNamespace<T> {
    /// Indexes all objects of a kind. O(n log n).
    pub fn new(mut objects: Vec<Arc<Config<T>>>) -> Self {
        objects.sort_by(|a, b| age(&a.meta).cmp(&age(&b.meta)));
        let mut namespaces: BTreeMap<ArcStr, Vec<_>> = BTreeMap::new();
        for object in &objects {
            namespaces.entry(object.meta.namespace.clone()).or_default().push(object.clone());
        }
        Self { namespaces, all: objects }
    }

    /// The objects of a namespace, the oldest first; of two of one age the first by name.
    pub fn of_namespace(&self, namespace: &str) -> &[Arc<Config<T>>] {
        self.namespaces.get(namespace).map_or(&[], Vec::as_slice)
    }

    /// All objects, the oldest first; of two of one age the first by name, then by namespace.
    pub fn all(&self) -> &[Arc<Config<T>>] {
        &self.all
    }
}
