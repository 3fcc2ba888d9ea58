//! The objects that matter here, by kind and in order of their names.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arcstr::ArcStr;
use xdslab_mesh::object::kubernetes::{Namespace, Node, Pod, Service, Workload};
use xdslab_mesh::object::{Kind, Object};

/// Namespace and name.
pub(super) type Name = (ArcStr, ArcStr);

/// The label by which a slice names its Service.
pub(super) const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// A mesh's objects, sorted.
#[derive(Default)]
pub(super) struct Cluster<'a> {
    pub(super) namespaces: BTreeMap<&'a str, &'a Namespace>,
    pub(super) nodes: BTreeMap<&'a str, &'a Node>,
    pub(super) services: BTreeMap<Name, &'a Arc<Service>>,
    pub(super) pods: BTreeMap<Name, &'a Arc<Pod>>,
    pub(super) workloads: BTreeMap<(ArcStr, Kind, ArcStr), &'a Workload>,
    /// Services that have a slice.
    pub(super) sliced: BTreeSet<Name>,
    /// Names of the slices.
    pub(super) slices: BTreeSet<Name>,
    /// Every address that an object has or names.
    pub(super) addresses: Vec<&'a ArcStr>,
}

impl<'a> Cluster<'a> {
    /// Sorts `objects`.
    pub(super) fn of(objects: impl IntoIterator<Item = &'a Object>) -> Self {
        let mut cluster = Self::default();
        for object in objects {
            cluster.add(object);
        }
        cluster
    }

    fn add(&mut self, object: &'a Object) {
        let meta = object.meta();
        let name = || (meta.namespace.clone(), meta.name.clone());
        match object {
            Object::Namespace(namespace) => {
                self.namespaces.insert(&meta.name, namespace);
            }
            Object::Node(node) => {
                self.nodes.insert(&meta.name, node);
            }
            Object::Service(service) => {
                self.addresses.push(&service.spec.cluster_ip);
                self.addresses.extend(&service.spec.cluster_ips);
                self.services.insert(name(), service);
            }
            Object::EndpointSlice(slice) => {
                self.addresses.extend(slice.endpoints.iter().flat_map(|e| &e.addresses));
                self.slices.insert(name());
                if let Some(service) = meta.labels.get(SERVICE_NAME) {
                    self.sliced.insert((meta.namespace.clone(), service.clone()));
                }
            }
            Object::Pod(pod) => {
                self.addresses.push(&pod.status.pod_ip);
                self.addresses.extend(pod.status.pod_ips.iter().map(|a| &a.ip));
                self.pods.insert(name(), pod);
            }
            Object::Workload(kind, workload) => {
                self.workloads.insert((meta.namespace.clone(), *kind, meta.name.clone()), workload);
            }
            Object::ServiceEntry(entry) => {
                self.addresses.extend(&entry.spec.addresses);
                self.addresses.extend(entry.spec.endpoints.iter().map(|e| &e.address));
            }
            Object::WorkloadEntry(entry) => self.addresses.push(&entry.spec.address),
            _ => {}
        }
    }
}
