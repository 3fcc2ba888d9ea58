//! How clients treat a service, in a `DestinationRule`.

use super::faults::Faults;
use super::{client_tls, connection_pool, host, load_balancer, outlier_detection, port};
use crate::object::istio::{PortTrafficPolicy, TrafficPolicy, Tunnel};

/// Refuses what is wrong with the policy of a rule in `namespace`; `retryBudget` is taken as it is.
pub(super) fn check(policy: &TrafficPolicy, namespace: &str, f: Faults<'_>) {
    let TrafficPolicy { load_balancer, connection_pool, outlier_detection, tls, .. } = policy;
    let nothing = load_balancer.is_none()
        && connection_pool.is_none()
        && outlier_detection.is_none()
        && tls.is_none()
        && policy.port_level_settings.is_empty()
        && policy.tunnel.is_none()
        && policy.proxy_protocol.is_none()
        && policy.retry_budget.is_none();
    if nothing {
        let hint = "set one of loadBalancer, connectionPool, outlierDetection, tls, portLevelSettings, tunnel, \
                    proxyProtocol, retryBudget, or leave trafficPolicy out";
        return f.push("the traffic policy is empty", hint);
    }
    if policy.tunnel.is_some() && policy.proxy_protocol.is_some() {
        return f.push("both tunnel and proxyProtocol are set", "leave one of them out");
    }
    if let Some(settings) = outlier_detection {
        outlier_detection::check(settings, f.at("outlierDetection"));
    }
    if let Some(settings) = connection_pool {
        connection_pool::check(settings, f.at("connectionPool"));
    }
    if let Some(settings) = load_balancer {
        load_balancer::check(settings, f.at("loadBalancer"));
    }
    if let Some(settings) = tls {
        client_tls::check(settings, namespace, f.at("tls"));
    }
    if let Some(settings) = &policy.tunnel {
        tunnel(settings, f.at("tunnel"));
    }
    for (f, settings) in f.each("portLevelSettings", &policy.port_level_settings) {
        port_level(settings, namespace, f);
    }
}

fn port_level(policy: &PortTrafficPolicy, namespace: &str, f: Faults<'_>) {
    if policy.port.is_none() {
        f.at("port").missing("the port", "name the service's port: port: {number: 80}");
    }
    let PortTrafficPolicy { load_balancer, connection_pool, outlier_detection, tls, .. } = policy;
    if load_balancer.is_none() && connection_pool.is_none() && outlier_detection.is_none() && tls.is_none() {
        let hint = "set one of loadBalancer, connectionPool, outlierDetection, tls, or leave the entry out";
        return f.push("nothing is set for the port", hint);
    }
    if let Some(settings) = outlier_detection {
        outlier_detection::check(settings, f.at("outlierDetection"));
    }
    if let Some(settings) = connection_pool {
        connection_pool::check(settings, f.at("connectionPool"));
    }
    if let Some(settings) = load_balancer {
        load_balancer::check(settings, f.at("loadBalancer"));
    }
    if let Some(settings) = tls {
        client_tls::check(settings, namespace, f.at("tls"));
    }
}

fn tunnel(tunnel: &Tunnel, f: Faults<'_>) {
    if !matches!(tunnel.protocol.as_str(), "" | "CONNECT" | "POST") {
        f.at("protocol")
            .push(format!("{:?} is not a way to tunnel", tunnel.protocol), "write CONNECT or POST");
    }
    if host::fqdn_fault(&tunnel.target_host).is_some() && !host::is_ip(&tunnel.target_host) {
        let what = format!("{:?} is neither a host name nor an IP address", tunnel.target_host);
        f.at("targetHost").push(what, "write the host that the tunnel leads to, such as example.com");
    }
    port::number(tunnel.target_port, f.at("targetPort"));
}
