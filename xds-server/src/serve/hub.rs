//! What all connections share: the newest snapshot, the generator, and each other's slots.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arcstr::ArcStr;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use xdslab_mesh::Snapshot;
use xdslab_protocol::{ResourceType, Semantics};

use crate::generate::Generator;
use crate::observe::{Event, Happening, Observers};
use crate::push::{PushRequest, Slot};

/// The mesh as it was last pushed.
#[derive(Clone, Debug)]
pub struct Newest {
    /// The mesh.
    pub snapshot: Arc<Snapshot>,
    /// Version of the push.
    pub version: ArcStr,
}

/// State of one type on one connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TypeStatus {
    /// Nonce of the last response.
    pub sent: Option<String>,
    /// Nonce of the last response that was accepted.
    pub acked: Option<String>,
    /// What the client found wrong, until it accepts something.
    pub error: Option<String>,
    /// Responses so far.
    pub pushes: u64,
    /// Bytes of resources sent so far.
    pub bytes: u64,
}

/// State of one connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectionStatus {
    /// `<proxy id>-<n>`.
    pub id: String,
    /// `name.namespace`.
    pub proxy: String,
    /// By type.
    pub types: BTreeMap<ResourceType, TypeStatus>,
}

#[derive(Debug)]
struct Connection {
    slot: Slot,
    status: ConnectionStatus,
}

/// What all connections share.
#[derive(Debug)]
pub struct Hub {
    pub(super) generator: Generator,
    pub(super) semantics: Semantics,
    pub(super) newest: watch::Sender<Option<Newest>>,
    pub(super) observers: Observers,
    pub(super) cancel: CancellationToken,
    /// How many connections are pushed to at once.
    pub(super) throttle: Semaphore,
    connections: Mutex<BTreeMap<u64, Connection>>,
    counter: AtomicU64,
}

impl Hub {
    /// A hub without mesh and connections.
    pub fn new(semantics: Semantics, concurrency: usize, cancel: CancellationToken) -> Self {
        Self {
            generator: Generator::new(),
            semantics,
            newest: watch::Sender::new(None),
            observers: Observers::default(),
            throttle: Semaphore::new(concurrency),
            cancel,
            connections: Mutex::default(),
            counter: AtomicU64::new(0),
        }
    }

    /// Hands a push to every connection.
    pub fn push(&self, push: &PushRequest) {
        let newest = Newest { snapshot: push.snapshot.clone(), version: push.version.clone() };
        self.newest.send_replace(Some(newest));
        for connection in self.lock().values() {
            connection.slot.put(push.clone());
        }
    }

    /// Whether there is a mesh to serve.
    pub fn is_ready(&self) -> bool {
        self.newest.borrow().is_some()
    }

    /// The state of every connection, in order of their numbers.
    pub fn statuses(&self) -> Vec<ConnectionStatus> {
        self.lock().values().map(|c| c.status.clone()).collect()
    }

    /// Everybody who is told what happens.
    pub fn observers(&self) -> &Observers {
        &self.observers
    }

    /// Tells of what concerns no connection.
    pub fn tell(&self, what: Happening) {
        self.observers.tell(Event { connection: ArcStr::new(), proxy: ArcStr::new(), what });
    }

    pub(super) fn connect(&self, proxy: &str, slot: Slot) -> (u64, ArcStr) {
        let n = self.counter.fetch_add(1, Ordering::Relaxed) + 1;
        let id = arcstr::format!("{proxy}-{n}");
        let status = ConnectionStatus { id: id.to_string(), proxy: proxy.to_owned(), types: BTreeMap::new() };
        self.lock().insert(n, Connection { slot, status });
        (n, id)
    }

    pub(super) fn disconnect(&self, number: u64) {
        self.lock().remove(&number);
    }

    pub(super) fn note(&self, number: u64, kind: &ResourceType, change: impl FnOnce(&mut TypeStatus)) {
        if let Some(connection) = self.lock().get_mut(&number) {
            change(connection.status.types.entry(kind.clone()).or_default());
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, Connection>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
