//! Pods as endpoints and proxies need them (istiod: `pilot/pkg/serviceregistry/kube/controller/pod.go`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arcstr::ArcStr;

use super::workload::{description, with_topology};
use super::{CLUSTER, TlsMode};
use crate::locality::Locality;
use crate::object::kubernetes::{Node, Pod};
use crate::object::{Labels, Meta};

/// One Pod.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PodEntry {
    /// The object.
    pub pod: Arc<Pod>,
    /// Labels with those of its place.
    pub labels: Arc<Labels>,
    /// Where it runs.
    pub locality: Locality,
    /// What telemetry calls it.
    pub workload: ArcStr,
}

impl PodEntry {
    fn new(pod: &Arc<Pod>, node: Option<&Node>) -> Self {
        let locality = locality(&pod.metadata, node);
        let labels = with_topology(&pod.metadata.labels, CLUSTER, &locality, &pod.spec.node_name);
        let workload =
            description(&workload_name(&pod.metadata), &pod.metadata.namespace, &pod.metadata.labels);
        Self { pod: pod.clone(), labels: Arc::new(labels), locality, workload }
    }

    /// Its service account, `default` unless it says.
    pub fn service_account(&self) -> ArcStr {
        let spec = &self.pod.spec;
        let named = [&spec.service_account_name, &spec.service_account].into_iter().find(|n| !n.is_empty());
        named.cloned().unwrap_or(arcstr::literal!("default"))
    }

    /// Whether it takes Istio's mutual TLS: the injector labels it so.
    pub fn tls(&self) -> TlsMode {
        TlsMode::of_labels(&self.pod.metadata.labels, TlsMode::Disabled)
    }
}

/// All Pods, by namespace and name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Pods(BTreeMap<(ArcStr, ArcStr), Arc<PodEntry>>);

impl Pods {
    /// Indexes all of `pods`; entries that are as before are shared with `previous`.
    pub fn new<'a>(
        pods: impl Iterator<Item = &'a Arc<Pod>>,
        node: impl Fn(&ArcStr) -> Option<&'a Arc<Node>>,
        previous: &Self,
    ) -> Self {
        let mut index = Self::default();
        for pod in pods {
            let entry = PodEntry::new(pod, node(&pod.spec.node_name).map(Arc::as_ref));
            let kept =
                previous.get(&pod.metadata.namespace, &pod.metadata.name).filter(|old| ***old == entry);
            let entry = kept.cloned().unwrap_or_else(|| Arc::new(entry));
            index.0.insert((pod.metadata.namespace.clone(), pod.metadata.name.clone()), entry);
        }
        index
    }

    /// Puts one Pod in, or in the place of the one of its name; takes it out where there is none any more.
    pub fn set(&mut self, namespace: &ArcStr, name: &ArcStr, pod: Option<(&Arc<Pod>, Option<&Arc<Node>>)>) {
        let key = (namespace.clone(), name.clone());
        match pod {
            Some((pod, node)) => {
                self.0.insert(key, Arc::new(PodEntry::new(pod, node.map(Arc::as_ref))));
            }
            None => {
                self.0.remove(&key);
            }
        }
    }

    /// The Pod of that name.
    pub fn get(&self, namespace: &ArcStr, name: &ArcStr) -> Option<&Arc<PodEntry>> {
        self.0.get(&(namespace.clone(), name.clone()))
    }

    /// A ready Pod of that address in a namespace. O(Pods of the namespace).
    pub fn of_address(&self, namespace: &ArcStr, address: &ArcStr) -> Option<&Arc<PodEntry>> {
        self.of_namespace(namespace).find(|entry| entry.pod.status.pod_ip == *address && entry.pod.is_ready())
    }

    /// The ready Pods of these addresses. O(Pods).
    pub fn at<'a>(&'a self, addresses: &'a BTreeSet<ArcStr>) -> impl Iterator<Item = &'a Arc<PodEntry>> {
        let is_there = |e: &&Arc<PodEntry>| addresses.contains(&e.pod.status.pod_ip) && e.pod.is_ready();
        self.0.values().filter(is_there)
    }

    /// The Pods of a namespace, by name.
    pub fn of_namespace(&self, namespace: &ArcStr) -> impl Iterator<Item = &Arc<PodEntry>> {
        let from = (namespace.clone(), ArcStr::new());
        self.0.range(from..).take_while(move |((ns, _), _)| ns == namespace).map(|(_, entry)| entry)
    }
}

/// A Pod's own label, dots for slashes, else its Node's labels.
fn locality(meta: &Meta, node: Option<&Node>) -> Locality {
    let own = ["topology.istio.io/locality", "istio-locality"].into_iter().find_map(|k| meta.labels.get(k));
    match own {
        Some(label) if label.contains('/') => Locality::parse(label),
        Some(label) => Locality::parse(&label.replace('.', "/")),
        None => node.map(|n| Locality::of_labels(&n.metadata.labels)).unwrap_or_default(),
    }
}

/// What a Pod is part of: as its label says, else what made it where its name was generated, else itself
/// (istiod: `pkg/kube/util.go`, `GetWorkloadMetaFromPod`).
fn workload_name(meta: &Meta) -> ArcStr {
    if let Some(named) = meta.labels.get("service.istio.io/workload-name") {
        return named.clone();
    }
    let owner =
        meta.owner_references.iter().find(|o| o.controller).filter(|_| !meta.generate_name.is_empty());
    let Some(owner) = owner else { return meta.name.clone() };
    let made = match owner.kind.as_str() {
        "ReplicaSet" => without_hash(&owner.name, &meta.labels),
        "ReplicationController" => {
            meta.labels.get("deploymentconfig").filter(|name| !name.is_empty()).cloned()
        }
        "Job" => without_time(&owner.name),
        _ => None,
    };
    made.unwrap_or_else(|| owner.name.clone())
}

/// The Deployment or Rollout of a `ReplicaSet`, whose name is theirs, a dash, and a hash that its Pods have as a label.
fn without_hash(replica_set: &str, labels: &Labels) -> Option<ArcStr> {
    let hashes =
        ["pod-template-hash", "rollouts-pod-template-hash"].into_iter().filter_map(|k| labels.get(k));
    let hash = hashes.filter(|hash| !hash.is_empty()).find(|hash| replica_set.ends_with(hash.as_str()))?;
    replica_set.strip_suffix(hash.as_str())?.strip_suffix('-').map(ArcStr::from)
}

/// The `CronJob` of a Job, whose name is its, a dash, and the time in eight to ten digits.
fn without_time(job: &str) -> Option<ArcStr> {
    let (name, time) = job.rsplit_once('-')?;
    let is_time = (8..=10).contains(&time.len()) && time.bytes().all(|b| b.is_ascii_digit());
    (is_time && !name.is_empty()).then(|| name.into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pods_are_part_of_what_made_them() {
        let owned = |kind: &str, owner: &str, label: (&str, &str)| {
            let owner = json!({"kind": kind, "name": owner, "controller": true});
            json!({"name": "a-1-x", "generateName": "a-1-", "labels": {label.0: label.1}, "ownerReferences": [owner]})
        };
        let none = ("app", "a");
        let mut not_generated = owned("ReplicaSet", "a-1", ("pod-template-hash", "1"));
        not_generated["generateName"] = json!("");
        for (meta, wanted) in [
            (owned("ReplicaSet", "a-1", ("pod-template-hash", "1")), "a"),
            (owned("ReplicaSet", "a-1", ("rollouts-pod-template-hash", "1")), "a"),
            (owned("ReplicaSet", "a-1", none), "a-1"),
            (owned("ReplicaSet", "a1", ("pod-template-hash", "1")), "a1"),
            (owned("ReplicationController", "a-1", ("deploymentconfig", "a")), "a"),
            (owned("Job", "a-29000000", none), "a"),
            (owned("Job", "a-1", none), "a-1"),
            (owned("StatefulSet", "a-1", none), "a-1"),
            (owned("Job", "a-1", ("service.istio.io/workload-name", "b")), "b"),
            (not_generated, "a-1-x"),
        ] {
            let meta: Meta = serde_json::from_value(meta).expect("metadata");
            assert_eq!(workload_name(&meta), wanted);
        }
    }
}
