//! Endpoints of a Kubernetes Service, from its `EndpointSlices`
//! (istiod: `pilot/pkg/serviceregistry/kube/controller/endpointslice.go`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arcstr::{ArcStr, format};

use super::{Address, CLUSTER, Endpoint, Health, PodEntry, Pods, TlsMode};
use crate::object::Labels;
use crate::object::kubernetes::{EndpointSlice, SliceConditions, SliceEndpoint};
use crate::service::Service;

/// Label of an `EndpointSlice`: the name of its Service.
pub(crate) const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// Slices by namespace and Service, each Service's in order of their names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slices(BTreeMap<(ArcStr, ArcStr), Vec<Arc<EndpointSlice>>>);

impl Slices {
    /// Indexes slices that come in order of their names.
    pub fn new<'a>(slices: impl Iterator<Item = &'a Arc<EndpointSlice>>) -> Self {
        let mut index = Self::default();
        for slice in slices {
            if let Some(service) = Self::service_of(slice) {
                let key = (slice.metadata.namespace.clone(), service);
                index.0.entry(key).or_default().push(slice.clone());
            }
        }
        index
    }

    /// The Service that a slice belongs to.
    pub fn service_of(slice: &EndpointSlice) -> Option<ArcStr> {
        slice.metadata.labels.get(SERVICE_NAME).cloned()
    }

    fn of(&self, service: &Service) -> &[Arc<EndpointSlice>] {
        self.0.get(&(service.namespace.clone(), service.name.clone())).map_or(&[], Vec::as_slice)
    }
}

/// The endpoints that the slices of `service` list, in their order.
///
/// An endpoint whose Pod is unknown is held back; an (address, port) that occurs twice counts once.
pub(crate) fn kubernetes_endpoints(service: &Service, slices: &Slices, pods: &Pods) -> Vec<Endpoint> {
    let (mut endpoints, mut seen) = (Vec::new(), BTreeSet::new());
    for slice in slices.of(service).iter().filter(|s| s.address_type != "FQDN") {
        for listed in &slice.endpoints {
            let Some(address) = listed.addresses.first() else { continue };
            let Some(workload) = Workload::of(listed, &slice.metadata.namespace, pods) else { continue };
            let health = health(listed.conditions, service.supports_draining());
            for port in &slice.ports {
                let name = port.name.clone().unwrap_or_default();
                let Some(number) = port.port else { continue };
                if seen.insert((address.clone(), name.clone())) {
                    endpoints.push(workload.endpoint(address, name, number, health));
                }
            }
        }
    }
    endpoints
}

enum Workload<'a> {
    Pod(&'a PodEntry),
    Unknown { namespace: ArcStr },
}

impl<'a> Workload<'a> {
    fn of(listed: &SliceEndpoint, namespace: &ArcStr, pods: &'a Pods) -> Option<Self> {
        match &listed.target_ref {
            Some(target) if target.kind == "Pod" => {
                let namespace = if target.namespace.is_empty() { namespace } else { &target.namespace };
                pods.get(namespace, &target.name).map(|entry| Self::Pod(entry))
            }
            _ => Some(Self::Unknown { namespace: namespace.clone() }),
        }
    }

    fn endpoint(&self, address: &ArcStr, port_name: ArcStr, port: u32, health: Health) -> Endpoint {
        let unknown = Endpoint {
            address: Address::read(address),
            port,
            service_port_name: port_name,
            service_port: 0,
            labels: Arc::default(),
            namespace: ArcStr::new(),
            service_account: ArcStr::new(),
            locality: crate::Locality::default(),
            weight: 1,
            tls: TlsMode::Disabled,
            health,
            node: ArcStr::new(),
            workload: ArcStr::new(),
        };
        match self {
            Self::Pod(entry) => Endpoint {
                labels: entry.labels.clone(),
                namespace: entry.pod.metadata.namespace.clone(),
                service_account: entry.service_account(),
                locality: entry.locality.clone(),
                tls: entry.tls(),
                node: entry.pod.spec.node_name.clone(),
                workload: entry.workload.clone(),
                ..unknown
            },
            Self::Unknown { namespace } => Endpoint {
                labels: Arc::new(Labels::from([("topology.istio.io/cluster".into(), CLUSTER.into())])),
                namespace: namespace.clone(),
                workload: format!(";{namespace};;;{CLUSTER}"),
                ..unknown
            },
        }
    }
}

fn health(conditions: SliceConditions, supports_draining: bool) -> Health {
    let terminating = conditions.terminating.unwrap_or(false);
    match conditions.ready {
        None | Some(true) => Health::Healthy,
        _ if supports_draining && terminating && conditions.serving.unwrap_or(true) => Health::Draining,
        _ if terminating => Health::Terminating,
        _ => Health::Unhealthy,
    }
}
