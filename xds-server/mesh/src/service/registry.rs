//! All services of a mesh, indexed for scoping (istiod: `initServiceRegistry` in `push_context.go`).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arcstr::ArcStr;

use super::{Registry, Service};

/// Services in order of creation, by visibility and by host.
#[derive(Debug, Default)]
pub struct ServiceIndex {
    public: Vec<Arc<Service>>,
    /// Positions in `public`, by the services' own namespace.
    public_by_namespace: HashMap<ArcStr, Vec<usize>>,
    exported: HashMap<ArcStr, Vec<Arc<Service>>>,
    by_host: HashMap<ArcStr, BTreeMap<ArcStr, Arc<Service>>>,
    visible: usize,
}

impl ServiceIndex {
    /// Indexes services whose `export_to` is settled. O(n log n).
    ///
    /// Order is that of creation, then name, then namespace. Of several services with one host in one namespace
    /// the oldest is found by host, but a Kubernetes Service goes before a `ServiceEntry`.
    pub fn new(mut services: Vec<Arc<Service>>) -> Self {
        services.sort_by(|a, b| (a.created, &a.name, &a.namespace).cmp(&(b.created, &b.name, &b.namespace)));
        let mut index = Self::default();
        for service in services {
            index.add(&service);
        }
        index
    }

    fn add(&mut self, service: &Arc<Service>) {
        let of_host = self.by_host.entry(service.hostname.clone()).or_default();
        match of_host.get_mut(&service.namespace) {
            Some(known)
                if known.registry == Registry::External && service.registry == Registry::Kubernetes =>
            {
                *known = service.clone();
            }
            Some(_) => {}
            None => {
                of_host.insert(service.namespace.clone(), service.clone());
            }
        }
        let export_to = &service.export_to;
        if export_to.contains("*") {
            self.visible += 1;
            self.public_by_namespace.entry(service.namespace.clone()).or_default().push(self.public.len());
            self.public.push(service.clone());
        } else if !export_to.contains("~") {
            self.visible += 1;
            let own = export_to.contains(".") || export_to.contains(&service.namespace);
            let others = export_to.iter().filter(|e| *e != "." && **e != service.namespace);
            for namespace in own.then_some(&service.namespace).into_iter().chain(others) {
                self.exported.entry(namespace.clone()).or_default().push(service.clone());
            }
        }
    }

    /// Services that `namespace` may see: those exported to it, then the public ones, each in order of creation.
    pub fn exported_to(&self, namespace: &str) -> impl Iterator<Item = &Arc<Service>> {
        self.exported.get(namespace).into_iter().flatten().chain(&self.public)
    }

    /// As [`Self::exported_to`], but of the public services only those of the namespaces `owners`.
    /// O(services of those namespaces).
    pub fn exported_to_from<'a>(
        &'a self,
        namespace: &str,
        owners: impl Iterator<Item = &'a ArcStr>,
    ) -> impl Iterator<Item = &'a Arc<Service>> {
        let mut public: Vec<_> =
            owners.filter_map(|o| self.public_by_namespace.get(o)).flatten().copied().collect();
        public.sort_unstable();
        let exported = self.exported.get(namespace).into_iter().flatten();
        exported.chain(public.into_iter().map(|at| &self.public[at]))
    }

    /// The service of that host in that namespace, whoever may see it.
    pub fn get(&self, hostname: &str, namespace: &str) -> Option<&Arc<Service>> {
        self.by_host.get(hostname)?.get(namespace)
    }

    /// The services of that host, one a namespace, whoever may see them; by namespace.
    pub fn of_host(&self, hostname: &str) -> impl Iterator<Item = &Arc<Service>> {
        self.by_host.get(hostname).into_iter().flat_map(BTreeMap::values)
    }

    /// Every service, one a host and namespace, whoever may see it; by host, then namespace.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Service>> {
        let mut hosts: Vec<_> = self.by_host.values().collect();
        hosts.sort_by_key(|of_host| of_host.values().next().map(|s| s.hostname.clone()));
        hosts.into_iter().flat_map(BTreeMap::values)
    }

    /// How many services somebody may see.
    pub fn len(&self) -> usize {
        self.visible
    }

    /// Whether nobody may see any.
    pub fn is_empty(&self) -> bool {
        self.visible == 0
    }
}
