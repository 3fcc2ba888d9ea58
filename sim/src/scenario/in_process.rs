//! The control plane of this project, in this process, watched through its events.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use xdslab_mesh::object::Object;
use xdslab_mesh::{Change, ChangeSet, Mesh, Proxy, Snapshot};
use xdslab_proto::Message;
use xdslab_proto::cluster::Cluster;
use xdslab_proto::cluster::cluster::{ClusterDiscoveryType, DiscoveryType};
use xdslab_proto::endpoint::ClusterLoadAssignment;
use xdslab_server::cli::pods;
use xdslab_server::generate::{Generator, View};
use xdslab_server::{Config, Server};

use super::lab::{ControlPlane, LabError, Traffic, proxy_name};
use super::ledger::Ledger;

/// An `xds-server` on a port of its own choosing.
///
/// It knows the mesh a second time, to say how many clusters each proxy must come to: what Envoy shows is compared with
/// that, not with what was sent.
pub struct InProcess {
    server: Server,
    ledger: watch::Receiver<Ledger>,
    listening: JoinHandle<()>,
    mesh: Mutex<Mesh>,
    generator: Generator,
    proxies: BTreeMap<String, Arc<Proxy>>,
    /// When the last changes came, unless nobody can be concerned by them.
    changed: Option<Instant>,
}

/// For so long no event may come after a push began before all that it brings counts as sent: the server does not tell of
/// the proxies that a push brings nothing.
const QUIET: Duration = Duration::from_millis(100);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(10);

impl InProcess {
    /// Starts it with an empty mesh.
    ///
    /// # Errors
    /// When no port of the loopback can be had.
    pub async fn start() -> Result<Self, LabError> {
        let server = Server::start(Config::default()).await;
        let server = server.map_err(|e| LabError(format!("cannot start the server: {e}")))?;
        let mut events = server.events();
        let (changes, ledger) = watch::channel(Ledger::default());
        let listening = tokio::spawn(async move {
            use tokio::sync::broadcast::error::RecvError;
            loop {
                match events.recv().await {
                    Ok(event) => changes.send_modify(|ledger| ledger.enter(&event, Instant::now())),
                    Err(RecvError::Lagged(lost)) => changes.send_modify(|ledger| ledger.lose(lost)),
                    Err(RecvError::Closed) => return,
                }
            }
        });
        Ok(Self {
            server,
            ledger,
            listening,
            mesh: Mutex::new(Mesh::new()),
            generator: Generator::new(),
            proxies: BTreeMap::new(),
            changed: None,
        })
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        self.mesh.lock().unwrap_or_else(PoisonError::into_inner).snapshot()
    }

    fn keep(&mut self, change: &Change) {
        match change {
            Change::Apply(Object::Pod(pod)) => {
                let node = pods::node(pod, true).ok();
                if let Some(proxy) = node.and_then(|node| Proxy::parse(node).ok()) {
                    self.proxies.insert(proxy_name(pod), Arc::new(proxy));
                }
            }
            Change::Delete(key) if key.kind == xdslab_mesh::object::Kind::Pod => {
                self.proxies.remove(&format!("{}.{}", key.name, key.namespace));
            }
            _ => {}
        }
    }
}

impl ControlPlane for InProcess {
    fn address(&self) -> SocketAddr {
        self.server.grpc_addr()
    }

    async fn apply(&mut self, changes: ChangeSet) -> Result<(), LabError> {
        let now = Instant::now();
        self.server.apply(changes.clone()).await;
        changes.changes.iter().for_each(|change| self.keep(change));
        let effects = self.mesh.get_mut().unwrap_or_else(PoisonError::into_inner).apply(changes);
        self.changed = (!effects.is_empty()).then_some(now);
        Ok(())
    }

    async fn acked(&self, proxies: &BTreeSet<String>, progress: &watch::Sender<usize>) -> Instant {
        let begun = Instant::now();
        loop {
            {
                let ledger = self.ledger.borrow();
                let acked = proxies.iter().filter(|name| ledger.is_in_sync(name)).count();
                let last = ledger.last();
                let is_sent =
                    self.changed.is_none_or(|at| ledger.pushed_at().is_some_and(|pushed| pushed >= at));
                let is_quiet = last.is_none_or(|last| last.elapsed() >= QUIET) && begun.elapsed() >= QUIET;
                if is_sent {
                    tell(progress, acked);
                }
                if acked == proxies.len() && is_sent && is_quiet {
                    let acks = proxies.iter().filter_map(|name| ledger.acked_at(name));
                    return acks.max().unwrap_or(begun);
                }
            }
            sleep(PAUSE).await;
        }
    }

    fn late(&self, proxies: &BTreeSet<String>) -> Vec<String> {
        let ledger = self.ledger.borrow();
        let late = |name: &String| ledger.missing(name).map(|missing| format!("{name} ({missing})"));
        proxies.iter().filter_map(late).collect()
    }

    fn traffic(&self) -> Option<BTreeMap<String, Traffic>> {
        let ledger = self.ledger.borrow();
        let snapshot = self.snapshot();
        let of = |(name, proxy): (&String, &Arc<Proxy>)| {
            let (pushes, bytes) = ledger.sent(name)?;
            let view = View::new(snapshot.clone(), proxy.clone());
            let clusters = u64::try_from(self.generator.clusters(&view).len()).unwrap_or(u64::MAX);
            Some((name.clone(), Traffic { pushes, bytes, clusters }))
        };
        ledger.is_whole().then(|| self.proxies.iter().filter_map(of).collect())
    }

    fn endpoints(&self, proxy: &str) -> Option<u64> {
        let view = View::new(self.snapshot(), self.proxies.get(proxy)?.clone());
        let mut count = 0;
        let mut names = Vec::new();
        for resource in &self.generator.clusters(&view) {
            let cluster = Cluster::decode(resource.body.clone()).ok()?;
            if cluster.cluster_discovery_type == Some(ClusterDiscoveryType::Type(DiscoveryType::Eds.into())) {
                let service =
                    cluster.eds_cluster_config.map(|eds| eds.service_name).filter(|name| !name.is_empty());
                names.push(service.map_or_else(|| resource.name.clone(), Into::into));
            } else {
                count += cluster.load_assignment.as_ref().map_or(0, endpoints);
            }
        }
        for resource in &self.generator.endpoints(&view, &names) {
            count += endpoints(&ClusterLoadAssignment::decode(resource.body.clone()).ok()?);
        }
        u64::try_from(count).ok()
    }

    async fn stop(self) {
        // The run is over: what does not end in time has nothing to say any more.
        let _ = self.server.shutdown().await;
        self.listening.abort();
    }
}

/// The number of endpoints of an assignment.
fn endpoints(assignment: &ClusterLoadAssignment) -> usize {
    assignment.endpoints.iter().map(|group| group.lb_endpoints.len()).sum()
}

/// Tells a number that is new.
fn tell(progress: &watch::Sender<usize>, acked: usize) {
    progress.send_if_modified(|before| std::mem::replace(before, acked) != acked);
}

impl std::fmt::Debug for InProcess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InProcess").field("address", &self.server.grpc_addr()).finish_non_exhaustive()
    }
}
