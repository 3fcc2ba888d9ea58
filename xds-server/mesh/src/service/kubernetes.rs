//! From a Kubernetes Service (istiod: `pilot/pkg/serviceregistry/kube/conversion.go`).

use arcstr::{ArcStr, format, literal};

use super::{ExportTo, Port, Protocol, Publishes, Registry, Resolution, Service, TrafficDistribution};
use crate::object::kubernetes as k8s;
use crate::object::{Labels, Meta};

const TRAFFIC_DISTRIBUTION: &str = "networking.istio.io/traffic-distribution";

/// The model service of a Kubernetes Service. `namespace` holds the annotations of its namespace.
pub(crate) fn from_kubernetes(
    service: &k8s::Service,
    namespace: Option<&Labels>,
    domain: &str,
    trust_domain: &str,
) -> Service {
    let k8s::Service { metadata: meta, spec, .. } = service;
    let external_name =
        (spec.kind == "ExternalName" && !spec.external_name.is_empty()).then(|| spec.external_name.clone());
    let resolution = match (&external_name, spec.cluster_ip.as_str()) {
        (Some(_), _) => Resolution::Alias,
        (None, "None") => Resolution::Passthrough,
        (None, _) => Resolution::ClientSideLb,
    };
    let addresses = if resolution == Resolution::ClientSideLb { cluster_ips(spec) } else { Vec::new() };
    let declared_export_to =
        ExportTo::new(comma_list(meta, "networking.istio.io/exportTo").filter(|e| !e.is_empty()));
    Service {
        hostname: format!("{}.{}.svc.{domain}", meta.name, meta.namespace),
        name: meta.name.clone(),
        namespace: meta.namespace.clone(),
        registry: Registry::Kubernetes,
        created: meta.creation_timestamp,
        resolution,
        mesh_external: external_name.is_some(),
        ports: spec.ports.iter().map(port).collect(),
        address: addresses.first().cloned().unwrap_or(literal!("0.0.0.0")),
        addresses,
        external_addresses: external_addresses(service),
        auto_addresses: Vec::new(),
        export_to: declared_export_to.clone(),
        declared_export_to,
        labels: meta.labels.clone(),
        selector: spec.selector.clone(),
        kind: spec.kind.clone(),
        publishes: if spec.publish_not_ready_addresses { Publishes::All } else { Publishes::Ready },
        external_name,
        aliases: Vec::new(),
        traffic_distribution: traffic_distribution(&spec.traffic_distribution, meta, namespace),
        node_local: spec.internal_traffic_policy == "Local",
        identities: identities(meta, trust_domain),
        race_connect: false,
    }
}

fn cluster_ips(spec: &k8s::ServiceSpec) -> Vec<ArcStr> {
    if spec.cluster_ips.is_empty() && !spec.cluster_ip.is_empty() {
        vec![spec.cluster_ip.clone()]
    } else {
        spec.cluster_ips.clone()
    }
}

/// Those of its load balancer, then those that it names (istiod: `ConvertService` in `kube/conversion.go`).
fn external_addresses(service: &k8s::Service) -> Vec<ArcStr> {
    let balancer = &service.status.load_balancer;
    let ingress = balancer.ingress.iter().filter(|_| service.spec.kind == "LoadBalancer");
    let of_balancer = ingress.map(|at| if at.ip.is_empty() { &at.hostname } else { &at.ip });
    of_balancer.filter(|at| !at.is_empty()).chain(&service.spec.external_ips).cloned().collect()
}

fn port(p: &k8s::ServicePort) -> Port {
    let protocol = Protocol::of_service_port(p.port, &p.name, &p.protocol, p.app_protocol.as_deref());
    Port { number: p.port, name: p.name.clone(), protocol, override_port: 0 }
}

/// The field, else the object's annotation, else the namespace's.
pub(super) fn traffic_distribution(
    field: &str,
    meta: &Meta,
    namespace: Option<&Labels>,
) -> TrafficDistribution {
    let annotated = |labels: &Labels| labels.get(TRAFFIC_DISTRIBUTION).cloned();
    if !field.is_empty() {
        return TrafficDistribution::from_word(field);
    }
    let word = annotated(&meta.annotations).or_else(|| namespace.and_then(annotated));
    word.map_or(TrafficDistribution::Any, |w| TrafficDistribution::from_word(&w))
}

fn identities(meta: &Meta, trust_domain: &str) -> Vec<ArcStr> {
    let accounts = comma_list(meta, "alpha.istio.io/kubernetes-serviceaccounts")
        .map(|sa| format!("spiffe://{trust_domain}/ns/{}/sa/{sa}", meta.namespace));
    accounts.chain(comma_list(meta, "alpha.istio.io/canonical-serviceaccounts")).collect()
}

fn comma_list<'a>(meta: &'a Meta, annotation: &str) -> impl Iterator<Item = ArcStr> + 'a {
    meta.annotations.get(annotation).into_iter().flat_map(|v| v.split(',')).map(|v| ArcStr::from(v.trim()))
}
