//! From a `ServiceEntry`: one service per host and address
//! (istiod: `pilot/pkg/serviceregistry/serviceentry/conversion.go`).

use std::net::IpAddr;
use std::sync::Arc;

use arcstr::{ArcStr, literal};
use serde_json::Value;

use super::kubernetes::traffic_distribution;
use super::{ExportTo, Port, Protocol, Publishes, Registry, Resolution, Service};
use crate::object::istio::{Location, Resolution as Declared, ServiceEntry, ServiceEntryPort};
use crate::object::{Config, Labels};

/// The services of one entry, in the order of its hosts and addresses.
pub(crate) fn from_service_entry(entry: &Config<ServiceEntry>, namespace: Option<&Labels>) -> Vec<Service> {
    let addresses: Vec<ArcStr> = entry.spec.addresses.iter().filter_map(ip_address).collect();
    let addresses = if addresses.is_empty() { vec![literal!("0.0.0.0")] } else { addresses };
    let hosts = entry.spec.hosts.iter();
    hosts.flat_map(|host| addresses.iter().map(move |a| service(entry, host, a, namespace))).collect()
}

fn service(
    entry: &Config<ServiceEntry>,
    host: &ArcStr,
    address: &ArcStr,
    namespace: Option<&Labels>,
) -> Service {
    let Config { meta, spec, status } = entry;
    let resolution = match spec.resolution {
        Declared::None => Resolution::Passthrough,
        Declared::Static => Resolution::ClientSideLb,
        Declared::Dns => Resolution::DnsLb,
        Declared::DnsRoundRobin => Resolution::DnsRoundRobinLb,
        Declared::DynamicDns => Resolution::DynamicDns,
    };
    let declared_export_to = ExportTo::new(spec.export_to.iter().cloned());
    let race =
        meta.annotations.get("istio.io/connect-strategy").is_some_and(|v| v == "RACE_FIRST_TCP_CONNECT");
    Service {
        hostname: host.clone(),
        name: host.clone(),
        namespace: meta.namespace.clone(),
        registry: Registry::External,
        created: meta.creation_timestamp,
        resolution,
        mesh_external: spec.location == Location::MeshExternal,
        ports: spec.ports.iter().map(|p| port(p, spec.resolution)).collect(),
        address: address.clone(),
        addresses: if address == "0.0.0.0" { Vec::new() } else { vec![address.clone()] },
        external_addresses: Vec::new(),
        auto_addresses: auto_addresses(entry, host, status),
        export_to: declared_export_to.clone(),
        declared_export_to,
        labels: meta.labels.clone(),
        selector: spec.workload_selector.as_ref().map_or_else(Arc::default, |s| Arc::new(s.labels.clone())),
        kind: ArcStr::new(),
        publishes: Publishes::Ready,
        external_name: None,
        aliases: Vec::new(),
        traffic_distribution: traffic_distribution("", meta, namespace),
        node_local: false,
        identities: spec.subject_alt_names.clone(),
        race_connect: race,
    }
}

fn port(p: &ServiceEntryPort, resolution: Declared) -> Port {
    let override_port = if resolution == Declared::None { p.target_port } else { 0 };
    Port { number: p.number, name: p.name.clone(), protocol: Protocol::from_word(&p.protocol), override_port }
}

/// An address as a listener takes it: `/32` and `/128` ranges are single addresses; what is neither an
/// address nor a range is dropped.
fn ip_address(text: &ArcStr) -> Option<ArcStr> {
    let Some((address, bits)) = text.split_once('/') else {
        return text.parse::<IpAddr>().is_ok().then(|| text.clone());
    };
    let ip: IpAddr = address.parse().ok()?;
    let (bits, full) = (bits.parse::<u8>().ok()?, if ip.is_ipv4() { 32 } else { 128 });
    match bits {
        b if b == full => Some(address.into()),
        b if b < full => Some(text.clone()),
        _ => None,
    }
}

/// Addresses that the cluster's controller made up for `host`, unless the entry has its own or wants none.
fn auto_addresses(entry: &Config<ServiceEntry>, host: &ArcStr, status: &Value) -> Vec<ArcStr> {
    let opted_out =
        entry.meta.labels.get("networking.istio.io/enable-autoallocate-ip").is_some_and(|v| v == "false");
    if !entry.spec.addresses.is_empty() || entry.spec.resolution == Declared::None || opted_out {
        return Vec::new();
    }
    let listed = status.get("addresses").and_then(Value::as_array).into_iter().flatten();
    let of_host = listed.filter(|a| a.get("host").and_then(Value::as_str).is_none_or(|h| h == host.as_str()));
    of_host.filter_map(|a| a.get("value")?.as_str().map(ArcStr::from)).collect()
}
