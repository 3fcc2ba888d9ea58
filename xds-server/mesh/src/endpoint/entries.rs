//! Endpoints of `ServiceEntries`, and `WorkloadEntries` behind Kubernetes Services
//! (istiod: `pilot/pkg/serviceregistry/serviceentry`).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arcstr::{ArcStr, format};
use serde_json::Value;

use super::workload::{description, with_topology};
use super::{Address, CLUSTER, Endpoint, Health, PodEntry, Pods, TlsMode};
use crate::locality::Locality;
use crate::object::istio::{Resolution, ServiceEntry, ServiceEntryPort, WorkloadEntry};
use crate::object::kubernetes as k8s;
use crate::object::{Config, Labels, PortRef};
use crate::proxy::Proxy;

/// `WorkloadEntries` that take part, by namespace and name, with their effective labels.
#[derive(Clone, Debug, Default)]
pub(crate) struct WorkloadEntries {
    by_name: BTreeMap<(ArcStr, ArcStr), (Arc<Config<WorkloadEntry>>, Labels)>,
    /// In order of namespace and name.
    by_address: HashMap<ArcStr, Vec<(ArcStr, ArcStr)>>,
}

impl WorkloadEntries {
    /// Indexes entries; those whose health checks say unhealthy are left out.
    pub fn new<'a>(entries: impl Iterator<Item = &'a Arc<Config<WorkloadEntry>>>) -> Self {
        let key = |e: &Config<WorkloadEntry>| (e.meta.namespace.clone(), e.meta.name.clone());
        let by_name: BTreeMap<_, _> =
            entries.filter(|e| is_healthy(e)).map(|e| (key(e), (e.clone(), entry_labels(e)))).collect();
        let mut by_address: HashMap<_, Vec<_>> = HashMap::new();
        for (name, (entry, _)) in &by_name {
            by_address.entry(entry.spec.address.clone()).or_default().push(name.clone());
        }
        Self { by_name, by_address }
    }

    /// The entries of a namespace that `selector` picks, by name.
    pub fn selected<'a>(
        &'a self,
        namespace: &'a ArcStr,
        selector: &'a Labels,
    ) -> impl Iterator<Item = (&'a Arc<Config<WorkloadEntry>>, &'a Labels)> {
        let of_namespace = self.by_name.range((namespace.clone(), ArcStr::new())..);
        let of_namespace = of_namespace.take_while(move |((ns, _), _)| ns == namespace);
        of_namespace.filter(|(_, (_, labels))| selects(selector, labels)).map(|(_, (e, l))| (e, l))
    }

    /// The entry that stands for a proxy of that address: of several the one of the proxy's name, else of its namespace,
    /// else the first (istiod: `GetInstanceForProxy` in `util/workloadinstances/util.go`).
    pub fn of_proxy(&self, proxy: &Proxy, address: &str) -> Option<(&Arc<Config<WorkloadEntry>>, &Labels)> {
        let names = self.by_address.get(address)?;
        let namespace = &proxy.config_namespace;
        let is_of = |(of, name): &&(ArcStr, ArcStr)| {
            of == namespace
                && proxy.id.strip_prefix(name.as_str()).and_then(|id| id.strip_prefix('.')) == Some(of)
        };
        let own = names.iter().find(is_of).or_else(|| names.iter().find(|(of, _)| of == namespace));
        self.by_name.get(own.or(names.first())?).map(|(entry, labels)| (entry, labels))
    }
}

/// Whether every label of `selector` is among `labels`.
pub(crate) fn selects(selector: &Labels, labels: &Labels) -> bool {
    selector.iter().all(|(k, v)| labels.get(k) == Some(v))
}

/// Labels of the spec, overlaid by those of the object.
pub(crate) fn entry_labels(entry: &Config<WorkloadEntry>) -> Labels {
    let mut labels = entry.spec.labels.clone();
    labels.extend(entry.meta.labels.iter().map(|(k, v)| (k.clone(), v.clone())));
    labels
}

/// An entry with health checks counts only while its condition `Healthy` holds.
fn is_healthy(entry: &Config<WorkloadEntry>) -> bool {
    let checked =
        entry.meta.annotations.get("proxy.istio.io/health-checks-enabled").is_some_and(|v| v == "true");
    let conditions = entry.status.get("conditions").and_then(Value::as_array);
    let healthy =
        |c: &Value| c.get("type") == Some(&"Healthy".into()) && c.get("status") == Some(&"True".into());
    !checked || conditions.is_some_and(|all| all.iter().any(healthy))
}

/// The endpoints of one `ServiceEntry` for one of its hosts, in the order of endpoints, then of ports.
pub(crate) fn external_endpoints(
    entry: &Config<ServiceEntry>,
    host: &ArcStr,
    workloads: &WorkloadEntries,
    pods: &Pods,
) -> Vec<Endpoint> {
    let Config { meta, spec, .. } = entry;
    let mut all = Vec::new();
    if let Some(selector) = &spec.workload_selector {
        for (we, labels) in workloads.selected(&meta.namespace, &selector.labels) {
            let from = Workload::entry(&we.spec, &we.meta.name, &meta.namespace, labels);
            all.extend(spec.ports.iter().map(|p| from.endpoint(&we.spec, p)));
        }
        let picked =
            pods.of_namespace(&meta.namespace).filter(|p| selects(&selector.labels, &p.pod.metadata.labels));
        for pod in picked.filter(|p| p.pod.is_ready()) {
            all.extend(spec.ports.iter().filter_map(|p| pod_endpoint(pod, p)));
        }
    } else if spec.endpoints.is_empty()
        && matches!(spec.resolution, Resolution::Dns | Resolution::DnsRoundRobin)
    {
        let itself = WorkloadEntry { address: host.clone(), ..WorkloadEntry::default() };
        let from = Workload::entry(&itself, &meta.name, &meta.namespace, &itself.labels);
        all.extend(spec.ports.iter().map(|p| from.endpoint(&itself, p)));
    } else {
        for (i, inline) in spec.endpoints.iter().enumerate() {
            let name = format!("{}-{i}", meta.name);
            let from = Workload::entry(inline, &name, &meta.namespace, &inline.labels);
            all.extend(spec.ports.iter().map(|p| from.endpoint(inline, p)));
        }
    }
    all
}

/// The `WorkloadEntries` that a Kubernetes Service selects, as endpoints of its ports.
pub(crate) fn selected_entries(service: &k8s::Service, workloads: &WorkloadEntries) -> Vec<Endpoint> {
    let (meta, spec) = (&service.metadata, &service.spec);
    if spec.selector.is_empty() {
        return Vec::new();
    }
    let mut all = Vec::new();
    for (we, labels) in workloads.selected(&meta.namespace, &spec.selector) {
        if !matches!(Address::read(&we.spec.address), Address::Ip(_)) {
            continue;
        }
        let from = Workload::entry(&we.spec, &we.meta.name, &meta.namespace, labels);
        all.extend(spec.ports.iter().filter_map(|port| {
            let number = entry_port(&we.spec, port)?;
            Some(from.with_port(&we.spec, port.name.clone(), 0, number))
        }));
    }
    all
}

/// The port of a `WorkloadEntry` behind a Service's port: its own by the name of the target port, or its own by the
/// port's name, else the numeric target port.
pub(crate) fn entry_port(entry: &WorkloadEntry, port: &k8s::ServicePort) -> Option<u32> {
    match &port.target_port {
        Some(PortRef::Name(name)) => entry.ports.get(name.as_str()).copied(),
        Some(PortRef::Number(n)) if *n != 0 => Some(entry.ports.get(&port.name).copied().unwrap_or(*n)),
        _ => Some(entry.ports.get(&port.name).copied().unwrap_or(port.port)),
    }
}

/// What the endpoints of one workload share.
struct Workload {
    labels: Arc<Labels>,
    locality: Locality,
    namespace: ArcStr,
    tls: TlsMode,
    description: ArcStr,
}

impl Workload {
    fn entry(entry: &WorkloadEntry, name: &ArcStr, namespace: &ArcStr, labels: &Labels) -> Self {
        let absent = if entry.service_account.is_empty() { TlsMode::Disabled } else { TlsMode::Istio };
        let locality = Locality::parse(&entry.locality);
        Self {
            labels: Arc::new(with_topology(labels, CLUSTER, &locality, "")),
            locality,
            namespace: namespace.clone(),
            tls: TlsMode::of_labels(labels, absent),
            description: description(name, namespace, labels),
        }
    }

    fn endpoint(&self, entry: &WorkloadEntry, port: &ServiceEntryPort) -> Endpoint {
        let number = entry.ports.get(&port.name).copied();
        let number = number.unwrap_or(if port.target_port > 0 { port.target_port } else { port.number });
        self.with_port(entry, port.name.clone(), port.number, number)
    }

    fn with_port(&self, entry: &WorkloadEntry, name: ArcStr, service_port: u32, number: u32) -> Endpoint {
        let address = Address::read(&entry.address);
        let port = if matches!(address, Address::Unix(_)) { 0 } else { number };
        Endpoint {
            address,
            port,
            service_port_name: name,
            service_port,
            labels: self.labels.clone(),
            namespace: self.namespace.clone(),
            service_account: entry.service_account.clone(),
            locality: self.locality.clone(),
            weight: entry.weight.max(1),
            tls: self.tls,
            health: Health::Unknown,
            node: ArcStr::new(),
            workload: self.description.clone(),
        }
    }
}

fn pod_endpoint(pod: &PodEntry, port: &ServiceEntryPort) -> Option<Endpoint> {
    let ip = &pod.pod.status.pod_ip;
    (!ip.is_empty()).then(|| Endpoint {
        address: Address::read(ip),
        port: if port.target_port > 0 { port.target_port } else { port.number },
        service_port_name: port.name.clone(),
        service_port: port.number,
        labels: pod.labels.clone(),
        namespace: pod.pod.metadata.namespace.clone(),
        service_account: pod.service_account(),
        locality: pod.locality.clone(),
        weight: 1,
        tls: pod.tls(),
        health: Health::Healthy,
        node: pod.pod.spec.node_name.clone(),
        workload: pod.workload.clone(),
    })
}
