//! The one writer of a mesh: takes changes, tells what they concern, makes snapshots.

mod dirty;
mod effects;
mod store;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arcstr::ArcStr;

use dirty::Dirty;
pub use effects::{Effects, Reason, Turn};
use effects::{Extent, Headless};

use crate::change::{Change, ChangeSet};
use crate::endpoint::{EndpointIndex, EndpointSet, Pods, Slices, WorkloadEntries};
use crate::endpoint::{external_endpoints, kubernetes_endpoints, selected_entries, selects};
use crate::object::istio::ProxyConfig;
use crate::object::{Kind, ObjectKey};
use crate::rules::{
    ByNamespace, ConfigKind, DestinationRuleIndex, PeerAuthenticationIndex, SidecarIndex, VirtualServiceIndex,
};
use crate::service::{Registry, Resolution, TrafficDistribution};
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
            for (host, namespace) in changed {
                effects.service(host, namespace);
                self.stale.insert(Part::Services);
            }
        }
        let node = |name: &ArcStr| self.store.nodes.get("", name);
        if everything {
            let visible = self.store.pods.iter().filter(|p| self.store.selects(&mesh, &p.metadata.namespace));
            self.pods = Arc::new(Pods::new(visible, node, &self.pods));
        } else if !dirty.pods.is_empty() {
            let pods = Arc::make_mut(&mut self.pods);
            for (namespace, name) in &dirty.pods {
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
        for (namespace, name) in &dirty.relabelled {
            let Some(pod) = self.store.pods.get(namespace, name) else { continue };
            for service in self.store.services.of_namespace(namespace) {
                let selector = &service.spec.selector;
                if !selector.is_empty() && selects(selector, &pod.metadata.labels) {
                    let host = arcstr::format!("{}.{namespace}.svc.{DOMAIN}", service.metadata.name);
                    effects.add(ConfigKind::ServiceEntry, host, namespace.clone(), Reason::Endpoint);
                }
            }
        }
        self.refresh_endpoints(dirty, effects);
    }

    /// Makes the endpoints of every namespace that something touched anew; sets that stay equal stay shared.
    fn refresh_endpoints(&mut self, dirty: &Dirty, effects: &mut Effects) {
        let mesh = self.store.mesh_config();
        let namespaces: BTreeSet<ArcStr> =
            if dirty.everything { self.store.service_namespaces() } else { dirty.endpoints.clone() };
        if namespaces.is_empty() && !dirty.everything {
            return;
        }
        let slices = Slices::new(self.store.endpoint_slices.in_namespaces(&namespaces));
        let mut fresh = Vec::new();
        for namespace in &namespaces {
            if self.store.selects(&mesh, namespace) {
                self.namespace_endpoints(namespace, &slices, &dirty.slices, &mut fresh);
            }
        }
        let index = Arc::make_mut(&mut self.endpoints);
        let mut old = if dirty.everything {
            std::mem::take(&mut index.0)
        } else {
            let gone = index.0.extract_if(.., |(_, ns), _| namespaces.contains(ns));
            gone.collect()
        };
        for Fresh { key, set, headless, sends_unhealthy, is_touched } in fresh {
            let before = old.remove(&key);
            let is_same = before.as_deref() == Some(&set);
            // Whoever has no endpoints is told again when a slice says so.
            if !is_same || (is_touched && (set.endpoints.is_empty() || headless.is_some())) {
                let known = self.accounts.get(&key).map(Vec::as_slice);
                let extent = match &before {
                    None if set.endpoints.is_empty() && !is_touched => Extent::Nothing,
                    before => Extent::of(before.as_deref(), &set, known, sends_unhealthy),
                };
                let (hostname, namespace) = key.clone();
                effects.endpoints(hostname, namespace, extent, headless);
            }
            if !set.endpoints.is_empty() && self.accounts.get(&key) != Some(&set.accounts) {
                self.accounts.insert(key.clone(), set.accounts.clone());
            }
            index.0.insert(key, before.filter(|_| is_same).unwrap_or_else(|| Arc::new(set)));
        }
        old.keys().for_each(|gone| drop(self.accounts.remove(gone)));
    }

    fn namespace_endpoints(
        &self,
        namespace: &ArcStr,
        slices: &Slices,
        touched: &BTreeSet<(ArcStr, ArcStr)>,
        out: &mut Vec<Fresh>,
    ) {
        let mut by_host: indexmap::IndexMap<ArcStr, Vec<crate::endpoint::Endpoint>> =
            indexmap::IndexMap::new();
        let mut headless = BTreeMap::new();
        let (mut sending, mut told) = (BTreeSet::new(), BTreeSet::new());
        let mut entries: Vec<_> = self.store.service_entries.of_namespace(namespace).collect();
        entries.sort_by_key(|e| (e.meta.creation_timestamp, e.meta.name.clone()));
        for entry in entries {
            for service in self.models.of(&ObjectKey::of(Kind::ServiceEntry, namespace, &entry.meta.name)) {
                let endpoints = external_endpoints(entry, &service.hostname, &self.entries, &self.pods);
                by_host.entry(service.hostname.clone()).or_default().extend(endpoints);
            }
        }
        for object in self.store.services.of_namespace(namespace) {
            for service in self.models.of(&ObjectKey::of(Kind::Service, namespace, &object.metadata.name)) {
                if service.resolution == Resolution::Alias {
                    continue;
                }
                let endpoints = by_host.entry(service.hostname.clone()).or_default();
                // istiod keeps no endpoints of a Service that it shows to nobody.
                if !service.export_to.contains("~") {
                    if touched.contains(&(service.hostname.clone(), namespace.clone())) {
                        told.insert(service.hostname.clone());
                    }
                    endpoints.extend(kubernetes_endpoints(service, slices, &self.pods));
                    endpoints.extend(selected_entries(object, &self.entries));
                }
                if service.traffic_distribution != TrafficDistribution::Any {
                    sending.insert(service.hostname.clone());
                }
                if service.resolution == Resolution::Passthrough {
                    headless.insert(service.hostname.clone(), Headless::of(service));
                }
            }
        }
        for (host, endpoints) in by_host {
            out.push(Fresh {
                headless: headless.remove(&host),
                sends_unhealthy: sending.contains(&host),
                is_touched: told.contains(&host),
                set: EndpointSet::new(endpoints),
                key: (host, namespace.clone()),
            });
        }
    }
}

/// The endpoints of a host, made anew.
struct Fresh {
    key: (ArcStr, ArcStr),
    set: EndpointSet,
    headless: Option<Headless>,
    /// Whether clients are sent those that are not ready, whatever their rules say.
    sends_unhealthy: bool,
    /// Whether a slice of it changed.
    is_touched: bool,
}

impl Registry {
    /// The registry that an object of this kind belongs to.
    pub(crate) const fn of(kind: Kind) -> Self {
        if matches!(kind, Kind::Service) { Self::Kubernetes } else { Self::External }
    }
}
