//! Which Sidecar a proxy has (istiod: `initSidecarScopes`, `getSidecarScope` in `push_context.go`).

use std::collections::BTreeMap;
use std::sync::Arc;

use arcstr::ArcStr;

use super::by_age;
use crate::object::istio::{MeshConfig, Sidecar};
use crate::object::{Config, Labels};

/// All Sidecars: those that select workloads first, then the others, each oldest first.
#[derive(Debug, Default)]
pub struct SidecarIndex {
    by_namespace: BTreeMap<ArcStr, Vec<Arc<Config<Sidecar>>>>,
    root: Option<Arc<Config<Sidecar>>>,
}

/// The Sidecar that a proxy has. Exactly one counts: nothing is merged or inherited.
#[derive(Clone, Debug, PartialEq)]
pub enum SelectedSidecar {
    /// One of the proxy's own namespace.
    Own(Arc<Config<Sidecar>>),
    /// The root namespace's, read as if it were in the proxy's namespace.
    Root(Arc<Config<Sidecar>>),
    /// None: everything is imported.
    None,
}

impl SelectedSidecar {
    /// The object, if there is one.
    pub fn config(&self) -> Option<&Arc<Config<Sidecar>>> {
        match self {
            Self::Own(config) | Self::Root(config) => Some(config),
            Self::None => None,
        }
    }
}

impl SidecarIndex {
    /// Indexes Sidecars. O(n log n).
    pub fn new(sidecars: &[Arc<Config<Sidecar>>], mesh: &MeshConfig) -> Self {
        let (selecting, whole): (Vec<_>, Vec<_>) =
            by_age(sidecars).into_iter().partition(|s| s.spec.workload_selector.is_some());
        let root = whole.iter().find(|s| s.meta.namespace == mesh.root_namespace).cloned();
        let mut by_namespace: BTreeMap<ArcStr, Vec<_>> = BTreeMap::new();
        for sidecar in selecting.into_iter().chain(whole) {
            by_namespace.entry(sidecar.meta.namespace.clone()).or_default().push(sidecar);
        }
        Self { by_namespace, root }
    }

    /// The first Sidecar of `namespace` that selects `labels` or nobody in particular, else the root namespace's.
    pub fn select(&self, namespace: &str, labels: &Labels) -> SelectedSidecar {
        let picks = |s: &&Arc<Config<Sidecar>>| {
            let selector = s.spec.workload_selector.as_ref();
            selector.is_none_or(|w| w.labels.iter().all(|(k, v)| labels.get(k) == Some(v)))
        };
        let own = self.by_namespace.get(namespace).and_then(|list| list.iter().find(picks));
        match (own, &self.root) {
            (Some(own), _) => SelectedSidecar::Own(own.clone()),
            (None, Some(root)) => SelectedSidecar::Root(root.clone()),
            (None, None) => SelectedSidecar::None,
        }
    }
}
