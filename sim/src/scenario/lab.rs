//! What a run needs: something that serves a mesh, and proxies that take it. The runner knows no more of either.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::Instant;
use xdslab_mesh::ChangeSet;
use xdslab_mesh::object::kubernetes::Pod;

use super::event::Gauges;

/// Why a run cannot go on.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct LabError(pub String);

/// What a control plane has sent to one proxy since the run began, over all its connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Responses.
    pub pushes: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Clusters that the proxy must have now, without those of its bootstrap.
    pub clusters: u64,
}

/// Serves the mesh.
pub trait ControlPlane: Send {
    /// Where proxies connect.
    fn address(&self) -> SocketAddr;

    /// Hands over changes that are to be seen at once.
    ///
    /// # Errors
    /// When it cannot take them.
    fn apply(&mut self, changes: ChangeSet) -> impl Future<Output = Result<(), LabError>> + Send;

    /// Waits until all of `proxies` are connected and have ACKed everything that the changes so far bring them. The
    /// number of those that have is told in `progress` as it grows. Returns when the last one had, which may be a little
    /// ago. May be dropped at any time.
    fn acked(
        &self,
        proxies: &BTreeSet<String>,
        progress: &watch::Sender<usize>,
    ) -> impl Future<Output = Instant> + Send;

    /// Of `proxies`, those that have not, each with what is missing.
    fn late(&self, proxies: &BTreeSet<String>) -> Vec<String>;

    /// What was sent, by proxy. Absent where the control plane does not tell.
    fn traffic(&self) -> Option<BTreeMap<String, Traffic>>;

    /// The endpoints of all clusters that a proxy must have now. Absent where the control plane does not tell.
    fn endpoints(&self, proxy: &str) -> Option<u64>;

    /// Ends it, and all its connections.
    fn stop(self) -> impl Future<Output = ()> + Send;
}

/// The proxies.
pub trait Fleet: Send {
    /// Looks at them while they run.
    type Probe: Probe;

    /// Starts one for each of `pods`. Returns when each is ready or has failed. The number of ready ones is told in
    /// `progress`. May be dropped at any time.
    fn start(
        &mut self,
        pods: Vec<Arc<Pod>>,
        progress: &watch::Sender<usize>,
    ) -> impl Future<Output = ()> + Send;

    /// Stops those named.
    fn remove(&mut self, names: &BTreeSet<String>) -> impl Future<Output = ()> + Send;

    /// Stops and starts those named. Returns when each is ready again or has failed.
    fn restart(
        &mut self,
        names: &BTreeSet<String>,
        progress: &watch::Sender<usize>,
    ) -> impl Future<Output = ()> + Send;

    /// Those that run.
    fn running(&self) -> BTreeSet<String>;

    /// Those that failed since this was last asked: the name, and why with the end of the log.
    fn failures(&mut self) -> Vec<(String, String)>;

    /// A handle that looks at them from another task.
    fn probe(&self) -> Self::Probe;

    /// Ends them all.
    fn stop(self) -> impl Future<Output = ()> + Send;
}

/// Looks at proxies.
pub trait Probe: Clone + Send + Sync + 'static {
    /// What one shows now; absent if it does not run or does not answer.
    fn gauges(&self, name: &str) -> impl Future<Output = Option<Gauges>> + Send;

    /// The number of endpoints that one has. Costs it time and memory: to be asked after these were measured.
    fn endpoints(&self, name: &str) -> impl Future<Output = Option<u64>> + Send;

    /// Those that run.
    fn names(&self) -> BTreeSet<String>;
}

/// Clusters of the bootstrap: `prometheus_stats`, `agent`, `sds-grpc`, `xds-grpc`.
pub const STATIC_CLUSTERS: u64 = 4;

/// `NAME.NAMESPACE` of a pod.
pub fn proxy_name(pod: &Pod) -> String {
    format!("{}.{}", pod.metadata.name, pod.metadata.namespace)
}
