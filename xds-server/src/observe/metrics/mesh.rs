//! What is counted of the mesh and of what changes it.

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use xdslab_mesh::object::Kind;
use xdslab_mesh::{Reason, Turn};

use super::{Counters, Pair, signed};
use crate::observe::Happening;

#[derive(Debug)]
pub(super) struct MeshMetrics {
    services: Gauge,
    virtual_services: Gauge,
    inbound: Counters,
    objects: Counters<Pair>,
    without_targets: Counters,
}

impl MeshMetrics {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            services: Gauge::default(),
            virtual_services: Gauge::default(),
            inbound: Counters::default(),
            objects: Counters::default(),
            without_targets: Counters::default(),
        };
        registry.register("pilot_services", "Services known to the control plane", metrics.services.clone());
        registry.register("pilot_virt_services", "Virtual services known", metrics.virtual_services.clone());
        registry.register("pilot_inbound_updates", "Changes received", metrics.inbound.clone());
        registry.register("pilot_k8s_reg_events", "Events of the registry", metrics.objects.clone());
        registry.register(
            "pilot_k8s_proxies_with_no_service_targets",
            "Clients that stand behind no service, by what was looked at",
            metrics.without_targets.clone(),
        );
        metrics
    }

    pub(super) fn count(&self, what: &Happening) {
        match what {
            Happening::Changed { reasons, objects } => {
                reasons.iter().for_each(|(reason, times)| self.inbound(inbound_of(*reason), *times));
                for (kind, turn, times) in objects {
                    match (kind, turn) {
                        (_, Turn::UpdateSame) => {}
                        (Kind::Service | Kind::ServiceEntry, Turn::Delete) => {
                            self.inbound("svcdelete", *times);
                        }
                        (Kind::Service | Kind::ServiceEntry, _) => self.inbound("svc", *times),
                        _ => {}
                    }
                    if let Some(word) = registry_word(*kind) {
                        let labels = [("type", word.to_owned()), ("event", turn.word().to_owned())];
                        self.objects.get_or_create(&labels).inc_by(u64::from(*times));
                    }
                }
            }
            Happening::PushStarted { services, virtual_services, .. } => {
                self.services.set(signed(*services));
                self.virtual_services.set(signed(*virtual_services));
            }
            Happening::NoTargets { reason } => {
                self.without_targets.get_or_create(&[("reason", (*reason).to_owned())]).inc();
            }
            _ => {}
        }
    }

    fn inbound(&self, word: &str, times: u32) {
        self.inbound.get_or_create(&[("type", word.to_owned())]).inc_by(u64::from(times));
    }
}

/// What istiod counts a push request of this reason as.
fn inbound_of(reason: Reason) -> &'static str {
    match reason {
        Reason::Endpoint | Reason::HeadlessEndpoint => "eds",
        _ => "config",
    }
}

/// istiod's word for a kind that its Kubernetes registry watches (`pilot/pkg/serviceregistry/kube/controller`).
fn registry_word(kind: Kind) -> Option<&'static str> {
    Some(match kind {
        Kind::Service => "Services",
        Kind::Pod => "Pods",
        Kind::EndpointSlice => "EndpointSlice",
        Kind::Node => "Nodes",
        Kind::Namespace => "Namespaces",
        _ => return None,
    })
}
