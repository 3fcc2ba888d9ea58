//! A control plane that somebody else runs, and that watches the folder of the mesh. It tells nothing, so the Envoys are
//! asked instead.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use xdslab_mesh::ChangeSet;

use super::envoys::EnvoyView;
use super::lab::{ControlPlane, LabError, STATIC_CLUSTERS, Traffic};
use crate::envoy::XdsStats;

/// Such a control plane, seen through the Envoys that are connected to it.
#[derive(Debug)]
pub struct External {
    address: SocketAddr,
    view: EnvoyView,
    /// What each Envoy showed last, and since when.
    seen: Mutex<BTreeMap<String, (XdsStats, Instant)>>,
}

/// For so long nothing may come before all counts as taken: a debounce, and the time to notice a file.
const QUIET: Duration = Duration::from_secs(1);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

impl External {
    /// The control plane at `address`, with the Envoys that connect to it.
    pub fn new(address: SocketAddr, view: EnvoyView) -> Self {
        Self { address, view, seen: Mutex::default() }
    }

    /// Since when an Envoy shows this.
    fn note(&self, name: &str, stats: XdsStats) -> Instant {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match seen.get(name) {
            Some((before, since)) if *before == stats => *since,
            _ => {
                let now = Instant::now();
                seen.insert(name.to_owned(), (stats, now));
                now
            }
        }
    }

    async fn look(&self, name: &str) -> Option<XdsStats> {
        self.view.envoy(name)?.admin().xds().await.ok()
    }
}

fn is_served(stats: &XdsStats) -> bool {
    stats.connected && stats.warming_clusters == 0 && stats.active_clusters > STATIC_CLUSTERS
}

impl ControlPlane for External {
    fn address(&self) -> SocketAddr {
        self.address
    }

    /// The files have changed already.
    async fn apply(&mut self, _: ChangeSet) -> Result<(), LabError> {
        Ok(())
    }

    async fn acked(&self, proxies: &BTreeSet<String>, progress: &watch::Sender<usize>) -> Instant {
        let begun = Instant::now();
        loop {
            let (mut served, mut changed) = (0, None);
            for name in proxies {
                if let Some(stats) = self.look(name).await {
                    served += usize::from(is_served(&stats));
                    changed = changed.max(Some(self.note(name, stats)));
                }
            }
            progress.send_if_modified(|before| std::mem::replace(before, served) != served);
            if served == proxies.len()
                && begun.elapsed() >= QUIET
                && changed.is_none_or(|at| at.elapsed() >= QUIET)
            {
                return changed.unwrap_or(begun);
            }
            sleep(PAUSE).await;
        }
    }

    /// Only the Envoys themselves could tell.
    fn late(&self, _: &BTreeSet<String>) -> Vec<String> {
        Vec::new()
    }

    fn traffic(&self) -> Option<BTreeMap<String, Traffic>> {
        None
    }

    fn endpoints(&self, _: &str) -> Option<u64> {
        None
    }

    async fn stop(self) {}
}
