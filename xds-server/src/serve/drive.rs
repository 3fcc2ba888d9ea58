//! One stream: events in, polls drained, responses out. All decisions are the protocol's.

use std::sync::Arc;
use std::time::Instant;

use arcstr::ArcStr;
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tonic::{Status, Streaming};
use xdslab_mesh::Proxy;
use xdslab_protocol::{Cause, EventKind, Push, Stream, Variant};

use super::hub::{Hub, Newest};
use super::node::identity;
use super::wire::Wire;
use crate::generate::View;
use crate::observe::{Event, Happening};
use crate::push::{PushRequest, Slot, affected, relevant};

struct Driver<W: Wire> {
    hub: Arc<Hub>,
    number: u64,
    id: ArcStr,
    proxy: ArcStr,
    stream: Stream,
    view: View,
    version: ArcStr,
    out: mpsc::Sender<Result<W::Response, Status>>,
}

/// Serves one stream to its end.
pub async fn drive<W: Wire>(
    hub: Arc<Hub>,
    mut requests: Streaming<W::Request>,
    out: mpsc::Sender<Result<W::Response, Status>>,
) {
    let cancel = hub.cancel.clone();
    let work = async {
        if let Err(status) = serve::<W>(&hub, &mut requests, &out).await {
            let _ = out.send(Err(status)).await;
        }
    };
    tokio::select! {
        () = cancel.cancelled() => { let _ = out.send(Err(Status::unavailable("the server is shutting down"))).await; }
        () = work => {}
    }
}

async fn serve<W: Wire>(
    hub: &Arc<Hub>,
    requests: &mut Streaming<W::Request>,
    out: &mpsc::Sender<Result<W::Response, Status>>,
) -> Result<(), Status> {
    let Some(mut first) = requests.message().await? else { return Ok(()) };
    let node =
        W::take_node(&mut first).ok_or_else(|| Status::invalid_argument("missing node information"))?;
    let proxy = Proxy::parse(identity(node)).map_err(|e| Status::invalid_argument(e.to_string()))?;
    let (name, istio_version) = (proxy.id.clone(), proxy.metadata.istio_version.clone());
    let slot = Slot::default();
    // Registered before its view is made: no push in between is lost.
    let (number, id) = hub.connect(&name, slot.clone());
    let newest = hub.newest.borrow().clone();
    let Some(Newest { snapshot, version }) = newest else {
        hub.disconnect(number);
        return Err(Status::unavailable("server is not ready to serve discovery information"));
    };
    let mut driver = Driver::<W> {
        stream: Stream::new(W::VARIANT, hub.semantics).with_nonce_salt(number),
        view: View::new(snapshot, Arc::new(proxy)),
        hub: hub.clone(),
        number,
        id,
        proxy: name,
        version,
        out: out.clone(),
    };
    driver.tell(Happening::Connected { istio_version: istio_version.clone() });
    let ended = driver.run(first, requests, &slot).await;
    hub.disconnect(number);
    driver.tell(Happening::Disconnected { istio_version });
    ended
}

impl<W: Wire> Driver<W> {
    async fn run(
        &mut self,
        first: W::Request,
        requests: &mut Streaming<W::Request>,
        slot: &Slot,
    ) -> Result<(), Status> {
        self.request(first).await?;
        loop {
            tokio::select! {
                biased;
                message = requests.next() => match message {
                    Some(Ok(message)) => self.request(message).await?,
                    Some(Err(status)) => return Err(status),
                    None => return Ok(()),
                },
                () = slot.ready() => self.pushed(slot).await?,
            }
        }
    }

    async fn request(&mut self, mut message: W::Request) -> Result<(), Status> {
        W::take_node(&mut message);
        let invalid = |v: xdslab_protocol::Violation| Status::invalid_argument(v.to_string());
        let request = W::read(message).map_err(invalid)?;
        self.stream.handle_request(request).map_err(invalid)?;
        self.drain(None).await
    }

    /// Takes the push that waits once there is room for one more at work; until then it goes on merging.
    async fn pushed(&mut self, slot: &Slot) -> Result<(), Status> {
        let hub = self.hub.clone();
        let ended = |_| Status::unavailable("the server is shutting down");
        let _room = hub.throttle.acquire().await.map_err(ended)?;
        match slot.take() {
            Some(push) => self.push(push).await,
            None => Ok(()),
        }
    }

    async fn push(&mut self, mut push: PushRequest) -> Result<(), Status> {
        let view = self.view.advance(push.snapshot.clone(), &push);
        if !push.forced {
            push.keys = relevant(&view, &push);
            if push.keys.is_empty() {
                self.view = view;
                return Ok(());
            }
        }
        let types = affected(&view, &push);
        self.view = view;
        self.version = push.version.clone();
        self.stream.handle_push(&Push { types, forced: push.forced });
        self.drain(Some(&push)).await?;
        let (reasons, took) = (push.reasons.into_iter().collect(), push.started.elapsed());
        self.tell(Happening::Pushed { reasons, took });
        Ok(())
    }

    async fn drain(&mut self, push: Option<&PushRequest>) -> Result<(), Status> {
        self.deliver(Instant::now()).await?;
        while let Some(demand) = self.stream.poll_demand() {
            let begun = Instant::now();
            // A SotW answer about clusters is always whole.
            let whole = W::VARIANT == Variant::Sotw && demand.resource_type.wildcard_capable();
            let because = push.filter(|_| demand.cause == Cause::Push && !whole);
            let mut answer = self.hub.generator.answer(&self.view, &demand, because);
            answer.version = self.version.clone();
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
            let (kind, bytes) = (response.resource_type.clone(), response.resources.bytes());
            let (resources, removed) = (response.resources.len(), response.removed.len());
            let nonce = response.nonce.clone();
            self.hub.note(self.number, &kind, |s| {
                s.sent = Some(nonce.to_string());
                s.pushes += 1;
                s.bytes += bytes as u64;
            });
            let gone = |_| Status::cancelled("the client is gone");
            // Told before it is sent: no ACK is ever seen before what it answers.
            self.tell(Happening::Sent { kind, resources, removed, bytes, nonce, took: begun.elapsed() });
            self.out.send(Ok(W::write(&response))).await.map_err(gone)?;
        }
        Ok(())
    }

    fn note(&self, event: xdslab_protocol::Event) {
        let kind = event.resource_type;
        match event.kind {
            EventKind::Acked { nonce } => {
                self.hub.note(self.number, &kind, |s| {
                    s.acked = Some(nonce.to_string());
                    s.error = None;
                });
                self.tell(Happening::Acked { kind, nonce });
            }
            EventKind::Nacked { nonce, detail } => {
                self.hub.note(self.number, &kind, |s| s.error = Some(detail.message.clone()));
                self.tell(Happening::Nacked { kind, nonce, message: detail.message });
            }
            EventKind::Stale { .. } => self.tell(Happening::Stale { kind }),
            _ => {}
        }
    }

    fn tell(&self, what: Happening) {
        self.hub.observers.tell(Event { connection: self.id.clone(), proxy: self.proxy.clone(), what });
    }
}
