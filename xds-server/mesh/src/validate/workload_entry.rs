//! `WorkloadEntry`, alone or as an endpoint of a `ServiceEntry` (istiod: `validateWorkloadEntry`).

use std::collections::BTreeSet;

use super::faults::Faults;
use super::{host, labels, port};
use crate::object::istio::WorkloadEntry;

const ADDRESS_HINT: &str = "write an IP address, a host name, or unix:///path/to/socket";

/// Refuses what is wrong with a workload.
pub(super) fn check(entry: &WorkloadEntry, f: Faults<'_>) {
    let address = entry.address.as_str();
    let is_plain = !address.is_empty() && !address.starts_with(host::UNIX);
    if is_plain && !host::is_ip(address) && host::fqdn_fault(address).is_some() {
        f.at("address").push(format!("{address:?} is neither an IP address nor a host name"), ADDRESS_HINT);
    }
    common(entry, f);
}

/// Refuses what is wrong with an endpoint whose address is to be used as it is, of a service with these ports.
pub(super) fn check_static(entry: &WorkloadEntry, ports: &BTreeSet<&str>, f: Faults<'_>) {
    let address = entry.address.as_str();
    if address.starts_with(host::UNIX) {
        if ports.len() != 1 {
            let what = format!("a Unix domain socket serves one port, the ServiceEntry has {}", ports.len());
            f.at("address").push(what, "put each socket into a ServiceEntry of its own");
        }
    } else if !address.is_empty() && !host::is_ip(address) {
        let hint = "write an IP address, or resolution: DNS for host names";
        f.at("address").push(format!("{address:?} is not an IP address"), hint);
    }
    common(entry, f);
    defined_ports(entry, ports, f);
}

/// Refuses ports that the service does not have.
pub(super) fn defined_ports(entry: &WorkloadEntry, ports: &BTreeSet<&str>, f: Faults<'_>) {
    let f = f.at("ports");
    for name in entry.ports.keys().filter(|name| !ports.contains(name.as_str())) {
        let hint = "write the name of one of the ServiceEntry's ports";
        f.key(name).push(format!("the ServiceEntry has no port named {name:?}"), hint);
    }
}

fn common(entry: &WorkloadEntry, f: Faults<'_>) {
    if entry.address.is_empty() && entry.network.is_empty() {
        return f.at("address").missing("the address", ADDRESS_HINT);
    }
    if let Some(path) = entry.address.strip_prefix(host::UNIX) {
        host::unix_path(path, f.at("address"));
        if !entry.ports.is_empty() {
            f.at("ports").push("a Unix domain socket has no ports", "leave out ports");
        }
    }
    ports_and_labels(entry, f);
}

/// Refuses what is wrong with the ports and labels alone.
pub(super) fn ports_and_labels(entry: &WorkloadEntry, f: Faults<'_>) {
    let at = f.at("ports");
    for (name, number) in &entry.ports {
        port::name(name, at.key(name));
        port::number(*number, at.key(name));
    }
    labels::check(&entry.labels, f.at("labels"));
}
