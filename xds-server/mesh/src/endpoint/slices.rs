//! Endpoints of a Kubernetes Service, from its `EndpointSlices`
//! (istiod: `pilot/pkg/serviceregistry/kube/controller/endpointslice.go`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arcstr::ArcStr;

use super::{Address, CLUSTER, Endpoint, Health, PodEntry, Pods, TlsMode};
use crate::object::kubernetes::{EndpointSlice, SliceConditions, SliceEndpoint};
use crate::object::{Labels, Meta};
use crate::service::Service;

/// Label of an `EndpointSlice`: the name of its Service.
pub(crate) const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// A Service's name and namespace, namespace first.
type ServiceKey = (ArcStr, ArcStr);

/// What the slices list, each as it was when it was last looked at: when it changed, when a Pod that it waits for became
/// ready, or when a Pod of its Service got other labels. A Pod that goes takes no endpoint with it, and a Node that
/// moves moves none (istiod: `endpointSliceCache`, and `needResync` in `pod.go`).
#[derive(Debug, Default)]
pub(crate) struct Slices {
    /// Endpoints by Service, then by name of the slice.
    of_service: BTreeMap<ServiceKey, BTreeMap<ArcStr, Vec<Endpoint>>>,
    /// Slices, by namespace and name, that list an address whose Pod is unknown; by address.
    waiting: BTreeMap<ArcStr, BTreeSet<(ArcStr, ArcStr)>>,
}

impl Slices {
    /// The Service that a slice belongs to.
    pub fn service_of(slice: &EndpointSlice) -> Option<ArcStr> {
        slice.metadata.labels.get(SERVICE_NAME).filter(|name| !name.is_empty()).cloned()
    }

    /// Looks at a slice. `service` is the one that it belongs to, if that is known.
    ///
    /// An endpoint whose Pod is unknown is held back. A slice of names is passed over.
    pub fn look(&mut self, slice: &EndpointSlice, service: Option<&Service>, pods: &Pods) {
        let Meta { name, namespace, .. } = &slice.metadata;
        let Some(of) = Self::service_of(slice).filter(|_| slice.address_type != "FQDN") else { return };
        let drains = service.is_some_and(Service::supports_draining);
        let mut endpoints = Vec::new();
        for listed in &slice.endpoints {
            let health = health(listed.conditions, service.is_some(), drains);
            for address in &listed.addresses {
                let Some(workload) = Workload::of(listed, address, namespace, pods) else {
                    let waiting = self.waiting.entry(address.clone()).or_default();
                    waiting.insert((namespace.clone(), name.clone()));
                    continue;
                };
                endpoints.extend(slice.ports.iter().filter_map(|port| {
                    Some(workload.endpoint(
                        address,
                        port.name.clone().unwrap_or_default(),
                        port.port?,
                        health,
                    ))
                }));
            }
        }
        self.of_service.entry((namespace.clone(), of)).or_default().insert(name.clone(), endpoints);
    }

    /// Forgets a slice that is gone.
    pub fn forget(&mut self, slice: &EndpointSlice) {
        let Meta { name, namespace, .. } = &slice.metadata;
        self.stop_waiting(slice, |_| true);
        let of = Self::service_of(slice).map(|of| (namespace.clone(), of));
        if let Some(slices) = of.and_then(|of| self.of_service.get_mut(&of)) {
            slices.remove(name);
        }
    }

    /// Stops waiting for the Pods of the addresses that a slice listed and lists no more.
    pub fn dropped(&mut self, before: &EndpointSlice, after: &EndpointSlice) {
        let listed: BTreeSet<_> = after.endpoints.iter().flat_map(|e| &e.addresses).collect();
        self.stop_waiting(before, |address| !listed.contains(address));
    }

    fn stop_waiting(&mut self, slice: &EndpointSlice, is_gone: impl Fn(&ArcStr) -> bool) {
        let place = (slice.metadata.namespace.clone(), slice.metadata.name.clone());
        for address in slice.endpoints.iter().flat_map(|e| &e.addresses).filter(|a| is_gone(a)) {
            if let Some(waiting) = self.waiting.get_mut(address) {
                waiting.remove(&place);
            }
        }
        self.waiting.retain(|_, slices| !slices.is_empty());
    }

    /// The slices, by namespace and name, that waited for a Pod of that address.
    pub fn arrived(&mut self, address: &ArcStr) -> BTreeSet<(ArcStr, ArcStr)> {
        self.waiting.remove(address).unwrap_or_default()
    }

    /// The endpoints of a Service; an (address, port) that occurs twice counts once.
    pub fn endpoints(&self, service: &Service) -> Vec<Endpoint> {
        let slices = self.of_service.get(&(service.namespace.clone(), service.name.clone()));
        let mut seen = BTreeSet::new();
        let all = slices.into_iter().flat_map(BTreeMap::values).flatten();
        all.filter(|e| seen.insert((e.address.clone(), e.service_port_name.clone()))).cloned().collect()
    }
}

enum Workload<'a> {
    Pod(&'a PodEntry),
    Unknown,
}

impl<'a> Workload<'a> {
    /// None where the Pod that is named is unknown. Where none is named, a Pod of that address will do.
    fn of(listed: &SliceEndpoint, address: &ArcStr, namespace: &ArcStr, pods: &'a Pods) -> Option<Self> {
        match &listed.target_ref {
            Some(target) if target.kind == "Pod" => {
                let namespace = if target.namespace.is_empty() { namespace } else { &target.namespace };
                pods.get(namespace, &target.name).map(|entry| Self::Pod(entry))
            }
            _ => Some(pods.of_address(namespace, address).map_or(Self::Unknown, |entry| Self::Pod(entry))),
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
            Self::Unknown => Endpoint {
                labels: Arc::new(Labels::from([("topology.istio.io/cluster".into(), CLUSTER.into())])),
                workload: arcstr::literal!(";;;;Kubernetes"),
                ..unknown
            },
        }
    }
}

fn health(conditions: SliceConditions, is_of_service: bool, drains: bool) -> Health {
    let terminating = conditions.terminating.unwrap_or(true);
    match conditions.ready {
        None | Some(true) => Health::Healthy,
        _ if drains && terminating && conditions.serving.unwrap_or(true) => Health::Draining,
        _ if is_of_service && terminating => Health::Terminating,
        _ => Health::Unhealthy,
    }
}
