//! One stream: events in, polls drained, responses out. All decisions are the protocol's.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tonic::{Status, Streaming};
use xdslab_mesh::Proxy;
use xdslab_protocol::{Cause, EventKind, Push, Stream};

use super::hub::{Hub, Newest};
use super::node::identity;
use super::wire::Wire;
use crate::generate::View;
use crate::observe::{Event, Happening};
use crate::push::{PushRequest, affected, relevant, slot};

struct Driver<W: Wire> {
    hub: Arc<Hub>,
    number: u64,
    id: String,
    proxy: String,
    stream: Stream,
    view: View,
    version: arcstr::ArcStr,
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
    let node = W::take_node(&mut first).ok_or_else(|| Status::invalid_argument("missing node information"))?;
    let proxy = Proxy::parse(identity(node)).map_err(|e| Status::invalid_argument(e.to_string()))?;
    let name = proxy.id.to_string();
    let slot = slot();
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
    driver.tell(Happening::Connected);
    let ended = driver.run(first, requests, &slot).await;
    hub.disconnect(number);
    driver.tell(Happening::Disconnected);
    ended
}

impl<W: Wire> Driver<W> {
    async fn run(
        &mut self,
        first: W::Request,
        requests: &mut Streaming<W::Request>,
        slot: &crate::push::Slot,
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
                push = slot.take() => self.push(push).await?,
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
        self.drain(Some(&push)).await
    }

    async fn drain(&mut self, push: Option<&PushRequest>) -> Result<(), Status> {
        self.deliver().await?;
        while let Some(demand) = self.stream.poll_demand() {
            let because = push.filter(|_| demand.cause == Cause::Push);
            let mut answer = self.hub.generator.answer(&self.view, &demand, because);
            answer.version = self.version.clone();
            self.stream.handle_resources(demand, answer);
            self.deliver().await?;
        }
        Ok(())
    }

    async fn deliver(&mut self) -> Result<(), Status> {
        while let Some(event) = self.stream.poll_event() {
            self.note(event);
        }
        while let Some(response) = self.stream.poll_response() {
            let (kind, bytes) = (&response.resource_type, response.resources.bytes());
            self.hub.note(self.number, kind, |s| {
                s.sent = Some(response.nonce.to_string());
                s.pushes += 1;
                s.bytes += bytes as u64;
            });
            self.tell(Happening::Sent {
                kind: kind.clone(),
                resources: response.resources.len(),
                removed: response.removed.len(),
                bytes,
                nonce: response.nonce.clone(),
            });
            let gone = |_| Status::cancelled("the client is gone");
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
            _ => {}
        }
    }

    fn tell(&self, what: Happening) {
        let _ = self.hub.events.send(Event { connection: self.id.clone(), proxy: self.proxy.clone(), what });
    }
}
