//! A plain client, as the one that recorded what istiod pushes: clusters, then the endpoints of those that are EDS
//! clusters, listeners, and the routes that these name. It ACKs at once, subscribes anew when names change, and says
//! nothing else.

mod dialect;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crate::{Resources, eds_names, rds_names};
use tokio::task::AbortHandle;
use tonic::service::Routes;
use xdslab_proto::core::Node;
use xdslab_sim::wire::{Kind, Service, Stream};

pub use dialect::Dialect;
use dialect::{Answered, Response};

/// Quiet after which nothing more comes: ten times the usual debounce.
const QUIET: Duration = Duration::from_secs(1);

/// Names of resources.
pub type Names = BTreeSet<String>;

/// One response as it was heard: its type, and the names in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Its type.
    pub kind: Kind,
    /// Names of its resources.
    pub names: Names,
    /// Delta: names that are gone.
    pub removed: Names,
}

/// What a client has heard, or why its stream ended.
#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<Vec<Result<Heard, String>>>>);

impl Log {
    fn lock(&self) -> MutexGuard<'_, Vec<Result<Heard, String>>> {
        self.0.lock().expect("nobody panics with it")
    }
}

/// A client that listens in the background until it is dropped.
#[derive(Debug)]
pub struct Client {
    log: Log,
    task: AbortHandle,
}

impl Client {
    /// Connects.
    pub fn start<V: Dialect>(server: Routes, node: Node) -> Self {
        let log = Log::default();
        let life = Life::<V> {
            log: log.clone(),
            held: BTreeMap::new(),
            subscribed: BTreeMap::from([(Kind::Cluster, Names::new())]),
            acked: BTreeMap::new(),
        };
        Self { log, task: tokio::spawn(life.run(server, node)).abort_handle() }
    }

    /// What was heard since the last time.
    ///
    /// # Errors
    /// Why the stream ended.
    pub fn drain(&self) -> Result<Vec<Heard>, String> {
        std::mem::take(&mut *self.log.lock()).into_iter().collect()
    }

    /// How much was heard since it was drained.
    pub fn heard(&self) -> usize {
        self.log.lock().len()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Life<V: Dialect> {
    log: Log,
    held: BTreeMap<Kind, Resources>,
    subscribed: BTreeMap<Kind, Names>,
    acked: BTreeMap<Kind, Answered<V>>,
}

impl<V: Dialect> Life<V> {
    async fn run(mut self, server: Routes, node: Node) {
        let first = V::with_node(V::subscription(Kind::Cluster, &Names::new(), &Names::new(), None), node);
        let ended = match Stream::<V>::open(server, Service::Aggregated, first).await {
            Ok(mut stream) => loop {
                match stream.hear().await {
                    Ok(Some(response)) => self.take(&stream, response).await,
                    Ok(None) => break "the stream ended".to_owned(),
                    Err(status) => break status.to_string(),
                }
            },
            Err(status) => status.to_string(),
        };
        self.log.lock().push(Err(ended));
    }

    async fn take(&mut self, stream: &Stream<V>, response: V::Response) {
        let Response { kind, resources, removed, answered } = V::read(response);
        let names = resources.keys().cloned().collect();
        self.log.lock().push(Ok(Heard { kind, names, removed: removed.clone() }));
        let held = self.held.entry(kind).or_default();
        if V::COMPLETE && kind.is_wildcard_capable() {
            held.clear();
        }
        held.extend(resources);
        held.retain(|name, _| !removed.contains(name));
        stream.say(V::ack(kind, &self.subscribed[&kind], &answered)).await;
        self.acked.insert(kind, answered);
        let held = &self.held[&kind];
        match kind {
            Kind::Cluster => {
                let wanted = eds_names(held).iter().map(ToString::to_string).collect();
                self.subscribe(stream, Kind::Endpoint, wanted).await;
                self.subscribe(stream, Kind::Listener, Names::new()).await;
            }
            Kind::Listener => {
                let wanted = rds_names(held).iter().map(ToString::to_string).collect();
                self.subscribe(stream, Kind::Route, wanted).await;
            }
            Kind::Endpoint | Kind::Route => {}
        }
    }

    async fn subscribe(&mut self, stream: &Stream<V>, kind: Kind, names: Names) {
        let old = self.subscribed.get(&kind);
        if old == Some(&names) {
            return;
        }
        let none = Names::new();
        let request = V::subscription(kind, old.unwrap_or(&none), &names, self.acked.get(&kind));
        stream.say(request).await;
        self.subscribed.insert(kind, names);
    }
}

impl std::fmt::Display for Heard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let list = |names: &Names| names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        write!(f, "{} {{{}}}", self.kind, list(&self.names))?;
        if self.removed.is_empty() { Ok(()) } else { write!(f, " less {{{}}}", list(&self.removed)) }
    }
}

/// Waits until nobody hears anything any more. The clock must be stopped.
pub async fn quiet(clients: &[Client]) {
    let heard = || clients.iter().map(Client::heard).sum::<usize>();
    loop {
        let before = heard();
        tokio::time::sleep(QUIET).await;
        if heard() == before {
            return;
        }
    }
}
