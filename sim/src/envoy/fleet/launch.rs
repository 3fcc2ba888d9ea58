//! Starts and ends the Envoy of one proxy, and tells.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{Semaphore, broadcast};

use super::Running;
use super::event::{Failure, FleetEvent};
use super::options::FleetOptions;
use crate::envoy::bootstrap::{Bootstrap, Node};
use crate::envoy::process::{Envoy, EnvoyError, EnvoyOptions};
use crate::envoy::watchdog::Watchdog;

/// What every start needs.
#[derive(Debug)]
pub(super) struct Launcher {
    options: FleetOptions,
    watchdog: Watchdog,
    slots: Semaphore,
    pub(super) events: broadcast::Sender<FleetEvent>,
    pub(super) running: Running,
}

impl Launcher {
    pub(super) fn new(
        options: FleetOptions,
        watchdog: Watchdog,
        events: broadcast::Sender<FleetEvent>,
        running: Running,
    ) -> Self {
        let slots = Semaphore::new(options.at_once.max(1));
        Self { options, watchdog, slots, events, running }
    }

    /// Starts one and waits until it is ready. Only the start itself, which costs CPU time, takes a slot: an Envoy
    /// that waits for its configuration keeps no other from starting.
    pub(super) async fn launch(self: Arc<Self>, name: String, node: Node) -> Option<Failure> {
        let begun;
        let envoy = {
            let _slot = self.slots.acquire().await;
            begun = Instant::now();
            self.tell(FleetEvent::Starting { name: name.clone() });
            match Envoy::start(self.envoy_options(&name, node), &self.watchdog).await {
                Ok(envoy) => Arc::new(envoy),
                Err(error) => return Some(self.failed(name, error)),
            }
        };
        self.running.lock().insert(name.clone(), envoy.clone());
        tokio::spawn(self.watch(name.clone(), &envoy));
        self.tell(FleetEvent::Started { name: name.clone(), pid: envoy.pid(), took: begun.elapsed() });
        match envoy.ready(self.options.ready_limit).await {
            Ok(()) => {
                self.tell(FleetEvent::Ready { name, took: begun.elapsed() });
                None
            }
            // Its watcher tells.
            Err(error @ EnvoyError::Exited(_)) => Some(Failure { name, error: Arc::new(error) }),
            Err(error) => Some(self.failed(name, error)),
        }
    }

    /// Ends one, if it runs.
    pub(super) async fn end(&self, name: &str) {
        let envoy = self.running.lock().remove(name);
        if let Some(envoy) = envoy {
            envoy.stop(self.options.grace).await;
            self.tell(FleetEvent::Stopped { name: name.to_owned() });
        }
    }

    /// Waits for the end of one that has come up, and tells if nobody asked for it. Holds no handle of the Envoy, so
    /// that it lives no longer than the fleet wants.
    fn watch(&self, name: String, envoy: &Envoy) -> impl Future<Output = ()> + Send + use<> {
        let (end, pid) = (envoy.end(), envoy.pid());
        let (events, running) = (self.events.clone(), self.running.clone());
        async move {
            let exit = end.wait().await;
            let unasked = {
                let mut running = running.lock();
                let own = running.get(&name).is_some_and(|envoy| envoy.pid() == pid);
                own.then(|| running.remove(&name)).is_some()
            };
            if unasked {
                // Nobody listens: nothing to tell.
                let _ = events.send(FleetEvent::Exited { name, exit });
            }
        }
    }

    fn envoy_options(&self, name: &str, node: Node) -> EnvoyOptions {
        let FleetOptions { binary, xds, api, lds, purge, concurrency, log_level, dir, .. } = &self.options;
        let bootstrap = Bootstrap {
            api: *api,
            lds: *lds,
            concurrency: *concurrency,
            purge: *purge,
            ..Bootstrap::new(node, *xds)
        };
        EnvoyOptions {
            binary: binary.path.clone(),
            bootstrap: bootstrap.to_json(),
            dir: dir.join(name),
            log_level: *log_level,
            concurrency: *concurrency,
        }
    }

    fn failed(&self, name: String, error: EnvoyError) -> Failure {
        let failure = Failure { name, error: Arc::new(error) };
        self.tell(FleetEvent::Failed(failure.clone()));
        failure
    }

    fn tell(&self, event: FleetEvent) {
        // Nobody listens: nothing to tell.
        let _ = self.events.send(event);
    }
}
