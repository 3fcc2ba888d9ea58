//! Meshes made to measure: bookinfo and its neighbours, a crowd of equal services, or a seeded mixture.
//!
//! What is made is Kubernetes YAML as a person would write it: Namespaces, Services and Deployments. The same numbers
//! and the same seed give the same text on every machine.

mod crowd;
mod manifest;
mod seeded;

pub use crowd::Crowd;
pub use seeded::Seeded;

/// Istio's Bookinfo in `default`, Istio and its addons in `istio-system`, and `kube-system`: the mesh of the example
/// `sidecar-lab` before anything is added to it.
pub fn bookinfo() -> String {
    [
        include_str!("../../../examples/sidecar-lab/mesh/default.yaml"),
        include_str!("../../../examples/sidecar-lab/mesh/istio-system.yaml"),
        include_str!("../../../examples/sidecar-lab/mesh/kube-system.yaml"),
    ]
    .join("---\n")
}
