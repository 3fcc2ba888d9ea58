//! A control plane that somebody else runs, and that watches the folder of the mesh. It tells nothing, so the Envoys are
//! asked instead.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
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
}

/// For so long nothing may come before all counts as taken: a debounce, and the time to notice a file.
const QUIET: Duration = Duration::from_secs(1);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

impl External {
    /// The control plane at `address`, with the Envoys that connect to it.
    pub fn new(address: SocketAddr, view: EnvoyView) -> Self {
        Self { address, view }
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
        let mut seen: BTreeMap<&String, XdsStats> = BTreeMap::new();
        let mut changed = Instant::now();
        loop {
            for name in proxies {
                if let Some(stats) = self.look(name).await
                    && seen.get(name) != Some(&stats)
                {
                    seen.insert(name, stats);
                    changed = Instant::now();
                }
            }
            let served = seen.values().filter(|stats| is_served(stats)).count();
            progress.send_if_modified(|before| std::mem::replace(before, served) != served);
            if served == proxies.len() && changed.elapsed() >= QUIET {
                return changed;
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

    async fn stop(self) {}
}
