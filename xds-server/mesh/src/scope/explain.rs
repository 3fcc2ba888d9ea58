//! Why a service is not in a scope.

use std::fmt;

use arcstr::ArcStr;

use super::Scope;
use super::hosts::Hosts;
use crate::service::{Resolution, Service, ServiceIndex};

/// Why a service is not in a scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Absence {
    /// Its own `exportTo`, or the mesh's default, keeps it from the namespace.
    NotExported {
        /// Who may see it.
        export_to: Vec<ArcStr>,
    },
    /// An egress listener's exclusion takes it out, and no other listener imports it.
    Excluded {
        /// Position of the listener.
        listener: usize,
    },
    /// An egress host imports it, but it has no port of the listener's number.
    NoSuchPort {
        /// Position of the listener.
        listener: usize,
        /// The listener's port.
        port: u32,
    },
    /// A service of the same host in another namespace is imported instead.
    OtherNamespace {
        /// That namespace.
        namespace: ArcStr,
    },
    /// No egress host names it.
    NotImported,
}

impl fmt::Display for Absence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotExported { export_to } => write!(f, "exported to {} only", export_to.join(", ")),
            Self::Excluded { listener } => write!(f, "excluded by egress[{listener}]"),
            Self::NoSuchPort { listener, port } => write!(f, "egress[{listener}] is for port {port}, which it has not"),
            Self::OtherNamespace { namespace } => write!(f, "the host is that of namespace {namespace} here"),
            Self::NotImported => f.write_str("no egress host names it"),
        }
    }
}

impl Scope {
    /// The services of the mesh that this scope lacks, each with the reason, by host and namespace.
    pub fn absences<'a>(&'a self, services: &'a ServiceIndex) -> Vec<(&'a Service, Absence)> {
        let missing = services.all().filter(|s| {
            self.service(&s.hostname).is_none_or(|known| known.namespace != s.namespace)
        });
        missing.map(|s| (&**s, self.absence(s))).collect()
    }

    fn absence(&self, service: &Service) -> Absence {
        if let Some(known) = self.service(&service.hostname) {
            return Absence::OtherNamespace { namespace: known.namespace.clone() };
        }
        let hidden = service.export_to.contains("~") && !service.export_to.contains("*");
        if hidden || !service.export_to.is_visible(&service.namespace, &self.namespace) {
            return Absence::NotExported { export_to: service.export_to.iter().cloned().collect() };
        }
        let mut reason = Absence::NotImported;
        for (position, listener) in self.listeners.iter().enumerate() {
            let Some(entry) = &listener.listener else { continue };
            let hosts = Hosts::read(&entry.hosts, &self.namespace);
            if hosts.excludes(&service.hostname, &service.namespace) {
                reason = Absence::Excluded { listener: position };
            } else if let Some(port) = listener.match_port()
                && hosts.import(service, true).is_some()
            {
                reason = Absence::NoSuchPort { listener: position, port };
            }
        }
        reason
    }
}

impl Service {
    /// Whether clients have clusters for it: another name of a service has none of its own.
    pub fn has_clusters(&self) -> bool {
        self.resolution != Resolution::Alias
    }
}
