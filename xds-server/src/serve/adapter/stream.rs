//! One stream over what the adapter has set for its node.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arcstr::ArcStr;
use tokio::sync::watch;
use tokio::time::{sleep_until, timeout};
use tonic::Status;
use xdslab_protocol::{Push, ResourceType};

use super::super::node::identity;
use super::super::requests::Requests;
use super::state::{State, States};
use crate::push::Slot;
use crate::serve::Hub;
use crate::serve::conversation::{Connected, Conversation, FAREWELL, Out};
use crate::serve::wire::Wire;

/// Serves one stream to its end.
pub(super) async fn drive<W: Wire>(
    hub: Arc<Hub>,
    states: Arc<States>,
    only: Option<ResourceType>,
    mut requests: Requests<W>,
    out: Out,
) {
    let cancel = hub.cancel.clone();
    let end = tokio::select! {
        () = cancel.cancelled() => Status::unavailable("the server is shutting down"),
        ended = serve(&hub, &states, only, &mut requests, &out) => match ended {
            Ok(()) => return,
            Err(reason) => reason,
        },
    };
    // A client that does not even read this learns it from the connection's end.
    let _ = timeout(FAREWELL, out.send(Err(end))).await;
}

async fn serve<W: Wire>(
    hub: &Arc<Hub>,
    states: &States,
    only: Option<ResourceType>,
    requests: &mut Requests<W>,
    out: &Out,
) -> Result<(), Status> {
    let Some(mut first) = requests.message().await? else { return Ok(()) };
    let node = first.take_node().filter(|node| !node.id.is_empty());
    let node = node.ok_or_else(|| Status::invalid_argument("missing node information"))?;
    let told = hub.observers.recorder().is_some().then(|| identity(node.clone()));
    let node = ArcStr::from(node.id);
    let slot = Slot::default();
    let connected = Connected::new(hub, &node, only.clone(), slot.clone(), ArcStr::new());
    let mut news = Watched { states, node: &node, news: Some(states.watch(&node)) };
    let Some(watched) = &mut news.news else { return Ok(()) };
    let state = watched.borrow_and_update().clone();
    let mut talk = Conversation::new(hub, &connected, only, W::VARIANT, out);
    talk.tape = told.and_then(|node| talk.tape(&node));
    Driver { talk, before: state.clone(), state, pause: states.pause() }
        .run(first, requests, &slot, watched)
        .await
}

/// A node's state, watched for as long as this lives.
struct Watched<'s> {
    states: &'s States,
    node: &'s str,
    news: Option<watch::Receiver<Arc<State>>>,
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.news = None;
        self.states.leave(self.node);
    }
}

struct Driver {
    talk: Conversation,
    /// What the node had when the stream was last pushed to.
    state: Arc<State>,
    /// What it had before that.
    before: Arc<State>,
    /// How long changes are collected before they are pushed.
    pause: Duration,
}

/// At that time; never, if there is none.
async fn at(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

impl Driver {
    async fn run<W: Wire>(
        &mut self,
        first: W,
        requests: &mut Requests<W>,
        slot: &Slot,
        news: &mut watch::Receiver<Arc<State>>,
    ) -> Result<(), Status> {
        self.request(first)?;
        self.drain().await?;
        let mut due = None;
        loop {
            self.talk.hub.settle(self.talk.number);
            tokio::select! {
                biased;
                message = requests.message() => match message? {
                    Some(message) => self.request(message)?,
                    None => return Ok(()),
                },
                () = slot.ready() => self.talk.stream.handle_warming(&slot.take().warming),
                () = at(due) => {
                    due = None;
                    self.advance(news.borrow_and_update().clone());
                }
                changed = news.changed(), if due.is_none() => match changed {
                    Ok(()) => due = Some(Instant::now() + self.pause),
                    Err(_) => return Ok(()),
                },
            }
            self.drain().await?;
        }
    }

    fn request<W: Wire>(&mut self, message: W) -> Result<(), Status> {
        match self.talk.request(message)? {
            None => Ok(()),
            Some(_) => Err(Status::unimplemented("the adapter serves no pages")),
        }
    }

    fn advance(&mut self, state: Arc<State>) {
        let types = self.state.differences(&state);
        self.before = std::mem::replace(&mut self.state, state);
        self.talk.stream.handle_push(&Push { types, forced: false });
    }

    async fn drain(&mut self) -> Result<(), Status> {
        let begun = Instant::now();
        self.talk.deliver(begun).await?;
        while let Some(demand) = self.talk.stream.poll_demand() {
            let answer = self.state.answer(&self.before, &demand, &self.talk.stream);
            self.talk.stream.handle_resources(demand, answer);
            self.talk.deliver(begun).await?;
        }
        Ok(())
    }
}
