//! The parts of Kubernetes' API that shape a mesh.

use std::collections::BTreeMap;
use std::sync::Arc;

use arcstr::ArcStr;
use serde::{Deserialize, Serialize};

use super::meta::{Labels, Meta};
use super::scalar::PortRef;

/// A Namespace; only its metadata matters.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Namespace {
    /// Name and labels.
    pub metadata: Meta,
}

/// A Node; its labels give the locality of its pods.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Node {
    /// Name and labels.
    pub metadata: Meta,
}

/// A Service.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Service {
    /// Name, labels, annotations.
    pub metadata: Meta,
    /// What is asked for.
    pub spec: ServiceSpec,
    /// What is.
    pub status: ServiceStatus,
}

/// A Service's `spec`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceSpec {
    /// Ports, in order.
    pub ports: Vec<ServicePort>,
    /// Labels of the pods behind it; empty: none are selected.
    pub selector: Arc<Labels>,
    /// `ClusterIP` (also when empty), `NodePort`, `LoadBalancer` or `ExternalName`.
    #[serde(rename = "type")]
    pub kind: ArcStr,
    /// The virtual address, or `None` for a headless service.
    #[serde(rename = "clusterIP")]
    pub cluster_ip: ArcStr,
    /// All virtual addresses of a dual-stack service.
    #[serde(rename = "clusterIPs")]
    pub cluster_ips: Vec<ArcStr>,
    /// The name that an `ExternalName` service stands for.
    pub external_name: ArcStr,
    /// `Local`: only endpoints on the caller's node.
    pub internal_traffic_policy: ArcStr,
    /// `PreferClose`, `PreferSameZone`, `PreferSameNode` or nothing.
    pub traffic_distribution: ArcStr,
    /// Whether pods that are not ready are published.
    pub publish_not_ready_addresses: bool,
    /// Addresses outside of the cluster that lead to it.
    #[serde(rename = "externalIPs")]
    pub external_ips: Vec<ArcStr>,
}

/// A Service's `status`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceStatus {
    /// Of a `LoadBalancer`.
    pub load_balancer: LoadBalancerStatus,
}

/// What a load balancer listens at.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct LoadBalancerStatus {
    /// Its addresses.
    pub ingress: Vec<LoadBalancerIngress>,
}

/// One address of a load balancer.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct LoadBalancerIngress {
    /// The address,
    pub ip: ArcStr,
    /// or else a name.
    pub hostname: ArcStr,
}

/// One port of a Service.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServicePort {
    /// Name; may be empty when it is the only port.
    pub name: ArcStr,
    /// The service's own port.
    pub port: u32,
    /// The pods' port; absent: as `port`.
    pub target_port: Option<PortRef>,
    /// `TCP` (also when empty), `UDP` or `SCTP`.
    pub protocol: ArcStr,
    /// The application's protocol, if said.
    pub app_protocol: Option<ArcStr>,
}

/// An `EndpointSlice`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EndpointSlice {
    /// The label `kubernetes.io/service-name` names its Service.
    pub metadata: Meta,
    /// `IPv4`, `IPv6` or `FQDN`.
    pub address_type: ArcStr,
    /// The endpoints, in order.
    pub endpoints: Vec<SliceEndpoint>,
    /// Ports of every endpoint.
    pub ports: Vec<SlicePort>,
}

/// One endpoint of a slice.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SliceEndpoint {
    /// Addresses; the first counts.
    pub addresses: Vec<ArcStr>,
    /// Readiness.
    pub conditions: SliceConditions,
    /// The pod behind it.
    pub target_ref: Option<TargetRef>,
    /// The node that it runs on.
    pub node_name: Option<ArcStr>,
    /// Host name, if the pod has one of its own.
    pub hostname: Option<ArcStr>,
    /// Zone of the endpoint.
    pub zone: Option<ArcStr>,
}

/// Readiness of an endpoint; an absent value means unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct SliceConditions {
    /// Ready for traffic; absent counts as ready.
    pub ready: Option<bool>,
    /// Serving, ready or not.
    pub serving: Option<bool>,
    /// Being deleted.
    pub terminating: Option<bool>,
}

/// The object behind an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct TargetRef {
    /// Its kind, `Pod` as a rule.
    pub kind: ArcStr,
    /// Its name.
    pub name: ArcStr,
    /// Its namespace.
    pub namespace: ArcStr,
}

/// One port of a slice.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SlicePort {
    /// Name of the Service's port.
    pub name: Option<ArcStr>,
    /// The endpoint's port.
    pub port: Option<u32>,
    /// `TCP` (also when empty), `UDP` or `SCTP`.
    pub protocol: ArcStr,
}

/// A Pod.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Pod {
    /// Name, labels, owner.
    pub metadata: Meta,
    /// What is asked for.
    pub spec: PodSpec,
    /// What is.
    pub status: PodStatus,
}

impl Pod {
    /// Whether it runs, is ready and is to stay.
    pub fn is_ready(&self) -> bool {
        let ended = matches!(self.status.phase.as_str(), "Failed" | "Succeeded");
        let gone = ended || self.metadata.deletion_timestamp.is_some();
        !gone && self.status.conditions.iter().any(|c| c.kind == "Ready" && c.status == "True")
    }
}

/// A Pod's `spec`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodSpec {
    /// Service account; `default` where none is given.
    pub service_account_name: ArcStr,
    /// The older name of the same field.
    #[serde(rename = "serviceAccount")]
    pub service_account: ArcStr,
    /// The node that it runs on; empty until it is scheduled.
    pub node_name: ArcStr,
    /// Containers.
    pub containers: Vec<Container>,
    /// Containers that run first, or for ever (native sidecars).
    pub init_containers: Vec<Container>,
    /// Whether it shares its node's network.
    pub host_network: bool,
    /// Host name of its own.
    pub hostname: ArcStr,
    /// Subdomain: the headless service that gives it a name.
    pub subdomain: ArcStr,
}

/// One container.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Container {
    /// Name.
    pub name: ArcStr,
    /// Declared ports.
    pub ports: Vec<ContainerPort>,
}

/// One declared port of a container.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerPort {
    /// Name that a Service's `targetPort` may use.
    pub name: ArcStr,
    /// Number.
    pub container_port: Option<u32>,
    /// `TCP`, `UDP`, `SCTP`; an empty one is no `TCP` here (a real API server would have filled it in).
    pub protocol: ArcStr,
}

/// A Pod's `status`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodStatus {
    /// First address.
    #[serde(rename = "podIP")]
    pub pod_ip: ArcStr,
    /// All addresses.
    #[serde(rename = "podIPs")]
    pub pod_ips: Vec<PodIp>,
    /// `Pending`, `Running`, `Succeeded`, `Failed`.
    pub phase: ArcStr,
    /// Conditions; `Ready` matters.
    pub conditions: Vec<Condition>,
}

/// One address of a Pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct PodIp {
    /// The address.
    pub ip: ArcStr,
}

/// A condition of an object's status.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Condition {
    /// What it tells of.
    #[serde(rename = "type")]
    pub kind: ArcStr,
    /// `True`, `False` or `Unknown`.
    pub status: ArcStr,
}

/// A Deployment, `ReplicaSet`, `StatefulSet` or `DaemonSet`: what makes Pods.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Workload {
    /// Name, owner.
    pub metadata: Meta,
    /// What is asked for.
    pub spec: WorkloadSpec,
}

/// The `spec` of a workload controller.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkloadSpec {
    /// How many Pods; absent means 1 (a `DaemonSet` makes one a node).
    pub replicas: Option<u32>,
    /// Labels of the Pods that belong to it.
    pub selector: LabelSelector,
    /// What each Pod is made from.
    pub template: PodTemplate,
    /// A `StatefulSet`'s headless service.
    pub service_name: ArcStr,
}

/// What a controller makes Pods from.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct PodTemplate {
    /// Labels and annotations of each Pod.
    pub metadata: Meta,
    /// The Pods' spec.
    pub spec: PodSpec,
}

/// A Kubernetes label selector.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LabelSelector {
    /// Labels that must be there with these values.
    pub match_labels: Labels,
    /// Further terms, all of which must hold.
    pub match_expressions: Vec<LabelExpression>,
}

/// One term of a label selector.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct LabelExpression {
    /// The label's key.
    pub key: ArcStr,
    /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
    pub operator: ArcStr,
    /// Values for `In` and `NotIn`.
    pub values: Vec<ArcStr>,
}

impl LabelSelector {
    /// Whether `labels` satisfy every term.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.match_labels.iter().all(|(k, v)| labels.get(k) == Some(v))
            && self.match_expressions.iter().all(|e| e.matches(labels))
    }
}

impl LabelExpression {
    fn matches(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.key);
        match self.operator.as_str() {
            "In" => value.is_some_and(|v| self.values.contains(v)),
            "NotIn" => value.is_none_or(|v| !self.values.contains(v)),
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            _ => false,
        }
    }
}

/// A `ConfigMap`; Istio keeps its mesh configuration in one.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct ConfigMap {
    /// Name and namespace.
    pub metadata: Meta,
    /// Its keys.
    pub data: BTreeMap<ArcStr, String>,
}
