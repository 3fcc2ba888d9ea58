//! Endpoints of Kubernetes Services, gathered when an event says so, as istiod's registry does: what no event touches stays
//! as it was (istiod: `kube/controller/{controller,endpointslice,pod}.go`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arcstr::ArcStr;

use super::Mesh;
use super::dirty::Dirty;
use super::effects::{Effects, Reason};
use super::store::DOMAIN;
use crate::endpoint::{Slices, selected_entries, selects};
use crate::object::kubernetes::{self, EndpointSlice};
use crate::object::{Kind, Labels, ObjectKey};
use crate::rules::ConfigKind;
use crate::service::{Resolution, Service};

/// Why the endpoints of a Service are gathered anew; a greater cause outdoes a lesser one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cause {
    /// The Service itself, or labels of a Pod behind it: whoever must know is told of that.
    Quiet,
    /// A `WorkloadEntry`.
    Entry,
    /// A slice, or a Pod that a slice waited for.
    Slice,
}

/// Services whose endpoints are gathered anew, by host and namespace.
pub(super) type Causes = BTreeMap<(ArcStr, ArcStr), Cause>;

impl Mesh {
    /// Gathers the endpoints of the Services that something touched.
    pub(super) fn gather(&mut self, dirty: &Dirty, effects: &mut Effects) -> Causes {
        let mut causes = Causes::new();
        let mut note = |name: &ArcStr, namespace: &ArcStr, cause: Cause| {
            let known = causes.entry((host(name, namespace), namespace.clone())).or_insert(cause);
            *known = cause.max(*known);
        };
        for key in dirty.services.iter().filter(|key| key.kind == Kind::Service) {
            note(&key.name, &key.namespace, Cause::Quiet);
        }
        for (before, after) in &dirty.slices {
            match (before, after) {
                (Some(before), None) => self.slices.forget(before),
                (before, Some(after)) => {
                    if let Some(before) = before {
                        self.slices.dropped(before, after);
                    }
                    self.look(after);
                }
                (None, None) => {}
            }
            if let Some((slice, of)) =
                after.as_ref().or(before.as_ref()).and_then(|s| Some((s, Slices::service_of(s)?)))
            {
                note(&of, &slice.metadata.namespace, Cause::Slice);
            }
        }
        let arrived: BTreeSet<_> = dirty.arrived.iter().flat_map(|ip| self.slices.arrived(ip)).collect();
        for (namespace, name) in arrived {
            let slice = self.store.endpoint_slices.get(&namespace, &name).cloned();
            if let Some((slice, of)) = slice.and_then(|s| Slices::service_of(&s).map(|of| (s, of))) {
                self.look(&slice);
                note(&of, &namespace, Cause::Slice);
            }
        }
        for (namespace, name) in &dirty.relabelled {
            let Some(pod) = self.store.pods.get(namespace, name).cloned() else { continue };
            for service in self.selecting(namespace, &pod.metadata.labels) {
                self.look_at_all(&service, namespace);
                note(&service, namespace, Cause::Quiet);
                let host = host(&service, namespace);
                effects.add(ConfigKind::Endpoints, host, namespace.clone(), Reason::Endpoint);
            }
        }
        for (namespace, labels) in dirty.selectable.iter().filter(|(_, labels)| !labels.is_empty()) {
            for service in self.selecting(namespace, labels) {
                note(&service, namespace, Cause::Entry);
            }
        }
        if dirty.everything {
            self.kubernetes.clear();
            let slices: Vec<_> = self.store.endpoint_slices.iter().cloned().collect();
            slices.iter().for_each(|slice| self.look(slice));
            let services: Vec<_> = self.store.services.iter().cloned().collect();
            services.iter().for_each(|service| self.gather_of(service, None));
        } else {
            for ((host, namespace), cause) in &causes {
                let name = host.split('.').next().unwrap_or_default();
                match self.store.services.get(namespace, name).cloned() {
                    Some(service) => self.gather_of(&service, Some(*cause)),
                    None => drop(self.kubernetes.remove(&(host.clone(), namespace.clone()))),
                }
            }
        }
        causes
    }

    fn gather_of(&mut self, object: &Arc<kubernetes::Service>, cause: Option<Cause>) {
        let Some(service) = self.model(&object.metadata.namespace, &object.metadata.name) else { return };
        let mut endpoints = Vec::new();
        // istiod keeps no endpoints of a Service that it shows to nobody.
        if !service.export_to.contains("~") {
            endpoints = self.slices.endpoints(service);
            if service.resolution == Resolution::ClientSideLb {
                endpoints.extend(selected_entries(object, &self.entries));
            }
        }
        let key = (service.hostname.clone(), service.namespace.clone());
        let is_kept =
            cause == Some(Cause::Quiet) && endpoints.is_empty() && self.kubernetes.contains_key(&key);
        if !is_kept {
            self.kubernetes.insert(key, endpoints);
        }
    }

    /// The model of a Service.
    fn model(&self, namespace: &ArcStr, name: &ArcStr) -> Option<&Arc<Service>> {
        self.models.of(&ObjectKey::of(Kind::Service, namespace, name)).first()
    }

    fn look(&mut self, slice: &EndpointSlice) {
        let of = Slices::service_of(slice);
        let service = of.and_then(|of| self.model(&slice.metadata.namespace, &of)).cloned();
        self.slices.look(slice, service.as_deref(), &self.pods);
    }

    fn look_at_all(&mut self, service: &ArcStr, namespace: &ArcStr) {
        let of_service = |slice: &&Arc<EndpointSlice>| Slices::service_of(slice).as_ref() == Some(service);
        let slices: Vec<_> =
            self.store.endpoint_slices.of_namespace(namespace).filter(of_service).cloned().collect();
        slices.iter().for_each(|slice| self.look(slice));
    }

    /// The Services of a namespace that select these labels.
    fn selecting(&self, namespace: &ArcStr, labels: &Labels) -> Vec<ArcStr> {
        let services = self.store.services.of_namespace(namespace);
        let selects_it = |selector: &Labels| !selector.is_empty() && selects(selector, labels);
        services.filter(|s| selects_it(&s.spec.selector)).map(|s| s.metadata.name.clone()).collect()
    }
}

fn host(service: &str, namespace: &str) -> ArcStr {
    arcstr::format!("{service}.{namespace}.svc.{DOMAIN}")
}
