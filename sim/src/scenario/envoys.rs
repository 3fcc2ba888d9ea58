//! Real Envoys as the proxies of a run.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use xdslab_mesh::object::kubernetes::Pod;

use super::event::Gauges;
use super::lab::{Fleet, LabError, Probe, proxy_name};
use crate::envoy::{self, Api, Binary, Envoy, FleetEvent, FleetOptions, FleetView, Node, SoftLimit};

/// One Envoy process for each chosen pod; several releases are dealt out in turn.
#[derive(Debug)]
pub struct EnvoyFleet {
    /// By release.
    fleets: Vec<envoy::Fleet>,
    /// What they tell; read when failures are asked for.
    events: Vec<Receiver<FleetEvent>>,
    /// Which fleet a proxy belongs to.
    homes: BTreeMap<String, usize>,
    /// Failures that are no events: pods that cannot be described.
    unfit: Vec<(String, String)>,
    view: EnvoyView,
}

/// Looks at the Envoys.
#[derive(Clone, Debug)]
pub struct EnvoyView {
    views: Vec<FleetView>,
}

/// How all Envoys of a run are configured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    /// Variant of ADS.
    pub api: Api,
    /// Whether they ask for listeners and routes too.
    pub listeners: bool,
    /// Whether freed memory is given back at once.
    pub soft_limit: bool,
}

impl EnvoyFleet {
    /// Fleets of these releases that connect to `xds`; their files are kept in `dir`.
    ///
    /// # Errors
    /// When a folder cannot be made, or a release has no soft memory limit and shall have one.
    pub fn new(binaries: &[Binary], xds: SocketAddr, manner: Manner, dir: &Path) -> Result<Self, LabError> {
        let start = |binary: &Binary| {
            let mut options = FleetOptions::new(binary.clone(), xds, dir);
            options.api = manner.api;
            options.lds = manner.listeners;
            options.purge = manner.soft_limit.then(SoftLimit::default);
            envoy::Fleet::start(options).map_err(|e| LabError(chain(&e)))
        };
        let fleets: Vec<_> = binaries.iter().map(start).collect::<Result<_, _>>()?;
        let events = fleets.iter().map(envoy::Fleet::subscribe).collect();
        let view = EnvoyView { views: fleets.iter().map(envoy::Fleet::view).collect() };
        Ok(Self { fleets, events, homes: BTreeMap::new(), unfit: Vec::new(), view })
    }

    /// A look at the Envoys.
    pub fn view(&self) -> EnvoyView {
        self.view.clone()
    }
}

impl Fleet for EnvoyFleet {
    type Probe = EnvoyView;

    async fn start(&mut self, pods: Vec<Arc<Pod>>, progress: &watch::Sender<usize>) {
        let mut nodes: Vec<Vec<Node>> = vec![Vec::new(); self.fleets.len()];
        for pod in pods {
            let name = proxy_name(&pod);
            match proxy_node(&pod) {
                Ok(node) => {
                    let home = self.homes.len() % self.fleets.len().max(1);
                    nodes[*self.homes.entry(name).or_insert(home)].push(node);
                }
                Err(reason) => self.unfit.push((name, reason)),
            }
        }
        let seen: Vec<_> = self.fleets.iter().map(envoy::Fleet::subscribe).collect();
        let work =
            futures::future::join_all(self.fleets.iter_mut().zip(nodes).map(|(f, nodes)| f.add(nodes)));
        counting(work, seen, progress).await;
    }

    async fn remove(&mut self, names: &BTreeSet<String>) {
        futures::future::join_all(self.fleets.iter_mut().map(|fleet| fleet.remove(names))).await;
        self.homes.retain(|name, _| !names.contains(name));
    }

    async fn restart(&mut self, names: &BTreeSet<String>, progress: &watch::Sender<usize>) {
        let seen: Vec<_> = self.fleets.iter().map(envoy::Fleet::subscribe).collect();
        let work = futures::future::join_all(self.fleets.iter_mut().map(|fleet| fleet.restart(names)));
        counting(work, seen, progress).await;
    }

    fn running(&self) -> BTreeSet<String> {
        self.view.names()
    }

    fn failures(&mut self) -> Vec<(String, String)> {
        let mut failures = std::mem::take(&mut self.unfit);
        for events in &mut self.events {
            loop {
                use tokio::sync::broadcast::error::TryRecvError;
                match events.try_recv() {
                    Ok(FleetEvent::Failed(failure)) => {
                        failures.push((failure.name.clone(), chain(&*failure.error)));
                    }
                    Ok(FleetEvent::Exited { name, exit }) => failures.push((name, exit.to_string())),
                    Ok(_) | Err(TryRecvError::Lagged(_)) => {}
                    Err(TryRecvError::Empty | TryRecvError::Closed) => break,
                }
            }
        }
        failures
    }

    fn probe(&self) -> EnvoyView {
        self.view()
    }

    async fn stop(self) {
        futures::future::join_all(self.fleets.into_iter().map(envoy::Fleet::stop)).await;
    }
}

/// Does `work` and counts the Envoys that become ready meanwhile.
async fn counting<T>(
    work: impl Future<Output = T>,
    seen: Vec<Receiver<FleetEvent>>,
    progress: &watch::Sender<usize>,
) {
    let count = futures::future::join_all(seen.into_iter().map(|mut events| async move {
        loop {
            match events.recv().await {
                Ok(FleetEvent::Ready { .. }) => progress.send_modify(|ready| *ready += 1),
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
        }
    }));
    tokio::select! {
        biased; // all events that are there are counted before the work is found done
        _ = count => {}
        _ = work => {}
    }
}

impl EnvoyView {
    /// The Envoy of a proxy, if it runs.
    pub fn envoy(&self, name: &str) -> Option<Arc<Envoy>> {
        self.views.iter().find_map(|view| view.envoy(name))
    }
}

impl Probe for EnvoyView {
    async fn gauges(&self, name: &str) -> Option<Gauges> {
        let envoy = self.envoy(name)?;
        let memory = envoy.memory().await.ok()?;
        let xds = envoy.admin().xds().await.ok()?;
        Some(Gauges {
            envoys: 1,
            clusters: xds.active_clusters,
            warming: xds.warming_clusters,
            allocated: memory.heap.allocated,
            rss: memory.process.map(|process| process.rss),
            pss: memory.process.map(|process| process.pss),
        })
    }

    async fn endpoints(&self, name: &str) -> Option<u64> {
        let envoy = self.envoy(name)?;
        let clusters = envoy.admin().clusters().await.ok()?;
        let sent = clusters.iter().filter(|cluster| !STATIC.contains(&cluster.name.as_str()));
        u64::try_from(sent.map(|cluster| cluster.endpoints).sum::<usize>()).ok()
    }

    fn names(&self) -> BTreeSet<String> {
        self.views.iter().flat_map(FleetView::names).collect()
    }
}

/// The clusters of the bootstrap.
const STATIC: [&str; 4] = ["prometheus_stats", "agent", "sds-grpc", "xds-grpc"];

/// The pod as its Istio agent would describe it.
///
/// # Errors
/// When it has no address.
pub fn proxy_node(pod: &Pod) -> Result<Node, String> {
    let (meta, spec) = (&pod.metadata, &pod.spec);
    let ip: IpAddr = pod.status.pod_ip.parse().map_err(|_| "the pod has no address".to_owned())?;
    let mut node = Node::sidecar(ip, meta.name.as_str(), meta.namespace.as_str());
    node.labels = meta.labels.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    if !spec.service_account_name.is_empty() {
        node.service_account = spec.service_account_name.to_string();
    }
    node.node_name = Some(spec.node_name.to_string()).filter(|name| !name.is_empty());
    Ok(node)
}

/// An error and all that it comes from.
fn chain(error: &dyn std::error::Error) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
