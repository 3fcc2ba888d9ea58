//! Why a service is in a scope, or is not. Found out when asked for: a scope holds nothing for it.

use std::fmt;
use std::sync::Arc;

use arcstr::ArcStr;

use super::Scope;
use super::destinations::Destinations;
use crate::proxy::ProxyKind;
use crate::rules::ConfigKey;
use crate::service::{ExportTo, Resolution, Service, ServiceIndex};

/// Why a service is in a scope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Import {
    /// Nothing is declared, so that everything visible is imported: no `Sidecar`, or one without egress listeners.
    #[default]
    Default,
    /// An entry of `egress[listener].hosts`.
    EgressHost {
        /// Position of the listener.
        listener: usize,
        /// The entry, as it was written.
        host: ArcStr,
    },
    /// A destination of a `VirtualService` that the listener selects, and nothing else.
    Destination {
        /// Position of the listener.
        listener: usize,
        /// The `VirtualService`.
        rule: ConfigKey,
    },
}

/// Why a service is not in a scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Absence {
    /// Its own `exportTo`, or the mesh's default, keeps it from the namespace.
    NotExported {
        /// Who may see it.
        export_to: ExportTo,
    },
    /// No egress host names it.
    NotImported,
    /// An entry leaves it out of the listener, and no other listener imports it.
    Excluded {
        /// Position of the listener.
        listener: usize,
        /// The entry, as it was written.
        host: ArcStr,
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
}

impl fmt::Display for Absence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotExported { export_to } => {
                let to: Vec<_> = export_to.iter().map(ArcStr::as_str).collect();
                write!(f, "exported to {} only", to.join(", "))
            }
            Self::NotImported => f.write_str("no egress host names it"),
            Self::Excluded { listener, host } => write!(f, "excluded by egress[{listener}] {host}"),
            Self::NoSuchPort { listener, port } => {
                write!(f, "egress[{listener}] is for port {port}, which it has not")
            }
            Self::OtherNamespace { namespace } => write!(f, "the host is that of namespace {namespace} here"),
        }
    }
}

impl Scope {
    /// All services, each with what imported it first. O(listeners x services).
    pub fn imports(&self) -> Vec<(&Arc<Service>, Import)> {
        let mut first: Vec<Option<Import>> = vec![None; self.services.len()];
        for (position, listener) in self.listeners.iter().enumerate() {
            for service in listener.services.iter() {
                let Some(at) = self.place(&service.hostname) else { continue };
                if first[at].is_none() && self.services[at].namespace == service.namespace {
                    let found = listener.hosts.import(&service.hostname, &service.namespace);
                    let entry = found
                        .filter(|_| listener.listener.is_some())
                        .map(|f| listener.hosts.entry(f.entry()));
                    let by_entry =
                        |host: &ArcStr| Import::EgressHost { listener: position, host: host.clone() };
                    first[at] = Some(entry.map_or(Import::Default, by_entry));
                }
            }
            for rule in &listener.virtual_services {
                for (host, _) in Destinations::of(&rule.spec, &self.namespace).iter() {
                    let Some(at) = self.place(host) else { continue };
                    let has_port = listener.match_port().is_none_or(|p| self.services[at].port(p).is_some());
                    if has_port && first[at].is_none() && self.kind == ProxyKind::Sidecar {
                        first[at] =
                            Some(Import::Destination { listener: position, rule: rule.key().clone() });
                    }
                }
            }
        }
        let found = first.into_iter().map(Option::unwrap_or_default);
        self.services.iter().zip(found).collect()
    }

    /// The services of the mesh that this scope lacks, each with the reason, by host and namespace.
    pub fn absences<'a>(&self, services: &'a ServiceIndex) -> Vec<(&'a Service, Absence)> {
        let reason = |s: &'a Arc<Service>| Some((&**s, self.absence(s)?));
        services.all().filter_map(reason).collect()
    }

    /// Why the scope lacks a service; none if it has it.
    pub fn absence(&self, service: &Service) -> Option<Absence> {
        match self.service(&service.hostname) {
            Some(known) if known.namespace == service.namespace => return None,
            Some(known) => return Some(Absence::OtherNamespace { namespace: known.namespace.clone() }),
            None => {}
        }
        let export_to = &service.export_to;
        let hidden = export_to.contains("~") && !export_to.contains("*");
        if hidden || !export_to.is_visible(&service.namespace, &self.namespace) {
            return Some(Absence::NotExported { export_to: export_to.clone() });
        }
        let mut reasons = self.listeners.iter().enumerate().filter_map(|(position, listener)| {
            let (hosts, host, of) = (&listener.hosts, &service.hostname, &service.namespace);
            hosts.import(host, of)?;
            match (hosts.exclusion(host, of), listener.match_port()) {
                (Some(entry), _) => Some(Absence::Excluded { listener: position, host: entry.clone() }),
                (None, Some(port)) => Some(Absence::NoSuchPort { listener: position, port }),
                (None, None) => None,
            }
        });
        Some(reasons.next_back().unwrap_or(Absence::NotImported))
    }
}

impl Service {
    /// Whether clients have clusters for it: another name of a service (`ExternalName`) has none of its own.
    pub fn has_clusters(&self) -> bool {
        self.resolution != Resolution::Alias
    }
}
