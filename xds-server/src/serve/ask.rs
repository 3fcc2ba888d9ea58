//! What pages ask of the one who writes the mesh, and nobody else can answer.

use tokio::sync::oneshot;
use xdslab_mesh::object::Object;

/// One question, and where the answer goes.
#[derive(Debug)]
pub enum Ask {
    /// Istio's own objects, as they are now.
    Configs(oneshot::Sender<Vec<Object>>),
    /// Push the mesh as it is to everybody. The answer is how many that were.
    Push(oneshot::Sender<usize>),
}
