//! The Pods that workload controllers make.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arcstr::{ArcStr, literal};
use xdslab_mesh::object::kubernetes::{
    Condition, Container, LabelSelector, Pod, PodIp, PodSpec, PodStatus, Workload,
};
use xdslab_mesh::object::{Kind, Labels, Meta, OwnerReference};

use super::cluster::{Cluster, Name};
use super::injection;
use super::names::{hash, suffix, template_hash};
use super::pod_index::PodIndex;

const TEMPLATE_HASH: &str = "pod-template-hash";

/// What names a workload: namespace, kind and name.
type WorkloadName = (ArcStr, Kind, ArcStr);

/// The Pods of every workload that has none yet; without addresses.
pub(super) fn of_workloads(cluster: &Cluster<'_>) -> Vec<Pod> {
    let given = PodIndex::new(cluster.pods.values().map(|pod| (*pod).clone()));
    let (owners, replica_sets) = (owners(cluster), replica_sets(cluster));
    let mut maker = Maker { cluster, taken: cluster.pods.keys().cloned().collect(), made: Vec::new() };
    for (name, workload) in &cluster.workloads {
        let (namespace, kind, _) = name;
        let is_part = *kind == Kind::ReplicaSet && deployment_of(cluster, workload).is_some();
        if is_part || owners.contains(name) || given.selects_any(namespace, &selector(workload)) {
            continue;
        }
        maker.workload(name, workload, replica_sets.get(name).copied());
    }
    maker.made
}

/// A Pod that was written by hand, as the cluster would have taken it; without address.
pub(super) fn of_manifest(cluster: &Cluster<'_>, pod: &Pod) -> Pod {
    let mut pod = pod.clone();
    let meta = &pod.metadata;
    if pod.spec.node_name.is_empty() {
        pod.spec.node_name = node(cluster, hash([meta.namespace.as_str(), "Pod", meta.name.as_str()]));
    }
    let name = meta.name.clone();
    admit(cluster, &mut pod, &name);
    pod
}

/// Makes the Pod run at `ip`, ready.
pub(super) fn run(pod: &mut Pod, ip: ArcStr) {
    let ready = Condition { kind: literal!("Ready"), status: literal!("True") };
    pod.status = PodStatus {
        pod_ips: vec![PodIp { ip: ip.clone() }],
        pod_ip: ip,
        phase: literal!("Running"),
        conditions: vec![ready],
    };
}

/// The workloads to which the owner references of a Pod lead.
fn owners(cluster: &Cluster<'_>) -> BTreeSet<WorkloadName> {
    let mut owners = BTreeSet::new();
    for ((namespace, _), pod) in &cluster.pods {
        for owner in &pod.metadata.owner_references {
            let Some(kind) = Kind::ALL.into_iter().find(|k| k.name() == owner.kind) else { continue };
            let name = (namespace.clone(), kind, owner.name.clone());
            if kind == Kind::ReplicaSet {
                let known = cluster.workloads.get(&name).and_then(|set| deployment_of(cluster, set));
                let named = || {
                    let hash = pod.metadata.labels.get(TEMPLATE_HASH)?;
                    let deployment = owner.name.strip_suffix(hash.as_str())?.strip_suffix('-')?;
                    Some((namespace.clone(), Kind::Deployment, deployment.into()))
                };
                owners.extend(known.or_else(named));
            }
            owners.insert(name);
        }
    }
    owners
}

/// The Deployment, among the objects, that made the `ReplicaSet`.
fn deployment_of(cluster: &Cluster<'_>, set: &Workload) -> Option<WorkloadName> {
    let owner = set.metadata.owner_references.iter().find(|o| o.kind == "Deployment")?;
    let name = (set.metadata.namespace.clone(), Kind::Deployment, owner.name.clone());
    cluster.workloads.contains_key(&name).then_some(name)
}

/// For each Deployment its `ReplicaSet` in use: the largest, of several the youngest.
fn replica_sets<'a>(cluster: &Cluster<'a>) -> BTreeMap<WorkloadName, &'a Workload> {
    let age = |set: &Workload| (set.spec.replicas.unwrap_or(1), set.metadata.creation_timestamp);
    let mut sets: BTreeMap<_, &Workload> = BTreeMap::new();
    for ((_, kind, _), set) in &cluster.workloads {
        if let (Kind::ReplicaSet, Some(deployment)) = (*kind, deployment_of(cluster, set)) {
            let used = sets.entry(deployment).or_insert(set);
            if age(set) > age(used) {
                *used = set;
            }
        }
    }
    sets
}

/// The selector; one that is empty, which no API server takes, selects what the template makes.
fn selector(workload: &Workload) -> LabelSelector {
    let selector = &workload.spec.selector;
    if !selector.match_labels.is_empty() || !selector.match_expressions.is_empty() {
        return selector.clone();
    }
    LabelSelector {
        match_labels: Labels::clone(&workload.spec.template.metadata.labels),
        ..LabelSelector::default()
    }
}

struct Maker<'a> {
    cluster: &'a Cluster<'a>,
    taken: BTreeSet<Name>,
    made: Vec<Pod>,
}

impl Maker<'_> {
    fn workload(&mut self, name: &WorkloadName, workload: &Workload, set: Option<&Workload>) {
        let (namespace, kind, workload_name) = name;
        let replicas = workload.spec.replicas.unwrap_or(1);
        let start = hash([namespace.as_str(), kind.name(), workload_name.as_str()]);
        let nodes = || (0..u64::from(replicas)).map(|n| node(self.cluster, start.wrapping_add(n)));
        match kind {
            Kind::StatefulSet => {
                for (ordinal, node) in nodes().enumerate() {
                    self.ordinal(workload, ordinal, node);
                }
            }
            Kind::DaemonSet => {
                let none = [literal!("node-0")];
                let nodes = self.cluster.nodes.keys().map(|n| ArcStr::from(*n));
                let nodes = if self.cluster.nodes.is_empty() { none.to_vec() } else { nodes.collect() };
                for on in nodes {
                    let owner = owner(Kind::DaemonSet, workload_name);
                    self.replica(workload, owner, None, workload_name, on.clone(), &on);
                }
            }
            Kind::Deployment => {
                let hash = set.and_then(|s| s.spec.template.metadata.labels.get(TEMPLATE_HASH).cloned());
                let hash = hash.unwrap_or_else(|| hash_of_template(workload).into());
                let set =
                    set.map_or_else(|| format!("{workload_name}-{hash}").into(), |s| s.metadata.name.clone());
                for (index, node) in nodes().enumerate() {
                    let owner = owner(Kind::ReplicaSet, &set);
                    self.replica(workload, owner, Some(&hash), workload_name, node, &index.to_string());
                }
            }
            _ => {
                for (index, node) in nodes().enumerate() {
                    let owner = owner(*kind, workload_name);
                    self.replica(workload, owner, None, workload_name, node, &index.to_string());
                }
            }
        }
    }

    /// A Pod whose name ends in five letters: one of many that are alike; `which` tells it from the others.
    fn replica(
        &mut self,
        workload: &Workload,
        owner: OwnerReference,
        template_hash: Option<&ArcStr>,
        workload_name: &ArcStr,
        node: ArcStr,
        which: &str,
    ) {
        let base = generate_name(&owner.name);
        let namespace = workload.metadata.namespace.clone();
        let names = (0_u32..).map(|attempt| {
            let hash = hash([namespace.as_str(), "Pod", &base, which, &attempt.to_string()]);
            ArcStr::from(format!("{base}{}", suffix(hash)))
        });
        let name = names.map(|n| (namespace.clone(), n)).find(|name| self.taken.insert(name.clone()));
        let Some((_, name)) = name else { return };
        let mut pod = from_template(workload, name, owner);
        pod.metadata.generate_name = base.into();
        if let Some(hash) = template_hash {
            Arc::make_mut(&mut pod.metadata.labels).insert(TEMPLATE_HASH.into(), hash.clone());
        }
        pod.spec.node_name = node;
        admit(self.cluster, &mut pod, workload_name);
        self.made.push(pod);
    }

    /// A `StatefulSet`'s Pod, which has a number and a host name.
    fn ordinal(&mut self, workload: &Workload, ordinal: usize, node: ArcStr) {
        let set = &workload.metadata.name;
        let name = ArcStr::from(format!("{set}-{ordinal}"));
        if !self.taken.insert((workload.metadata.namespace.clone(), name.clone())) {
            return;
        }
        let mut pod = from_template(workload, name.clone(), owner(Kind::StatefulSet, set));
        let labels = Arc::make_mut(&mut pod.metadata.labels);
        labels.insert(literal!("statefulset.kubernetes.io/pod-name"), name.clone());
        labels.insert(literal!("apps.kubernetes.io/pod-index"), ordinal.to_string().into());
        pod.spec.hostname = name;
        pod.spec.subdomain = workload.spec.service_name.clone();
        pod.spec.node_name = node;
        admit(self.cluster, &mut pod, set);
        self.made.push(pod);
    }
}

fn owner(kind: Kind, name: &ArcStr) -> OwnerReference {
    OwnerReference { kind: kind.name().into(), name: name.clone(), controller: true }
}

/// What names are made from: cut, as the API server does, so that the whole is a DNS label.
pub(super) fn generate_name(owner: &str) -> String {
    format!("{}-", owner.get(..57).unwrap_or(owner))
}

/// The node of a Pod: the nodes in turn.
fn node(cluster: &Cluster<'_>, turn: u64) -> ArcStr {
    let count = cluster.nodes.len() as u64;
    let index = turn.checked_rem(count).and_then(|index| usize::try_from(index).ok());
    let node = index.and_then(|index| cluster.nodes.keys().nth(index));
    node.map_or_else(|| literal!("node-0"), |name| (*name).into())
}

fn from_template(workload: &Workload, name: ArcStr, owner: OwnerReference) -> Pod {
    let template = &workload.spec.template;
    let metadata = Meta {
        name,
        namespace: workload.metadata.namespace.clone(),
        labels: template.metadata.labels.clone(),
        annotations: template.metadata.annotations.clone(),
        creation_timestamp: workload.metadata.creation_timestamp,
        owner_references: vec![owner],
        ..Meta::default()
    };
    Pod { metadata, spec: template.spec.clone(), ..Pod::default() }
}

/// Fills in what the API server and the injector fill in when the Pod is made.
fn admit(cluster: &Cluster<'_>, pod: &mut Pod, workload: &ArcStr) {
    let PodSpec { service_account_name: account, service_account: old_name, .. } = &mut pod.spec;
    if account.is_empty() {
        *account = if old_name.is_empty() { literal!("default") } else { old_name.clone() };
    }
    for Container { ports, .. } in pod.spec.containers.iter_mut().chain(&mut pod.spec.init_containers) {
        for port in ports.iter_mut().filter(|p| p.protocol.is_empty()) {
            port.protocol = literal!("TCP");
        }
    }
    let namespace = cluster.namespaces.get(pod.metadata.namespace.as_str()).copied();
    let decision = injection::decide(namespace, pod);
    injection::inject(pod, decision, workload);
}

/// A hash of what the Pods are made from, as far as it is read here.
fn hash_of_template(workload: &Workload) -> String {
    let template = &workload.spec.template;
    let mut parts: Vec<String> = Vec::new();
    let pairs = template.metadata.labels.iter().chain(&template.metadata.annotations);
    parts.extend(pairs.map(|(k, v)| format!("{k}={v}")));
    parts.extend([template.spec.service_account_name.to_string(), template.spec.service_account.to_string()]);
    for container in template.spec.containers.iter().chain(&template.spec.init_containers) {
        parts.push(container.name.to_string());
        let declared = container.ports.iter();
        parts
            .extend(declared.map(|p| format!("{}:{}:{}", p.name, p.container_port.unwrap_or(0), p.protocol)));
    }
    template_hash(hash(parts.iter().map(String::as_str)))
}
