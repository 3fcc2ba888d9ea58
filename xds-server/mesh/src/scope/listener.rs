//! What one egress listener imports (istiod: `convertIstioListenerToWrapper`, `selectServices` in `sidecar.go`,
//! `SelectVirtualServices` in `virtualservice.go`).

use std::sync::Arc;

use arcstr::{ArcStr, literal};

use super::build::ScopeInputs;
use super::by_host::ByHost;
use super::hosts::{Found, Hosts};
use crate::object::istio::EgressListener;
use crate::rules::{HostMap, MESH, VirtualServiceRule};
use crate::service::{Protocol, Registry, Service, ServiceIndex};

/// One egress listener and what it imports.
#[derive(Debug)]
pub struct EgressScope {
    /// The Sidecar's entry; none for the listener that imports everything.
    pub listener: Option<EgressListener>,
    /// Services, those exported to the namespace by name first, else in order of creation. Several may have one host,
    /// all of one namespace. Listener ports and hosts have trimmed their ports and aliases.
    pub services: Arc<[Arc<Service>]>,
    /// `VirtualServices` in order of precedence: of two with one host the first holds.
    pub virtual_services: Vec<Arc<VirtualServiceRule>>,
    /// Places in `virtual_services` of the first with each host.
    by_rule_host: HostMap<usize>,
    pub(super) hosts: Hosts,
}

impl EgressScope {
    /// What `listener` imports for proxies of `namespace`, and the places of its services by host if no two have
    /// the same.
    pub(super) fn new(
        inputs: &ScopeInputs<'_>,
        namespace: &ArcStr,
        listener: Option<&EgressListener>,
    ) -> (Self, Option<ByHost>) {
        let everything = [literal!("*/*")];
        let hosts = Hosts::read(listener.map_or(&everything[..], |l| &l.hosts), namespace);
        let mut services = pick(inputs.services, &hosts, listener.and_then(match_port), namespace);
        let by_host = one_namespace_a_host(&mut services, namespace);
        let virtual_services = select(inputs, &hosts, namespace);
        (Self::with(listener.cloned(), services, virtual_services, hosts), by_host)
    }

    /// The one listener of a gateway: no services, and the `VirtualServices` of the mesh.
    pub(super) fn of_gateway(inputs: &ScopeInputs<'_>, namespace: &ArcStr) -> Self {
        Self::with(None, Vec::new(), inputs.virtual_services.of_gateway(namespace, MESH), Hosts::default())
    }

    fn with(
        listener: Option<EgressListener>,
        services: Vec<Arc<Service>>,
        virtual_services: Vec<Arc<VirtualServiceRule>>,
        hosts: Hosts,
    ) -> Self {
        let mut by_rule_host = HostMap::default();
        for (place, rule) in virtual_services.iter().enumerate() {
            for host in &rule.spec.hosts {
                by_rule_host.get_or_insert_with(host, || place);
            }
        }
        Self { listener, services: services.into(), virtual_services, by_rule_host, hosts }
    }

    /// The port that services must have, if the listener asks for one.
    pub fn match_port(&self) -> Option<u32> {
        self.listener.as_ref().and_then(match_port)
    }

    /// The `VirtualService` that covers a host most closely: the exact host before wildcards, a longer wildcard
    /// before a shorter one, of equal hosts the first.
    pub fn most_specific(&self, hostname: &str) -> Option<&Arc<VirtualServiceRule>> {
        self.by_rule_host.most_specific(hostname).map(|place| &self.virtual_services[*place])
    }
}

/// A listener's port counts unless it is 0 (a unix domain socket) or that of an HTTP proxy.
fn match_port(listener: &EgressListener) -> Option<u32> {
    let port = listener.port.as_ref()?;
    (port.number != 0 && Protocol::from_word(&port.protocol) != Protocol::HttpProxy).then_some(port.number)
}

/// The service as a listener for `port` has it: itself if that is its only port, a copy with that port alone, or
/// none where it lacks it.
pub(super) fn at_port(service: &Arc<Service>, port: u32) -> Option<Arc<Service>> {
    service.port(port)?;
    let is_whole = service.ports.len() == 1;
    Some(if is_whole { service.clone() } else { Arc::new(service.trimmed(|p| p.number == port)) })
}

/// The visible services that the entries import.
///
/// Where every entry names one host of one namespace they are looked up: O(entries). There, of several services
/// of a host in one namespace only one is found, unlike on the scan; istiod has the same gap.
fn pick(index: &ServiceIndex, hosts: &Hosts, port: Option<u32>, namespace: &ArcStr) -> Vec<Arc<Service>> {
    let import = |service: &Arc<Service>| {
        let (hostname, of) = (&service.hostname, &service.namespace);
        if hosts.exclusion(hostname, of).is_some() {
            return None;
        }
        let found = hosts.import(hostname, of)?;
        let service = match port {
            Some(port) => at_port(service, port)?,
            None => service.clone(),
        };
        Some(with_aliases(service, found))
    };
    if let Some(exact) = hosts.exact() {
        let named = exact.filter_map(|(of, host)| index.get(host, of));
        let mut named: Vec<_> = named.filter(|s| s.export_to.is_visible(&s.namespace, namespace)).collect();
        named.sort_by_key(|s| (s.created, &s.name, &s.namespace, &s.hostname));
        return named.into_iter().filter_map(import).collect();
    }
    match hosts.owners() {
        Some(owners) => index.exported_to_from(namespace, owners).filter_map(import).collect(),
        None => index.exported_to(namespace).filter_map(import).collect(),
    }
}

/// The service with those of its other names that the imports of the same namespace cover.
fn with_aliases(service: Arc<Service>, found: Found<'_>) -> Arc<Service> {
    if service.aliases.iter().all(|a| found.covers(&a.hostname)) {
        return service;
    }
    let mut trimmed = Service::clone(&service);
    trimmed.aliases.retain(|a| found.covers(&a.hostname));
    Arc::new(trimmed)
}

/// Keeps of each host the services of one namespace: the proxies' own, else that of the first Kubernetes Service,
/// else that of the first service.
fn one_namespace_a_host(services: &mut Vec<Arc<Service>>, own: &ArcStr) -> Option<ByHost> {
    let mut chosen = ByHost::with_capacity(services.len());
    let mut distinct = true;
    for (place, service) in services.iter().enumerate() {
        let Some(known) = chosen.get_or_insert(services, place) else { continue };
        distinct = false;
        let before = &services[*known as usize];
        let by_registry = before.registry != Registry::Kubernetes && service.registry == Registry::Kubernetes;
        if service.namespace == *own || (by_registry && before.namespace != *own) {
            *known = u32::try_from(place).unwrap_or(u32::MAX);
        }
    }
    if distinct {
        return Some(chosen);
    }
    let is_chosen = |s: &Arc<Service>| {
        chosen.get(services, &s.hostname).is_some_and(|place| services[place].namespace == s.namespace)
    };
    let kept = services.iter().filter(|s| is_chosen(s)).cloned().collect();
    *services = kept;
    None
}

/// The `VirtualServices` of the mesh that the entries import: private ones, those exported to the namespace by name,
/// public ones; of each those that stand for Gateway API routes of the namespace first.
fn select(inputs: &ScopeInputs<'_>, hosts: &Hosts, namespace: &ArcStr) -> Vec<Arc<VirtualServiceRule>> {
    let first = |r: &VirtualServiceRule| r.gateway_semantics && r.meta().namespace == *namespace;
    let mut selected = Vec::new();
    for list in inputs.virtual_services.sources(namespace, MESH) {
        let found = |r: &&Arc<VirtualServiceRule>| {
            hosts.select(&r.spec.hosts, &r.meta().namespace, r.gateway_semantics)
        };
        selected.extend(list.iter().filter(|r| first(r)).filter(found).cloned());
        selected.extend(list.iter().filter(|r| !first(r)).filter(found).cloned());
    }
    selected
}
