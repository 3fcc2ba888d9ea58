//! `Sidecar` (istiod: `ValidateSidecar`).

use std::collections::BTreeSet;

use super::faults::Faults;
use super::{connection_pool, host, labels, port, route, server_tls};
use crate::object::istio::{
    CaptureMode, EgressListener, IngressListener, OutboundTrafficPolicyMode, ServerTls, ServerTlsMode,
    Sidecar, SidecarOutboundTrafficPolicy, SidecarPort,
};
use crate::service::Protocol;

/// Refuses what is wrong with a Sidecar. A host that is there twice is no fault.
pub(super) fn check(sidecar: &Sidecar, f: Faults<'_>) {
    if let Some(selector) = &sidecar.workload_selector {
        let f = f.at("workloadSelector");
        labels::selector(&selector.labels, f.at("labels"));
    }
    let nothing = sidecar.egress.is_empty()
        && sidecar.ingress.is_empty()
        && sidecar.outbound_traffic_policy.is_none()
        && sidecar.inbound_connection_pool.is_none();
    if nothing {
        let hint = "say which hosts are imported, such as egress: [{hosts: [\"./*\", \"istio-system/*\"]}]";
        return f.push("the Sidecar says nothing", hint);
    }
    let mut ports = BTreeSet::new();
    for (f, listener) in f.each("ingress", &sidecar.ingress) {
        ingress(listener, &mut ports, f);
    }
    if let Some(pool) = &sidecar.inbound_connection_pool {
        connection_pool::check(pool, f.at("inboundConnectionPool"));
    }
    let (mut ports, mut sockets) = (BTreeSet::new(), BTreeSet::new());
    let last = sidecar.egress.len().saturating_sub(1);
    for (i, (f, listener)) in f.each("egress", &sidecar.egress).enumerate() {
        match &listener.port {
            Some(port) => egress_port(listener, port, &mut ports, &mut sockets, f),
            None if i != last => {
                let hint = "make it the last one; put the hosts of several such listeners into one";
                f.push("a listener without port takes all other traffic, and others follow it", hint);
            }
            None => {}
        }
        if listener.hosts.is_empty() {
            f.at("hosts").missing(
                "the list of hosts",
                "write at least one, such as ./* or back/api.back.svc.cluster.local",
            );
        }
        for (f, host) in f.each("hosts", &listener.hosts) {
            egress_host(host, f);
        }
    }
    if let Some(policy) = &sidecar.outbound_traffic_policy {
        outbound(policy, f.at("outboundTrafficPolicy"));
    }
}

fn egress_port<'s>(
    listener: &'s EgressListener,
    port: &SidecarPort,
    ports: &mut BTreeSet<u32>,
    sockets: &mut BTreeSet<&'s str>,
    f: Faults<'_>,
) {
    let bind = listener.bind.as_str();
    common_port(port, f.at("port"));
    if port.number != 0 {
        let at = f.at("port");
        port::number(port.number, at.at("number"));
        if !ports.insert(port.number) {
            let hint = "give each listener a port of its own, even where their bind differs; or put their hosts into one";
            at.at("number").push(format!("another egress listener has port {} already", port.number), hint);
        }
        if !bind.is_empty() {
            host::ip(bind, f.at("bind"));
        }
        return;
    }
    if let Some(path) = bind.strip_prefix(host::UNIX) {
        host::unix_path(path, f.at("bind"));
    } else {
        let f = f.at("port");
        let hint = "write a number from 1 to 65535, or bind: unix:///path";
        f.at("number").push("port 0 is only for a Unix domain socket", hint);
    }
    if !sockets.insert(bind) {
        f.at("bind").push(
            format!("another egress listener has the bind {bind:?} already"),
            "put their hosts into one",
        );
    }
    if listener.capture_mode == CaptureMode::Iptables {
        f.at("captureMode")
            .push("traffic of a Unix domain socket cannot be captured by iptables", "write NONE or DEFAULT");
    }
}

fn common_port(port: &SidecarPort, f: Faults<'_>) {
    if port.target_port > 0 {
        f.at("targetPort").push("targetPort has no effect in a Sidecar", "leave it out");
    }
    if !port.name.is_empty() {
        port::name(&port.name, f.at("name"));
    }
    port::protocol(&port.protocol, f.at("protocol"));
}

/// Refuses what is not `namespace/name`, where only the first `/` splits.
fn egress_host(entry: &str, f: Faults<'_>) {
    const HINT: &str =
        "write namespace/name, such as back/api.back.svc.cluster.local, ./* or */*.example.com";
    let Some((namespace, name)) = entry.split_once('/') else {
        let hint = if entry.contains('.') || entry == "*" {
            format!("write namespace/name, such as ./{entry} (of this namespace) or */{entry} (of any)")
        } else {
            HINT.into()
        };
        return f.push(format!("{entry:?} has no namespace"), hint);
    };
    if namespace.is_empty() || name.is_empty() {
        return f.push(format!("{entry:?} has an empty namespace or name"), HINT);
    }
    let plain = namespace.strip_prefix('~').unwrap_or(namespace);
    if !matches!(plain, "" | "*" | ".") && !host::is_label(plain) {
        let hint = "write a namespace's name, . (this one), * (any), or one of these after ~ (to exclude)";
        f.push(format!("{namespace:?} is not a namespace"), hint);
    }
    if name != "*" && !name.contains('.') {
        let hint = format!("write the full name, such as {namespace}/{name}.back.svc.cluster.local");
        return f.push(format!("{name:?} is a short name"), hint);
    }
    host::wild(name, f);
    host::whole_wildcard(name, f);
}

fn ingress(listener: &IngressListener, ports: &mut BTreeSet<u32>, f: Faults<'_>) {
    let Some(port) = &listener.port else {
        let hint = "say which port is listened on, such as port: {number: 8080, protocol: HTTP, name: http}";
        return f.at("port").missing("the port", hint);
    };
    {
        let f = f.at("port");
        common_port(port, f);
        port::number(port.number, f.at("number"));
        if !ports.insert(port.number) {
            let what = format!("another ingress listener has port {} already", port.number);
            f.at("number").push(what, "give each listener a port of its own, even where their bind differs");
        }
    }
    if !listener.bind.is_empty() {
        host::ip(&listener.bind, f.at("bind"));
    }
    if !listener.default_endpoint.is_empty() {
        default_endpoint(&listener.default_endpoint, f.at("defaultEndpoint"));
    }
    if let Some(tls) = &listener.tls {
        ingress_tls(tls, &port.protocol, f.at("tls"));
    }
    if let Some(pool) = &listener.connection_pool {
        connection_pool::check(pool, f.at("connectionPool"));
    }
}

fn default_endpoint(endpoint: &str, f: Faults<'_>) {
    const HINT: &str =
        "write 127.0.0.1:8080, 0.0.0.0:8080, [::1]:8080, [::]:8080, :8080 or unix:///path/to/socket";
    if let Some(path) = endpoint.strip_prefix(host::UNIX) {
        return host::unix_path(path, f);
    }
    let Some((host, port)) = host::split_port(endpoint) else {
        return f.push(format!("{endpoint:?} is not an address with a port"), HINT);
    };
    if !matches!(host, "" | "127.0.0.1" | "0.0.0.0" | "::1" | "::") {
        f.push(format!("{host:?} is not the pod itself"), HINT);
    }
    match port.parse::<i64>() {
        Ok(number) => port::number(number, f),
        Err(_) => f.push(format!("{port:?} is not a port number"), HINT),
    }
}

fn ingress_tls(tls: &ServerTls, protocol: &str, f: Faults<'_>) {
    for (name, given) in [
        ("subjectAltNames", !tls.subject_alt_names.is_empty()),
        ("httpsRedirect", tls.https_redirect),
        ("credentialName", !tls.credential_name.is_empty()),
        ("credentialNames", !tls.credential_names.is_empty()),
        ("tlsCertificates", !tls.tls_certificates.is_empty()),
    ] {
        if given {
            f.at(name).push(
                format!("{name} is not supported in a Sidecar"),
                "leave it out; certificates are given as files",
            );
        }
    }
    if matches!(tls.mode, ServerTlsMode::IstioMutual | ServerTlsMode::AutoPassthrough) {
        f.at("mode")
            .push(format!("{} is not supported in a Sidecar", tls.mode.word()), "write SIMPLE or MUTUAL");
    }
    if !port::is_tls(Protocol::from_word(protocol)) {
        f.push(
            format!("the port's protocol {protocol:?} is without TLS"),
            "make the port's protocol HTTPS or TLS",
        );
    }
    server_tls::check(tls, f);
}

fn outbound(policy: &SidecarOutboundTrafficPolicy, f: Faults<'_>) {
    if policy.mode == OutboundTrafficPolicyMode::AllowAnyDynamicDns {
        let hint = "write ALLOW_ANY or REGISTRY_ONLY";
        return f.at("mode").push("ALLOW_ANY_DYNAMIC_DNS is only for the mesh configuration", hint);
    }
    let Some(proxy) = &policy.egress_proxy else { return };
    let at = f.at("egressProxy");
    if policy.mode != OutboundTrafficPolicyMode::AllowAny {
        let what = "unknown traffic is dropped, so that there is none for an egress proxy";
        return at.push(what, "write mode: ALLOW_ANY beside it (without mode it is REGISTRY_ONLY)");
    }
    host::fqdn(&proxy.host, at.at("host"));
    if proxy.port.is_none() {
        return at.at("port").missing("the port", "say which port of the egress proxy: port: {number: 443}");
    }
    route::subset_and_port(proxy, at);
}
