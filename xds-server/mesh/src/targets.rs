//! Which services a proxy stands behind, and on which of its ports
//! (istiod: `GetProxyServiceTargets`).

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arcstr::ArcStr;

use crate::endpoint::{
    CLUSTER, Endpoint, EndpointIndex, EndpointSet, PodEntry, Pods, WorkloadEntries, entry_port,
    external_endpoints, selects,
};
use crate::object::istio::ServiceEntry;
use crate::object::kubernetes as k8s;
use crate::object::{Config, Labels, PortRef};
use crate::proxy::{PodPort, Proxy};
use crate::service::{Port, Resolution, Service, ServiceIndex};

/// One port of a service that a proxy stands behind.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceTarget {
    /// The service.
    pub service: Arc<Service>,
    /// The service's port.
    pub port: Port,
    /// The workload's port.
    pub target_port: u32,
}

/// Services by what their targets are found by.
#[derive(Debug, Default)]
pub(crate) struct TargetIndex {
    /// Kubernetes Services with a selector, by namespace.
    kubernetes: HashMap<ArcStr, Vec<(Arc<k8s::Service>, Arc<Service>)>>,
    /// Kubernetes Services, with or without a selector, by namespace.
    listed: HashMap<ArcStr, Vec<Arc<Service>>>,
    /// `ServiceEntries` and their services.
    external: Vec<(Arc<Config<ServiceEntry>>, Vec<Arc<Service>>)>,
}

/// What a workload offers: its labels, and how a service's port becomes one of its own.
enum Workload<'a> {
    Pod(&'a PodEntry),
    Entry(&'a Config<crate::object::istio::WorkloadEntry>, &'a Labels),
    Node { labels: &'a Labels, ports: Option<&'a [PodPort]> },
}

impl TargetIndex {
    pub fn new<'a>(
        services: Vec<Arc<k8s::Service>>,
        index: &ServiceIndex,
        entries: impl Iterator<Item = (&'a Arc<Config<ServiceEntry>>, &'a [Arc<Service>])>,
    ) -> Self {
        let mut targets = Self::default();
        for object in services {
            let meta = &object.metadata;
            let hostname = arcstr::format!("{}.{}.svc.{}", meta.name, meta.namespace, crate::mesh::DOMAIN);
            if let Some(model) = index.get(&hostname, &meta.namespace) {
                targets.listed.entry(meta.namespace.clone()).or_default().push(model.clone());
                if !object.spec.selector.is_empty() {
                    let of_namespace = targets.kubernetes.entry(meta.namespace.clone()).or_default();
                    of_namespace.push((object.clone(), model.clone()));
                }
            }
        }
        let with_services = entries.filter(|(_, services)| !services.is_empty());
        targets.external = with_services.map(|(e, s)| (e.clone(), s.to_vec())).collect();
        targets
    }

    /// The targets of `proxy`: by creation of the service, then host, then the service's port order; one for each
    /// port and protocol of a service. Where no Service selects its Pod, those whose slices list its address.
    pub fn of(
        &self,
        proxy: &Proxy,
        pod: Option<&PodEntry>,
        pods: &Pods,
        entries: &WorkloadEntries,
        endpoints: &EndpointIndex,
    ) -> Vec<ServiceTarget> {
        let cluster = &proxy.metadata.cluster_id;
        if !cluster.is_empty() && cluster != CLUSTER {
            return Vec::new();
        }
        let mut targets = Vec::new();
        let address = proxy.addresses.first().map(ToString::to_string).unwrap_or_default();
        let labels = &proxy.metadata.labels;
        let workload = match (pod, entries.of_proxy(proxy, &address)) {
            (_, Some((entry, labels))) => Some(Workload::Entry(entry, labels)),
            (Some(pod), None) => Some(Workload::Pod(pod)),
            (None, None) if labels.is_empty() => None,
            (None, None) => Some(Workload::Node { labels, ports: proxy.metadata.pod_ports.as_deref() }),
        };
        if let Some(workload) = workload {
            let namespace = workload.namespace().unwrap_or(&proxy.config_namespace);
            let mut is_selected = false;
            for (object, model) in self.kubernetes.get(namespace).into_iter().flatten() {
                if selects(&object.spec.selector, workload.labels()) {
                    is_selected = true;
                    targets.extend(workload.targets(object, model));
                }
            }
            if matches!(workload, Workload::Pod(_)) && !is_selected {
                for service in self.listed.get(namespace).into_iter().flatten() {
                    let listed = endpoints.get(&service.hostname, namespace);
                    targets.extend(listed.into_iter().flat_map(|set| listed_targets(service, set, &address)));
                }
            }
        }
        let sees = |namespace: &ArcStr| proxy.metadata.namespace.as_ref().is_none_or(|own| own == namespace);
        for (entry, services) in self.external.iter().filter(|(entry, _)| sees(&entry.meta.namespace)) {
            for service in services {
                let endpoints = external_endpoints(entry, &service.hostname, entries, pods);
                targets.extend(external_targets(service, &endpoints, proxy));
            }
        }
        let key = |t: &ServiceTarget| (t.service.created, t.service.hostname.clone());
        targets.sort_by_key(key);
        targets
    }
}

/// Endpoints of `ServiceEntries`, which may share the host, know their port by number.
fn listed_targets(service: &Arc<Service>, set: &EndpointSet, address: &str) -> Vec<ServiceTarget> {
    let mine = set.endpoints.iter().filter(|e| e.service_port == 0 && e.address.as_str() == address);
    let target = |e: &Endpoint| {
        let port = service.ports.iter().find(|port| port.name == e.service_port_name)?.clone();
        Some(ServiceTarget { service: service.clone(), port, target_port: e.port })
    };
    mine.filter_map(target).collect()
}

/// One service's targets at all of the proxy's addresses, one address after the other.
fn external_targets(service: &Arc<Service>, endpoints: &[Endpoint], proxy: &Proxy) -> Vec<ServiceTarget> {
    let addresses = proxy.addresses.iter().map(ToString::to_string);
    let at = |address: String| endpoints.iter().filter(move |e| e.address.as_str() == address);
    let mine = addresses.flat_map(at);
    let target = |e: &Endpoint| {
        let port = service.port(e.service_port)?.clone();
        Some(ServiceTarget { service: service.clone(), port, target_port: e.port })
    };
    mine.filter_map(target).collect()
}

impl Workload<'_> {
    fn labels(&self) -> &Labels {
        match self {
            Self::Pod(pod) => &pod.pod.metadata.labels,
            Self::Entry(_, labels) | Self::Node { labels, .. } => labels,
        }
    }

    /// Where its services are, if not where the proxy is configured: those of a `WorkloadEntry` are beside it.
    fn namespace(&self) -> Option<&ArcStr> {
        match self {
            Self::Entry(entry, _) => Some(&entry.meta.namespace),
            Self::Pod(_) | Self::Node { .. } => None,
        }
    }

    /// A `WorkloadEntry` does not stand behind a headless service.
    fn targets(&self, object: &k8s::Service, model: &Arc<Service>) -> Vec<ServiceTarget> {
        if matches!(self, Self::Entry(..)) && model.resolution != Resolution::ClientSideLb {
            return Vec::new();
        }
        let mut seen = BTreeSet::new();
        let mut targets = Vec::new();
        for (port, modelled) in object.spec.ports.iter().zip(&model.ports) {
            let Some(number) = self.port(port) else { continue };
            if seen.insert((number, modelled.protocol)) {
                targets.push(ServiceTarget {
                    service: model.clone(),
                    port: modelled.clone(),
                    target_port: number,
                });
            }
        }
        targets
    }

    fn port(&self, port: &k8s::ServicePort) -> Option<u32> {
        let transport = if port.protocol.is_empty() { "TCP" } else { port.protocol.as_str() };
        if let Self::Entry(entry, _) = self {
            return entry_port(&entry.spec, port);
        }
        let name = match &port.target_port {
            None | Some(PortRef::Number(0)) => return Some(port.port),
            Some(PortRef::Number(n)) => return Some(*n),
            Some(PortRef::Name(name)) => name,
        };
        match self {
            Self::Entry(..) => None,
            Self::Pod(pod) => {
                let containers = pod.pod.spec.containers.iter().chain(&pod.pod.spec.init_containers);
                let mut ports = containers.flat_map(|c| &c.ports);
                ports.find(|p| p.name == *name && p.protocol == transport).and_then(|p| p.container_port)
            }
            Self::Node { ports: Some(ports), .. } => {
                ports.iter().find(|p| p.name == *name && p.protocol == transport).map(|p| p.number)
            }
            Self::Node { ports: None, .. } => Some(0),
        }
    }
}
