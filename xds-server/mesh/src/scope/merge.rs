//! One list of services out of those of all listeners (istiod: `sidecar.go`, `appendSidecarServices`).

use std::collections::HashMap;
use std::sync::Arc;

use arcstr::ArcStr;

use super::Import;
use crate::service::{Registry, Service};

/// Services by host, in the order in which their hosts came.
#[derive(Debug, Default)]
pub(super) struct Merged {
    services: Vec<Arc<Service>>,
    imports: Vec<Import>,
    at: HashMap<ArcStr, usize>,
}

impl Merged {
    /// Adds a service; one of a host that is known is merged into it, replaces it, or is ignored.
    pub fn add(&mut self, service: &Arc<Service>, import: impl FnOnce() -> Import) {
        let Some(&at) = self.at.get(&service.hostname) else {
            self.at.insert(service.hostname.clone(), self.services.len());
            self.services.push(service.clone());
            self.imports.push(import());
            return;
        };
        let existing = &self.services[at];
        if Arc::ptr_eq(existing, service) {
            return;
        }
        match (existing.registry, service.registry) {
            (Registry::Kubernetes, Registry::External) => {}
            (Registry::External, Registry::Kubernetes) => {
                self.services[at] = service.clone();
                self.imports[at] = import();
            }
            _ if can_merge(existing, service) => {
                let missing = service.ports.iter().filter(|p| existing.port(p.number).is_none()).cloned();
                let mut united = Service::clone(existing);
                united.ports.extend(missing.collect::<Vec<_>>());
                self.services[at] = Arc::new(united);
            }
            _ => {}
        }
    }

    /// The services, and what imported each.
    pub fn finish(self) -> (Vec<Arc<Service>>, Vec<Import>) {
        (self.services, self.imports)
    }
}

/// Different ports of what is the same service in all else.
fn can_merge(a: &Service, b: &Service) -> bool {
    a.ports != b.ports
        && a.namespace == b.namespace
        && a.resolution == b.resolution
        && a.registry == b.registry
        && a.labels == b.labels
        && a.selector == b.selector
        && a.declared_export_to == b.declared_export_to
}
