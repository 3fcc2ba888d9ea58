//! The server as a library: in a test, in `sim`, or behind the command line.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{broadcast, mpsc};
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::service::Routes;
use xdslab_mesh::{ChangeSet, Mesh};
use xdslab_protocol::Semantics;

use crate::identity::{Account, Identities, IdentityOptions, RootError};
use crate::listen::{listen, serve_discovery, serve_grpc, serve_http};
use crate::observe::transcript::Recorder;
use crate::observe::{Event, Happening, Observers};
use crate::pipeline::Pipeline;
use crate::push::DebounceOptions;
use crate::serve::{ConnectionStatus, Hub, States, adapter, routes, stated};
use crate::source::{Batch, FileSource, Pace, Problem, SourceError, watch};

/// Changes that may wait to be taken in.
const WAITING: usize = 16;

/// How to serve.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where gRPC listens; port 0 for any.
    pub grpc: SocketAddr,
    /// Where HTTP listens, if it does.
    pub http: Option<SocketAddr>,
    /// Settings of the push pipeline.
    pub debounce: DebounceOptions,
    /// Whose reading of the protocol streams follow.
    pub semantics: Semantics,
    /// How workloads get their identities.
    pub identity: IdentityOptions,
    /// How long streams and connections may take to end at the shutdown.
    pub grace: Duration,
    /// Where the adapter of a conformance harness listens, if it does. What it sets is then served in place of a mesh.
    pub adapter: Option<SocketAddr>,
    /// What records the transcript, if one is kept.
    pub transcript: Option<Recorder>,
    /// Files and folders of the mesh, watched; none for a mesh that only [`Server::apply`] fills.
    pub files: Vec<PathBuf>,
}

impl Default for Config {
    /// Any port of the loopback, no HTTP, no files, and ten seconds to end, as istiod's `--shutdownDuration`.
    fn default() -> Self {
        Self {
            grpc: SocketAddr::from(([127, 0, 0, 1], 0)),
            http: None,
            adapter: None,
            transcript: None,
            debounce: DebounceOptions::default(),
            semantics: Semantics::default(),
            identity: IdentityOptions::default(),
            grace: Duration::from_secs(10),
            files: Vec::new(),
        }
    }
}

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The mesh cannot be loaded at all.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The certificate authority cannot be used.
    #[error("no certificate authority: {0}")]
    Identity(#[from] RootError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}; give another address, or port 0 for any")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// Why a running server cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// gRPC no longer listens.
    #[error("gRPC ended")]
    Grpc(#[source] tonic::transport::Error),
    /// HTTP no longer listens.
    #[error("HTTP ended")]
    Http(#[source] io::Error),
    /// A part of the server ended that must not.
    #[error("a task of the server ended")]
    Task(#[source] JoinError),
    /// Streams or connections had not ended when the time for it was over.
    #[error("not all connections ended within {0:?}")]
    Late(Duration),
}

type Tasks = JoinSet<Result<(), RunError>>;

/// A running server. Dropping it ends it at once; [`Server::shutdown`] ends it in order.
#[derive(Debug)]
pub struct Server {
    hub: Arc<Hub>,
    grpc: SocketAddr,
    http: Option<SocketAddr>,
    adapter: Option<SocketAddr>,
    problems: Vec<Problem>,
    changes: mpsc::Sender<ChangeSet>,
    grace: Duration,
    cancel: DropGuard,
    tasks: Tasks,
}

impl Server {
    /// Listens and loads the mesh. When it returns, clients can connect; until then `/ready` says that it is not.
    ///
    /// # Errors
    /// When a file that was named does not exist, the certificate authority cannot be used, or an address is taken.
    #[allow(clippy::unused_async)] // it spawns: callers must be in a runtime
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let cancel = CancellationToken::new();
        let guard = cancel.clone().drop_guard();
        let identities = Identities::new(&config.identity, SystemTime::now())?;
        let (asks, asked) = mpsc::channel(WAITING);
        if let Some(recorder) = &config.transcript {
            recorder.begin(config.semantics);
        }
        let observers = Observers::recording(config.transcript);
        let hub = Hub::new(config.semantics, &config.debounce, identities, asks, observers, cancel.clone());
        let hub = Arc::new(hub);
        let (changes, incoming) = mpsc::channel(WAITING);
        let (mut mesh, mut tasks, mut problems) = (Mesh::new(), JoinSet::new(), Vec::new());
        let (grpc, grpc_addr) = listen(config.grpc)?;
        let mut http_addr = None;
        if let Some(address) = config.http {
            let (listener, address) = listen(address)?;
            http_addr = Some(address);
            tasks.spawn(serve_http(listener, hub.clone(), cancel.clone()));
        }
        let (mut services, mut adapter_addr) = (routes(&hub), None);
        if let Some(address) = config.adapter {
            let (listener, address) = listen(address)?;
            let states = Arc::new(States::new(config.debounce.after));
            services = stated(&hub, &states);
            adapter_addr = Some(address);
            tasks.spawn(serve_grpc(listener, adapter(&states), cancel.clone()));
        }
        if !config.files.is_empty() {
            let (source, batch) = FileSource::load(config.files)?;
            problems = batch.problems;
            hub.tell(Happening::changed(&mesh.apply(batch.changes)));
            tasks.spawn(follow(source, hub.clone(), changes.clone(), cancel.clone()));
        }
        let pipeline = Pipeline::start(hub.clone(), mesh, config.debounce);
        tasks.spawn(serve_discovery(grpc, services, cancel.clone()));
        tasks.spawn(async {
            pipeline.run(incoming, asked, cancel).await;
            Ok(())
        });
        Ok(Self {
            hub,
            grpc: grpc_addr,
            http: http_addr,
            adapter: adapter_addr,
            problems,
            changes,
            grace: config.grace,
            cancel: guard,
            tasks,
        })
    }

    /// Where gRPC listens.
    pub fn grpc_addr(&self) -> SocketAddr {
        self.grpc
    }

    /// Where HTTP listens, if it does.
    pub fn http_addr(&self) -> Option<SocketAddr> {
        self.http
    }

    /// Where the adapter of a conformance harness listens, if it does.
    pub fn adapter_addr(&self) -> Option<SocketAddr> {
        self.adapter
    }

    /// What was wrong with the files at the start.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The discovery services, to be called in memory, without a socket.
    pub fn discovery(&self) -> Routes {
        routes(&self.hub)
    }

    /// Services of the mesh as it was last pushed.
    pub fn services(&self) -> usize {
        self.hub.services()
    }

    /// A token with which a client may claim `account` for `ttl`.
    pub fn token(&self, account: &Account, ttl: Duration) -> String {
        self.hub.token(account, ttl)
    }

    /// Hands over changes that are to be seen at once. They are pushed when the debounce lets them.
    pub async fn apply(&self, changes: ChangeSet) {
        self.hub.expect(1);
        if self.changes.send(changes).await.is_err() {
            self.hub.done(1);
        }
    }

    /// What happens from now on. A slow listener loses the oldest events.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.hub.observers().subscribe()
    }

    /// The state of every connection.
    pub fn connections(&self) -> Vec<ConnectionStatus> {
        self.hub.statuses()
    }

    /// Whether all changes were pushed, and every connected client has accepted the last response of every type. A
    /// client that refuses one is not in sync.
    pub fn is_synced(&self) -> bool {
        self.hub.is_synced()
    }

    /// Waits until [`Self::is_synced`]; for ever, if a client never accepts.
    pub async fn synced(&self) {
        self.hub.synced().await;
    }

    /// Waits until the server cannot go on; for ever, if all is well.
    pub async fn failed(&mut self) -> RunError {
        loop {
            match self.tasks.join_next().await {
                Some(Ok(Ok(()))) => {}
                Some(Ok(Err(error))) => return error,
                Some(Err(error)) => return RunError::Task(error),
                None => std::future::pending().await,
            }
        }
    }

    /// Takes no more connections, ends all streams, and waits until everything has stopped, or [`Config::grace`] is over.
    ///
    /// # Errors
    /// What went wrong in one of the server's parts, or that some connections had not ended in time.
    pub async fn shutdown(self) -> Result<(), RunError> {
        let Self { hub, grace, cancel, mut tasks, .. } = self;
        cancel.disarm().cancel();
        let all = async {
            let mut ended = Ok(());
            while let Some(task) = tasks.join_next().await {
                ended = ended.and(task.map_err(RunError::Task).flatten());
            }
            hub.ended().await;
            ended
        };
        timeout(grace, all).await.unwrap_or(Err(RunError::Late(grace)))
    }
}

/// Follows the files: problems to the log, changes to the mesh.
async fn follow(
    source: FileSource,
    hub: Arc<Hub>,
    changes: mpsc::Sender<ChangeSet>,
    cancel: CancellationToken,
) -> Result<(), RunError> {
    let mut watch = watch(source, Pace::default(), cancel);
    while let Some(Batch { changes: batch, new_problems, resolved, .. }) = watch.next().await {
        new_problems.iter().for_each(|problem| tracing::warn!("{problem}"));
        resolved.iter().for_each(|problem| tracing::info!("put right: {problem}"));
        if batch.is_empty() {
            continue;
        }
        hub.expect(1);
        if changes.send(batch).await.is_err() {
            break;
        }
    }
    watch.join().await;
    Ok(())
}
