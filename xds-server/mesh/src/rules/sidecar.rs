//! Which `Sidecar` applies to a proxy (istiod: `initSidecarScopes`, `getSidecarScope` in `push_context.go`).

use std::sync::Arc;

use arcstr::ArcStr;
use hashbrown::HashMap;

use super::{age, selects};
use crate::object::istio::{MeshConfig, Sidecar};
use crate::object::{Config, Labels};

/// `Sidecars` by namespace, those with a workload selector first, then by age.
#[derive(Debug, Default)]
pub struct SidecarIndex {
    by_namespace: HashMap<ArcStr, Vec<Arc<Config<Sidecar>>>>,
    root_default: Option<Arc<Config<Sidecar>>>,
}

/// The one `Sidecar` that shapes what a proxy sees. Nothing is merged or inherited between `Sidecars`.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum SelectedSidecar {
    /// One of the proxy's own namespace.
    Own(Arc<Config<Sidecar>>),
    /// The root namespace's, read as if it stood in the proxy's namespace.
    Root(Arc<Config<Sidecar>>),
    /// None: everything exported to the namespace is imported.
    #[default]
    None,
}

impl SidecarIndex {
    /// Indexes all `Sidecars` of a mesh.
    pub fn new(sidecars: &[Arc<Config<Sidecar>>], mesh: &MeshConfig) -> Self {
        let mut sorted = sidecars.to_vec();
        let key = |s: &Arc<Config<Sidecar>>| s.spec.workload_selector.is_none();
        sorted.sort_by(|a, b| key(a).cmp(&key(b)).then_with(|| age(&a.meta).cmp(&age(&b.meta))));
        let mut index = Self::default();
        for sidecar in sorted {
            let namespace = &sidecar.meta.namespace;
            if sidecar.spec.workload_selector.is_none() && *namespace == mesh.root_namespace {
                index.root_default.get_or_insert_with(|| sidecar.clone());
            }
            index.by_namespace.entry(namespace.clone()).or_default().push(sidecar);
        }
        index
    }

    /// The `Sidecar` of a proxy: of those of its namespace the oldest whose selector fits, else the oldest without
    /// a selector; else the root namespace's. A selector without labels fits every proxy.
    pub fn select(&self, namespace: &str, labels: &Labels) -> SelectedSidecar {
        let own = self.by_namespace.get(namespace).into_iter().flatten();
        let fits = |s: &&Arc<Config<Sidecar>>| {
            s.spec.workload_selector.as_ref().is_none_or(|w| selects(&w.labels, labels))
        };
        let own = own.clone().find(fits).map(|s| SelectedSidecar::Own(s.clone()));
        own.or_else(|| Some(SelectedSidecar::Root(self.root_default.clone()?))).unwrap_or_default()
    }
}

impl SelectedSidecar {
    /// The `Sidecar` itself.
    pub fn config(&self) -> Option<&Arc<Config<Sidecar>>> {
        match self {
            Self::Own(config) | Self::Root(config) => Some(config),
            Self::None => None,
        }
    }
}
