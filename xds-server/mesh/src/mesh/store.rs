//! The objects themselves, and the model services made of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arcstr::ArcStr;

use crate::object::istio as api;
use crate::object::kubernetes as k8s;
use crate::object::{Config, Kind, Labels, Object, ObjectKey};
use crate::service::{Alias, ExportTo, Registry, Resolution, Service, ServiceIndex};
use crate::service::{from_kubernetes, from_service_entry};

/// The suffix of Kubernetes' own host names.
pub(crate) const DOMAIN: &str = "cluster.local";

/// Objects of one kind, by namespace and name.
#[derive(Debug)]
pub(super) struct Table<T>(BTreeMap<(ArcStr, ArcStr), Arc<T>>);

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> Table<T> {
    pub fn get(&self, namespace: &str, name: &str) -> Option<&Arc<T>> {
        self.0.get(&(namespace.into(), name.into()))
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<T>> {
        self.0.values()
    }

    pub fn of_namespace<'a>(&'a self, namespace: &'a ArcStr) -> impl Iterator<Item = &'a Arc<T>> {
        let from = (namespace.clone(), ArcStr::new());
        self.0.range(from..).take_while(move |((ns, _), _)| ns == namespace).map(|(_, object)| object)
    }

    /// The objects of all namespaces for which `visible` holds.
    pub fn arcs(&self, visible: impl Fn(&str) -> bool) -> Vec<Arc<T>> {
        self.0.iter().filter(|((ns, _), _)| visible(ns)).map(|(_, object)| object.clone()).collect()
    }
}

/// Every object of the mesh.
#[derive(Debug, Default)]
pub(super) struct Store {
    pub namespaces: Table<k8s::Namespace>,
    pub nodes: Table<k8s::Node>,
    pub services: Table<k8s::Service>,
    pub endpoint_slices: Table<k8s::EndpointSlice>,
    pub pods: Table<k8s::Pod>,
    pub service_entries: Table<Config<api::ServiceEntry>>,
    pub workload_entries: Table<Config<api::WorkloadEntry>>,
    pub sidecars: Table<Config<api::Sidecar>>,
    pub virtual_services: Table<Config<api::VirtualService>>,
    pub destination_rules: Table<Config<api::DestinationRule>>,
    pub peer_authentications: Table<Config<api::PeerAuthentication>>,
    pub authorization_policies: Table<Config<api::AuthorizationPolicy>>,
    pub request_authentications: Table<Config<api::RequestAuthentication>>,
    pub telemetries: Table<Config<api::Telemetry>>,
    pub gateways: Table<Config<api::Gateway>>,
    mesh: Option<Arc<Config<api::MeshConfig>>>,
    mesh_spec: Arc<api::MeshConfig>,
    /// Objects that nothing is made of yet.
    others: BTreeMap<ObjectKey, Object>,
}

impl Store {
    pub fn len(&self) -> usize {
        self.namespaces.0.len()
            + self.nodes.0.len()
            + self.services.0.len()
            + self.endpoint_slices.0.len()
            + self.pods.0.len()
            + self.service_entries.0.len()
            + self.workload_entries.0.len()
            + self.sidecars.0.len()
            + self.virtual_services.0.len()
            + self.destination_rules.0.len()
            + self.peer_authentications.0.len()
            + self.authorization_policies.0.len()
            + self.request_authentications.0.len()
            + self.telemetries.0.len()
            + self.gateways.0.len()
            + usize::from(self.mesh.is_some())
            + self.others.len()
    }

    /// Istio's own objects, kind by kind.
    pub fn configs(&self) -> Vec<Object> {
        let mut all = Vec::new();
        all.extend(self.authorization_policies.iter().cloned().map(Object::AuthorizationPolicy));
        all.extend(self.destination_rules.iter().cloned().map(Object::DestinationRule));
        all.extend(self.gateways.iter().cloned().map(Object::Gateway));
        all.extend(self.peer_authentications.iter().cloned().map(Object::PeerAuthentication));
        all.extend(self.request_authentications.iter().cloned().map(Object::RequestAuthentication));
        all.extend(self.service_entries.iter().cloned().map(Object::ServiceEntry));
        all.extend(self.sidecars.iter().cloned().map(Object::Sidecar));
        all.extend(self.telemetries.iter().cloned().map(Object::Telemetry));
        all.extend(self.virtual_services.iter().cloned().map(Object::VirtualService));
        all.extend(self.workload_entries.iter().cloned().map(Object::WorkloadEntry));
        all
    }

    /// Puts an object in and gives back the one that it replaces.
    pub fn insert(&mut self, object: Object) -> Option<Object> {
        let key = object.key();
        let at = (key.namespace.clone(), key.name.clone());
        match object {
            Object::Namespace(o) => self.namespaces.0.insert(at, o).map(Object::Namespace),
            Object::Node(o) => self.nodes.0.insert(at, o).map(Object::Node),
            Object::MeshConfig(o) => {
                self.mesh_spec = Arc::new(o.spec.clone());
                self.mesh.replace(o).map(Object::MeshConfig)
            }
            Object::Service(o) => self.services.0.insert(at, o).map(Object::Service),
            Object::EndpointSlice(o) => self.endpoint_slices.0.insert(at, o).map(Object::EndpointSlice),
            Object::Pod(o) => self.pods.0.insert(at, o).map(Object::Pod),
            Object::ServiceEntry(o) => self.service_entries.0.insert(at, o).map(Object::ServiceEntry),
            Object::WorkloadEntry(o) => self.workload_entries.0.insert(at, o).map(Object::WorkloadEntry),
            Object::Sidecar(o) => self.sidecars.0.insert(at, o).map(Object::Sidecar),
            Object::VirtualService(o) => self.virtual_services.0.insert(at, o).map(Object::VirtualService),
            Object::DestinationRule(o) => self.destination_rules.0.insert(at, o).map(Object::DestinationRule),
            Object::PeerAuthentication(o) => {
                self.peer_authentications.0.insert(at, o).map(Object::PeerAuthentication)
            }
            Object::AuthorizationPolicy(o) => {
                self.authorization_policies.0.insert(at, o).map(Object::AuthorizationPolicy)
            }
            Object::RequestAuthentication(o) => {
                self.request_authentications.0.insert(at, o).map(Object::RequestAuthentication)
            }
            Object::Telemetry(o) => self.telemetries.0.insert(at, o).map(Object::Telemetry),
            Object::Gateway(o) => self.gateways.0.insert(at, o).map(Object::Gateway),
            other @ Object::Workload(..) => self.others.insert(key, other),
        }
    }

    /// Takes an object out.
    pub fn remove(&mut self, key: &ObjectKey) -> Option<Object> {
        let at = (key.namespace.clone(), key.name.clone());
        match key.kind {
            Kind::Namespace => self.namespaces.0.remove(&at).map(Object::Namespace),
            Kind::Node => self.nodes.0.remove(&at).map(Object::Node),
            Kind::ConfigMap => {
                self.mesh_spec = Arc::default();
                self.mesh.take().map(Object::MeshConfig)
            }
            Kind::Service => self.services.0.remove(&at).map(Object::Service),
            Kind::EndpointSlice => self.endpoint_slices.0.remove(&at).map(Object::EndpointSlice),
            Kind::Pod => self.pods.0.remove(&at).map(Object::Pod),
            Kind::ServiceEntry => self.service_entries.0.remove(&at).map(Object::ServiceEntry),
            Kind::WorkloadEntry => self.workload_entries.0.remove(&at).map(Object::WorkloadEntry),
            Kind::Sidecar => self.sidecars.0.remove(&at).map(Object::Sidecar),
            Kind::VirtualService => self.virtual_services.0.remove(&at).map(Object::VirtualService),
            Kind::DestinationRule => self.destination_rules.0.remove(&at).map(Object::DestinationRule),
            Kind::PeerAuthentication => {
                self.peer_authentications.0.remove(&at).map(Object::PeerAuthentication)
            }
            Kind::AuthorizationPolicy => {
                self.authorization_policies.0.remove(&at).map(Object::AuthorizationPolicy)
            }
            Kind::RequestAuthentication => {
                self.request_authentications.0.remove(&at).map(Object::RequestAuthentication)
            }
            Kind::Telemetry => self.telemetries.0.remove(&at).map(Object::Telemetry),
            Kind::Gateway => self.gateways.0.remove(&at).map(Object::Gateway),
            _ => self.others.remove(key),
        }
    }

    /// The mesh configuration, Istio's default where none is given; the same `Arc` until it changes.
    pub fn mesh_config(&self) -> Arc<api::MeshConfig> {
        self.mesh_spec.clone()
    }

    /// Namespaces that hold services of any kind.
    pub fn service_namespaces(&self) -> BTreeSet<ArcStr> {
        self.services.0.keys().chain(self.service_entries.0.keys()).map(|(ns, _)| ns.clone()).collect()
    }

    /// Whether the mesh's discovery selectors let the namespace's objects exist.
    pub fn selects(&self, mesh: &api::MeshConfig, namespace: &str) -> bool {
        let labels =
            || self.namespaces.get("", namespace).map(|n| n.metadata.labels.clone()).unwrap_or_default();
        mesh.discovery_selectors.is_empty() || {
            let labels = labels();
            mesh.discovery_selectors.iter().any(|s| s.matches(&labels))
        }
    }

    /// As [`Self::selects`]; configuration of the root namespace always counts.
    pub fn selects_config(&self, mesh: &api::MeshConfig, namespace: &str) -> bool {
        namespace == mesh.root_namespace || self.selects(mesh, namespace)
    }
}

impl ObjectKey {
    pub(super) fn of(kind: Kind, namespace: &ArcStr, name: &ArcStr) -> Self {
        Self { kind, namespace: namespace.clone(), name: name.clone() }
    }
}

/// Services that differ, by host and namespace, and whether anybody may see them.
type Changed = BTreeMap<(ArcStr, ArcStr), bool>;

/// The model services of every Service and `ServiceEntry`. Equal ones stay the same `Arc`.
#[derive(Debug, Default)]
pub(super) struct Models {
    of_object: BTreeMap<ObjectKey, Vec<Arc<Service>>>,
    /// The services that an `ExternalName` Service leads to, all by host and namespace.
    aliased: BTreeMap<(ArcStr, ArcStr), Vec<(ArcStr, ArcStr)>>,
}

impl Models {
    /// The services of one object.
    pub fn of(&self, key: &ObjectKey) -> &[Arc<Service>] {
        self.of_object.get(key).map_or(&[], Vec::as_slice)
    }

    /// The services, by host and namespace, that this one leads to if it is an `ExternalName` Service.
    pub fn aliased(&self, hostname: &ArcStr, namespace: &ArcStr) -> &[(ArcStr, ArcStr)] {
        if self.aliased.is_empty() {
            return &[];
        }
        self.aliased.get(&(hostname.clone(), namespace.clone())).map_or(&[], Vec::as_slice)
    }

    /// An index of all services. O(n log n).
    pub fn index(&self) -> ServiceIndex {
        ServiceIndex::new(self.of_object.values().flatten().cloned().collect())
    }

    /// `ServiceEntries` beside their model services.
    pub fn entries<'a>(
        &'a self,
        store: &'a Store,
    ) -> impl Iterator<Item = (&'a Arc<Config<api::ServiceEntry>>, &'a [Arc<Service>])> {
        let key = |e: &Config<_>| ObjectKey::of(Kind::ServiceEntry, &e.meta.namespace, &e.meta.name);
        store.service_entries.iter().map(move |e| (e, self.of(&key(e))))
    }

    /// Makes the models of changed objects anew; gives (host, namespace) of every service that differs, and whether
    /// anybody may have seen it before or may now.
    pub fn refresh(
        &mut self,
        store: &Store,
        mesh: &api::MeshConfig,
        objects: &BTreeSet<ObjectKey>,
        namespaces: &BTreeSet<ArcStr>,
        everything: bool,
    ) -> Changed {
        let mut stale = objects.clone();
        let touched = |ns: &ArcStr| everything || namespaces.contains(ns);
        stale.extend(self.of_object.keys().filter(|k| touched(&k.namespace)).cloned());
        stale.extend(
            store
                .services
                .0
                .keys()
                .filter(|k| touched(&k.0))
                .map(|k| ObjectKey::of(Kind::Service, &k.0, &k.1)),
        );
        let entries = store.service_entries.0.keys().filter(|k| touched(&k.0));
        stale.extend(entries.map(|k| ObjectKey::of(Kind::ServiceEntry, &k.0, &k.1)));
        let mut changed = Changed::new();
        for key in stale {
            let fresh = models(store, mesh, &key);
            self.replace(key, fresh, &mut changed);
        }
        if !changed.is_empty() {
            self.resolve_aliases();
        }
        changed
    }

    fn replace(&mut self, key: ObjectKey, fresh: Vec<Service>, changed: &mut Changed) {
        let old = self.of_object.remove(&key).unwrap_or_default();
        let mut note = |s: &Service| {
            // A ServiceEntry is told of whoever may see it: another service of its host may be seen (istiod:
            // `pushServiceUpdates` in `serviceentry/controller.go`, `serviceUpdateNeedsPush` in `kube/controller/controller.go`).
            let is_seen = s.registry == Registry::External || !s.export_to.contains("~");
            *changed.entry((s.hostname.clone(), s.namespace.clone())).or_default() |= is_seen;
        };
        let mut kept = Vec::with_capacity(fresh.len());
        for mut service in fresh {
            let same = |b: &&Arc<Service>| b.hostname == service.hostname && b.address == service.address;
            let before = old.iter().find(same);
            // Aliases are resolved later, over all services.
            service.aliases = before.map(|b| b.aliases.clone()).unwrap_or_default();
            match before {
                Some(before) if **before == service => kept.push(before.clone()),
                before => {
                    before.into_iter().for_each(|before| note(before));
                    note(&service);
                    kept.push(Arc::new(service));
                }
            }
        }
        let is_kept =
            |b: &Arc<Service>| kept.iter().any(|k| k.hostname == b.hostname && k.address == b.address);
        old.iter().filter(|b| !is_kept(b)).for_each(|b| note(b));
        if !kept.is_empty() {
            self.of_object.insert(key, kept);
        }
    }

    /// Gives every service the `ExternalName` Services that lead to it, over any number of steps.
    fn resolve_aliases(&mut self) {
        let all = || self.of_object.values().flatten();
        let next: BTreeMap<ArcStr, ArcStr> =
            all().filter_map(|s| Some((s.hostname.clone(), s.external_name.clone()?))).collect();
        let mut aliases: BTreeMap<ArcStr, Vec<Alias>> = BTreeMap::new();
        for alias in all().filter(|s| s.resolution == Resolution::Alias) {
            if let Some(host) = follow(&next, &alias.hostname) {
                let alias = Alias { namespace: alias.namespace.clone(), hostname: alias.hostname.clone() };
                aliases.entry(host).or_default().push(alias);
            }
        }
        aliases.values_mut().for_each(|a| a.sort());
        self.aliased.clear();
        for service in self.of_object.values_mut().flatten().filter(|s| s.resolution != Resolution::Alias) {
            let now = aliases.get(&service.hostname).map_or(&[][..], Vec::as_slice);
            for alias in now {
                let place = (alias.hostname.clone(), alias.namespace.clone());
                let service = (service.hostname.clone(), service.namespace.clone());
                self.aliased.entry(place).or_default().push(service);
            }
            if service.aliases != now {
                *service = Arc::new(Service { aliases: now.to_vec(), ..Service::clone(service) });
            }
        }
    }
}

/// The end of a chain of aliases; none for a circle.
fn follow(next: &BTreeMap<ArcStr, ArcStr>, start: &ArcStr) -> Option<ArcStr> {
    let mut at = next.get(start)?;
    for _ in 0..next.len() {
        match next.get(at) {
            Some(further) => at = further,
            None => return Some(at.clone()),
        }
    }
    None
}

fn models(store: &Store, mesh: &api::MeshConfig, key: &ObjectKey) -> Vec<Service> {
    if !store.selects(mesh, &key.namespace) {
        return Vec::new();
    }
    let namespace = store.namespaces.get("", &key.namespace);
    let annotations = namespace.map(|n| &n.metadata.annotations);
    let mut services = match Registry::of(key.kind) {
        Registry::Kubernetes => {
            let object = store.services.get(&key.namespace, &key.name);
            object.map(|o| from_kubernetes(o, annotations, DOMAIN, &mesh.trust_domain)).into_iter().collect()
        }
        Registry::External => {
            let object = store.service_entries.get(&key.namespace, &key.name);
            object.map(|o| from_service_entry(o, annotations)).unwrap_or_default()
        }
    };
    let labels = namespace.map(|n| &*n.metadata.labels);
    for service in &mut services {
        service.export_to = settled(service, mesh, labels);
    }
    services
}

/// What a service declares or the mesh's default, clamped by the mesh's visibility of `ServiceEntries`.
fn settled(service: &Service, mesh: &api::MeshConfig, namespace: Option<&Labels>) -> ExportTo {
    let declared = if service.declared_export_to.is_empty() {
        ExportTo::new(mesh.default_service_export_to.iter().cloned())
    } else {
        service.declared_export_to.clone()
    };
    let policy = mesh.service_entry_visibility.as_ref().filter(|v| v.apply_to_sidecars);
    let Some(policy) = policy.filter(|_| service.registry == Registry::External) else { return declared };
    let none = Labels::new();
    let labels = namespace.unwrap_or(&none);
    let rule_matches =
        |r: &api::ServiceEntryVisibilityRule| r.namespace_selector.as_ref().is_none_or(|s| s.matches(labels));
    let of_namespace = policy.policies.iter().find(|p| p.rules.iter().all(rule_matches));
    let hidden = || ExportTo::new([arcstr::literal!("~")]);
    if declared.contains("~") {
        return declared;
    }
    match of_namespace.map_or(policy.default_visibility, |p| p.visibility) {
        api::Visibility::Unset | api::Visibility::Public => declared,
        api::Visibility::Namespace if declared.is_visible(&service.namespace, &service.namespace) => {
            ExportTo::new([arcstr::literal!(".")])
        }
        api::Visibility::Namespace | api::Visibility::None => hidden(),
    }
}
