//! What one proxy may see of a mesh, and why (istiod: `pilot/pkg/model/sidecar.go`).

mod build;
mod explain;
mod hosts;
mod listener;
mod merge;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use arcstr::ArcStr;

pub use build::ScopeInputs;
pub use explain::Absence;
pub use listener::EgressScope;

pub use crate::rules::MergedRule;
use crate::object::istio::{ConnectionPool, Sidecar};
use crate::object::{Config, Labels};
use crate::proxy::ProxyKind;
use crate::rules::{ConfigKey, ConfigKind, SelectedSidecar, choose};
use crate::service::Service;

/// What proxies share a scope: those of one namespace with one Sidecar.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ScopeKey {
    is_sidecar: bool,
    namespace: ArcStr,
    sidecar: Option<(ArcStr, ArcStr)>,
}

impl ScopeKey {
    /// The key of a proxy's scope.
    pub fn new(kind: ProxyKind, namespace: &ArcStr, selected: &SelectedSidecar) -> Self {
        let name = |c: &Arc<Config<Sidecar>>| (c.meta.namespace.clone(), c.meta.name.clone());
        Self {
            is_sidecar: kind == ProxyKind::Sidecar,
            namespace: namespace.clone(),
            sidecar: selected.config().map(name),
        }
    }
}

/// Why a service is in a scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Import {
    /// No Sidecar: everything that is visible.
    Default,
    /// An entry of `egress[listener].hosts`.
    EgressHost {
        /// Position of the listener.
        listener: usize,
        /// The entry.
        host: ArcStr,
    },
    /// A destination of a virtual service that the listener selects.
    Destination {
        /// Position of the listener.
        listener: usize,
        /// The virtual service.
        rule: ConfigKey,
    },
}

/// What one proxy may see.
#[derive(Debug)]
pub struct Scope {
    name: ArcStr,
    namespace: ArcStr,
    root_namespace: ArcStr,
    selected: SelectedSidecar,
    listeners: Vec<EgressScope>,
    services: Vec<Arc<Service>>,
    imports: Vec<Import>,
    by_host: HashMap<ArcStr, usize>,
    rules: HashMap<ArcStr, Vec<Arc<MergedRule>>>,
    dependencies: BTreeSet<ConfigKey>,
}

impl Scope {
    /// Name of the Sidecar, or `default-sidecar`.
    pub fn name(&self) -> &ArcStr {
        &self.name
    }

    /// The namespace of the proxies; for the root namespace's Sidecar too.
    pub fn namespace(&self) -> &ArcStr {
        &self.namespace
    }

    /// The Sidecar, if there is one.
    pub fn sidecar(&self) -> Option<&Arc<Config<Sidecar>>> {
        self.selected.config()
    }

    /// Which Sidecar it is: one of the namespace, the root namespace's, or none.
    pub fn selected(&self) -> &SelectedSidecar {
        &self.selected
    }

    /// Egress listeners in order, each with what it imports; one that imports everything where there is no Sidecar.
    pub fn listeners(&self) -> &[EgressScope] {
        &self.listeners
    }

    /// All services, merged over the listeners: what CDS and EDS serve.
    pub fn services(&self) -> &[Arc<Service>] {
        &self.services
    }

    /// All services, each with what imported it first.
    pub fn imports(&self) -> impl Iterator<Item = (&Arc<Service>, &Import)> {
        self.services.iter().zip(&self.imports)
    }

    /// The service of that host.
    pub fn service(&self, hostname: &str) -> Option<&Arc<Service>> {
        self.by_host.get(hostname).map(|at| &self.services[*at])
    }

    /// The rules found for a host, before one is chosen for a proxy.
    pub fn rules(&self, hostname: &str) -> &[Arc<MergedRule>] {
        self.rules.get(hostname).map_or(&[], Vec::as_slice)
    }

    /// The rule that shapes a host's outbound clusters for a proxy with `labels`.
    pub fn outbound_rule(&self, hostname: &str, labels: &Labels) -> Option<&Arc<MergedRule>> {
        choose(self.rules(hostname), &self.namespace, Some(labels))
    }

    /// The rule that shapes inbound clusters of a host: one that selects nobody in particular.
    pub fn inbound_rule(&self, hostname: &str) -> Option<&Arc<MergedRule>> {
        choose(self.rules(hostname), &self.namespace, None)
    }

    /// Whether proxies of this scope may have different rules for one host.
    pub fn has_workload_rules(&self) -> bool {
        self.rules.values().flatten().any(|r| r.spec.workload_selector.is_some())
    }

    /// The Sidecar's pool for an inbound port: the ingress listener's own, else that of the whole Sidecar.
    pub fn inbound_connection_pool(&self, port: u32) -> Option<&ConnectionPool> {
        let spec = &self.sidecar()?.spec;
        let listener = spec.ingress.iter().find(|i| i.port.as_ref().is_some_and(|p| p.number == port));
        listener.and_then(|l| l.connection_pool.as_ref()).or(spec.inbound_connection_pool.as_ref())
    }

    /// Whether a change of `key` can change what these proxies are sent.
    pub fn depends_on(&self, key: &ConfigKey) -> bool {
        match key.kind {
            ConfigKind::AuthorizationPolicy | ConfigKind::RequestAuthentication | ConfigKind::Telemetry => {
                key.namespace == self.root_namespace || key.namespace == self.namespace
            }
            ConfigKind::ServiceEntry | ConfigKind::Endpoints => {
                self.service(&key.name).is_some_and(|s| s.namespace == key.namespace)
            }
            ConfigKind::Sidecar
            | ConfigKind::VirtualService
            | ConfigKind::DestinationRule
            | ConfigKind::PeerAuthentication => self.dependencies.contains(key),
            ConfigKind::Gateway | ConfigKind::DnsName => true,
        }
    }

    fn assemble(
        inputs: &ScopeInputs<'_>,
        namespace: &ArcStr,
        selected: &SelectedSidecar,
        listeners: Vec<EgressScope>,
        merged: merge::Merged,
    ) -> Self {
        let sidecar = selected.config();
        let (services, imports) = merged.finish();
        let by_host = services.iter().enumerate().map(|(i, s)| (s.hostname.clone(), i)).collect();
        let rules: HashMap<_, _> = services
            .iter()
            .map(|s| (s.hostname.clone(), inputs.destination_rules.lookup(namespace, s)))
            .filter(|(_, found)| !found.is_empty())
            .collect();
        let mut scope = Self {
            name: sidecar.map_or(arcstr::literal!("default-sidecar"), |s| s.meta.name.clone()),
            namespace: namespace.clone(),
            root_namespace: inputs.mesh.root_namespace.clone(),
            selected: selected.clone(),
            listeners,
            services,
            imports,
            by_host,
            rules,
            dependencies: BTreeSet::new(),
        };
        scope.dependencies = scope.find_dependencies(inputs);
        scope
    }

    /// All but services, which are found by host.
    fn find_dependencies(&self, inputs: &ScopeInputs<'_>) -> BTreeSet<ConfigKey> {
        let mut all = BTreeSet::new();
        let own = |s: &Arc<Config<Sidecar>>| ConfigKey::new(ConfigKind::Sidecar, &s.meta.name, &s.meta.namespace);
        all.extend(self.sidecar().map(own));
        all.extend(self.listeners.iter().flat_map(|l| &l.virtual_services).flat_map(|v| v.from.iter().cloned()));
        all.extend(self.rules.values().flatten().flat_map(|r| r.from.iter().cloned()));
        let mut namespaces: HashSet<_> = self.services.iter().map(|s| &s.namespace).collect();
        namespaces.extend([&self.root_namespace, &self.namespace]);
        for namespace in namespaces {
            let policies = inputs.peer_authentications.of_namespace(namespace);
            let key = |p: &Arc<Config<_>>| ConfigKey::new(ConfigKind::PeerAuthentication, &p.meta.name, namespace);
            all.extend(policies.iter().map(key));
        }
        all
    }
}
