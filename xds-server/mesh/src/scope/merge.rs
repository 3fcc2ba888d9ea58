//! One list of services out of those of all listeners (istiod: `appendSidecarServices` in `sidecar.go`).

use std::sync::Arc;

use super::by_host::ByHost;
use crate::service::{Port, Registry, Service, ServiceIndex};

/// Services, one a host, in the order in which their hosts came.
#[derive(Debug)]
pub(super) struct Merged<'a> {
    index: &'a ServiceIndex,
    pub services: Vec<Arc<Service>>,
    pub by_host: ByHost,
}

impl<'a> Merged<'a> {
    /// No services yet; those to come are of `index`, trimmed or whole.
    pub fn new(index: &'a ServiceIndex) -> Self {
        Self { index, services: Vec::new(), by_host: ByHost::default() }
    }

    /// Adds a service. One of a host that is known is merged into it, replaces it, or is ignored: Kubernetes Services
    /// go before others, else the first holds.
    pub fn add(&mut self, service: &Arc<Service>) {
        self.services.push(service.clone());
        let Some(place) =
            self.by_host.get_or_insert(&self.services, self.services.len() - 1).map(|p| *p as usize)
        else {
            return;
        };
        self.services.pop();
        let existing = &mut self.services[place];
        if Arc::ptr_eq(existing, service) {
            return;
        }
        match (existing.registry, service.registry) {
            (Registry::Kubernetes, Registry::External) => {}
            (Registry::External, Registry::Kubernetes) => *existing = service.clone(),
            _ if can_merge(existing, service) => unite(existing, service, self.index),
            _ => {}
        }
    }
}

/// Whether two services of one host differ in ports only.
fn can_merge(a: &Service, b: &Service) -> bool {
    a.namespace == b.namespace
        && a.resolution == b.resolution
        && a.labels == b.labels
        && a.selector == b.selector
        && a.declared_export_to == b.declared_export_to
}

/// Adds the ports whose numbers are new. A service that is whole again is the one that all share.
fn unite(into: &mut Arc<Service>, other: &Service, index: &ServiceIndex) {
    let missing: Vec<Port> = other.ports.iter().filter(|p| into.port(p.number).is_none()).cloned().collect();
    if missing.is_empty() {
        return;
    }
    let mut united = Service::clone(into);
    united.ports.extend(missing);
    let whole = index.get(&united.hostname, &united.namespace).filter(|whole| ***whole == united);
    *into = whole.cloned().unwrap_or_else(|| Arc::new(united));
}
