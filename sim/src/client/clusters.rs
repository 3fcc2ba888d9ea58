//! The clusters of one proxy: active ones, and those that warm.

use std::collections::BTreeMap;
use std::sync::Arc;

use arcstr::ArcStr;

use super::catalogue::Catalogue;
use super::cluster::Cluster;
use super::mux::Interest;
use super::table::{Changes, Table};

/// Envoy's `ClusterManagerImpl`, as far as the control plane can see it.
#[derive(Debug, Default)]
pub(super) struct Clusters {
    active: Table<Arc<Cluster>>,
    /// Wait for their endpoints. One that was active before serves on meanwhile.
    warming: BTreeMap<ArcStr, Arc<Cluster>>,
    /// Names of endpoint sets that warming clusters wait for, and which clusters these are.
    waiting: BTreeMap<ArcStr, Vec<ArcStr>>,
}

impl Clusters {
    /// Takes new and changed clusters, in this order, and then those that are gone. With `warm` unset none waits for its
    /// endpoints. Returns the endpoint sets that are wanted more or less by it.
    pub(super) fn apply(
        &mut self,
        added: impl IntoIterator<Item = Arc<Cluster>>,
        removed: impl IntoIterator<Item = ArcStr>,
        warm: bool,
    ) -> Interest {
        let mut interest = Interest::new();
        let mut changes: Changes<Arc<Cluster>> = Changes::new();
        for cluster in added {
            let name = &cluster.name;
            let active = match changes.get(name) {
                Some(change) => change.as_ref(),
                None => self.active.get(name),
            };
            let is_known = |known: Option<&Arc<Cluster>>| known.is_some_and(|c| c.content == cluster.content);
            if is_known(active) || is_known(self.warming.get(name)) {
                continue;
            }
            interest.extend(cluster.endpoints.iter().map(|endpoints| (endpoints.clone(), 1)));
            let (active, name) = (active.cloned(), name.clone());
            self.stop_warming(&name, &mut interest);
            match &cluster.endpoints {
                Some(endpoints) if warm => {
                    self.waiting.entry(endpoints.clone()).or_default().push(name.clone());
                    self.warming.insert(name, cluster);
                }
                _ => {
                    release(active.as_deref(), &mut interest);
                    changes.insert(name, Some(cluster));
                }
            }
        }
        for name in removed {
            self.stop_warming(&name, &mut interest);
            let active = match changes.get(&name) {
                Some(change) => change.clone(),
                None => self.active.get(&name).cloned(),
            };
            release(active.as_deref(), &mut interest);
            changes.insert(name, None);
        }
        self.active.change(changes);
        interest
    }

    /// Endpoint sets have come, or are known to be missing. Returns those that are wanted less by it: by the old versions
    /// of clusters whose new ones are warm now.
    pub(super) fn warm<'a>(&mut self, endpoints: impl IntoIterator<Item = &'a str>) -> Interest {
        let mut interest = Interest::new();
        let mut changes = Changes::new();
        for name in endpoints {
            for cluster in self.waiting.remove(name).unwrap_or_default() {
                if let Some(warm) = self.warming.remove(&cluster) {
                    release(self.active.get(&cluster).map(Arc::as_ref), &mut interest);
                    changes.insert(cluster, Some(warm));
                }
            }
        }
        self.active.change(changes);
        interest
    }

    /// Names of all, warming ones included, each once.
    pub(super) fn names(&self) -> impl Iterator<Item = &ArcStr> {
        let active = self.active.iter().map(|(name, _)| name);
        active.chain(self.warming.keys().filter(|name| self.active.get(name).is_none()))
    }

    pub(super) fn is_warming(&self) -> bool {
        !self.warming.is_empty()
    }

    /// Active and warming ones.
    pub(super) fn count(&self) -> (usize, usize) {
        (self.active.len(), self.warming.len())
    }

    pub(super) fn share(&mut self, catalogue: &Catalogue) {
        catalogue.share_clusters(&mut self.active);
    }

    fn stop_warming(&mut self, name: &ArcStr, interest: &mut Interest) {
        let Some(cluster) = self.warming.remove(name) else { return };
        if let Some(endpoints) = &cluster.endpoints
            && let Some(waiting) = self.waiting.get_mut(endpoints)
        {
            waiting.retain(|waiting| waiting != name);
            if waiting.is_empty() {
                self.waiting.remove(endpoints);
            }
        }
        release(Some(&cluster), interest);
    }
}

fn release(cluster: Option<&Cluster>, interest: &mut Interest) {
    let endpoints = cluster.and_then(|cluster| cluster.endpoints.as_ref());
    interest.extend(endpoints.map(|endpoints| (endpoints.clone(), -1)));
}
