//! Where the routes of a `VirtualService` lead (istiod: `virtualServiceDestinationsFilteredBySourceNamespace`,
//! `pickBestVisibleNamespace` in `sidecar.go` and `push_context.go`).

use std::sync::Arc;

use arcstr::ArcStr;

use crate::object::istio::{Destination, HttpRoute, VirtualService};
use crate::service::{Registry, Service, ServiceIndex};

/// Hosts in order of appearance, each with its ports.
#[derive(Debug, Default)]
pub(super) struct Destinations<'a>(Vec<(&'a ArcStr, Ports)>);

/// The ports that are named for one host; 0 stands for a destination without port.
#[derive(Debug)]
pub(super) struct Ports(Vec<u32>);

impl<'a> Destinations<'a> {
    /// What the routes lead to for proxies of `namespace`.
    pub fn of(spec: &'a VirtualService, namespace: &ArcStr) -> Self {
        let mut all = Self::default();
        for route in spec.http.iter().filter(|r| is_for(r, namespace)) {
            route.route.iter().filter_map(|r| r.destination.as_ref()).for_each(|d| all.add(d));
            route.mirror.iter().for_each(|d| all.add(d));
            route.mirrors.iter().filter_map(|m| m.destination.as_ref()).for_each(|d| all.add(d));
        }
        let opaque = spec.tcp.iter().flat_map(|r| &r.route).chain(spec.tls.iter().flat_map(|r| &r.route));
        opaque.filter_map(|r| r.destination.as_ref()).for_each(|d| all.add(d));
        all
    }

    pub fn iter(&self) -> impl Iterator<Item = (&'a ArcStr, &Ports)> {
        self.0.iter().map(|(host, ports)| (*host, ports))
    }

    fn add(&mut self, destination: &'a Destination) {
        let port = destination.port.map_or(0, |p| p.number);
        match self.0.iter_mut().find(|(host, _)| **host == destination.host) {
            Some((_, ports)) => ports.0.push(port),
            None => self.0.push((&destination.host, Ports(vec![port]))),
        }
    }
}

impl Ports {
    /// The service with those ports: itself where all are named, none where none is.
    pub fn of(&self, service: &Arc<Service>) -> Option<Arc<Service>> {
        let named = |port: u32| self.0.contains(&0) || self.0.contains(&port);
        if service.ports.iter().all(|p| named(p.number)) {
            return Some(service.clone());
        }
        let trimmed = service.trimmed(|p| named(p.number));
        (!trimmed.ports.is_empty()).then(|| Arc::new(trimmed))
    }
}

/// A route of which matches name source namespaces is for those only, whatever its other matches say.
fn is_for(route: &HttpRoute, namespace: &ArcStr) -> bool {
    let mut sources = route.matches.iter().map(|m| &m.source_namespace).filter(|n| !n.is_empty()).peekable();
    sources.peek().is_none() || sources.any(|n| n == namespace)
}

/// The service that a destination means: that of the proxies' namespace whoever may see it, else of the visible ones
/// Kubernetes', else the oldest.
pub(super) fn meant<'a>(
    index: &'a ServiceIndex,
    hostname: &str,
    namespace: &ArcStr,
) -> Option<&'a Arc<Service>> {
    index.get(hostname, namespace).or_else(|| {
        let visible = || index.of_host(hostname).filter(|s| s.export_to.is_visible(&s.namespace, namespace));
        let kubernetes = visible().find(|s| s.registry == Registry::Kubernetes);
        kubernetes.or_else(|| visible().min_by_key(|s| s.created))
    })
}
