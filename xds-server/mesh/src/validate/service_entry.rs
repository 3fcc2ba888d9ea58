//! `ServiceEntry` (istiod: `ValidateServiceEntry`).

use std::collections::BTreeSet;

use super::faults::Faults;
use super::{export_to, host, labels, port, workload_entry};
use crate::object::Meta;
use crate::object::istio::{Location, Resolution, ServiceEntry};
use crate::service::{Protocol, is_wildcard};

/// Refuses what is wrong with an entry.
pub(super) fn check(entry: &ServiceEntry, meta: &Meta, f: Faults<'_>) {
    if let Some(selector) = &entry.workload_selector {
        let at = f.at("workloadSelector");
        labels::selector(&selector.labels, at.at("labels"));
        if !entry.endpoints.is_empty() {
            f.push("both workloadSelector and endpoints are set", "leave one of them out");
        }
    }
    hosts(entry, f);
    for (f, address) in f.each("addresses", &entry.addresses) {
        host::subnet(address, f);
        if address.contains('/') && !matches!(entry.resolution, Resolution::None | Resolution::Static) {
            let what = format!(
                "{address:?} is a CIDR block, which resolution {} cannot have",
                entry.resolution.word()
            );
            f.push(what, "write single addresses, or resolution: NONE or STATIC");
        }
    }
    ports(entry, f);
    match entry.resolution {
        Resolution::None => {
            if !entry.endpoints.is_empty() {
                let hint = "leave them out, or write resolution: STATIC (addresses) or DNS (host names)";
                f.at("endpoints")
                    .push("resolution NONE sends traffic where it was going; endpoints are not used", hint);
            }
        }
        Resolution::Static => {
            let ports = port_names(entry);
            for (f, endpoint) in f.each("endpoints", &entry.endpoints) {
                workload_entry::check_static(endpoint, &ports, f);
            }
        }
        Resolution::Dns | Resolution::DnsRoundRobin => dns(entry, f),
        Resolution::DynamicDns => dynamic_dns(entry, meta, f),
    }
    export_to::check(&entry.export_to, &meta.namespace, export_to::Of::ServiceEntry, f);
}

fn hosts(entry: &ServiceEntry, f: Faults<'_>) {
    if entry.hosts.is_empty() {
        f.at("hosts").missing("the list of hosts", "write at least one, such as api.example.com");
    }
    for (f, host) in f.each("hosts", &entry.hosts) {
        if host == "*" {
            f.push("* alone would stand for every host there is", "write *.example.com");
        } else {
            host::wild(host, f);
        }
    }
}

fn ports(entry: &ServiceEntry, f: Faults<'_>) {
    let (mut names, mut numbers) = (BTreeSet::new(), BTreeSet::new());
    for (f, port) in f.each("ports", &entry.ports) {
        if !names.insert(&port.name) {
            let what = format!("two ports are named {:?}", port.name);
            f.at("name").push(what, "give each a name of its own");
        }
        if !numbers.insert(port.number) {
            f.at("number")
                .push(format!("two ports have the number {}", port.number), "leave one of them out");
        }
        if port.target_port != 0 {
            port::number(port.target_port, f.at("targetPort"));
        }
        port::name(&port.name, f.at("name"));
        port::protocol(&port.protocol, f.at("protocol"));
        port::number(port.number, f.at("number"));
    }
    let told_apart = |word: &str| {
        let protocol = Protocol::from_word(word);
        protocol.is_http() || port::is_tls(protocol)
    };
    if entry.resolution == Resolution::None || entry.hosts.len() < 2 {
        return;
    }
    for (f, port) in f.each("ports", &entry.ports).filter(|(_, port)| !told_apart(&port.protocol)) {
        let what =
            format!("{:?} does not tell which of the {} hosts is meant", port.protocol, entry.hosts.len());
        f.at("protocol").push(what, "write a ServiceEntry for each host, or an HTTP or TLS protocol");
    }
}

fn port_names(entry: &ServiceEntry) -> BTreeSet<&str> {
    entry.ports.iter().map(|p| p.name.as_str()).collect()
}

fn dns(entry: &ServiceEntry, f: Faults<'_>) {
    let word = entry.resolution.word();
    if entry.endpoints.is_empty() {
        for (f, host) in f.each("hosts", &entry.hosts) {
            if let Some(fault) = host::fqdn_fault(host) {
                let hint =
                    "write a full name, give endpoints, or resolution: NONE or DYNAMIC_DNS for a wildcard";
                f.push(format!("resolution {word} asks DNS for the host: {fault}"), hint);
            }
        }
    }
    if entry.resolution == Resolution::DnsRoundRobin && entry.endpoints.len() > 1 {
        let what = format!("resolution {word} takes one endpoint, there are {}", entry.endpoints.len());
        f.at("endpoints").push(what, "leave one, or write resolution: DNS");
    }
    let ports = port_names(entry);
    for (f, endpoint) in f.each("endpoints", &entry.endpoints) {
        let address = endpoint.address.as_str();
        if !host::is_ip(address) && host::fqdn_fault(address).is_some() {
            let what = format!("{address:?} is neither an IP address nor a host name");
            f.at("address").push(what, "write the address that DNS is asked for, such as eu.api.example.com");
        }
        workload_entry::ports_and_labels(endpoint, f);
        workload_entry::defined_ports(endpoint, &ports, f);
    }
}

fn dynamic_dns(entry: &ServiceEntry, meta: &Meta, f: Faults<'_>) {
    const WORD: &str = "DYNAMIC_DNS";
    for (f, host) in f.each("hosts", &entry.hosts).filter(|(_, host)| !is_wildcard(host)) {
        let hint = "write a wildcard such as *.example.com, or resolution: DNS";
        f.push(format!("{host:?} is one host; resolution {WORD} is for wildcards"), hint);
    }
    for (name, given) in
        [("addresses", !entry.addresses.is_empty()), ("endpoints", !entry.endpoints.is_empty())]
    {
        if given {
            f.at(name).push(
                format!("resolution {WORD} asks DNS for the host of each request"),
                format!("leave out {name}"),
            );
        }
    }
    let known = |word: &str| {
        matches!(Protocol::from_word(word), Protocol::Http | Protocol::Http2 | Protocol::Grpc | Protocol::Tls)
    };
    for (f, port) in f.each("ports", &entry.ports).filter(|(_, port)| !known(&port.protocol)) {
        let what = format!("resolution {WORD} cannot find the host of {:?} traffic", port.protocol);
        f.at("protocol").push(what, "write HTTP, HTTP2, GRPC or TLS");
    }
    let waypoint =
        meta.labels.get("istio.io/use-waypoint").filter(|w| !w.is_empty() && !w.eq_ignore_ascii_case("none"));
    if let Some(waypoint) = waypoint.filter(|_| entry.location == Location::MeshInternal) {
        let what = format!("resolution {WORD} with MESH_INTERNAL cannot use the waypoint {waypoint:?}");
        f.at("location").push(what, "write MESH_EXTERNAL, or take the label istio.io/use-waypoint away");
    }
}
