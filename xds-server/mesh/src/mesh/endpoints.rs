//! The endpoints of every host, made anew where something touched them.

use std::collections::BTreeSet;
use std::sync::Arc;

use arcstr::ArcStr;
use indexmap::IndexMap;

use super::Mesh;
use super::dirty::Dirty;
use super::effects::{Effects, Extent, Headless};
use crate::endpoint::{Endpoint, EndpointSet, Slices};
use crate::endpoint::{external_endpoints, kubernetes_endpoints, selected_entries};
use crate::object::{Kind, ObjectKey};
use crate::service::Resolution;

/// A host and its namespace.
type Key = (ArcStr, ArcStr);

impl Mesh {
    /// Makes the endpoints of every namespace that something touched anew; sets that stay equal stay shared.
    pub(super) fn refresh_endpoints(&mut self, dirty: &Dirty, effects: &mut Effects) {
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
        for (key, host) in fresh {
            let set = EndpointSet::new(host.endpoints);
            let before = old.remove(&key);
            let is_same = before.as_deref() == Some(&set);
            // Whoever has no endpoints is told again when a slice says so.
            if !is_same || (host.is_touched && (set.endpoints.is_empty() || host.headless.is_some())) {
                let known = self.accounts.get(&key).map(Vec::as_slice);
                let extent = match &before {
                    None if set.endpoints.is_empty() && !host.is_touched => Extent::Nothing,
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
        old.keys().for_each(|gone| drop(self.accounts.remove(gone)));
    }

    fn namespace_endpoints(
        &self,
        namespace: &ArcStr,
        slices: &Slices,
        touched: &BTreeSet<Key>,
        out: &mut Vec<(Key, Host)>,
    ) {
        let mut by_host: IndexMap<ArcStr, Host> = IndexMap::new();
        let mut entries: Vec<_> = self.store.service_entries.of_namespace(namespace).collect();
        entries.sort_by_key(|e| (e.meta.creation_timestamp, e.meta.name.clone()));
        for entry in entries {
            for service in self.models.of(&ObjectKey::of(Kind::ServiceEntry, namespace, &entry.meta.name)) {
                let endpoints = external_endpoints(entry, &service.hostname, &self.entries, &self.pods);
                let host = by_host.entry(service.hostname.clone()).or_default();
                host.endpoints.extend(endpoints);
                host.in_clusters |= service.resolution.is_dns();
            }
        }
        for object in self.store.services.of_namespace(namespace) {
            for service in self.models.of(&ObjectKey::of(Kind::Service, namespace, &object.metadata.name)) {
                if service.resolution == Resolution::Alias {
                    continue;
                }
                let host = by_host.entry(service.hostname.clone()).or_default();
                // istiod keeps no endpoints of a Service that it shows to nobody.
                if !service.export_to.contains("~") {
                    host.is_touched = touched.contains(&(service.hostname.clone(), namespace.clone()));
                    host.endpoints.extend(kubernetes_endpoints(service, slices, &self.pods));
                    host.endpoints.extend(selected_entries(object, &self.entries));
                }
                let is_headless = service.resolution == Resolution::Passthrough;
                host.headless = is_headless.then(|| Headless::of(service));
            }
        }
        out.extend(by_host.into_iter().map(|(name, host)| ((name, namespace.clone()), host)));
    }
}

/// A host of a namespace, as it is now.
#[derive(Debug, Default)]
struct Host {
    endpoints: Vec<Endpoint>,
    headless: Option<Headless>,
    /// Whether its clusters hold its endpoints.
    in_clusters: bool,
    /// Whether a slice of it changed.
    is_touched: bool,
}
