//! One stream: events in, polls drained, responses out. All decisions are the protocol's.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arcstr::ArcStr;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout;
use tokio_stream::StreamExt;
use tonic::{Code, Status, Streaming};
use xdslab_mesh::Proxy;
use xdslab_protocol::{Cause, EventKind, Push, ResourceType, Response, Stream, Variant, Violation};

use super::encode::Pieces;
use super::hub::{Hub, Newest};
use super::node::identity;
use super::wire::Wire;
use crate::generate::View;
use crate::observe::{Event, Happening};
use crate::push::{PushRequest, Slot, Waiting, affected, relevant};

/// How long a client that does not read may keep a stream from saying why it ends.
pub(super) const FAREWELL: Duration = Duration::from_secs(1);

/// Where the messages of a stream go, and at last its status.
pub type Out = mpsc::Sender<Result<Pieces, Status>>;

struct Driver {
    hub: Arc<Hub>,
    number: u64,
    id: ArcStr,
    proxy: ArcStr,
    only: Option<ResourceType>,
    stream: Stream,
    view: View,
    /// Version of the push that the view is of.
    version: ArcStr,
    out: Out,
    /// The right to be pushed to, while there is a push.
    room: Option<OwnedSemaphorePermit>,
}

/// Serves one stream to its end.
pub async fn drive<W: Wire>(hub: Arc<Hub>, only: Option<ResourceType>, mut requests: Streaming<W>, out: Out) {
    let cancel = hub.cancel.clone();
    let status = tokio::select! {
        () = cancel.cancelled() => Status::unavailable("the server is shutting down"),
        ended = serve(&hub, only, &mut requests, &out) => match ended {
            Ok(()) => return,
            Err(status) => status,
        },
    };
    // A client that does not even read this learns it from the connection's end.
    let _ = timeout(FAREWELL, out.send(Err(status))).await;
}

async fn serve<W: Wire>(
    hub: &Arc<Hub>,
    only: Option<ResourceType>,
    requests: &mut Streaming<W>,
    out: &Out,
) -> Result<(), Status> {
    let Some(mut first) = requests.message().await? else { return Ok(()) };
    let node = first.take_node().filter(|node| !node.id.is_empty());
    let node = node.ok_or_else(|| Status::invalid_argument("missing node information"))?;
    let proxy = Proxy::parse(identity(node)).map_err(|e| Status::invalid_argument(e.to_string()))?;
    let (name, istio_version) = (proxy.id.clone(), proxy.metadata.istio_version.clone());
    let slot = Slot::default();
    // Registered before its view is made: no push in between is lost.
    let connected = Connected::new(hub, &name, only.clone(), slot.clone(), istio_version);
    let newest = hub.newest.borrow().clone();
    let Some(Newest { snapshot, version }) = newest else { return Err(not_ready(W::VARIANT)) };
    let stream = match &only {
        Some(kind) => Stream::of_type(W::VARIANT, hub.semantics, kind.clone()),
        None => Stream::new(W::VARIANT, hub.semantics),
    };
    let mut driver = Driver {
        stream: stream.with_nonce_salt(connected.number),
        view: View::new(snapshot, Arc::new(proxy)),
        hub: hub.clone(),
        number: connected.number,
        id: connected.id.clone(),
        proxy: name,
        only,
        version,
        out: out.clone(),
        room: None,
    };
    driver.run(first, requests, &slot).await
}

/// istiod: SotW says Unavailable; delta a plain error with the same text.
pub(super) fn not_ready(variant: Variant) -> Status {
    let code = if variant == Variant::Sotw { Code::Unavailable } else { Code::Unknown };
    Status::new(code, "server is not ready to serve discovery information")
}

/// An entry among the connections, for as long as it lives: a stream may end at any of its waits.
struct Connected<'h> {
    hub: &'h Hub,
    number: u64,
    id: ArcStr,
    proxy: ArcStr,
    istio_version: ArcStr,
}

impl<'h> Connected<'h> {
    fn new(
        hub: &'h Hub,
        proxy: &ArcStr,
        only: Option<ResourceType>,
        slot: Slot,
        istio_version: ArcStr,
    ) -> Self {
        let (number, id) = hub.connect(proxy, only, slot);
        let connected = Self { hub, number, id, proxy: proxy.clone(), istio_version };
        connected.tell(Happening::Connected { istio_version: connected.istio_version.clone() });
        connected
    }

    fn tell(&self, what: Happening) {
        self.hub.observers.tell(Event { connection: self.id.clone(), proxy: self.proxy.clone(), what });
    }
}

impl Drop for Connected<'_> {
    fn drop(&mut self) {
        self.hub.disconnect(self.number);
        self.tell(Happening::Disconnected { istio_version: self.istio_version.clone() });
    }
}

/// Waits until something is in the slot, and then for room among those who are pushed to.
async fn turn(slot: &Slot, throttle: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Status> {
    slot.ready().await;
    throttle.clone().acquire_owned().await.map_err(|_| Status::unavailable("the server is shutting down"))
}

impl Driver {
    /// Requests before pushes. A connection that waits for its turn keeps its place while it answers requests, and goes
    /// on merging.
    async fn run<W: Wire>(
        &mut self,
        first: W,
        requests: &mut Streaming<W>,
        slot: &Slot,
    ) -> Result<(), Status> {
        self.request(first).await?;
        let throttle = self.hub.throttle.clone();
        let turns = turn(slot, &throttle);
        tokio::pin!(turns);
        loop {
            self.hub.settle(self.number);
            tokio::select! {
                biased;
                message = requests.next() => match message {
                    Some(message) => self.request(message?).await?,
                    None => return Ok(()),
                },
                room = &mut turns => {
                    self.room = Some(room?);
                    self.pushed(slot.take()).await?;
                    self.room = None;
                    turns.set(turn(slot, &throttle));
                }
            }
        }
    }

    async fn request<W: Wire>(&mut self, mut message: W) -> Result<(), Status> {
        message.take_node();
        let invalid = |violation: Violation| Status::invalid_argument(violation.to_string());
        let request = message.read(self.only.as_ref()).map_err(invalid)?;
        self.stream.handle_request(request).map_err(invalid)?;
        self.drain(None).await
    }

    async fn pushed(&mut self, waiting: Waiting) -> Result<(), Status> {
        if !waiting.warming.is_empty() {
            self.stream.handle_warming(&waiting.warming);
            self.drain(None).await?;
        }
        let Some(push) = waiting.push else { return Ok(()) };
        let reasons: Vec<_> = push.reasons.iter().map(|(reason, times)| (*reason, *times)).collect();
        self.tell(Happening::PushBegun { reasons: reasons.clone(), waited: push.started.elapsed() });
        if self.push(&push).await? {
            self.tell(Happening::Pushed { reasons, took: push.started.elapsed() });
        }
        Ok(())
    }

    /// Whether the push concerns the client.
    async fn push(&mut self, push: &PushRequest) -> Result<bool, Status> {
        let view = self.view.advance(push.snapshot.clone(), push);
        let is_as_before = push.is_of_proxy() && *view.workload == *self.view.workload;
        self.view = view;
        if !push.is_endpoints_only() {
            self.version = push.version.clone();
        }
        let keys = if push.forced { push.keys.clone() } else { relevant(&self.view, push) };
        if is_as_before || (keys.is_empty() && !push.forced) {
            return Ok(false);
        }
        let push = PushRequest { keys, ..push.clone() };
        let types = affected(&self.view, &push);
        self.stream.handle_push(&Push { types, forced: push.forced });
        self.drain(Some(&push)).await?;
        Ok(true)
    }

    async fn drain(&mut self, push: Option<&PushRequest>) -> Result<(), Status> {
        self.deliver(Instant::now()).await?;
        while let Some(demand) = self.stream.poll_demand() {
            let begun = Instant::now();
            // A SotW answer about clusters is always whole.
            let whole = self.stream.variant() == Variant::Sotw && demand.resource_type.wildcard_capable();
            let because = push.filter(|_| demand.cause == Cause::Push && !whole);
            let mut answer = self.hub.generator.answer(&self.view, &demand, because);
            // Of a push for endpoints alone only the answers have the version; later ones have that of the view.
            answer.version = push.map_or(&self.version, |push| &push.version).clone();
            self.stream.handle_resources(demand, answer);
            self.deliver(begun).await?;
        }
        Ok(())
    }

    async fn deliver(&mut self, begun: Instant) -> Result<(), Status> {
        while let Some(event) = self.stream.poll_event() {
            self.note(event);
        }
        while let Some(response) = self.stream.poll_response() {
            let pieces = self.hub.encoder.encode(&response, self.stream.variant())?;
            if self.only == Some(ResourceType::Cluster) {
                self.hub.warm(&self.proxy, response.resources.names());
            }
            self.sent(response, begun.elapsed());
            self.send(pieces).await?;
        }
        Ok(())
    }

    /// Told before it is sent: no ACK is ever seen before what it answers.
    fn sent(&self, response: Response, took: Duration) {
        let Response { resource_type: kind, nonce, resources, removed, .. } = response;
        let bytes = resources.bytes();
        self.hub.note(self.number, &kind, |status| {
            status.sent = Some(nonce.clone());
            status.pushes += 1;
            status.bytes += bytes as u64;
        });
        let (resources, removed) = (resources.len(), removed.len());
        self.tell(Happening::Sent { kind, resources, removed, bytes, nonce, took });
    }

    /// A client that is slow to read does not hold room that others could use.
    async fn send(&mut self, pieces: Pieces) -> Result<(), Status> {
        let gone = || Status::cancelled("the client is gone");
        match self.out.try_send(Ok(pieces)) {
            Ok(()) => Ok(()),
            Err(TrySendError::Closed(_)) => Err(gone()),
            Err(TrySendError::Full(pieces)) => {
                self.room = None;
                self.out.send(pieces).await.map_err(|_| gone())
            }
        }
    }

    fn note(&self, event: xdslab_protocol::Event) {
        let kind = event.resource_type;
        let told = match event.kind {
            EventKind::Subscribed { names } => Happening::Subscribed { kind, names: names.len() },
            EventKind::Unsubscribed { names } => Happening::Unsubscribed { kind, names: names.len() },
            EventKind::Acked { nonce } => {
                self.hub.note(self.number, &kind, |status| {
                    status.acked = Some(nonce.clone());
                    status.error = None;
                });
                Happening::Acked { kind, nonce }
            }
            EventKind::Nacked { nonce, detail } => {
                self.hub.note(self.number, &kind, |status| status.error = Some(detail.message.clone()));
                Happening::Nacked { kind, nonce, message: detail.message }
            }
            EventKind::Stale { .. } => Happening::Stale { kind },
            EventKind::Ignored | EventKind::Answered { .. } | EventKind::Silent { .. } => return,
        };
        self.tell(told);
    }

    fn tell(&self, what: Happening) {
        self.hub.observers.tell(Event { connection: self.id.clone(), proxy: self.proxy.clone(), what });
    }
}
