//! The server as a library: in a test, in `sim`, or behind the command line.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_server::AggregatedDiscoveryServiceServer;
use tokio::net::TcpListener;
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinSet;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::CancellationToken;
use xdslab_mesh::{ChangeSet, Effects, Mesh};
use xdslab_protocol::Semantics;

use crate::observe::{Event, Happening};
use crate::push::{Debounce, DebounceOptions, PushRequest, Versions};
use crate::serve::{Ads, ConnectionStatus, Hub, router};
use crate::source::{Batch, FileSource, Pace, Problem, SourceError, watch};

/// Changes that may wait to be taken in.
const WAITING: usize = 16;
/// Largest request that is taken, as istiod's default; bigger ones end the stream.
const MAX_REQUEST: usize = 4 << 20;

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
    /// Files and folders of the mesh, watched; none for a mesh that only [`Server::apply`] fills.
    pub files: Vec<PathBuf>,
}

impl Default for Config {
    /// Any port of the loopback, no HTTP, no files.
    fn default() -> Self {
        Self {
            grpc: SocketAddr::from(([127, 0, 0, 1], 0)),
            http: None,
            debounce: DebounceOptions::default(),
            semantics: Semantics::default(),
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
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}; give another address, or port 0 for any")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// A running server. Dropping it ends it at once; [`Server::shutdown`] ends it in order.
#[derive(Debug)]
pub struct Server {
    hub: Arc<Hub>,
    grpc: SocketAddr,
    http: Option<SocketAddr>,
    problems: Vec<Problem>,
    changes: mpsc::Sender<ChangeSet>,
    cancel: CancellationToken,
    tasks: JoinSet<()>,
}

impl Server {
    /// Loads the mesh and listens. When it returns, clients can connect.
    ///
    /// # Errors
    /// When a file that was named does not exist, or an address is taken.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let cancel = CancellationToken::new();
        let hub = Arc::new(Hub::new(config.semantics, config.debounce.concurrency(), cancel.clone()));
        let (changes, incoming) = mpsc::channel(WAITING);
        let (mut mesh, mut tasks, mut problems) = (Mesh::new(), JoinSet::new(), Vec::new());
        let grpc = listen(config.grpc).await?;
        let http = match config.http {
            Some(address) => Some(listen(address).await?),
            None => None,
        };
        if !config.files.is_empty() {
            let (source, batch) = FileSource::load(config.files)?;
            problems = batch.problems;
            mesh.apply(batch.changes);
            tasks.spawn(follow(source, changes.clone(), cancel.clone()));
        }
        let versions = Versions::default();
        let everything = Effects { forced: true, ..Effects::default() };
        push(&hub, &mut mesh, &versions, everything, Instant::now());
        let address = |listener: &TcpListener, asked| listener.local_addr().unwrap_or(asked);
        let grpc_addr = address(&grpc, config.grpc);
        let http_addr = http.as_ref().zip(config.http).map(|(listener, asked)| address(listener, asked));
        tasks.spawn(serve_grpc(grpc, hub.clone(), cancel.clone()));
        if let Some(listener) = http {
            tasks.spawn(serve_http(listener, hub.clone(), cancel.clone()));
        }
        let debounce = Debounce::new(config.debounce);
        tasks.spawn(pushes(hub.clone(), mesh, versions, incoming, debounce, cancel.clone()));
        Ok(Self { hub, grpc: grpc_addr, http: http_addr, problems, changes, cancel, tasks })
    }

    /// Where gRPC listens.
    pub fn grpc_addr(&self) -> SocketAddr {
        self.grpc
    }

    /// Where HTTP listens, if it does.
    pub fn http_addr(&self) -> Option<SocketAddr> {
        self.http
    }

    /// What was wrong with the files at the start.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Hands over changes that are to be seen at once. They are pushed when the debounce lets them.
    pub async fn apply(&self, changes: ChangeSet) {
        // The receiver lives as long as the server.
        let _ = self.changes.send(changes).await;
    }

    /// What happens from now on. A slow listener loses the oldest events.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.hub.observers().subscribe()
    }

    /// The state of every connection.
    pub fn connections(&self) -> Vec<ConnectionStatus> {
        self.hub.statuses()
    }

    /// Ends all streams and waits until everything has stopped.
    pub async fn shutdown(mut self) {
        self.cancel.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| StartError::Listen { address, source })
}

async fn serve_grpc(listener: TcpListener, hub: Arc<Hub>, cancel: CancellationToken) {
    let service = AggregatedDiscoveryServiceServer::new(Ads::new(hub)).max_decoding_message_size(MAX_REQUEST);
    let server = tonic::transport::Server::builder()
        .http2_keepalive_interval(Some(std::time::Duration::from_secs(30)))
        .http2_keepalive_timeout(Some(std::time::Duration::from_secs(10)))
        .tcp_nodelay(true)
        .add_service(service);
    let incoming = TcpListenerStream::new(listener);
    if let Err(e) = server.serve_with_incoming_shutdown(incoming, cancel.cancelled_owned()).await {
        tracing::error!("gRPC ended: {e}");
    }
}

async fn serve_http(listener: TcpListener, hub: Arc<Hub>, cancel: CancellationToken) {
    let pages = axum::serve(listener, router(hub)).with_graceful_shutdown(cancel.cancelled_owned());
    if let Err(e) = pages.await {
        tracing::error!("HTTP ended: {e}");
    }
}

/// Follows the files: problems to the log, changes to the mesh.
async fn follow(source: FileSource, changes: mpsc::Sender<ChangeSet>, cancel: CancellationToken) {
    let mut watch = watch(source, Pace::default(), cancel);
    while let Some(Batch { changes: batch, new_problems, resolved, .. }) = watch.next().await {
        new_problems.iter().for_each(|problem| tracing::warn!("{problem}"));
        resolved.iter().for_each(|problem| tracing::info!("put right: {problem}"));
        if !batch.is_empty() && changes.send(batch).await.is_err() {
            break;
        }
    }
    watch.join().await;
}

/// Takes changes in and pushes them, batch by batch.
async fn pushes(
    hub: Arc<Hub>,
    mut mesh: Mesh,
    versions: Versions,
    mut incoming: mpsc::Receiver<ChangeSet>,
    mut debounce: Debounce,
    cancel: CancellationToken,
) {
    loop {
        let due = debounce.deadline().map(tokio::time::Instant::from_std);
        let wait = async {
            match due {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = cancel.cancelled() => return,
            changes = incoming.recv() => {
                let Some(changes) = changes else { return };
                let effects = mesh.apply(changes);
                hub.tell(Happening::Changed { reasons: effects.reasons.clone().into_iter().collect() });
                if let Some(effects) = debounce.event(effects, Instant::now()) {
                    push(&hub, &mut mesh, &versions, effects, Instant::now());
                }
            }
            () = wait => {
                if let Some((effects, first)) = debounce.take(Instant::now()) {
                    push(&hub, &mut mesh, &versions, effects, first);
                }
            }
        }
    }
}

fn push(hub: &Hub, mesh: &mut Mesh, versions: &Versions, effects: Effects, first: Instant) {
    let (debounced, begun) = (first.elapsed(), Instant::now());
    let request = PushRequest::new(effects, versions.next(), mesh.snapshot());
    hub.tell(Happening::PushStarted {
        version: request.version.clone(),
        debounced,
        built: begun.elapsed(),
        services: request.snapshot.services().len(),
    });
    hub.push(&request);
}
