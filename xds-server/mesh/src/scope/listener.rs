//! What one egress listener imports (istiod: `convertIstioListenerToWrapper`, `selectServices`).

use std::collections::HashMap;
use std::sync::Arc;

use arcstr::{ArcStr, literal};

use super::Import;
use super::build::ScopeInputs;
use super::hosts::Hosts;
use crate::object::istio::EgressListener;
use crate::rules::VirtualServiceRule;
use crate::service::{Protocol, Registry, Service};

/// One egress listener and what it imports.
#[derive(Debug)]
pub struct EgressScope {
    /// The Sidecar's entry; none for the listener that imports everything.
    pub listener: Option<EgressListener>,
    /// Services, in order of creation, those exported to the namespace first.
    pub services: Vec<Arc<Service>>,
    /// Virtual services in order of precedence.
    pub virtual_services: Vec<Arc<VirtualServiceRule>>,
    /// Of each service, which entry imported it.
    pub(super) imports: Vec<Import>,
}

impl EgressScope {
    /// What `listener`, the one at `position`, imports for proxies of `namespace`.
    pub(super) fn new(
        inputs: &ScopeInputs<'_>,
        namespace: &ArcStr,
        listener: Option<&EgressListener>,
        position: usize,
    ) -> Self {
        let everything = [literal!("*/*")];
        let hosts = Hosts::read(listener.map_or(&everything[..], |l| &l.hosts), namespace);
        let port = listener.and_then(match_port);
        let picked = pick(inputs, &hosts, namespace, port);
        let kept = one_namespace_a_host(picked, namespace);
        let (mut services, mut imports) = (Vec::with_capacity(kept.len()), Vec::with_capacity(kept.len()));
        for (service, entry) in kept {
            imports.push(match listener {
                None => Import::Default,
                Some(_) => Import::EgressHost { listener: position, host: entry },
            });
            services.push(with_aliases(service, &hosts));
        }
        let visible = inputs.virtual_services.visible_to(namespace).filter(|v| v.is_bound_to("mesh"));
        let admitted =
            visible.filter(|v| hosts.admits(&v.spec.hosts, &v.config.meta.namespace, v.gateway_semantics));
        let virtual_services = admitted.cloned().collect();
        Self { listener: listener.cloned(), services, virtual_services, imports }
    }

    /// The port that services must have, if the listener asks for one.
    pub fn match_port(&self) -> Option<u32> {
        self.listener.as_ref().and_then(match_port)
    }
}

/// A listener's port counts unless it is 0 or that of an HTTP proxy.
fn match_port(listener: &EgressListener) -> Option<u32> {
    let port = listener.port.as_ref()?;
    (port.number != 0 && Protocol::from_word(&port.protocol) != Protocol::HttpProxy).then_some(port.number)
}

fn pick(
    inputs: &ScopeInputs<'_>,
    hosts: &Hosts,
    namespace: &ArcStr,
    port: Option<u32>,
) -> Vec<(Arc<Service>, ArcStr)> {
    let accept = |service: &Arc<Service>| {
        if hosts.excludes(&service.hostname, &service.namespace) {
            return None;
        }
        let fits = port.is_none_or(|p| service.port(p).is_some());
        let entry = hosts.import(service, fits)?.clone();
        Some((at_port(service, port), entry))
    };
    match hosts.exact() {
        Some(exact) => {
            let found = exact.iter().filter_map(|(ns, host)| inputs.services.get(host, ns));
            let mut found: Vec<_> =
                found.filter(|s| s.export_to.is_visible(&s.namespace, namespace)).cloned().collect();
            found.sort_by(|a, b| (a.created, &a.name, &a.namespace).cmp(&(b.created, &b.name, &b.namespace)));
            found.dedup_by(|a, b| Arc::ptr_eq(a, b));
            found.iter().filter_map(accept).collect()
        }
        None => inputs.services.exported_to(namespace).filter_map(accept).collect(),
    }
}

/// The service itself if that is its only port, else a copy that has no other.
fn at_port(service: &Arc<Service>, port: Option<u32>) -> Arc<Service> {
    match port {
        Some(port) if service.ports.len() > 1 => Arc::new(service.trimmed(|p| p.number == port)),
        _ => service.clone(),
    }
}

/// Keeps of each host the services of one namespace: the proxy's own, else the first, Kubernetes before others.
fn one_namespace_a_host(picked: Vec<(Arc<Service>, ArcStr)>, own: &ArcStr) -> Vec<(Arc<Service>, ArcStr)> {
    let mut chosen: HashMap<&str, &Service> = HashMap::with_capacity(picked.len());
    let mut is_shared = false;
    for (service, _) in &picked {
        let at = chosen.entry(&service.hostname).or_insert(service);
        is_shared = is_shared || at.namespace != service.namespace;
        let is_better = |s: &Service| s.registry == Registry::Kubernetes && at.registry != Registry::Kubernetes;
        if service.namespace == *own || (is_better(service) && at.namespace != *own) {
            *at = service;
        }
    }
    if !is_shared {
        return picked;
    }
    let kept: Vec<bool> =
        picked.iter().map(|(s, _)| chosen.get(s.hostname.as_str()).is_some_and(|c| c.namespace == s.namespace)).collect();
    picked.into_iter().zip(kept).filter(|(_, kept)| *kept).map(|(picked, _)| picked).collect()
}

/// The service with those of its other names that the same entries import.
fn with_aliases(service: Arc<Service>, hosts: &Hosts) -> Arc<Service> {
    let admitted = |a: &crate::service::Alias| hosts.admits_alias(&a.hostname, &a.namespace);
    if service.aliases.iter().all(admitted) {
        return service;
    }
    let mut trimmed = Service::clone(&service);
    trimmed.aliases.retain(admitted);
    Arc::new(trimmed)
}
