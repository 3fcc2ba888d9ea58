//! The endpoints of every host, made anew where something touched them.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arcstr::ArcStr;
use indexmap::IndexMap;

use super::Mesh;
use super::dirty::Dirty;
use super::effects::{Effects, Extent, Headless};
use super::shards::{Cause, Causes};
use crate::endpoint::{Endpoint, EndpointSet, external_endpoints};
use crate::object::{Kind, ObjectKey};
use crate::service::Resolution;

/// A host and its namespace.
type Key = (ArcStr, ArcStr);

impl Mesh {
    /// Makes the endpoints of every namespace that something touched anew; sets that stay equal stay shared.
    pub(super) fn refresh_endpoints(&mut self, dirty: &Dirty, effects: &mut Effects) {
        let mesh = self.store.mesh_config();
        let causes = self.gather(dirty, effects);
        let mut namespaces: BTreeSet<ArcStr> =
            if dirty.everything { self.store.service_namespaces() } else { dirty.endpoints.clone() };
        namespaces.extend(causes.keys().map(|(_, namespace)| namespace.clone()));
        if namespaces.is_empty() && !dirty.everything {
            return;
        }
        let mut fresh = Vec::new();
        for namespace in &namespaces {
            if self.store.selects(&mesh, namespace) {
                self.namespace_endpoints(namespace, &causes, dirty, effects, &mut fresh);
            }
        }
        let index = Arc::make_mut(&mut self.endpoints);
        let mut old = if dirty.everything {
            std::mem::take(&mut index.0)
        } else {
            let gone = index.0.extract_if(.., |(_, ns), _| namespaces.contains(ns));
            gone.collect()
        };
        let mut moved = BTreeSet::new();
        for (key, host) in fresh {
            let mut set = EndpointSet::new(host.endpoints);
            if set.endpoints.is_empty() {
                set.accounts = self.accounts.get(&key).cloned().unwrap_or_default();
            }
            let before = old.remove(&key);
            let is_same = before.as_deref() == Some(&set);
            moved.extend(host.remodelled);
            if !is_same {
                moved.extend(instances(before.as_deref(), &set));
            }
            // Whoever has no endpoints is told again when a slice says so.
            let is_touched = host.cause >= Some(Cause::Entry);
            let is_news = !is_same || (is_touched && (set.endpoints.is_empty() || host.headless.is_some()));
            if is_news && host.cause != Some(Cause::Quiet) {
                let known = self.accounts.get(&key).map(Vec::as_slice);
                let extent = match &before {
                    None if set.endpoints.is_empty() && !is_touched => Extent::Nothing,
                    _ if host.in_clusters => Extent::Service,
                    before => Extent::of(before.as_deref(), &set, known),
                };
                let (hostname, namespace) = key.clone();
                effects.endpoints(hostname, namespace, extent, host.headless);
            }
            if !set.endpoints.is_empty() && self.accounts.get(&key) != Some(&set.accounts) {
                self.accounts.insert(key.clone(), set.accounts.clone());
            }
            index.0.insert(key, before.filter(|_| is_same).unwrap_or_else(|| Arc::new(set)));
        }
        for (gone, set) in &old {
            self.accounts.remove(gone);
            let had = instances(Some(set), &EndpointSet::default());
            if !had.is_empty() {
                // istiod: `pushServiceEndpointUpdates` in `serviceentry/controller.go`.
                let (hostname, namespace) = gone.clone();
                effects.endpoints(hostname, namespace, Extent::Endpoints, None);
            }
            moved.extend(had);
        }
        // istiod: `pushPodProxyUpdates` in `serviceentry/controller.go`.
        if !moved.is_empty() {
            effects.addresses.extend(self.pods.at(&moved).map(|entry| entry.pod.status.pod_ip.clone()));
        }
    }

    fn namespace_endpoints(
        &self,
        namespace: &ArcStr,
        causes: &Causes,
        dirty: &Dirty,
        effects: &Effects,
        out: &mut Vec<(Key, Host)>,
    ) {
        let all = dirty.everything || dirty.namespaces.contains(namespace);
        let mut by_host: IndexMap<ArcStr, Host> = IndexMap::new();
        let mut entries: Vec<_> = self.store.service_entries.of_namespace(namespace).collect();
        entries.sort_by_key(|e| (e.meta.creation_timestamp, e.meta.name.clone()));
        for entry in entries {
            let key = ObjectKey::of(Kind::ServiceEntry, namespace, &entry.meta.name);
            let is_touched = all || dirty.services.contains(&key);
            for service in self.models.of(&key) {
                let endpoints = external_endpoints(entry, &service.hostname, &self.entries, &self.pods);
                let host = by_host.entry(service.hostname.clone()).or_default();
                if is_touched && effects.tells_of(&service.hostname, namespace) {
                    host.remodelled.extend(endpoints.iter().map(|e| ArcStr::from(e.address.as_str())));
                }
                host.endpoints.extend(endpoints);
                host.in_clusters |= service.resolution.is_dns();
            }
        }
        for object in self.store.services.of_namespace(namespace) {
            for service in self.models.of(&ObjectKey::of(Kind::Service, namespace, &object.metadata.name)) {
                let key = (service.hostname.clone(), namespace.clone());
                let host = by_host.entry(service.hostname.clone()).or_default();
                host.endpoints.extend(self.kubernetes.get(&key).into_iter().flatten().cloned());
                host.cause = causes.get(&key).copied();
                let is_headless = service.resolution == Resolution::Passthrough;
                let is_told = host.cause == Some(Cause::Slice);
                host.headless = (is_headless && is_told).then(|| Headless::of(service));
            }
        }
        out.extend(by_host.into_iter().map(|(name, host)| ((name, namespace.clone()), host)));
    }
}

/// Addresses of endpoints of `ServiceEntries` that came, went or changed.
fn instances(before: Option<&EndpointSet>, after: &EndpointSet) -> BTreeSet<ArcStr> {
    let of_entries = |set: &EndpointSet| -> HashMap<_, _> {
        let entries = set.endpoints.iter().filter(|e| e.service_port != 0);
        entries.map(|e| ((e.address.clone(), e.port, e.service_port_name.clone()), e.clone())).collect()
    };
    let (old, new) = (before.map(of_entries).unwrap_or_default(), of_entries(after));
    let differs = |place| old.get(place) != new.get(place);
    let places = old.keys().chain(new.keys()).filter(|place| differs(*place));
    places.map(|(address, ..)| address.as_str().into()).collect()
}

/// A host of a namespace, as it is now.
#[derive(Debug, Default)]
struct Host {
    endpoints: Vec<Endpoint>,
    /// Addresses of endpoints of `ServiceEntries` that model it otherwise than before.
    remodelled: Vec<ArcStr>,
    headless: Option<Headless>,
    /// Whether its clusters hold its endpoints.
    in_clusters: bool,
    /// Why its Kubernetes Service's endpoints were gathered anew, if they were.
    cause: Option<Cause>,
}
