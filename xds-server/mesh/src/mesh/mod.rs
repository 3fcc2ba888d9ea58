//! The one writer of a mesh: takes changes, tells what they concern, makes snapshots.

mod dirty;
mod effects;
mod endpoints;
mod shards;
mod store;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arcstr::ArcStr;

use dirty::Dirty;
pub use effects::{Effects, Reason, Turn};

use crate::change::{Change, ChangeSet};
use crate::endpoint::{Endpoint, EndpointIndex, Pods, Slices, WorkloadEntries};
use crate::object::Kind;
use crate::object::istio::ProxyConfig;
use crate::rules::{
    ByNamespace, ConfigKey, ConfigKind, DestinationRuleIndex, PeerAuthenticationIndex, SidecarIndex,
    VirtualServiceIndex,
};
use crate::service::Registry;
use crate::snapshot::{Parts, Snapshot};
use crate::targets::TargetIndex;
pub(crate) use store::DOMAIN;
use store::{Models, Store};

/// All objects of a mesh and what was made of them.
///
/// There is one, and it is not `Clone`: readers get [`Snapshot`]s, which never change.
/// [`Mesh::apply`] costs O(changed objects + endpoints of their namespaces); [`Mesh::snapshot`] rebuilds the
/// indexes of the kinds that changed and shares the others with the snapshot before.
#[derive(Debug)]
pub struct Mesh {
    store: Store,
    models: Models,
    pods: Arc<Pods>,
    entries: Arc<WorkloadEntries>,
    slices: Slices,
    /// Endpoints of Kubernetes Services, by host and namespace.
    kubernetes: BTreeMap<(ArcStr, ArcStr), Vec<Endpoint>>,
    endpoints: Arc<EndpointIndex>,
    /// Accounts of the last endpoints that each host had, for as long as there is such a host.
    accounts: BTreeMap<(ArcStr, ArcStr), Vec<ArcStr>>,
    stale: BTreeSet<Part>,
    last: Option<Arc<Snapshot>>,
}

/// A part of a snapshot that is rebuilt as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Services,
    Targets,
    VirtualServices,
    DestinationRules,
    Sidecars,
    PeerAuthentications,
    AuthorizationPolicies,
    RequestAuthentications,
    Telemetries,
    Gateways,
}

impl Part {
    const ALL: [Self; 10] = [
        Self::Services,
        Self::Targets,
        Self::VirtualServices,
        Self::DestinationRules,
        Self::Sidecars,
        Self::PeerAuthentications,
        Self::AuthorizationPolicies,
        Self::RequestAuthentications,
        Self::Telemetries,
        Self::Gateways,
    ];
}

impl Default for Mesh {
    fn default() -> Self {
        Self::new()
    }
}

impl Mesh {
    /// An empty mesh with Istio's default configuration.
    pub fn new() -> Self {
        Self {
            store: Store::default(),
            models: Models::default(),
            pods: Arc::default(),
            entries: Arc::default(),
            slices: Slices::default(),
            kubernetes: BTreeMap::new(),
            endpoints: Arc::default(),
            accounts: BTreeMap::new(),
            stale: Part::ALL.into(),
            last: None,
        }
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.store.len()
    }

    /// Whether there is no object.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Istio's own objects, each kind in order of namespace and name. O(objects).
    pub fn configs(&self) -> Vec<crate::object::Object> {
        self.store.configs()
    }

    /// Takes changes in and tells which configuration they concern (istiod's push request).
    pub fn apply(&mut self, changes: ChangeSet) -> Effects {
        let mut effects = Effects::default();
        let mut dirty = Dirty::default();
        for change in changes.changes {
            match change {
                Change::Apply(object) => {
                    let key = object.key();
                    let before = self.store.insert(object.clone());
                    let turn = match &before {
                        None => Turn::Add,
                        Some(before) if *before == object => Turn::UpdateSame,
                        Some(_) => Turn::Update,
                    };
                    effects.turn(key.kind, turn);
                    if turn != Turn::UpdateSame {
                        dirty.note(&key, before.as_ref(), Some(&object), &mut effects);
                    }
                }
                Change::Delete(key) => {
                    if let Some(before) = self.store.remove(&key) {
                        effects.turn(key.kind, Turn::Delete);
                        dirty.note(&key, Some(&before), None, &mut effects);
                    }
                }
            }
        }
        dirty.everything |= dirty.selection && !self.store.mesh_config().discovery_selectors.is_empty();
        self.refresh(&dirty, &mut effects);
        effects
    }

    /// The mesh as it is now.
    pub fn snapshot(&mut self) -> Arc<Snapshot> {
        let store = &self.store;
        let mesh = store.mesh_config();
        let last = self.last.as_deref().map(Snapshot::parts);
        let stale = |part| last.is_none() || self.stale.contains(&part);
        let scoped = [
            Part::Services,
            Part::VirtualServices,
            Part::DestinationRules,
            Part::Sidecars,
            Part::PeerAuthentications,
        ];
        macro_rules! part {
            ($part:expr, $field:ident, $new:expr) => {
                match last {
                    Some(last) if !stale($part) => last.$field.clone(),
                    _ => Arc::new($new),
                }
            };
        }
        let visible = |namespace: &str| store.selects(&mesh, namespace);
        let config = |namespace: &str| store.selects_config(&mesh, namespace);
        let services = part!(Part::Services, services, self.models.index());
        let parts = Parts {
            virtual_services: part!(Part::VirtualServices, virtual_services, {
                VirtualServiceIndex::new(&store.virtual_services.arcs(config), &mesh)
            }),
            destination_rules: part!(Part::DestinationRules, destination_rules, {
                DestinationRuleIndex::new(&store.destination_rules.arcs(config), &mesh)
            }),
            sidecars: part!(Part::Sidecars, sidecars, SidecarIndex::new(&store.sidecars.arcs(config), &mesh)),
            peer_authentications: part!(Part::PeerAuthentications, peer_authentications, {
                PeerAuthenticationIndex::new(&store.peer_authentications.arcs(config), &mesh)
            }),
            authorization_policies: part!(
                Part::AuthorizationPolicies,
                authorization_policies,
                ByNamespace::new(store.authorization_policies.arcs(config))
            ),
            request_authentications: part!(
                Part::RequestAuthentications,
                request_authentications,
                ByNamespace::new(store.request_authentications.arcs(config))
            ),
            telemetries: part!(
                Part::Telemetries,
                telemetries,
                ByNamespace::new(store.telemetries.arcs(config))
            ),
            gateways: part!(Part::Gateways, gateways, ByNamespace::new(store.gateways.arcs(config))),
            targets: part!(Part::Targets, targets, {
                TargetIndex::new(store.services.arcs(visible), &services, self.models.entries(store))
            }),
            services,
            scopes: match last {
                Some(last) if !scoped.into_iter().any(stale) => last.scopes.clone(),
                _ => Arc::default(),
            },
            pods: self.pods.clone(),
            entries: self.entries.clone(),
            endpoints: self.endpoints.clone(),
            proxy_config: match last {
                Some(last) if Arc::ptr_eq(&last.mesh, &mesh) => last.proxy_config.clone(),
                _ => Arc::new(ProxyConfig::read(&mesh.default_config)),
            },
            mesh,
        };
        self.stale.clear();
        let snapshot = Arc::new(Snapshot::new(parts));
        self.last = Some(snapshot.clone());
        snapshot
    }

    fn refresh(&mut self, dirty: &Dirty, effects: &mut Effects) {
        let mesh = self.store.mesh_config();
        self.stale.extend(dirty.parts.iter().copied());
        if dirty.everything {
            self.stale = Part::ALL.into();
        }
        let everything = dirty.everything;
        if everything || !dirty.services.is_empty() || !dirty.namespaces.is_empty() {
            let changed =
                self.models.refresh(&self.store, &mesh, &dirty.services, &dirty.namespaces, everything);
            for ((host, namespace), is_seen) in changed {
                self.stale.insert(Part::Services);
                if is_seen {
                    effects.service(host, namespace);
                }
            }
        }
        let node = |name: &ArcStr| self.store.nodes.get("", name);
        if everything {
            let visible = self.store.pods.iter().filter(|p| self.store.selects(&mesh, &p.metadata.namespace));
            self.pods = Arc::new(Pods::new(visible, node, &self.pods));
        } else if !dirty.pods.is_empty() || !dirty.nodes.is_empty() {
            let moved = self.store.pods.iter().filter(|pod| dirty.nodes.contains(&pod.spec.node_name));
            let moved = moved.map(|pod| (pod.metadata.namespace.clone(), pod.metadata.name.clone()));
            let stale: BTreeSet<_> = moved.chain(dirty.pods.iter().cloned()).collect();
            let pods = Arc::make_mut(&mut self.pods);
            for (namespace, name) in &stale {
                let visible =
                    self.store.pods.get(namespace, name).filter(|_| self.store.selects(&mesh, namespace));
                pods.set(namespace, name, visible.map(|p| (p, node(&p.spec.node_name))));
            }
        }
        if everything || dirty.entries {
            let visible = self.store.workload_entries.iter();
            self.entries = Arc::new(WorkloadEntries::new(
                visible.filter(|e| self.store.selects(&mesh, &e.meta.namespace)),
            ));
        }
        self.refresh_endpoints(dirty, effects);
        self.note_aliased(effects);
    }

    /// What is told of an `ExternalName` Service is told of the services that it leads to now, for no reason of its own
    /// (istiod: `resolveServiceAliases` in `push_context.go`).
    fn note_aliased(&self, effects: &mut Effects) {
        let services = effects.keys.iter().filter(|key| key.kind == ConfigKind::ServiceEntry);
        let aliased = services.flat_map(|key| self.models.aliased(&key.name, &key.namespace));
        let keys: Vec<_> = aliased
            .map(|(name, namespace)| ConfigKey {
                kind: ConfigKind::ServiceEntry,
                name: name.clone(),
                namespace: namespace.clone(),
            })
            .collect();
        effects.keys.extend(keys);
    }
}

impl Registry {
    /// The registry that an object of this kind belongs to.
    pub(crate) const fn of(kind: Kind) -> Self {
        if matches!(kind, Kind::Service) { Self::Kubernetes } else { Self::External }
    }
}
