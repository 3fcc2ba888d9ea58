//! Building a scope (istiod: `initSidecarScopeInternalIndexes`, `DefaultSidecarScopeForGateway` in `sidecar.go`).

use std::sync::{Arc, OnceLock};

use arcstr::{ArcStr, literal};
use hashbrown::{HashMap, HashSet};

use super::destinations::{Destinations, meant};
use super::listener::{EgressScope, at_port};
use super::merge::Merged;
use super::{Policies, Scope};
use crate::object::istio::{MeshConfig, SidecarOutboundTrafficPolicy};
use crate::proxy::ProxyKind;
use crate::rules::{
    ConfigKey, ConfigKind, DestinationRuleIndex, PeerAuthenticationIndex, Rules, SelectedSidecar,
    VirtualServiceIndex,
};
use crate::service::{Service, ServiceIndex};

/// What a scope is made from.
#[derive(Clone, Copy, Debug)]
pub struct ScopeInputs<'a> {
    /// Mesh configuration.
    pub mesh: &'a MeshConfig,
    /// All services.
    pub services: &'a ServiceIndex,
    /// All `VirtualServices`.
    pub virtual_services: &'a VirtualServiceIndex,
    /// All `DestinationRules`.
    pub destination_rules: &'a DestinationRuleIndex,
    /// All `PeerAuthentications`.
    pub peer_authentications: &'a PeerAuthenticationIndex,
}

impl Scope {
    /// The scope of the proxies of `namespace` that have the selected `Sidecar`.
    ///
    /// O(listeners x visible services), of the namespaces that are named if none is imported from all, O(entries)
    /// for listeners that name every host. Services that no listener trims are shared, not copied.
    ///
    /// Gateways have no `Sidecar`: they see what is exported to their namespace, and `VirtualServices` bring nothing
    /// in. A node's proxy of an ambient mesh sees nothing.
    pub fn build(
        inputs: &ScopeInputs<'_>,
        kind: ProxyKind,
        namespace: &ArcStr,
        selected: &SelectedSidecar,
    ) -> Self {
        let mut merged = Merged::new(inputs.services);
        let listeners = match kind {
            ProxyKind::Sidecar => listeners(inputs, namespace, selected, &mut merged),
            ProxyKind::Router | ProxyKind::Waypoint => {
                inputs.services.exported_to(namespace).for_each(|s| merged.add(s));
                vec![EgressScope::of_gateway(inputs, namespace)]
            }
            ProxyKind::Ztunnel => Vec::new(),
        };
        let Merged { services, by_host, .. } = merged;
        let services = shared(services, &listeners);
        let rules = rules(inputs, namespace, &services);
        let policies = policies(inputs, namespace, &services);
        let sidecar = selected.config();
        let own_policy = sidecar.and_then(|s| s.spec.outbound_traffic_policy.clone());
        let of_mesh = || SidecarOutboundTrafficPolicy {
            mode: inputs.mesh.outbound_traffic_policy.mode,
            egress_proxy: None,
        };
        Self {
            kind,
            name: sidecar.map_or(literal!("default-sidecar"), |s| s.meta.name.clone()),
            namespace: namespace.clone(),
            root_namespace: inputs.mesh.root_namespace.clone(),
            selected: selected.clone(),
            outbound_policy: own_policy.unwrap_or_else(of_mesh),
            listeners,
            services,
            by_host,
            rules,
            policies,
            dependencies: OnceLock::new(),
        }
    }

    /// Everything but services and endpoints, which are looked up in the list of services itself.
    pub(super) fn find_dependencies(&self) -> HashSet<ConfigKey> {
        let mut keys = HashSet::new();
        keys.extend(self.sidecar().map(|s| ConfigKey::of(ConfigKind::Sidecar, &s.meta)));
        keys.extend(self.listeners.iter().flat_map(|l| &l.virtual_services).flat_map(|r| &r.from).cloned());
        for rule in self.rules.values().flat_map(|rules| rules.iter()) {
            for key in &rule.from {
                if !keys.contains(key) {
                    keys.insert(key.clone());
                }
            }
        }
        keys.extend(self.policies.iter().map(|p| ConfigKey::of(ConfigKind::PeerAuthentication, &p.meta)));
        keys
    }
}

fn listeners(
    inputs: &ScopeInputs<'_>,
    namespace: &ArcStr,
    selected: &SelectedSidecar,
    merged: &mut Merged<'_>,
) -> Vec<EgressScope> {
    let egress = selected.config().map_or(&[][..], |s| s.spec.egress.as_slice());
    let egress: Vec<_> = if egress.is_empty() { vec![None] } else { egress.iter().map(Some).collect() };
    let mut listeners = Vec::with_capacity(egress.len());
    for entry in egress {
        let (listener, by_host) = EgressScope::new(inputs, namespace, entry);
        match by_host {
            Some(by_host) if merged.services.is_empty() => {
                merged.services = listener.services.to_vec();
                merged.by_host = by_host;
            }
            _ => listener.services.iter().for_each(|s| merged.add(s)),
        }
        infer(inputs.services, namespace, &listener, merged);
        listeners.push(listener);
    }
    listeners
}

/// Adds the services that the listener's `VirtualServices` lead to. They are there for clusters and endpoints only, so
/// no listener holds them; what the entries exclude is added too.
fn infer(index: &ServiceIndex, namespace: &ArcStr, listener: &EgressScope, merged: &mut Merged<'_>) {
    for rule in &listener.virtual_services {
        for (host, ports) in Destinations::of(&rule.spec, namespace).iter() {
            let Some(service) = meant(index, host, namespace) else { continue };
            let service = match listener.match_port() {
                Some(port) => at_port(service, port),
                None => ports.of(service),
            };
            if let Some(service) = service {
                merged.add(&service);
            }
        }
    }
}

/// The list itself, or the only listener's if that is the same.
fn shared(services: Vec<Arc<Service>>, listeners: &[EgressScope]) -> Arc<[Arc<Service>]> {
    match listeners {
        [only] if only.services.len() == services.len() && same(&only.services, &services) => {
            only.services.clone()
        }
        _ => services.into(),
    }
}

fn same(a: &[Arc<Service>], b: &[Arc<Service>]) -> bool {
    a.iter().zip(b).all(|(a, b)| Arc::ptr_eq(a, b))
}

/// Rules by the place of their service; most services have none.
fn rules(inputs: &ScopeInputs<'_>, namespace: &ArcStr, services: &[Arc<Service>]) -> HashMap<usize, Rules> {
    let found = |(place, service): (usize, &Arc<Service>)| {
        Some((place, inputs.destination_rules.lookup(namespace, service)?))
    };
    services.iter().enumerate().filter_map(found).collect()
}

/// The policies of the mesh, of the namespace, and of every namespace that a service lives in.
fn policies(inputs: &ScopeInputs<'_>, namespace: &ArcStr, services: &[Arc<Service>]) -> Policies {
    let index = inputs.peer_authentications;
    let near = |of: &ArcStr| of == namespace || *of == inputs.mesh.root_namespace;
    let of_services: HashSet<&ArcStr> = if index.namespaces().all(near) {
        HashSet::new()
    } else {
        services.iter().map(|s| &s.namespace).collect()
    };
    let concerned = index.namespaces().filter(|of| near(of) || of_services.contains(of));
    concerned.flat_map(|of| index.of_namespace(of)).cloned().collect()
}
