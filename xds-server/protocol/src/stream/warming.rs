//! Make before break: endpoints right after their clusters, removals of clusters last.

use super::outbox::Draft;
use super::subscription::{Leaving, Reply};
use super::{Semantics, Stream, Variant};
use crate::{Cause, NameSet, ResourceSet, ResourceType, Rule};
use arcstr::ArcStr;

impl Stream {
    /// Clusters go out that the client will warm until it gets their endpoints.
    pub(super) fn warm(&mut self, clusters: &NameSet) {
        if clusters.is_empty() {
            return;
        }
        if let Some(at) = self.find(&ResourceType::Endpoint) {
            let endpoints = &mut self.subscriptions[at];
            let due = clusters.intersection(&endpoints.names);
            if due.is_empty() {
                return;
            }
            if self.variant == Variant::Sotw && endpoints.endpoints == Reply::Silent {
                endpoints.endpoints = Reply::IfRepeated;
            }
            self.warming = self.warming.union(&due);
        } else if self.variant == Variant::Delta && self.semantics == Semantics::Spec {
            // The client may be about to say that it still holds their endpoints; that will not do.
            self.warming = self.warming.union(clusters);
        }
    }

    /// Endpoints go out, or their absence is told.
    pub(super) fn warmed(&mut self, names: &NameSet) {
        self.warming = self.warming.difference(names);
    }

    /// The endpoints among the subscribed ones that clusters wait for.
    pub(super) fn warming_due(&self, at: usize) -> NameSet {
        let subscription = &self.subscriptions[at];
        if subscription.resource_type != ResourceType::Endpoint || self.warming.is_empty() {
            return NameSet::EMPTY;
        }
        self.warming.intersection(&subscription.names)
    }

    /// Whether the client is in the middle of warming clusters, on a stream that it has just opened.
    ///
    /// Envoy asks for nothing about clusters while any of them warms (`ClusterManagerImpl::updateClusterCounts` pauses
    /// them), so its request for endpoints comes first. It names the endpoints that it holds, and yet waits for them.
    pub(super) fn has_warming_client(&self, asked: &ResourceType) -> bool {
        *asked == ResourceType::Endpoint && self.only.is_none() && self.find(&ResourceType::Cluster).is_none()
    }

    /// Whether removed clusters must stay a while: listeners or routes that may point to them are still to be pushed.
    pub(super) fn others_follow(&self, at: usize, cause: &Cause) -> bool {
        *cause == Cause::Push
            && self.subscriptions[at].resource_type == ResourceType::Cluster
            && self
                .subscriptions
                .iter()
                .any(|s| s.resource_type > ResourceType::Endpoint && s.debt.push.is_some())
    }

    /// Takes removed clusters from the client once nothing else is owed.
    pub(super) fn settle(&mut self) {
        let busy = self.outstanding || self.subscriptions.iter().any(|s| !s.debt.is_empty());
        if busy || (0..self.subscriptions.len()).any(|at| !self.warming_due(at).is_empty()) {
            return;
        }
        for at in 0..self.subscriptions.len() {
            match std::mem::take(&mut self.subscriptions[at].leaving) {
                Leaving::Nothing => {}
                Leaving::Set { view, version } => {
                    let subscription = &self.subscriptions[at];
                    let view = subscription.only_subscribed(&view);
                    if !subscription.held.is_exactly(view.versions()) {
                        self.send_complete(at, Cause::Push, Rule::MakeBeforeBreak, version, view);
                    }
                }
                Leaving::Names { names, version } => {
                    let subscription = &self.subscriptions[at];
                    let gone =
                        |name: &&ArcStr| subscription.covers(name) && !subscription.held.contains(name);
                    let removed = NameSet::from_sorted(names.iter().filter(gone).cloned().collect());
                    if !removed.is_empty() {
                        let rule = Rule::MakeBeforeBreak;
                        let resources = ResourceSet::empty();
                        self.send_difference(
                            at,
                            Draft { cause: Cause::Push, rule, version, resources, removed },
                        );
                    }
                }
            }
        }
    }
}
