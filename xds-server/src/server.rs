//! The server as a library.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_server::AggregatedDiscoveryServiceServer;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::CancellationToken;
use xdslab_mesh::{ChangeSet, Effects, Mesh};
use xdslab_protocol::Semantics;

use crate::push::{Debounce, DebounceOptions, PushRequest};
use crate::serve::{Ads, ConnectionStatus, Hub, router};
use crate::source::{FileSource, Pace, watch};

/// How to serve.
#[derive(Clone, Debug)]
pub struct Config {
    /// gRPC.
    pub grpc: SocketAddr,
    /// HTTP.
    pub http: Option<SocketAddr>,
    /// Debounce.
    pub debounce: DebounceOptions,
    /// Semantics.
    pub semantics: Semantics,
    /// Files to serve and watch.
    pub files: Vec<PathBuf>,
}

/// A running server.
pub struct Server {
    hub: Arc<Hub>,
    grpc: SocketAddr,
    http: Option<SocketAddr>,
    changes: mpsc::Sender<ChangeSet>,
    cancel: CancellationToken,
    tasks: JoinSet<()>,
}

impl Server {
    /// Starts it.
    pub async fn start(config: Config) -> Result<Self> {
        let cancel = CancellationToken::new();
        let hub = Arc::new(Hub::new(config.semantics, cancel.clone()));
        let (changes, incoming) = mpsc::channel(16);
        let mut mesh = Mesh::new();
        let mut tasks = JoinSet::new();
        if !config.files.is_empty() {
            let (source, batch) = FileSource::load(config.files.clone())?;
            for problem in &batch.problems {
                tracing::warn!("{problem}");
            }
            mesh.apply(batch.changes);
            let mut watch = watch(source, Pace::default(), cancel.clone());
            let changes = changes.clone();
            tasks.spawn(async move {
                while let Some(batch) = watch.next().await {
                    for problem in &batch.new_problems {
                        tracing::warn!("{problem}");
                    }
                    if changes.send(batch.changes).await.is_err() {
                        break;
                    }
                }
                watch.join().await;
            });
        }
        let all = Effects { forced: true, ..Effects::default() };
        hub.push(&PushRequest::new(all, hub.next_version(), mesh.snapshot()));
        let listener = TcpListener::bind(config.grpc).await.with_context(|| format!("cannot listen on {}", config.grpc))?;
        let grpc = listener.local_addr()?;
        let service = AggregatedDiscoveryServiceServer::new(Ads::new(hub.clone()));
        let done = cancel.clone();
        tasks.spawn(async move {
            let server = tonic::transport::Server::builder().add_service(service);
            let _ = server.serve_with_incoming_shutdown(TcpListenerStream::new(listener), done.cancelled_owned()).await;
        });
        let mut http = None;
        if let Some(address) = config.http {
            let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
            http = Some(listener.local_addr()?);
            let (app, done) = (router(hub.clone()), cancel.clone());
            tasks.spawn(async move {
                let _ = axum::serve(listener, app).with_graceful_shutdown(done.cancelled_owned()).await;
            });
        }
        tasks.spawn(pushes(hub.clone(), mesh, incoming, config.debounce, cancel.clone()));
        Ok(Self { hub, grpc, http, changes, cancel, tasks })
    }

    /// gRPC address.
    pub fn grpc_addr(&self) -> SocketAddr {
        self.grpc
    }

    /// HTTP address.
    pub fn http_addr(&self) -> Option<SocketAddr> {
        self.http
    }

    /// Applies changes.
    pub async fn apply(&self, changes: ChangeSet) {
        let _ = self.changes.send(changes).await;
    }

    /// Events from now on. A listener that is slow loses events.
    pub fn events(&self) -> tokio::sync::broadcast::Receiver<crate::observe::Event> {
        self.hub.subscribe()
    }

    /// Connections.
    pub fn connections(&self) -> Vec<ConnectionStatus> {
        self.hub.statuses()
    }

    /// Ends it.
    pub async fn shutdown(mut self) {
        self.cancel.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}

async fn pushes(
    hub: Arc<Hub>,
    mut mesh: Mesh,
    mut incoming: mpsc::Receiver<ChangeSet>,
    options: DebounceOptions,
    cancel: CancellationToken,
) {
    let mut debounce = Debounce::new(options);
    let mut waiting = Effects::default();
    loop {
        let due = debounce.deadline();
        tokio::select! {
            () = cancel.cancelled() => return,
            changes = incoming.recv() => {
                let Some(changes) = changes else { return };
                let effects = mesh.apply(changes);
                if !effects.is_empty() {
                    waiting.keys.extend(effects.keys);
                    waiting.forced |= effects.forced;
                    for (reason, n) in effects.reasons { *waiting.reasons.entry(reason).or_default() += n; }
                    debounce.event(Instant::now());
                }
            }
            () = async { tokio::time::sleep_until(due.unwrap_or_else(Instant::now).into()).await }, if due.is_some() => {
                if debounce.take(Instant::now()) {
                    let push = PushRequest::new(std::mem::take(&mut waiting), hub.next_version(), mesh.snapshot());
                    hub.push(&push);
                }
            }
        }
    }
}
