//! One stream: events in, polls drained, responses out. All decisions are the protocol's.

use std::sync::Arc;
use std::time::Instant;

use arcstr::ArcStr;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tonic::{Code, Status};
use xdslab_mesh::Proxy;
use xdslab_protocol::{Cause, Push, ResourceType, Variant};

use super::client::Seen;
use super::conversation::{Connected, Conversation, FAREWELL, Out, not_ready};
use super::debug::caller;
use super::hub::{Hub, Newest};
use super::node::identity;
use super::requests::Requests;
use super::wire::Wire;
use crate::generate::View;
use crate::identity::Visitor;
use crate::observe::Happening;
use crate::push::{PushRequest, Slot, Waiting, affected, relevant};

struct Driver {
    talk: Conversation,
    view: Arc<View>,
    /// The node's whole id.
    node: ArcStr,
    visitor: Visitor,
    /// Version of the push that the view is of.
    version: ArcStr,
}

/// Serves one stream to its end.
pub async fn drive<W: Wire>(
    hub: Arc<Hub>,
    only: Option<ResourceType>,
    visitor: Visitor,
    mut requests: Requests<W>,
    out: Out,
) {
    let cancel = hub.cancel.clone();
    let status = tokio::select! {
        () = cancel.cancelled() => Status::unavailable("the server is shutting down"),
        ended = serve(&hub, only, visitor, &mut requests, &out) => match ended {
            Ok(()) => return,
            Err(status) => {
                if status.code() == Code::Internal {
                    hub.tell(Happening::Failed);
                }
                status
            }
        },
    };
    // A client that does not even read this learns it from the connection's end.
    let _ = timeout(FAREWELL, out.send(Err(status))).await;
}

async fn serve<W: Wire>(
    hub: &Arc<Hub>,
    only: Option<ResourceType>,
    visitor: Visitor,
    requests: &mut Requests<W>,
    out: &Out,
) -> Result<(), Status> {
    hub.admission.admit().await?;
    let Some(mut first) = requests.message().await? else { return Ok(()) };
    let node = first.take_node().filter(|node| !node.id.is_empty());
    let node = node.ok_or_else(|| Status::invalid_argument("missing node information"))?;
    let id = ArcStr::from(node.id.as_str());
    let node = identity(node);
    let told = hub.observers.recorder().is_some().then(|| node.clone());
    let proxy = Proxy::parse(node).map_err(|e| Status::invalid_argument(e.to_string()))?;
    let (name, istio_version) = (proxy.id.clone(), proxy.metadata.istio_version.clone());
    let slot = Slot::default();
    // Registered before its view is made: no push in between is lost.
    let connected = Connected::new(hub, &name, only.clone(), slot.clone(), istio_version);
    let newest = hub.newest.borrow().clone();
    let Some(Newest { snapshot, version }) = newest else { return Err(not_ready(W::VARIANT)) };
    let mut talk = Conversation::new(hub, &connected, only, W::VARIANT, out);
    talk.tape = told.and_then(|node| talk.tape(&node));
    let mut driver =
        Driver { talk, view: Arc::new(View::new(snapshot, Arc::new(proxy))), node: id, visitor, version };
    driver.begin();
    driver.run(first, requests, &slot).await
}

/// Waits until something is in the slot, and then for room among those who are pushed to.
async fn turn(slot: &Slot, throttle: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Status> {
    slot.ready().await;
    throttle.clone().acquire_owned().await.map_err(|_| Status::unavailable("the server is shutting down"))
}

impl Driver {
    fn begin(&self) {
        self.see();
        let (view, cluster) = (&self.view, &self.view.proxy.metadata.cluster_id);
        if view.workload.targets.is_empty() {
            let reason = if !cluster.is_empty() && cluster != xdslab_mesh::endpoint::CLUSTER {
                "incorrect_cluster"
            } else if view.snapshot.service_account(&view.proxy).is_some() {
                "no_matching_services"
            } else {
                "no_matching_metadata"
            };
            self.talk.tell(Happening::NoTargets { reason });
        }
    }

    /// Pages show the client with what it has of the mesh.
    fn see(&self) {
        let (view, version) = (self.view.clone(), self.version.clone());
        let seen = Seen { node: self.node.clone(), peer: self.visitor.peer, view, version };
        self.talk.hub.see(self.talk.number, Arc::new(seen));
    }

    /// Requests before pushes. A connection that waits for its turn keeps its place while it answers requests, and goes
    /// on merging.
    async fn run<W: Wire>(
        &mut self,
        first: W,
        requests: &mut Requests<W>,
        slot: &Slot,
    ) -> Result<(), Status> {
        self.request(first).await?;
        let throttle = self.talk.hub.throttle.clone();
        let turns = turn(slot, &throttle);
        tokio::pin!(turns);
        loop {
            self.talk.hub.settle(self.talk.number);
            tokio::select! {
                biased;
                message = requests.message() => match message? {
                    Some(message) => self.request(message).await?,
                    None => return Ok(()),
                },
                room = &mut turns => {
                    self.talk.room = Some(room?);
                    self.pushed(slot.take()).await?;
                    self.talk.room = None;
                    turns.set(turn(slot, &throttle));
                }
            }
        }
    }

    async fn request<W: Wire>(&mut self, message: W) -> Result<(), Status> {
        if let Some(request) = self.talk.request(message)? {
            let caller = caller(&self.talk.hub, &self.visitor);
            return self.talk.answer(&request, caller).await;
        }
        self.drain(None).await
    }

    async fn pushed(&mut self, waiting: Waiting) -> Result<(), Status> {
        if !waiting.warming.is_empty() {
            self.talk.stream.handle_warming(&waiting.warming);
            self.drain(None).await?;
        }
        let Some(push) = waiting.push else { return Ok(()) };
        let reasons: Vec<_> = push.reasons.iter().map(|(reason, times)| (*reason, *times)).collect();
        self.talk.tell(Happening::PushBegun { reasons: reasons.clone(), waited: push.started.elapsed() });
        if self.push(&push).await? {
            self.talk.tell(Happening::Pushed { reasons, took: push.started.elapsed() });
        }
        Ok(())
    }

    /// Whether the push concerns the client.
    async fn push(&mut self, push: &PushRequest) -> Result<bool, Status> {
        self.view = Arc::new(self.view.advance(push.snapshot.clone(), push));
        if !push.is_endpoints_only() {
            self.version = push.version.clone();
        }
        self.see();
        let keys = if push.forced { push.keys.clone() } else { relevant(&self.view, push) };
        if keys.is_empty() && !push.forced {
            return Ok(false);
        }
        let push = PushRequest { keys, ..push.clone() };
        let types = affected(&self.view, &push);
        self.talk.stream.handle_push(&Push { types, forced: push.forced });
        self.because(Some(&push));
        self.drain(Some(&push)).await?;
        self.because(None);
        Ok(true)
    }

    fn because(&mut self, push: Option<&PushRequest>) {
        if let Some(tape) = &mut self.talk.tape {
            tape.because(push);
        }
    }

    async fn drain(&mut self, push: Option<&PushRequest>) -> Result<(), Status> {
        self.talk.deliver(Instant::now()).await?;
        while let Some(demand) = self.talk.stream.poll_demand() {
            let begun = Instant::now();
            // A SotW answer about clusters is always whole.
            let whole =
                self.talk.stream.variant() == Variant::Sotw && demand.resource_type.wildcard_capable();
            let because = push.filter(|_| demand.cause == Cause::Push && !whole);
            let mut answer = self.talk.hub.generator.answer(&self.view, &demand, because);
            // Of a push for endpoints alone only the answers have the version; later ones have that of the view.
            answer.version = push.map_or(&self.version, |push| &push.version).clone();
            self.talk.stream.handle_resources(demand, answer);
            self.talk.deliver(begun).await?;
        }
        Ok(())
    }
}
