//! Names of clusters' statistics by the mesh's patterns (istiod: `pilot/pkg/util/telemetry`, `BuildStatPrefix`).

use xdslab_mesh::service::{Port, Registry, Service};

use super::special::stat_name;

/// `alt_stat_name` of an outbound cluster: its name, or the mesh's pattern filled in.
pub fn outbound(pattern: &str, service: &Service, port: &Port, subset: &str, name: &str) -> String {
    alt_name(pattern, &Subject::of(service, port, subset, Some(0)), name)
}

/// `alt_stat_name` of an inbound cluster.
pub fn inbound(pattern: &str, service: &Service, port: &Port, target_port: u32, name: &str) -> String {
    alt_name(pattern, &Subject::of(service, port, "", Some(target_port)), name)
}

fn alt_name(pattern: &str, subject: &Subject<'_>, name: &str) -> String {
    subject.filled(pattern).map_or_else(|| stat_name(name), |n| stat_name(&n))
}

/// What statistics are about.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The service; none for traffic that no service takes.
    pub service: Option<&'a Service>,
    /// Its port.
    pub port: u32,
    /// The port's name.
    pub port_name: &'a str,
    /// Subset, empty for the whole service.
    pub subset: &'a str,
    /// The application's port; where there is none, `%TARGET_PORT%` stays as it is.
    pub target_port: Option<u32>,
}

impl<'a> Subject<'a> {
    fn of(service: &'a Service, port: &'a Port, subset: &'a str, target_port: Option<u32>) -> Self {
        Self { service: Some(service), port: port.number, port_name: &port.name, subset, target_port }
    }

    /// The pattern filled in; none where the mesh has no pattern.
    pub fn filled(&self, pattern: &str) -> Option<String> {
        if pattern.is_empty() {
            return None;
        }
        let host = self.service.map_or("", |s| s.hostname.as_str());
        let in_kubernetes = self.service.filter(|s| s.registry == Registry::Kubernetes);
        let short = in_kubernetes.map(|s| format!("{}.{}", s.name, s.namespace));
        let filled = pattern
            .replace("%SERVICE%", short.as_deref().unwrap_or(host))
            .replace("%SERVICE_NAME%", in_kubernetes.map_or(host, |s| &s.name))
            .replace("%SERVICE_FQDN%", host)
            .replace("%SERVICE_PORT%", &self.port.to_string())
            .replace("%SERVICE_PORT_NAME%", self.port_name)
            .replace("%SUBSET_NAME%", self.subset);
        Some(match self.target_port {
            Some(port) => filled.replace("%TARGET_PORT%", &port.to_string()),
            None => filled,
        })
    }
}
