//! Many Envoys, one process for each proxy: started a few at a time, watched, ended together.

mod event;
mod launch;
mod options;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::join_all;
use tokio::sync::broadcast;
use tokio::task::JoinSet;

use super::bootstrap::Node;
use super::process::Envoy;
use super::watchdog::Watchdog;
use launch::Launcher;

pub use event::{Failure, FleetEvent};
pub use options::{FleetError, FleetOptions};

/// The only hand that starts and ends a fleet's Envoys; [`FleetView`]s look at them.
///
/// Dropped, or ended with its process however that ends, it takes all its Envoys with it.
#[derive(Debug)]
pub struct Fleet {
    launcher: Arc<Launcher>,
    /// Every proxy that was added and not removed, also if its Envoy failed.
    nodes: BTreeMap<String, Node>,
}

/// Looks at the Envoys of a fleet, from any task. It keeps no Envoy alive that the fleet has ended.
#[derive(Clone, Debug)]
pub struct FleetView {
    running: Running,
}

/// The running Envoys by `NAME.NAMESPACE`.
#[derive(Clone, Debug, Default)]
struct Running(Arc<Mutex<BTreeMap<String, Arc<Envoy>>>>);

/// More than a run of some hundred Envoys tells before a listener looks again; a slower one loses the oldest.
const EVENTS_KEPT: usize = 8192;

impl Fleet {
    /// An empty fleet, within a tokio runtime.
    pub fn start(options: FleetOptions) -> Result<Self, FleetError> {
        if options.purge.is_some() && !options.binary.version.has_soft_memory_limit() {
            return Err(FleetError::NoSoftLimit(options.binary.version));
        }
        fs::create_dir_all(&options.dir)
            .map_err(|source| FleetError::Dir { path: options.dir.clone(), source })?;
        let watchdog = Watchdog::start().map_err(FleetError::Watchdog)?;
        let (events, _) = broadcast::channel(EVENTS_KEPT);
        let launcher = Launcher::new(options, watchdog, events, Running::default());
        Ok(Self { launcher: Arc::new(launcher), nodes: BTreeMap::new() })
    }

    /// The events from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<FleetEvent> {
        self.launcher.events.subscribe()
    }

    /// A look at the running Envoys.
    pub fn view(&self) -> FleetView {
        FleetView { running: self.launcher.running.clone() }
    }

    /// Starts an Envoy for each of these proxies and waits until each is ready or has failed; one failure neither
    /// stops nor delays the others. An Envoy that is late is told as a failure and goes on running. A proxy that
    /// already has an Envoy is passed over.
    ///
    /// Dropped before its end, it keeps the Envoys that have come up and ends those that have not.
    pub async fn add(&mut self, nodes: impl IntoIterator<Item = Node>) -> Vec<Failure> {
        let new: BTreeMap<_, _> = nodes.into_iter().map(|node| (node.key(), node)).collect();
        let names: BTreeSet<_> = new.keys().cloned().collect();
        self.nodes.extend(new);
        self.launch(&names).await
    }

    /// Ends the Envoys of these proxies and forgets them. Names that the fleet does not know are passed over.
    pub async fn remove(&mut self, names: &BTreeSet<String>) {
        for name in names {
            self.nodes.remove(name);
        }
        self.end(names).await;
    }

    /// Ends the Envoys of these proxies and starts new ones, also for those whose Envoy had failed.
    pub async fn restart(&mut self, names: &BTreeSet<String>) -> Vec<Failure> {
        self.end(names).await;
        self.launch(names).await
    }

    /// Ends all Envoys: done when the last is gone.
    pub async fn stop(mut self) {
        let names = std::mem::take(&mut self.nodes).into_keys().collect();
        self.end(&names).await;
    }

    async fn launch(&self, names: &BTreeSet<String>) -> Vec<Failure> {
        let running = self.view().names();
        let mut launches = JoinSet::new();
        for name in names.difference(&running) {
            if let Some(node) = self.nodes.get(name) {
                launches.spawn(self.launcher.clone().launch(name.clone(), node.clone()));
            }
        }
        let mut failures: Vec<_> = launches.join_all().await.into_iter().flatten().collect();
        failures.sort_by(|a, b| a.name.cmp(&b.name));
        failures
    }

    async fn end(&self, names: &BTreeSet<String>) {
        join_all(names.iter().map(|name| self.launcher.end(name))).await;
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        // Views and watching tasks hold the list too.
        self.launcher.running.lock().clear();
    }
}

impl FleetView {
    /// The proxies whose Envoys run.
    pub fn names(&self) -> BTreeSet<String> {
        self.running.lock().keys().cloned().collect()
    }

    /// Number of running Envoys.
    pub fn len(&self) -> usize {
        self.running.lock().len()
    }

    /// Whether none runs.
    pub fn is_empty(&self) -> bool {
        self.running.lock().is_empty()
    }

    /// The Envoy of a proxy, if it runs. Hold it for a question, not for longer: it lives as long as it is held.
    pub fn envoy(&self, name: &str) -> Option<Arc<Envoy>> {
        self.running.lock().get(name).cloned()
    }
}

impl Running {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Envoy>>> {
        // Nothing can panic while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
