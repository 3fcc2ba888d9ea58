//! What every stream does with what its state machine says: responses to the client, events to the observers.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use arcstr::ArcStr;
use bytes::Bytes;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tonic::{Code, Status};
use xdslab_mesh::NodeIdentity;
use xdslab_protocol::{EventKind, Names, Request, ResourceType, Response, Stream, Variant, Violation};

use super::debug::Caller;
use super::encode::Pieces;
use super::hub::Hub;
use super::internal::{self, is_internal};
use super::wire::Wire;
use crate::observe::transcript::{Said, Tape};
use crate::observe::{Event, Happening};
use crate::push::Slot;

/// How long a client that does not read may keep a stream from saying why it ends.
pub(super) const FAREWELL: Duration = Duration::from_secs(1);

/// Where the messages of a stream go, and at last its status.
pub type Out = mpsc::Sender<Result<Pieces, Status>>;

/// One stream and its client.
pub(super) struct Conversation {
    pub(super) hub: Arc<Hub>,
    pub(super) number: u64,
    pub(super) id: ArcStr,
    pub(super) proxy: ArcStr,
    pub(super) only: Option<ResourceType>,
    pub(super) stream: Stream,
    pub(super) out: Out,
    /// Answers so far that are of no subscription.
    asides: u64,
    /// The stream's part of the transcript, if one is kept.
    pub(super) tape: Option<Tape>,
    /// The right to be pushed to, while there is a push.
    pub(super) room: Option<OwnedSemaphorePermit>,
}

impl Conversation {
    pub(super) fn new(
        hub: &Arc<Hub>,
        connected: &Connected,
        only: Option<ResourceType>,
        variant: Variant,
        out: &Out,
    ) -> Self {
        let stream = match &only {
            Some(kind) => Stream::of_type(variant, hub.semantics, kind.clone()),
            None => Stream::new(variant, hub.semantics),
        };
        Self {
            stream: stream.with_nonce_salt(connected.number),
            hub: hub.clone(),
            number: connected.number,
            id: connected.id.clone(),
            proxy: connected.proxy.clone(),
            only,
            out: out.clone(),
            asides: 0,
            tape: None,
            room: None,
        }
    }

    /// The stream's part of the transcript, if one is kept.
    pub(super) fn tape(&self, node: &NodeIdentity) -> Option<Tape> {
        let recorder = self.hub.observers.recorder()?;
        let variant = self.stream.variant();
        Some(Tape::begin(recorder, [&self.id, &self.proxy], variant, self.only.as_ref(), node))
    }

    /// Hands a request over. What it asks for is still to be generated. A request that is for no subscription comes back.
    pub(super) fn request<W: Wire>(&mut self, mut message: W) -> Result<Option<Request>, Status> {
        let bytes = message.encoded_len();
        self.tell(Happening::Received { bytes });
        message.take_node();
        let invalid = |violation: Violation| Status::invalid_argument(violation.to_string());
        let request = message.read(self.only.as_ref(), &self.hub.names).map_err(invalid)?;
        let said = self.said(&request, bytes);
        if is_internal(&request.resource_type) {
            if let (Some(tape), Some(said)) = (&mut self.tape, said) {
                tape.aside(said);
            }
            return Ok(Some(request));
        }
        let handled = self.stream.handle_request(request);
        let events = self.events();
        if let Some(said) = said {
            let after = self.subscribed(said.kind());
            if let Some(tape) = &mut self.tape {
                match &handled {
                    Ok(()) => tape.request(said, &events, after.as_ref()),
                    Err(violation) => tape.invalid(said, violation),
                }
            }
        }
        handled.map_err(invalid)?;
        Ok(None)
    }

    /// A request as the transcript has it, if one is kept.
    fn said(&self, request: &Request, bytes: usize) -> Option<Said> {
        self.tape.as_ref()?;
        Some(Said::new(request, bytes, self.subscribed(&request.resource_type)))
    }

    fn subscribed(&self, kind: &ResourceType) -> Option<Names> {
        self.stream.subscriptions().find(|s| s.resource_type == kind).map(|s| s.names)
    }

    /// Answers a request that is for no subscription.
    pub(super) async fn answer(&mut self, request: &Request, caller: Caller) -> Result<(), Status> {
        self.asides += 1;
        let nonce = format!("{}-{}-{}", request.resource_type, self.number, self.asides);
        let variant = self.stream.variant();
        let message = internal::answer(&self.hub, caller, request, variant, nonce.clone()).await?;
        if let Some(tape) = &mut self.tape {
            tape.page(&request.resource_type, &nonce, message.iter().map(Bytes::len).sum());
        }
        self.send(message).await
    }

    /// Sends and tells what the stream has to say.
    pub(super) async fn deliver(&mut self, begun: Instant) -> Result<(), Status> {
        for event in self.events() {
            if let Some(tape) = &mut self.tape {
                tape.event(&event);
            }
        }
        while let Some(response) = self.stream.poll_response() {
            let pieces = self.hub.encoder.encode(&response, self.stream.variant())?;
            if self.only == Some(ResourceType::Cluster) {
                self.hub.warm(&self.proxy, response.resources.names());
            }
            if let Some(tape) = &mut self.tape {
                tape.response(&response);
            }
            self.sent(response, begun.elapsed());
            let begun = Instant::now();
            self.send(pieces).await?;
            self.tell(Happening::Delivered { took: begun.elapsed() });
        }
        Ok(())
    }

    /// Tells everybody what the stream has decided, and returns it where a transcript is kept.
    fn events(&mut self) -> Vec<xdslab_protocol::Event> {
        let mut kept = Vec::new();
        while let Some(event) = self.stream.poll_event() {
            if self.tape.is_some() {
                kept.push(event.clone());
            }
            self.note(event);
        }
        kept
    }

    /// Told before it is sent: no ACK is ever seen before what it answers.
    fn sent(&self, response: Response, took: Duration) {
        let Response { resource_type: kind, nonce, resources, removed, version_info, .. } = response;
        let bytes = resources.bytes();
        let names = self.subscribed(&kind);
        self.hub.note(self.number, &kind, |status| {
            status.names = names;
            status.sent = Some(nonce.clone());
            status.version = Some(version_info);
            status.sent_at = Some(SystemTime::now());
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
            EventKind::Subscribed { names } => {
                self.watched(&kind);
                Happening::Subscribed { kind, names: names.len() }
            }
            EventKind::Unsubscribed { names } => {
                self.watched(&kind);
                Happening::Unsubscribed { kind, names: names.len() }
            }
            EventKind::Acked { nonce } => {
                self.hub.note(self.number, &kind, |status| {
                    status.acked = Some(nonce.clone());
                    status.error = None;
                });
                Happening::Acked { kind, nonce }
            }
            EventKind::Nacked { nonce, detail } => {
                self.hub.note(self.number, &kind, |status| status.error = Some(detail.message.clone()));
                Happening::Nacked { kind, nonce, code: detail.code, message: detail.message }
            }
            EventKind::Stale { .. } => Happening::Stale { kind },
            EventKind::Ignored
            | EventKind::Answered { .. }
            | EventKind::Renewed { .. }
            | EventKind::Silent { .. } => return,
        };
        self.tell(told);
    }

    /// What the client is subscribed to has changed.
    fn watched(&self, kind: &ResourceType) {
        let names = self.subscribed(kind);
        self.hub.note(self.number, kind, |status| status.names = names);
    }

    pub(super) fn tell(&self, what: Happening) {
        self.hub.observers.tell(Event { connection: self.id.clone(), proxy: self.proxy.clone(), what });
    }
}

/// istiod: SotW says Unavailable; delta a plain error with the same text.
pub(super) fn not_ready(variant: Variant) -> Status {
    let code = if variant == Variant::Sotw { Code::Unavailable } else { Code::Unknown };
    Status::new(code, "server is not ready to serve discovery information")
}

/// An entry among the connections, for as long as it lives: a stream may end at any of its waits.
pub(super) struct Connected<'h> {
    hub: &'h Hub,
    pub(super) number: u64,
    pub(super) id: ArcStr,
    pub(super) proxy: ArcStr,
    istio_version: ArcStr,
}

impl<'h> Connected<'h> {
    pub(super) fn new(
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
