//! What a set of changes touches, and so what must be made anew.

use std::collections::BTreeSet;
use std::sync::Arc;

use arcstr::ArcStr;

use super::Part;
use super::effects::{Effects, Reason};
use super::store::DOMAIN;
use crate::endpoint::entry_labels;
use crate::object::istio::{ServiceEntry, WorkloadEntry};
use crate::object::kubernetes::{self, EndpointSlice};
use crate::object::{Config, Kind, Labels, Meta, Object, ObjectKey};
use crate::rules::ConfigKind;

/// What a set of changes touches.
#[derive(Debug, Default)]
pub(super) struct Dirty {
    pub(super) everything: bool,
    /// Labels by which the mesh may select namespaces.
    pub(super) selection: bool,
    /// Services and `ServiceEntries` whose model must be made anew.
    pub(super) services: BTreeSet<ObjectKey>,
    /// Namespaces whose labels or annotations changed.
    pub(super) namespaces: BTreeSet<ArcStr>,
    pub(super) nodes: BTreeSet<ArcStr>,
    /// Namespaces whose endpoints must be made anew.
    pub(super) endpoints: BTreeSet<ArcStr>,
    /// Slices as they were and as they are.
    pub(super) slices: Vec<(Option<Arc<EndpointSlice>>, Option<Arc<EndpointSlice>>)>,
    /// Addresses of Pods that became ready.
    pub(super) arrived: BTreeSet<ArcStr>,
    /// Labels of `WorkloadEntries` that changed, by namespace: those that they have, or had before they went.
    pub(super) selectable: Vec<(ArcStr, Labels)>,
    pub(super) pods: BTreeSet<(ArcStr, ArcStr)>,
    /// Pods that have other labels than before.
    pub(super) relabelled: BTreeSet<(ArcStr, ArcStr)>,
    pub(super) entries: bool,
    pub(super) parts: BTreeSet<Part>,
}

impl Dirty {
    pub(super) fn note(
        &mut self,
        key: &ObjectKey,
        before: Option<&Object>,
        after: Option<&Object>,
        effects: &mut Effects,
    ) {
        let namespace = &key.namespace;
        let is_news = before.zip(after).is_none_or(|(before, after)| after.is_news_after(before));
        match key.kind {
            Kind::ConfigMap => {
                self.everything = true;
                effects.force(Reason::Global);
            }
            Kind::Namespace => {
                self.namespaces.insert(key.name.clone());
                let labels = |o: Option<&Object>| o.map(|o| o.meta().labels.clone());
                self.selection |= labels(before) != labels(after);
            }
            // Endpoints stay where they were until their slice changes.
            Kind::Node => {
                self.nodes.insert(key.name.clone());
            }
            Kind::Service | Kind::ServiceEntry => {
                self.services.insert(key.clone());
                self.endpoints.insert(namespace.clone());
                self.parts.insert(Part::Targets);
                // The ports of its pods, which only their own proxies know, are not in the model.
                for hostname in with_other_target_ports(before, after) {
                    effects.add(ConfigKind::ServiceEntry, hostname, namespace.clone(), Reason::Service);
                }
            }
            Kind::EndpointSlice => {
                self.endpoints.insert(namespace.clone());
                let slice = |o: Option<&Object>| match o {
                    Some(Object::EndpointSlice(slice)) => Some(slice.clone()),
                    _ => None,
                };
                self.slices.push((slice(before), slice(after)));
            }
            Kind::Pod => {
                self.pods.insert((namespace.clone(), key.name.clone()));
                self.endpoints.insert(namespace.clone());
                self.pod(key, before, after, effects);
            }
            Kind::WorkloadEntry => {
                self.entries = true;
                if let Some(Object::WorkloadEntry(entry)) = after.or(before) {
                    self.selectable.push((namespace.clone(), entry_labels(entry)));
                }
                if let Some(Object::WorkloadEntry(after)) = after {
                    let place =
                        |entry: &Config<WorkloadEntry>| (entry_labels(entry), entry.spec.locality.clone());
                    let is_known =
                        matches!(before, Some(Object::WorkloadEntry(b)) if place(b) == place(after));
                    if !is_known {
                        effects.addresses.insert(after.spec.address.clone());
                    }
                }
                self.endpoints.insert(namespace.clone());
            }
            Kind::VirtualService => {
                self.parts.insert(Part::VirtualServices);
                if is_news {
                    effects.config(ConfigKind::VirtualService, key);
                }
            }
            Kind::DestinationRule => {
                self.parts.insert(Part::DestinationRules);
                if is_news {
                    effects.config(ConfigKind::DestinationRule, key);
                }
            }
            Kind::Sidecar => {
                self.parts.insert(Part::Sidecars);
                if is_news {
                    effects.config(ConfigKind::Sidecar, key);
                }
            }
            Kind::PeerAuthentication => {
                self.parts.insert(Part::PeerAuthentications);
                if is_news {
                    effects.config(ConfigKind::PeerAuthentication, key);
                }
            }
            Kind::AuthorizationPolicy => {
                self.parts.insert(Part::AuthorizationPolicies);
                if is_news {
                    effects.config(ConfigKind::AuthorizationPolicy, key);
                }
            }
            Kind::RequestAuthentication => {
                self.parts.insert(Part::RequestAuthentications);
                if is_news {
                    effects.config(ConfigKind::RequestAuthentication, key);
                }
            }
            Kind::Telemetry => {
                self.parts.insert(Part::Telemetries);
                if is_news {
                    effects.config(ConfigKind::Telemetry, key);
                }
            }
            Kind::Gateway => {
                self.parts.insert(Part::Gateways);
                if is_news {
                    effects.config(ConfigKind::Gateway, key);
                }
            }
            // Made into Pods by the source; istiod does not read them.
            Kind::Deployment | Kind::ReplicaSet | Kind::StatefulSet | Kind::DaemonSet => {}
        }
    }

    /// A pod that becomes ready is news to its own proxy; one that gets other labels may be behind other services too
    /// (istiod: `onEvent` and `recomputeServiceForPod` in `pod.go`).
    fn pod(
        &mut self,
        key: &ObjectKey,
        before: Option<&Object>,
        after: Option<&Object>,
        effects: &mut Effects,
    ) {
        let known = |object: Option<&Object>| match object {
            Some(Object::Pod(pod)) if pod.is_ready() && !pod.status.pod_ip.is_empty() => Some(pod.clone()),
            _ => None,
        };
        let Some(after) = known(after) else { return };
        match known(before) {
            Some(before) if before.status.pod_ip == after.status.pod_ip => {
                if before.metadata.labels != after.metadata.labels {
                    self.relabelled.insert((key.namespace.clone(), key.name.clone()));
                    effects.addresses.insert(after.status.pod_ip.clone());
                }
            }
            _ => {
                self.arrived.insert(after.status.pod_ip.clone());
                effects.addresses.insert(after.status.pod_ip.clone());
            }
        }
    }
}

/// Hosts that were there before and lead to other ports of their workloads now
/// (istiod: `serviceUpdateNeedsPush` in `kube/controller/controller.go`, `ServiceWithInstances` in `serviceentry/controller.go`).
fn with_other_target_ports(before: Option<&Object>, after: Option<&Object>) -> Vec<ArcStr> {
    match (before, after) {
        (Some(Object::Service(before)), Some(Object::Service(after))) => {
            let hidden = |o: &kubernetes::Service| {
                o.metadata.annotations.get("networking.istio.io/exportTo").is_some_and(|to| to.contains('~'))
            };
            let ports = |o: &kubernetes::Service| -> Vec<_> {
                o.spec.ports.iter().map(|port| port.target_port.clone()).collect()
            };
            let differ = ports(before) != ports(after) && !(hidden(before) && hidden(after));
            let Meta { name, namespace, .. } = &after.metadata;
            differ.then(|| arcstr::format!("{name}.{namespace}.svc.{DOMAIN}")).into_iter().collect()
        }
        (Some(Object::ServiceEntry(before)), Some(Object::ServiceEntry(after))) => {
            let ports =
                |o: &ServiceEntry| -> Vec<_> { o.ports.iter().map(|port| port.target_port).collect() };
            let stayed = before.spec.hosts.iter().filter(|host| after.spec.hosts.contains(host));
            if ports(&before.spec) == ports(&after.spec) { Vec::new() } else { stayed.cloned().collect() }
        }
        _ => Vec::new(),
    }
}
