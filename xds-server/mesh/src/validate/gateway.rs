//! `Gateway` (istiod: `ValidateGateway`).

use std::collections::BTreeSet;

use super::faults::Faults;
use super::{host, port, server_tls};
use crate::object::istio::{Gateway, GatewayServer, ServerTls, ServerTlsMode, SidecarPort};
use crate::service::Protocol;

/// Refuses what is wrong with a gateway of that `name`.
pub(super) fn check(gateway: &Gateway, name: &str, object: Faults<'_>, f: Faults<'_>) {
    if !host::is_label(name) {
        let at = object.at("metadata");
        at.at("name")
            .push(format!("{name:?} is not a Gateway's name"), "write letters, digits and -, 63 at most");
    }
    if gateway.servers.is_empty() {
        let hint = "write at least one, with port and hosts";
        f.at("servers").missing("the list of servers", hint);
    }
    let mut names = BTreeSet::new();
    for (f, server) in f.each("servers", &gateway.servers) {
        check_server(server, f);
        let twice = server.port.as_ref().filter(|p| !names.insert(&p.name));
        if let Some(port) = twice.filter(|p| !p.name.is_empty()) {
            let f = f.at("port");
            let what = format!("two servers' ports are named {:?}", port.name);
            f.at("name").push(what, "give each a name of its own");
        }
    }
}

fn check_server(server: &GatewayServer, f: Faults<'_>) {
    if server.hosts.is_empty() {
        f.at("hosts").missing("the list of hosts", "write at least one, such as shop.example.com or *");
    }
    for (f, host) in f.each("hosts", &server.hosts) {
        server_host(host, f);
    }
    let Some(port) = &server.port else {
        let hint = "say which port is listened on, such as port: {number: 80, protocol: HTTP, name: http}";
        return f.at("port").missing("the port", hint);
    };
    let unix = server.bind.strip_prefix(host::UNIX);
    server_port(port, unix.is_some(), f.at("port"));
    match unix {
        Some(path) => host::unix_path(path, f.at("bind")),
        None if server.bind.is_empty() => {}
        None => host::ip(&server.bind, f.at("bind")),
    }
    if let Some(tls) = &server.tls {
        server_tls::check(tls, f.at("tls"));
    }
    protocol_fits_tls(Protocol::from_word(&port.protocol), server.tls.as_ref(), f.at("tls"));
}

fn server_port(port: &SidecarPort, unix: bool, f: Faults<'_>) {
    if Protocol::from_word(&port.protocol) == Protocol::Unsupported {
        let what = format!("{:?} is not a protocol", port.protocol);
        f.at("protocol").push(what, format!("write {}", port::PROTOCOLS));
    }
    if unix && port.number != 0 {
        let what = format!("a Unix domain socket has no port {}", port.number);
        f.at("number").push(what, "leave out number");
    } else if !unix {
        port::number(port.number, f.at("number"));
    }
    if port.target_port > 0 {
        f.at("targetPort").push("targetPort has no effect in a Gateway", "leave it out");
    }
    if port.name.is_empty() {
        f.at("name").missing("the port's name", "name it, such as http or https-shop");
    }
}

fn protocol_fits_tls(protocol: Protocol, tls: Option<&ServerTls>, f: Faults<'_>) {
    match tls {
        None if port::is_tls(protocol) => {
            f.missing(
                "the TLS settings of a port for HTTPS or TLS",
                "write tls: {mode: SIMPLE, credentialName: my-cert}",
            );
        }
        Some(tls) if protocol.is_http() => {
            let passes = matches!(tls.mode, ServerTlsMode::Passthrough | ServerTlsMode::AutoPassthrough);
            let files = [&tls.ca_certificates, &tls.private_key, &tls.server_certificate];
            if !passes || files.iter().any(|file| !file.is_empty()) {
                let hint = "make the port's protocol HTTPS, or leave all but httpsRedirect out of tls";
                f.push("the port speaks plain HTTP, and has TLS settings", hint);
            }
        }
        Some(_) if !port::is_tls(protocol) => {
            f.push(
                "the port's protocol is without TLS, and has TLS settings",
                "make its protocol TLS, or leave out tls",
            );
        }
        _ => {}
    }
}

/// Refuses what is neither `name` nor `namespace/name`.
fn server_host(entry: &str, f: Faults<'_>) {
    const HINT: &str = "write a full name such as shop.example.com, *.example.com or *, with namespace/ before it if need be";
    let name = match entry.split_once('/') {
        None => entry,
        Some((namespace, name)) => {
            if !matches!(namespace, "*" | ".") && !host::is_label(namespace) {
                f.push(
                    format!("{namespace:?} is not a namespace"),
                    "write a namespace's name, . (this one) or * (any)",
                );
            }
            name
        }
    };
    if name != "*" && !name.contains('.') {
        return f.push(format!("{name:?} is not a full host name"), HINT);
    }
    if !host::is_ip(name) {
        host::wild(name, f);
    }
    host::whole_wildcard(name, f);
}
