//! Names of clusters' statistics by the mesh's patterns (istiod: `pilot/pkg/util/telemetry`, `BuildStatPrefix`).

use xdslab_mesh::service::{Port, Registry, Service};

use super::special::stat_name;

/// `alt_stat_name` of an outbound cluster: its name, or the mesh's pattern filled in.
pub fn outbound(pattern: &str, service: &Service, port: &Port, subset: &str, name: &str) -> String {
    alt_name(pattern, &Subject::of(service, port.number, &port.name, subset), name)
}

/// `alt_stat_name` of a cluster: its name, or the pattern filled in.
pub fn alt_name(pattern: &str, subject: &Subject<'_>, name: &str) -> String {
    subject.filled(pattern).map_or_else(|| stat_name(name), |n| stat_name(&n))
}

/// What statistics are about.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The service's host; empty for traffic that no service takes.
    pub host: &'a str,
    /// Name and namespace of a Kubernetes Service.
    pub kubernetes: Option<(&'a str, &'a str)>,
    /// The service's port.
    pub port: u32,
    /// The port's name.
    pub port_name: &'a str,
    /// Subset, empty for the whole service.
    pub subset: &'a str,
    /// The application's port; where there is none, `%TARGET_PORT%` stays as it is.
    pub target_port: Option<u32>,
}

impl<'a> Subject<'a> {
    /// A service's port.
    pub fn of(service: &'a Service, port: u32, port_name: &'a str, subset: &'a str) -> Self {
        let in_kubernetes = service.registry == Registry::Kubernetes;
        let kubernetes = in_kubernetes.then_some((service.name.as_str(), service.namespace.as_str()));
        Self { host: &service.hostname, kubernetes, port, port_name, subset, target_port: Some(0) }
    }

    /// The pattern filled in; none where the mesh has no pattern.
    pub fn filled(&self, pattern: &str) -> Option<String> {
        if pattern.is_empty() {
            return None;
        }
        let short = self.kubernetes.map(|(name, namespace)| format!("{name}.{namespace}"));
        let filled = pattern
            .replace("%SERVICE%", short.as_deref().unwrap_or(self.host))
            .replace("%SERVICE_NAME%", self.kubernetes.map_or(self.host, |(name, _)| name))
            .replace("%SERVICE_FQDN%", self.host)
            .replace("%SERVICE_PORT%", &self.port.to_string())
            .replace("%SERVICE_PORT_NAME%", self.port_name)
            .replace("%SUBSET_NAME%", self.subset);
        Some(match self.target_port {
            Some(port) => filled.replace("%TARGET_PORT%", &port.to_string()),
            None => filled,
        })
    }
}
