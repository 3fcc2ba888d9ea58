//! From changes to pushes: the one task that writes the mesh.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use xdslab_mesh::object::Kind;
use xdslab_mesh::{ChangeSet, Effects, Mesh, Turn};

use crate::observe::Happening;
use crate::push::{Debounce, DebounceOptions, PushRequest, Versions};
use crate::serve::{Ask, Hub};

/// The only writer of the mesh: takes changes in, and pushes them batch by batch.
pub struct Pipeline {
    hub: Arc<Hub>,
    mesh: Mesh,
    versions: Versions,
    debounce: Debounce,
    /// Batches of changes that wait in the debounce.
    batches: usize,
}

impl Pipeline {
    /// Begins with `mesh`, and pushes it.
    pub fn start(hub: Arc<Hub>, mesh: Mesh, options: DebounceOptions) -> Self {
        let (versions, debounce) = (Versions::default(), Debounce::new(options));
        let mut pipeline = Self { hub, mesh, versions, debounce, batches: 0 };
        pipeline.push(Effects { forced: true, ..Effects::default() }, now());
        pipeline
    }

    /// Takes changes in, until they end or `cancel` says so.
    pub async fn run(
        mut self,
        mut incoming: mpsc::Receiver<ChangeSet>,
        mut asks: mpsc::Receiver<Ask>,
        cancel: CancellationToken,
    ) {
        loop {
            let due = self.debounce.deadline().map(tokio::time::Instant::from_std);
            let look = async {
                match due {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = cancel.cancelled() => return,
                changes = incoming.recv() => match changes {
                    Some(changes) => self.change(changes, now()),
                    None => return,
                },
                // Never closed while this runs: the hub has the other end.
                Some(ask) = asks.recv() => self.answer(ask),
                () = look => if let Some((effects, first)) = self.debounce.take(now()) {
                    self.push(effects, first);
                    self.settle();
                }
            }
        }
    }

    fn change(&mut self, changes: ChangeSet, now: Instant) {
        let mut effects = self.mesh.apply(changes);
        self.batches += 1;
        self.hub.tell(Happening::changed(&effects));
        let addresses = std::mem::take(&mut effects.addresses);
        let is_pod = |(kind, turn): &(Kind, Turn)| *kind == Kind::Pod && *turn != Turn::UpdateSame;
        if !addresses.is_empty() || effects.objects.keys().any(is_pod) {
            // Those pods' own proxies do not wait for the debounce (istiod: `ProxyUpdate` in `discovery.go`), and proxies
            // that connect from now on find every pod, ready or not.
            self.hub.push_to(&addresses, &self.mesh.snapshot());
        }
        if let Some(at_once) = self.debounce.event(effects, now) {
            self.push(at_once, now);
        }
        self.settle();
    }

    /// Whoever asks may have left: then nobody needs the answer.
    fn answer(&mut self, ask: Ask) {
        let _left = match ask {
            Ask::Configs(reply) => reply.send(self.mesh.configs()).is_err(),
            Ask::Push(reply) => reply.send(self.hub.push_again()).is_err(),
        };
    }

    fn push(&mut self, effects: Effects, first: Instant) {
        let (debounced, begun) = (now().saturating_duration_since(first), Instant::now());
        let push = PushRequest::new(effects, self.versions.next(), self.mesh.snapshot());
        self.hub.tell(Happening::PushStarted {
            version: push.version.clone(),
            debounced,
            built: begun.elapsed(),
            services: push.snapshot.services().len(),
            virtual_services: push.snapshot.virtual_services().len(),
        });
        self.hub.push(&Arc::new(push));
    }

    /// Nothing waits any more: all that came was pushed, or concerns nobody.
    fn settle(&mut self) {
        if self.debounce.deadline().is_none() {
            self.hub.done(std::mem::take(&mut self.batches));
        }
    }
}

/// The time of the runtime's clock, which tests may stop and turn forward.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
