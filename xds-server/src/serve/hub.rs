//! What all connections share: the newest snapshot, the generator, and each other's slots.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arcstr::ArcStr;
use tokio::sync::{Notify, Semaphore, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use xdslab_mesh::Snapshot;
use xdslab_protocol::{NameSet, ResourceType, Semantics};

use super::admission::Admission;
use super::ask::Ask;
use super::client::{Client, Seen};
use super::encode::Encoder;
use super::names::NameTable;
use super::status::{ConnectionStatus, TypeStatus};
use crate::generate::Generator;
use crate::identity::{Account, Identities};
use crate::observe::{Event, Happening, Observers, PushStatus};
use crate::push::{DebounceOptions, PushRequest, Slot};

/// The mesh as it was last pushed.
#[derive(Clone, Debug)]
pub struct Newest {
    /// The mesh.
    pub snapshot: Arc<Snapshot>,
    /// Version of the push.
    pub version: ArcStr,
}

#[derive(Debug)]
struct Connection {
    slot: Slot,
    status: ConnectionStatus,
    /// The one type that the stream serves, if it is one.
    only: Option<ResourceType>,
    /// Whether it has been sent all that was put into its slot.
    settled: bool,
    since: SystemTime,
    /// Who is there, once that is known.
    seen: Option<Arc<Seen>>,
}

/// What all connections share.
#[derive(Debug)]
pub struct Hub {
    pub(super) generator: Generator,
    pub(super) encoder: Encoder,
    pub(super) names: NameTable,
    pub(super) semantics: Semantics,
    pub(super) identities: Identities,
    /// The mesh's trust domain: empty before the first push.
    pub(super) trust_domain: watch::Sender<ArcStr>,
    pub(super) newest: watch::Sender<Option<Newest>>,
    pub(super) observers: Observers,
    pub(super) cancel: CancellationToken,
    /// The tasks of all streams.
    pub(super) streams: TaskTracker,
    /// How many connections are pushed to at once.
    pub(super) throttle: Arc<Semaphore>,
    /// How many streams come in a second.
    pub(super) admission: Admission,
    connections: Mutex<BTreeMap<u64, Connection>>,
    counter: AtomicU64,
    /// Streams of secrets so far.
    pub(super) secret_streams: AtomicU64,
    /// Batches of changes that were handed over and have not been pushed.
    pending: AtomicUsize,
    /// What was amiss in the mesh of this version.
    amiss: Mutex<Option<(ArcStr, Arc<PushStatus>)>>,
    /// Questions to the writer of the mesh.
    pub(super) asks: mpsc::Sender<Ask>,
    /// Something happened that may have brought all in sync.
    progress: Notify,
}

impl Hub {
    /// A hub without mesh and connections.
    pub fn new(
        semantics: Semantics,
        options: &DebounceOptions,
        identities: Identities,
        asks: mpsc::Sender<Ask>,
        observers: Observers,
        cancel: CancellationToken,
    ) -> Self {
        Self {
            generator: Generator::new(),
            encoder: Encoder::default(),
            names: NameTable::default(),
            semantics,
            identities,
            trust_domain: watch::Sender::default(),
            newest: watch::Sender::new(None),
            observers,
            cancel,
            streams: TaskTracker::new(),
            throttle: Arc::new(Semaphore::new(options.concurrency())),
            admission: Admission::every(options.admission),
            connections: Mutex::default(),
            counter: AtomicU64::new(0),
            secret_streams: AtomicU64::new(0),
            pending: AtomicUsize::new(0),
            amiss: Mutex::default(),
            asks,
            progress: Notify::new(),
        }
    }

    /// Hands a push to every connection, and says how many there are.
    pub fn push(&self, push: &Arc<PushRequest>) -> usize {
        self.encoder.next_push();
        self.renew(push);
        let mut connections = self.lock();
        for connection in connections.values_mut() {
            connection.settled = false;
            connection.slot.put(push.clone());
        }
        connections.len()
    }

    /// Hands the mesh as it was last pushed to every connection once more, and says how many there are. What waits in the
    /// debounce goes on waiting (istiod: `AdsPushAll` in `ads.go`).
    pub fn push_again(&self) -> usize {
        // Not under the lock of what is pushed: the push takes it.
        let Some(Newest { snapshot, version }) = self.newest.borrow().clone() else { return 0 };
        self.push(&Arc::new(PushRequest::on_demand(version, snapshot)))
    }

    /// Hands the proxies of these addresses all that they should have: the mesh as it was last pushed, with the workloads of
    /// `now` (istiod: `ProxyUpdate` in `ads.go`).
    pub fn push_to(&self, addresses: &BTreeSet<ArcStr>, now: &Snapshot) {
        let Some(Newest { snapshot, version }) = self.newest.borrow().clone() else { return };
        let push = Arc::new(PushRequest::of_proxy(version, Arc::new(snapshot.with_workloads_of(now))));
        self.renew(&push);
        for connection in self.lock().values_mut() {
            let first = connection.seen.as_ref().and_then(|seen| seen.view.proxy.addresses.first());
            let is_at = |ip: &IpAddr| addresses.contains(ip.to_string().as_str());
            if first.is_some_and(is_at) {
                connection.settled = false;
                connection.slot.put(push.clone());
            }
        }
    }

    fn renew(&self, push: &PushRequest) {
        let trust_domain = &push.snapshot.mesh_config().trust_domain;
        self.trust_domain.send_if_modified(|old| {
            let changed = *old != *trust_domain;
            old.clone_from(trust_domain);
            changed
        });
        let newest = Newest { snapshot: push.snapshot.clone(), version: push.version.clone() };
        self.newest.send_replace(Some(newest));
    }

    /// Services of the mesh as it was last pushed.
    pub fn services(&self) -> usize {
        self.newest.borrow().as_ref().map_or(0, |newest| newest.snapshot.services().len())
    }

    /// Version of the last push; empty before the first.
    pub fn version(&self) -> ArcStr {
        self.newest.borrow().as_ref().map(|newest| newest.version.clone()).unwrap_or_default()
    }

    /// Clusters were sent on a stream that serves nothing else: another stream of the same client has their endpoints.
    pub(super) fn warm(&self, proxy: &ArcStr, clusters: &NameSet) {
        for connection in self.lock().values_mut() {
            if connection.only == Some(ResourceType::Endpoint) && connection.status.proxy == *proxy {
                connection.settled = false;
                connection.slot.warm(clusters);
            }
        }
    }

    /// Whether there is a mesh to serve.
    pub fn is_ready(&self) -> bool {
        self.newest.borrow().is_some()
    }

    /// Batches of changes were handed over.
    pub fn expect(&self, batches: usize) {
        self.pending.fetch_add(batches, Ordering::AcqRel);
    }

    /// Batches of changes were pushed, or concern nobody.
    pub fn done(&self, batches: usize) {
        self.pending.fetch_sub(batches, Ordering::AcqRel);
        self.progress.notify_waiters();
    }

    /// Whether all changes were pushed and all clients have accepted what they were sent.
    pub fn is_synced(&self) -> bool {
        self.pending.load(Ordering::Acquire) == 0
            && self.lock().values().all(|connection| connection.settled && connection.status.is_acked())
    }

    /// Waits until [`Self::is_synced`].
    pub async fn synced(&self) {
        loop {
            let progress = self.progress.notified();
            tokio::pin!(progress);
            progress.as_mut().enable();
            if self.is_synced() {
                return;
            }
            progress.await;
        }
    }

    /// Waits until all streams have ended. No new one may begin.
    pub async fn ended(&self) {
        self.streams.close();
        self.streams.wait().await;
    }

    /// The state of every connection, in order of their numbers.
    pub fn statuses(&self) -> Vec<ConnectionStatus> {
        self.lock().values().map(|c| c.status.clone()).collect()
    }

    /// Every connection of which it is known who is there, in order of their numbers.
    pub fn clients(&self) -> Vec<Client> {
        let connections = self.lock();
        let clients = connections
            .values()
            .filter_map(|c| Some(Client { status: c.status.clone(), since: c.since, seen: c.seen.clone()? }));
        clients.collect()
    }

    /// A connection's proxy is known, or was pushed to.
    pub(super) fn see(&self, number: u64, seen: Arc<Seen>) {
        if let Some(connection) = self.lock().get_mut(&number) {
            connection.seen = Some(seen);
        }
    }

    /// A token with which a client may claim `account` for `ttl`.
    pub fn token(&self, account: &Account, ttl: Duration) -> String {
        self.identities.claims.tokens().issue(account, SystemTime::now(), ttl)
    }

    /// The mesh as it was last pushed.
    pub fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.newest.borrow().as_ref().map(|newest| newest.snapshot.clone())
    }

    /// The mesh's root namespace; none before the first push.
    pub(super) fn root_namespace(&self) -> Option<ArcStr> {
        self.newest.borrow().as_ref().map(|newest| newest.snapshot.mesh_config().root_namespace.clone())
    }

    /// All metrics, in Prometheus' text form.
    pub fn metrics(&self) -> String {
        self.observers.metrics().text(&self.push_status())
    }

    /// What is amiss in the mesh as it was last pushed, and what of it could not be sent.
    pub fn push_status(&self) -> PushStatus {
        let mut status = PushStatus::clone(&self.mesh_status());
        status.add(self.generator.conflicts());
        status
    }

    /// What is amiss in the mesh; worked out once a push, when first asked for.
    fn mesh_status(&self) -> Arc<PushStatus> {
        let Some(Newest { snapshot, version }) = self.newest.borrow().clone() else { return Arc::default() };
        let mut known = self.amiss.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, status)) = &*known
            && *of == version
        {
            return status.clone();
        }
        let status = Arc::new(PushStatus::of_mesh(&snapshot));
        *known = Some((version, status.clone()));
        status
    }

    /// Everybody who is told what happens.
    pub fn observers(&self) -> &Observers {
        &self.observers
    }

    /// Tells of what concerns no connection.
    pub fn tell(&self, what: Happening) {
        self.observers.tell(Event { connection: ArcStr::new(), proxy: ArcStr::new(), what });
    }

    pub(super) fn connect(&self, proxy: &ArcStr, only: Option<ResourceType>, slot: Slot) -> (u64, ArcStr) {
        let n = self.counter.fetch_add(1, Ordering::Relaxed) + 1;
        let id = arcstr::format!("{proxy}-{n}");
        let status = ConnectionStatus { id: id.clone(), proxy: proxy.clone(), types: BTreeMap::new() };
        self.lock().insert(
            n,
            Connection { slot, status, only, settled: false, since: SystemTime::now(), seen: None },
        );
        (n, id)
    }

    pub(super) fn disconnect(&self, number: u64) {
        self.lock().remove(&number);
        self.progress.notify_waiters();
    }

    /// A connection was sent all that it had taken out of its slot.
    pub(super) fn settle(&self, number: u64) {
        if let Some(connection) = self.lock().get_mut(&number) {
            connection.settled = connection.slot.is_empty();
        }
        self.progress.notify_waiters();
    }

    pub(super) fn note(&self, number: u64, kind: &ResourceType, change: impl FnOnce(&mut TypeStatus)) {
        if let Some(connection) = self.lock().get_mut(&number) {
            change(connection.status.types.entry(kind.clone()).or_default());
        }
        self.progress.notify_waiters();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, Connection>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
