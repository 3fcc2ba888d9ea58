//! Services and endpoints under the field names of istiod's Go structs (istiod: `pilot/pkg/model/service.go`).

use serde_json::{Map, Value, json};
use xdslab_mesh::ServiceTarget;
use xdslab_mesh::endpoint::{CLUSTER, Endpoint, Health, TlsMode};
use xdslab_mesh::service::{Port, Registry, Resolution, Service, TrafficDistribution};

/// `model.Service`.
pub(super) fn service(service: &Service) -> Value {
    let mut fields = Map::new();
    fields.insert("Attributes".to_owned(), attributes(service));
    fields.insert("ports".to_owned(), service.ports.iter().map(port).collect());
    if !service.identities.is_empty() {
        fields.insert("serviceAccounts".to_owned(), json!(service.identities));
    }
    let created = jiff::Timestamp::from_second(service.created.0).ok().filter(|_| service.created.0 != 0);
    // Go's zero time, where the object does not say.
    let created = created.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), |at| at.to_string());
    fields.insert("creationTime".to_owned(), created.into());
    fields.insert("hostname".to_owned(), service.hostname.as_str().into());
    let addresses =
        if service.addresses.is_empty() { Value::Null } else { json!({CLUSTER: service.addresses}) };
    fields.insert("clusterVIPs".to_owned(), json!({"Addresses": addresses}));
    if !service.address.is_empty() {
        fields.insert("defaultAddress".to_owned(), service.address.as_str().into());
    }
    for address in &service.auto_addresses {
        let family =
            if address.contains(':') { "autoAllocatedIPv6Address" } else { "autoAllocatedIPv4Address" };
        fields.entry(family).or_insert_with(|| address.as_str().into());
    }
    fields.insert("Resolution".to_owned(), resolution(service.resolution).into());
    fields.insert("MeshExternal".to_owned(), service.mesh_external.into());
    fields.insert("ResourceVersion".to_owned(), "".into());
    fields.into()
}

fn attributes(service: &Service) -> Value {
    let aliases: Vec<Value> = service
        .aliases
        .iter()
        .map(|alias| json!({"Hostname": alias.hostname, "Namespace": alias.namespace}))
        .collect();
    let export_to: Map<String, Value> =
        service.declared_export_to.iter().map(|to| (to.to_string(), json!({}))).collect();
    let kind = match (service.registry, &service.external_name) {
        (Registry::External, _) => "",
        (Registry::Kubernetes, Some(_)) => "ExternalName",
        (Registry::Kubernetes, None) => "ClusterIP",
    };
    json!({
        "ServiceRegistry": registry(service.registry),
        "Name": service.name,
        "Namespace": service.namespace,
        "Labels": filled(&*service.labels),
        "ExportTo": filled(&export_to),
        "LabelSelectors": filled(&*service.selector),
        "Aliases": filled(&aliases),
        "ClusterExternalAddresses": {"Addresses": null},
        "ClusterExternalPorts": null,
        "PassthroughTargetPorts": null,
        "Type": kind,
        "ExternalName": service.external_name.as_deref().unwrap_or_default(),
        "NodeLocal": service.node_local,
        "TrafficDistribution": match service.traffic_distribution {
            TrafficDistribution::Any => 0,
            TrafficDistribution::PreferSameZone => 1,
            TrafficDistribution::PreferSameNode => 2,
        },
        "ObjectName": if service.registry == Registry::Kubernetes { service.name.as_str() } else { "" },
        "DNSConnectStrategy": i32::from(service.race_connect),
        "PublishNotReadyAddresses": false,
    })
}

/// What Go writes of a map or list: `null` if nobody made it.
fn filled(value: &impl serde::Serialize) -> Value {
    let value = json!(value);
    let is_empty =
        value.as_object().is_some_and(Map::is_empty) || value.as_array().is_some_and(Vec::is_empty);
    if is_empty { Value::Null } else { value }
}

fn port(port: &Port) -> Value {
    json!({"name": port.name, "port": port.number, "protocol": port.protocol.word()})
}

/// istiod's word for a registry.
pub(super) fn registry(registry: Registry) -> &'static str {
    match registry {
        Registry::External => "External",
        Registry::Kubernetes => "Kubernetes",
    }
}

/// istiod's number of a resolution.
fn resolution(resolution: Resolution) -> u32 {
    match resolution {
        Resolution::ClientSideLb => 0,
        Resolution::DnsLb => 1,
        Resolution::Passthrough => 2,
        Resolution::DnsRoundRobinLb => 3,
        Resolution::Alias => 4,
        Resolution::DynamicDns => 5,
    }
}

/// `model.ServiceTarget`.
pub(super) fn target(target: &ServiceTarget) -> Value {
    let mut of_port = port(&target.port);
    of_port["TargetPort"] = target.target_port.into();
    json!({"Service": service(&target.service), "Port": of_port})
}

/// `model.IstioEndpoint`.
pub(super) fn endpoint(endpoint: &Endpoint, trust_domain: &str) -> Value {
    json!({
        "Labels": filled(&*endpoint.labels),
        "Addresses": [endpoint.address.as_str()],
        "ServicePortName": endpoint.service_port_name,
        "LegacyClusterPortKey": 0,
        "ServiceAccount": account(endpoint, trust_domain),
        "Network": "",
        "Locality": {"Label": endpoint.locality.to_string(), "ClusterID": CLUSTER},
        "EndpointPort": endpoint.port,
        "LbWeight": endpoint.weight,
        "TLSMode": match endpoint.tls {
            TlsMode::Istio => "istio",
            TlsMode::Disabled => "disabled",
        },
        "Namespace": endpoint.namespace,
        "WorkloadName": endpoint.workload.split(';').next().unwrap_or_default(),
        "HostName": "",
        "SubDomain": "",
        "HealthStatus": match endpoint.health {
            Health::Unknown => 0,
            Health::Healthy => 1,
            Health::Unhealthy => 2,
            Health::Draining => 3,
            Health::Terminating => 4,
        },
        "SendUnhealthyEndpoints": false,
        "NodeName": endpoint.node,
    })
}

/// An endpoint's account as it stands in certificates; nothing where it is unknown.
fn account(endpoint: &Endpoint, trust_domain: &str) -> String {
    let Endpoint { namespace, service_account, .. } = endpoint;
    match service_account.as_str() {
        "" => String::new(),
        name => format!("spiffe://{trust_domain}/ns/{namespace}/sa/{name}"),
    }
}
