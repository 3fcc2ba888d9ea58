//! Names of clusters' statistics by the mesh's patterns (istiod: `pilot/pkg/util/telemetry`, `BuildStatPrefix`).

use xdslab_mesh::service::{Port, Registry, Service};

use super::special::stat_name;

/// `alt_stat_name` of an outbound cluster: its name, or the mesh's pattern filled in.
pub fn outbound(pattern: &str, service: &Service, port: &Port, subset: &str, name: &str) -> String {
    filled(pattern, service, port, subset, 0).map_or_else(|| stat_name(name), |n| stat_name(&n))
}

/// `alt_stat_name` of an inbound cluster.
pub fn inbound(pattern: &str, service: &Service, port: &Port, target_port: u32, name: &str) -> String {
    filled(pattern, service, port, "", target_port).map_or_else(|| stat_name(name), |n| stat_name(&n))
}

fn filled(pattern: &str, service: &Service, port: &Port, subset: &str, target_port: u32) -> Option<String> {
    if pattern.is_empty() {
        return None;
    }
    let in_kubernetes = service.registry == Registry::Kubernetes;
    let short = if in_kubernetes {
        format!("{}.{}", service.name, service.namespace)
    } else {
        service.hostname.to_string()
    };
    let name = if in_kubernetes { service.name.as_str() } else { service.hostname.as_str() };
    let filled = pattern
        .replace("%SERVICE%", &short)
        .replace("%SERVICE_NAME%", name)
        .replace("%SERVICE_FQDN%", &service.hostname)
        .replace("%SERVICE_PORT%", &port.number.to_string())
        .replace("%SERVICE_PORT_NAME%", &port.name)
        .replace("%SUBSET_NAME%", subset)
        .replace("%TARGET_PORT%", &target_port.to_string());
    Some(filled)
}
