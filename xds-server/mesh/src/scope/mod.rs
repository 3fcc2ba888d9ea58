//! What one proxy may see of a mesh, and why (istiod: `pilot/pkg/model/sidecar.go`).

mod build;
mod by_host;
mod destinations;
mod explain;
mod hosts;
mod listener;
mod merge;
#[cfg(test)]
mod tests;

use std::sync::{Arc, OnceLock};

use arcstr::ArcStr;
use hashbrown::{HashMap, HashSet};

pub use build::ScopeInputs;
pub use explain::{Absence, Import};
pub use listener::EgressScope;

use crate::object::istio::{ConnectionPool, PeerAuthentication, Sidecar, SidecarOutboundTrafficPolicy};
use crate::object::{Config, Labels};
use crate::proxy::ProxyKind;
pub use crate::rules::MergedRule;
use crate::rules::{ConfigKey, ConfigKind, Rules, SelectedSidecar, selects};
use crate::service::Service;
use by_host::ByHost;

/// What proxies share a scope under one snapshot: those of one kind and namespace with one `Sidecar`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ScopeKey {
    kind: ProxyKind,
    namespace: ArcStr,
    sidecar: Option<(ArcStr, ArcStr)>,
}

impl ScopeKey {
    /// The key of a proxy's scope.
    pub fn new(kind: ProxyKind, namespace: &ArcStr, selected: &SelectedSidecar) -> Self {
        let name = |c: &Arc<Config<Sidecar>>| (c.meta.namespace.clone(), c.meta.name.clone());
        Self { kind, namespace: namespace.clone(), sidecar: selected.config().map(name) }
    }
}

type Policies = Vec<Arc<Config<PeerAuthentication>>>;

/// What the proxies of a namespace that share a `Sidecar` may see. Never changes.
#[derive(Debug)]
pub struct Scope {
    kind: ProxyKind,
    name: ArcStr,
    namespace: ArcStr,
    root_namespace: ArcStr,
    selected: SelectedSidecar,
    outbound_policy: SidecarOutboundTrafficPolicy,
    listeners: Vec<EgressScope>,
    services: Arc<[Arc<Service>]>,
    by_host: ByHost,
    /// By place in `services`.
    rules: HashMap<usize, Rules>,
    policies: Policies,
    /// Made when a change first asks.
    dependencies: OnceLock<HashSet<ConfigKey>>,
}

impl Scope {
    /// Name of the `Sidecar`, or `default-sidecar`.
    pub fn name(&self) -> &ArcStr {
        &self.name
    }

    /// The namespace of the proxies; for the root namespace's `Sidecar` too.
    pub fn namespace(&self) -> &ArcStr {
        &self.namespace
    }

    /// The `Sidecar`, if there is one.
    pub fn sidecar(&self) -> Option<&Arc<Config<Sidecar>>> {
        self.selected.config()
    }

    /// Which `Sidecar` it is: one of the namespace, the root namespace's, or none.
    pub fn selected(&self) -> &SelectedSidecar {
        &self.selected
    }

    /// What happens to traffic that no service takes: as the `Sidecar` says (an empty policy says `REGISTRY_ONLY`),
    /// else as the mesh does.
    pub fn outbound_policy(&self) -> &SidecarOutboundTrafficPolicy {
        &self.outbound_policy
    }

    /// Egress listeners in order, each with what it imports; one that imports everything where none is declared.
    /// What listeners and routes are made from.
    pub fn listeners(&self) -> &[EgressScope] {
        &self.listeners
    }

    /// The listener that serves the routes of a port, 0 for a unix domain socket `bind`: the first that is for that
    /// port or for all (istiod: `GetEgressListenerForRDS`).
    pub fn listener_of(&self, port: u32, bind: &str) -> Option<&EgressScope> {
        self.listeners.iter().find(|l| {
            let declared = l.listener.as_ref();
            let serves = |declared: u32, at: &str| declared == port && (port != 0 || at == bind);
            declared.and_then(|d| Some((d, d.port.as_ref()?))).is_none_or(|(d, p)| serves(p.number, &d.bind))
        })
    }

    /// All services, one a host, merged over the listeners: what clusters and endpoints are made for.
    pub fn services(&self) -> &[Arc<Service>] {
        &self.services
    }

    /// The service of that host.
    pub fn service(&self, hostname: &str) -> Option<&Arc<Service>> {
        self.place(hostname).map(|at| &self.services[at])
    }

    fn place(&self, hostname: &str) -> Option<usize> {
        self.by_host.get(&self.services, hostname)
    }

    /// The rules for a host that is in scope, before one is chosen for a proxy.
    pub fn rules(&self, hostname: &str) -> &[Arc<MergedRule>] {
        if self.rules.is_empty() {
            return &[];
        }
        self.place(hostname).and_then(|at| self.rules.get(&at)).map_or(&[], |rules| rules)
    }

    /// The rule that shapes a host's outbound clusters for a proxy with `labels`: the first of the proxy's namespace
    /// that selects it, else the last that is for all.
    pub fn outbound_rule(&self, hostname: &str, labels: &Labels) -> Option<&Arc<MergedRule>> {
        let fits = |r: &&Arc<MergedRule>| {
            r.namespace == self.namespace && r.selector().is_some_and(|s| selects(s, labels))
        };
        self.rules(hostname).iter().find(fits).or_else(|| self.inbound_rule(hostname))
    }

    /// The rule that shapes inbound clusters of a host: the last that is for all. Workload selectors do not count.
    pub fn inbound_rule(&self, hostname: &str) -> Option<&Arc<MergedRule>> {
        self.rules(hostname).iter().rfind(|r| r.selector().is_none())
    }

    /// Whether proxies of this scope may have different rules for one host.
    pub fn has_workload_rules(&self) -> bool {
        self.rules.values().flat_map(|rules| rules.iter()).any(|r| r.selector().is_some())
    }

    /// The `Sidecar`'s pool for an inbound port: the ingress listener's own, else that of the whole `Sidecar`.
    pub fn inbound_connection_pool(&self, port: u32) -> Option<&ConnectionPool> {
        let spec = &self.sidecar()?.spec;
        let mut of_port = spec.ingress.iter().filter(|i| i.port.as_ref().is_some_and(|p| p.number == port));
        of_port.find_map(|l| l.connection_pool.as_ref()).or(spec.inbound_connection_pool.as_ref())
    }

    /// The `PeerAuthentications` of the mesh, of this namespace, and of the namespaces of all services.
    pub fn peer_authentications(&self) -> &[Arc<Config<PeerAuthentication>>] {
        &self.policies
    }

    /// Whether a change of `key` can change what these proxies are sent; a change of the services that a proxy stands
    /// behind concerns it anyway (istiod: `proxyDependentOnConfig` in `proxy_dependencies.go`, `DependsOnConfig`).
    pub fn depends_on(&self, key: &ConfigKey) -> bool {
        use ConfigKind as Kind;
        match (self.kind, key.kind) {
            (ProxyKind::Router, Kind::Sidecar) | (ProxyKind::Sidecar, Kind::Gateway) => false,
            (ProxyKind::Router, Kind::ServiceEntry) => self.service(&key.name).is_some(),
            (
                ProxyKind::Sidecar,
                Kind::AuthorizationPolicy | Kind::RequestAuthentication | Kind::Telemetry,
            ) => key.namespace == self.root_namespace || key.namespace == self.namespace,
            (ProxyKind::Sidecar, Kind::ServiceEntry | Kind::Endpoints) => {
                self.service(&key.name).is_some_and(|s| s.namespace == key.namespace)
            }
            (
                ProxyKind::Sidecar,
                Kind::Sidecar | Kind::VirtualService | Kind::DestinationRule | Kind::PeerAuthentication,
            ) => self.dependencies.get_or_init(|| self.find_dependencies()).contains(key),
            _ => true,
        }
    }
}
