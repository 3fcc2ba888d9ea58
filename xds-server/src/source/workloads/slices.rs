//! The `EndpointSlice`s that the endpoint slice controller makes (Kubernetes: `staging/src/k8s.io/endpointslice`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arcstr::{ArcStr, literal};
use xdslab_mesh::object::kubernetes::{
    EndpointSlice, Pod, Service, ServicePort, SliceConditions, SliceEndpoint, SlicePort, TargetRef,
};
use xdslab_mesh::object::{Labels, Meta, OwnerReference, PortRef};

use super::cluster::{Cluster, Name, SERVICE_NAME};
use super::names::{hash, suffix};
use super::pod_index::PodIndex;
use super::pods::generate_name;

/// How many endpoints a slice holds at most (the controller's `--max-endpoints-per-slice`).
const ENDPOINTS_PER_SLICE: usize = 100;

/// What the endpoints of one slice have in common.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    is_v6: bool,
    ports: Vec<Port>,
}

/// A port of the Service, as the Pods have it.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Port {
    name: ArcStr,
    number: u32,
    protocol: ArcStr,
}

/// The slices of every Service that selects Pods and has no slice yet.
pub(super) fn of_services(cluster: &Cluster<'_>, pods: &PodIndex) -> Vec<EndpointSlice> {
    let mut taken = cluster.slices.clone();
    let mut slices = Vec::new();
    for (name, service) in &cluster.services {
        let spec = &service.spec;
        if spec.selector.is_empty() || spec.kind == "ExternalName" || cluster.sliced.contains(name) {
            continue;
        }
        let mut groups: BTreeMap<Group, Vec<SliceEndpoint>> = BTreeMap::new();
        for pod in pods.with_labels(&name.0, &spec.selector) {
            if let Some(endpoint) = endpoint(cluster, service, pod) {
                let is_v6 = endpoint.addresses.iter().any(|a| a.contains(':'));
                groups.entry(Group { is_v6, ports: ports(service, pod) }).or_default().push(endpoint);
            }
        }
        for (group, endpoints) in &groups {
            for (number, endpoints) in endpoints.chunks(ENDPOINTS_PER_SLICE).enumerate() {
                slices.extend(slice(service, group, number, endpoints, &mut taken));
            }
        }
    }
    slices
}

/// The group's slice with this number. (None only if there were no names left.)
fn slice(
    service: &Service,
    group: &Group,
    number: usize,
    endpoints: &[SliceEndpoint],
    taken: &mut BTreeSet<Name>,
) -> Option<EndpointSlice> {
    let meta = &service.metadata;
    let base = generate_name(&meta.name);
    let mut seed = vec![meta.namespace.to_string(), "EndpointSlice".to_owned(), meta.name.to_string()];
    seed.extend(group.ports.iter().map(|p| format!("{}/{}/{}", p.name, p.number, p.protocol)));
    let names = (0_u32..).map(|attempt| {
        let which = format!("{} {number} {attempt}", group.is_v6);
        let hash = hash(seed.iter().map(String::as_str).chain([which.as_str()]));
        (meta.namespace.clone(), ArcStr::from(format!("{base}{}", suffix(hash))))
    });
    let (namespace, name) = names.into_iter().find(|name| taken.insert(name.clone()))?;

    let mut labels = Labels::from([
        (SERVICE_NAME.into(), meta.name.clone()),
        (literal!("endpointslice.kubernetes.io/managed-by"), literal!("endpointslice-controller.k8s.io")),
    ]);
    if service.spec.cluster_ip == "None" {
        labels.insert(literal!("service.kubernetes.io/headless"), literal!(""));
    }
    let owner = OwnerReference { kind: literal!("Service"), name: meta.name.clone(), controller: true };
    let port = |port: &Port| SlicePort {
        name: Some(port.name.clone()),
        port: Some(port.number),
        protocol: port.protocol.clone(),
    };
    Some(EndpointSlice {
        metadata: Meta {
            name,
            namespace,
            labels: Arc::new(labels),
            creation_timestamp: meta.creation_timestamp,
            owner_references: vec![owner],
            generate_name: base.into(),
            ..Meta::default()
        },
        address_type: if group.is_v6 { literal!("IPv6") } else { literal!("IPv4") },
        endpoints: endpoints.to_vec(),
        ports: group.ports.iter().map(port).collect(),
    })
}

/// The Pod as an endpoint. A Pod that has ended, or has no address yet, is none.
fn endpoint(cluster: &Cluster<'_>, service: &Service, pod: &Pod) -> Option<SliceEndpoint> {
    let (spec, status, meta) = (&pod.spec, &pod.status, &pod.metadata);
    let first = status.pod_ips.first().map_or(&status.pod_ip, |a| &a.ip);
    let address = if status.pod_ip.is_empty() { first } else { &status.pod_ip };
    if address.is_empty() || matches!(status.phase.as_str(), "Succeeded" | "Failed") {
        return None;
    }
    let is_ready = status.conditions.iter().any(|c| c.kind == "Ready" && c.status == "True");
    let is_terminating = meta.deletion_timestamp.is_some();
    let conditions = SliceConditions {
        ready: Some(service.spec.publish_not_ready_addresses || (is_ready && !is_terminating)),
        serving: Some(is_ready),
        terminating: Some(is_terminating),
    };
    let has_name = !spec.hostname.is_empty() && spec.subdomain == service.metadata.name;
    let zone = cluster.nodes.get(spec.node_name.as_str());
    Some(SliceEndpoint {
        addresses: vec![address.clone()],
        conditions,
        target_ref: Some(TargetRef {
            kind: literal!("Pod"),
            name: meta.name.clone(),
            namespace: meta.namespace.clone(),
        }),
        node_name: Some(spec.node_name.clone()).filter(|node| !node.is_empty()),
        hostname: has_name.then(|| spec.hostname.clone()),
        zone: zone.and_then(|node| node.metadata.labels.get("topology.kubernetes.io/zone").cloned()),
    })
}

/// The Service's ports as this Pod has them; a `targetPort` that it does not name is left out.
fn ports(service: &Service, pod: &Pod) -> Vec<Port> {
    let resolved = service.spec.ports.iter().filter_map(|port| {
        let protocol = or_tcp(&port.protocol);
        Some(Port { name: port.name.clone(), number: target(port, &protocol, pod)?, protocol })
    });
    resolved.collect()
}

fn target(port: &ServicePort, protocol: &ArcStr, pod: &Pod) -> Option<u32> {
    match &port.target_port {
        None | Some(PortRef::Number(0)) => Some(port.port),
        Some(PortRef::Number(number)) => Some(*number),
        Some(PortRef::Name(name)) => {
            let containers = pod.spec.containers.iter().chain(&pod.spec.init_containers);
            let mut declared = containers.flat_map(|c| &c.ports);
            declared.find(|p| p.name == *name && or_tcp(&p.protocol) == *protocol)?.container_port
        }
    }
}

fn or_tcp(protocol: &ArcStr) -> ArcStr {
    if protocol.is_empty() { literal!("TCP") } else { protocol.clone() }
}
