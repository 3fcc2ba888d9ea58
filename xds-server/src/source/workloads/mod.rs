//! What a cluster makes of the objects that are given to it: Pods of Deployments, addresses, `EndpointSlice`s.
//!
//! Pure and deterministic: the same objects give the same names and addresses, in whatever order they come, and an
//! object more or less leaves those of the others alone (but for the few whose hashes meet).

mod addresses;
mod cluster;
mod injection;
mod names;
mod pod_index;
mod pods;
mod slices;

use std::collections::BTreeMap;
use std::sync::Arc;

use xdslab_mesh::object::Object;
use xdslab_mesh::object::kubernetes::{Pod, Service};

use addresses::Addresses;
use cluster::Cluster;
use pod_index::PodIndex;

pub use injection::is_injected;

/// What a cluster would add to `objects`, and the ones of them that it would fill in.
///
/// * Pods for every Deployment, `ReplicaSet`, `StatefulSet` and `DaemonSet` that has none among `objects`.
/// * A node, an address and readiness for a Pod that has no `status` at all (a manifest, not a dump).
/// * A cluster IP for a Service that is neither headless nor an `ExternalName` and has none.
/// * `EndpointSlice`s for a Service that has a selector and no slice among `objects`.
///
/// What is there is never changed otherwise.
pub fn complete<'a>(objects: impl IntoIterator<Item = &'a Object>) -> Vec<Object> {
    let cluster = Cluster::of(objects);
    let mut addresses = Addresses::new(cluster.addresses.iter().map(|a| a.as_str()));

    let mut made: BTreeMap<_, Pod> = BTreeMap::new();
    for pod in pods::of_workloads(&cluster) {
        made.insert((pod.metadata.namespace.clone(), pod.metadata.name.clone()), pod);
    }
    let bare = cluster.pods.iter().filter(|(_, pod)| is_manifest(pod));
    made.extend(bare.map(|(key, pod)| (key.clone(), pods::of_manifest(&cluster, pod))));
    for ((namespace, name), pod) in &mut made {
        pods::run(pod, addresses.pod(namespace, name));
    }
    let made: BTreeMap<_, _> = made.into_iter().map(|(key, pod)| (key, Arc::new(pod))).collect();

    let services = cluster.services.values().filter(|s| lacks_address(s));
    let services = services.map(|service| {
        let mut service = Service::clone(service);
        let ip = addresses.service(&service.metadata.namespace, &service.metadata.name);
        service.spec.cluster_ips = vec![ip.clone()];
        service.spec.cluster_ip = ip;
        Object::Service(Arc::new(service))
    });
    let services: Vec<_> = services.collect();

    let pods = cluster.pods.iter().filter(|(key, _)| !made.contains_key(key)).map(|(_, pod)| (*pod).clone());
    let pods = PodIndex::new(pods.chain(made.values().cloned()));
    let slices = slices::of_services(&cluster, &pods);
    let slices = slices.into_iter().map(|slice| Object::EndpointSlice(Arc::new(slice)));
    services.into_iter().chain(slices).chain(made.into_values().map(Object::Pod)).collect()
}

/// Whether nothing is said of what has become of the Pod, as in a file that a person wrote.
fn is_manifest(pod: &Pod) -> bool {
    let status = &pod.status;
    status.phase.is_empty()
        && status.pod_ip.is_empty()
        && status.pod_ips.is_empty()
        && status.conditions.is_empty()
}

fn lacks_address(service: &Service) -> bool {
    let spec = &service.spec;
    spec.cluster_ip.is_empty() && spec.cluster_ips.is_empty() && spec.kind != "ExternalName"
}

#[cfg(test)]
mod tests;
