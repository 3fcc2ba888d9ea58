//! `VirtualService` (istiod: `ValidateVirtualService`). Rules that are never reached are no faults.

use super::faults::Faults;
use super::headers::is_claim;
use super::{export_to, host, http_route, route};
use crate::object::istio::{TcpRoute, TlsRoute, VirtualService};
use crate::service::host_matches;

/// Refuses what is wrong with a service of `namespace`. Without hosts it is one that others delegate to.
pub(super) fn check(service: &VirtualService, namespace: &str, f: Faults<'_>) {
    let delegate = service.hosts.is_empty();
    if delegate {
        for (name, given) in [
            ("gateways", !service.gateways.is_empty()),
            ("tls", !service.tls.is_empty()),
            ("tcp", !service.tcp.is_empty()),
        ] {
            if given {
                let what = format!("without hosts it can only be delegated to, and {name} is not");
                f.at(name).push(what, format!("give hosts, or leave out {name}"));
            }
        }
    }
    if service.http.is_empty() && service.tls.is_empty() && service.tcp.is_empty() {
        f.push("there are no routes", "give at least one of http, tls and tcp");
    }
    route::gateway_names(&service.gateways, f);
    let gateways_only = is_for_gateways(service);
    hosts(service, gateways_only, f);
    for (f, route) in f.each("http", &service.http) {
        http_route::check(route, delegate, f);
        if gateways_only {
            continue;
        }
        for (f, condition) in f.each("match", &route.matches) {
            for (field, headers) in
                [("headers", &condition.headers), ("withoutHeaders", &condition.without_headers)]
            {
                let f = f.at(field);
                for name in headers.keys().filter(|name| is_claim(name)) {
                    let hint = "name the gateways that it is for in gateways, without mesh";
                    f.key(name).push("only gateways can route by the claims of a JWT", hint);
                }
            }
        }
    }
    for (f, route) in f.each("tls", &service.tls) {
        tls(route, service, f);
    }
    for (f, route) in f.each("tcp", &service.tcp) {
        tcp(route, f);
    }
    export_to::check(&service.export_to, namespace, export_to::Of::Other, f);
}

/// Whether no sidecar uses it.
fn is_for_gateways(service: &VirtualService) -> bool {
    !service.gateways.is_empty() && service.gateways.iter().all(|g| g != "mesh")
}

fn hosts(service: &VirtualService, gateways_only: bool, f: Faults<'_>) {
    let has_sni = service.tls.iter().flat_map(|t| &t.matches).any(|m| !m.sni_hosts.is_empty());
    let mut good = true;
    for (f, name) in f.each("hosts", &service.hosts) {
        if is_name(name, gateways_only, has_sni) {
            if name == "*" && !gateways_only {
                f.push("* alone is only for gateways", "name the hosts, or name the gateways in gateways");
                good = false;
            }
        } else if !host::is_ip(name) {
            host::wild(name, f);
            good = false;
        }
    }
    if !good {
        return;
    }
    for (i, (f, name)) in f.each("hosts", &service.hosts).enumerate() {
        if let Some(other) = service.hosts[..i].iter().find(|other| host_matches(name, other)) {
            let what = format!("{name:?} and {other:?} stand for the same hosts");
            f.push(what, "leave one of them out");
        }
    }
}

/// Whether `name` is a host, or for gateways that pass TLS on also the server name of an outbound cluster.
fn is_name(name: &str, gateways_only: bool, has_sni: bool) -> bool {
    if gateways_only && has_sni && name.len() <= 255 && name.starts_with("outbound_") {
        return is_outbound_sni(name);
    }
    host::wild_fault(name).is_none()
}

/// Whether `name` is of the form `outbound_.80_.v1_.api.back.svc.cluster.local`.
fn is_outbound_sni(name: &str) -> bool {
    let parts: Vec<&str> = name.split('_').collect();
    parts.len() >= 4
        && parts[1].contains(|c: char| c.is_ascii_digit())
        && parts[3].contains(|c: char| c.is_ascii_alphabetic())
}

fn tls(tls: &TlsRoute, service: &VirtualService, f: Faults<'_>) {
    if tls.matches.is_empty() {
        let hint = "say which server names it is for: match: [{sniHosts: [shop.example.com]}]";
        f.at("match").missing("the match", hint);
    }
    for (f, condition) in f.each("match", &tls.matches) {
        if condition.sni_hosts.is_empty() {
            f.at("sniHosts").missing("the list of server names", "write at least one of the hosts");
        }
        for (f, name) in f.each("sniHosts", &condition.sni_hosts) {
            sni_host(name, service, f);
        }
        for (f, subnet) in f.each("destinationSubnets", &condition.destination_subnets) {
            host::subnet(subnet, f);
        }
        route::source(condition.port, &condition.source_labels, &condition.gateways, f);
    }
    route::destinations(&tls.route, f);
}

fn sni_host(name: &str, service: &VirtualService, f: Faults<'_>) {
    let gateways_only = service.gateways.iter().all(|g| g != "mesh");
    if !is_name(name, gateways_only, true) {
        // A server name should be none, but is not refused if it is an address.
        if !host::is_ip(name) {
            host::wild(name, f);
        }
    } else if !host::is_covered(name, service.hosts.iter()) {
        let what = format!("the server name {name:?} is not among the hosts");
        f.push(what, format!("write one of {}, or add it to hosts", service.hosts.join(", ")));
    }
}

fn tcp(tcp: &TcpRoute, f: Faults<'_>) {
    for (f, condition) in f.each("match", &tcp.matches) {
        for (f, subnet) in f.each("destinationSubnets", &condition.destination_subnets) {
            host::subnet(subnet, f);
        }
        route::source(condition.port, &condition.source_labels, &condition.gateways, f);
    }
    route::destinations(&tcp.route, f);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_names_of_outbound_clusters() {
        for (name, good) in [
            ("outbound_.80_._.e2e.foobar.mesh", true),
            ("outbound_.80_.v1_.e2e.foobar.mesh", true),
            ("outbound_.http_._.e2e.foobar.mesh", false),
            ("outbound_.80_._.123", false),
            ("outbound_.80", false),
        ] {
            assert_eq!(is_name(name, true, true), good, "{name}");
            assert!(!is_name(name, false, true), "{name}");
        }
    }
}
