//! Building a scope (istiod: `sidecar.go`, `convertToSidecarScope`, `DefaultSidecarScopeForNamespace`).

use std::sync::Arc;

use arcstr::ArcStr;
use indexmap::{IndexMap, IndexSet};

use super::listener::EgressScope;
use super::merge::Merged;
use super::{Import, Scope};
use crate::object::istio::{Destination, HttpRoute, MeshConfig};
use crate::proxy::ProxyKind;
use crate::rules::{
    DestinationRuleIndex, PeerAuthenticationIndex, SelectedSidecar, VirtualServiceIndex, VirtualServiceRule,
};
use crate::service::{Registry, Service, ServiceIndex};

/// What a scope is made from.
#[derive(Debug)]
pub struct ScopeInputs<'a> {
    /// Mesh configuration.
    pub mesh: &'a MeshConfig,
    /// All services.
    pub services: &'a ServiceIndex,
    /// All virtual services.
    pub virtual_services: &'a VirtualServiceIndex,
    /// All destination rules.
    pub destination_rules: &'a DestinationRuleIndex,
    /// All peer authentication policies.
    pub peer_authentications: &'a PeerAuthenticationIndex,
}

impl Scope {
    /// The scope of the proxies of `namespace` that have the selected Sidecar. O(visible services x listeners).
    ///
    /// Gateways have no Sidecar, and virtual services bring nothing into their scope.
    pub fn build(inputs: &ScopeInputs<'_>, kind: ProxyKind, namespace: &ArcStr, selected: &SelectedSidecar) -> Self {
        let egress = selected.config().map_or(&[][..], |s| s.spec.egress.as_slice());
        let listeners: Vec<_> = if egress.is_empty() {
            vec![EgressScope::new(inputs, namespace, None, 0)]
        } else {
            let one = |(i, listener)| EgressScope::new(inputs, namespace, Some(listener), i);
            egress.iter().enumerate().map(one).collect()
        };
        let mut merged = Merged::default();
        for (position, listener) in listeners.iter().enumerate() {
            for (service, import) in listener.services.iter().zip(&listener.imports) {
                merged.add(service, || import.clone());
            }
            if kind == ProxyKind::Sidecar {
                infer(inputs, namespace, listener, position, &mut merged);
            }
        }
        Self::assemble(inputs, namespace, selected, listeners, merged)
    }
}

/// Adds the services that the listener's virtual services lead to.
fn infer(
    inputs: &ScopeInputs<'_>,
    namespace: &ArcStr,
    listener: &EgressScope,
    position: usize,
    merged: &mut Merged,
) {
    for rule in &listener.virtual_services {
        for (host, ports) in destinations(rule, namespace) {
            let Some(service) = resolve(inputs, &host, namespace) else { continue };
            let wanted = |port: u32| match listener.match_port() {
                Some(only) => port == only,
                None => ports.contains(&0) || ports.contains(&port),
            };
            let trimmed = if service.ports.iter().all(|p| wanted(p.number)) {
                service.clone()
            } else {
                Arc::new(service.trimmed(|p| wanted(p.number)))
            };
            let any_port = listener.match_port().is_none() && ports.contains(&0);
            if trimmed.ports.is_empty() && !any_port {
                continue;
            }
            merged.add(&trimmed, || Import::Destination { listener: position, rule: rule.from[0].clone() });
        }
    }
}

/// Hosts that a rule leads to for proxies of `namespace`, each with the ports that it names; 0 stands for none.
fn destinations(rule: &VirtualServiceRule, namespace: &ArcStr) -> IndexMap<ArcStr, IndexSet<u32>> {
    let mut all: IndexMap<ArcStr, IndexSet<u32>> = IndexMap::new();
    let mut add = |d: &Destination| {
        all.entry(d.host.clone()).or_default().insert(d.port.map_or(0, |p| p.number));
    };
    let spec = &rule.spec;
    for route in spec.http.iter().filter(|r| is_for(r, namespace)) {
        route.route.iter().filter_map(|r| r.destination.as_ref()).for_each(&mut add);
        route.mirror.iter().for_each(&mut add);
        route.mirrors.iter().filter_map(|m| m.destination.as_ref()).for_each(&mut add);
    }
    let opaque = spec.tcp.iter().flat_map(|r| &r.route).chain(spec.tls.iter().flat_map(|r| &r.route));
    opaque.filter_map(|r| r.destination.as_ref()).for_each(&mut add);
    all
}

/// A route whose matches name source namespaces is for those only.
fn is_for(route: &HttpRoute, namespace: &ArcStr) -> bool {
    let mut sources = route.matches.iter().map(|m| &m.source_namespace).filter(|n| !n.is_empty()).peekable();
    sources.peek().is_none() || sources.any(|n| n == namespace)
}

/// The service that a destination means: that of the proxies' namespace, else the visible one of Kubernetes, else
/// the oldest.
fn resolve(inputs: &ScopeInputs<'_>, host: &str, namespace: &ArcStr) -> Option<Arc<Service>> {
    if let Some(own) = inputs.services.get(host, namespace) {
        return Some(own.clone());
    }
    let visible = || inputs.services.of_host(host).filter(|s| s.export_to.is_visible(&s.namespace, namespace));
    let kubernetes = visible().find(|s| s.registry == Registry::Kubernetes);
    let oldest = || visible().min_by_key(|s| (s.created, s.name.clone(), s.namespace.clone()));
    kubernetes.or_else(oldest).cloned()
}
