//! Answers as istiod sends them (istiod: `pilot/pkg/xds/xdsgen.go`, `pushXds`; `pilot/pkg/xds/delta.go`, `pushDeltaXds`).

use super::outbox::Draft;
use super::{Stream, Variant};
use crate::{Answer, Cause, Completeness, Demand, NameSet, Names, ResourceType, Rule};

impl Stream {
    /// Everything that was generated goes out; nothing is compared. Versions are kept for one purpose: to see which clusters
    /// the client will warm if endpoints do not follow by themselves.
    pub(super) fn istiod_answer(&mut self, at: usize, demand: Demand, answer: Answer) {
        let Demand { resource_type, names, subscription, held, cause, .. } = demand;
        drop((subscription, held));
        let capable = resource_type.wildcard_capable();
        let nothing = answer.resources.is_empty()
            && match &answer.completeness {
                Completeness::Full => !capable,
                Completeness::Partial { removed } => !capable || removed.is_empty(),
            };
        if nothing {
            self.silent(at, Rule::NothingGenerated, cause.clone());
        } else {
            self.istiod_send(at, names, cause.clone(), answer);
        }
        // Whether or not there was anything to say about clusters: istiod, `forceEDSPush`.
        let requested = matches!(cause, Cause::Request | Cause::Subscribe(_));
        if resource_type == ResourceType::Cluster
            && requested
            && self.variant == Variant::Delta
            && let Some(endpoints) = self.find(&ResourceType::Endpoint)
        {
            let endpoints = &mut self.subscriptions[endpoints];
            endpoints.debt.endpoints = !endpoints.names.is_empty();
        }
    }

    fn istiod_send(&mut self, at: usize, names: Names, cause: Cause, answer: Answer) {
        let Answer { version, resources, completeness } = answer;
        let subscription = &mut self.subscriptions[at];
        let kind = subscription.resource_type.clone();
        let capable = kind.wildcard_capable();
        let full = completeness == Completeness::Full;
        let mut removed = match completeness {
            _ if self.variant == Variant::Sotw => NameSet::EMPTY,
            Completeness::Full => match &cause {
                Cause::Subscribe(names) => names.difference(resources.names()),
                _ if capable => subscription.held.absent_from(&resources),
                _ => names.named().difference(resources.names()),
            },
            Completeness::Partial { ref removed } if capable => removed.iter().cloned().collect(),
            Completeness::Partial { .. } => NameSet::EMPTY,
        };
        // Extensions are left to Envoy's garbage collection (istiod: `neverRemoveDelta`).
        if kind == ResourceType::ExtensionConfig {
            removed = NameSet::EMPTY;
        }
        let (resources, whole) = match completeness {
            Completeness::Partial { removed } if self.variant == Variant::Sotw && capable => {
                let gone: NameSet = removed.into_iter().collect();
                let held = subscription.set.take().unwrap_or_default();
                (held.filter(|r| !gone.contains(&r.name)).overlay(&resources), true)
            }
            _ => (resources, full),
        };
        let changed = if kind == ResourceType::Cluster {
            subscription.held.differing(&resources)
        } else {
            NameSet::EMPTY
        };
        if capable {
            if whole {
                subscription.held.replace(&resources);
            } else {
                subscription.held.forget(&removed);
                subscription
                    .held
                    .update(resources.iter().map(|r| (r.name.clone(), Some(r.version))).collect());
            }
            subscription.set = (self.variant == Variant::Sotw).then(|| resources.clone());
        } else if full {
            drop(names);
            subscription.names.adopt(resources.names());
        }
        let requested = cause == Cause::Request;
        let rule = if cause == Cause::Warming { Rule::EndpointsAfterClusters } else { Rule::SentAsGenerated };
        let sent = if kind == ResourceType::Endpoint { resources.names().clone() } else { NameSet::EMPTY };
        let gone = removed.clone();
        self.respond(at, Draft { cause, rule, version, resources, removed });
        match kind {
            ResourceType::Cluster => {
                self.warmed(&gone);
                // A SotW client that asked for clusters asks for their endpoints next: `Reply::Always`.
                if self.variant == Variant::Delta || !requested {
                    self.warm(&changed);
                }
            }
            ResourceType::Endpoint => self.warmed(&sent),
            _ => {}
        }
    }
}
