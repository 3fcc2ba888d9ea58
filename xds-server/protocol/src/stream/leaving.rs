//! Make before break: what a push takes from the client comes after everything that it brings.
//!
//! Envoy docs: `xds_protocol#eventual-consistency-considerations`.

use super::outbox::Draft;
use super::subscription::Subscription;
use super::{Stream, Variant};
use crate::{Cause, NameSet, ResourceSet, ResourceType, Rule};
use arcstr::ArcStr;

/// What waits until the rest of a push is out: removals of clusters, and news of endpoints of such clusters.
#[derive(Debug, Default)]
pub(super) enum Leaving {
    #[default]
    Nothing,
    /// SotW: the complete set without them.
    Set { view: ResourceSet, version: ArcStr },
    /// Delta: their names.
    Names { names: NameSet, version: ArcStr },
    /// Endpoints of clusters that leave.
    Endpoints { resources: ResourceSet, gone: NameSet, version: ArcStr },
}

/// News that wait until the rest of a push is out.
#[derive(Default)]
pub(super) struct Late {
    pub resources: ResourceSet,
    pub gone: NameSet,
}

impl Late {
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty() && self.gone.is_empty()
    }
}

impl Stream {
    /// Whether removed clusters must stay a while: listeners or routes that may point to them are still to be pushed.
    pub(super) fn others_follow(&self, at: usize, cause: &Cause) -> bool {
        *cause == Cause::Push
            && self.subscriptions[at].resource_type == ResourceType::Cluster
            && self
                .subscriptions
                .iter()
                .any(|s| s.resource_type > ResourceType::Endpoint && s.debt.push.is_some())
    }

    /// The endpoints of clusters that this push takes, but not yet: whoever still sends there needs them.
    ///
    /// Envoy docs: `xds_protocol#eventual-consistency-considerations`: stale clusters *and their endpoints* come last.
    pub(super) fn endpoints_to_hold_back(&self, at: usize, cause: &Cause, warming: &NameSet) -> NameSet {
        if *cause != Cause::Push || self.subscriptions[at].resource_type != ResourceType::Endpoint {
            return NameSet::EMPTY;
        }
        let clusters = self.find(&ResourceType::Cluster).map(|at| &self.subscriptions[at]);
        let leaving = match clusters.map(|clusters| (clusters, &clusters.leaving)) {
            Some((_, Leaving::Names { names, .. })) => names.clone(),
            Some((clusters, Leaving::Set { view, .. })) => clusters.held.names().difference(view.names()),
            _ => return NameSet::EMPTY,
        };
        leaving.difference(warming)
    }

    /// Takes removed clusters from the client once nothing else is owed, and then their endpoints.
    pub(super) fn settle(&mut self) {
        let busy = self.outstanding || self.subscriptions.iter().any(|s| !s.debt.is_empty());
        if busy || (0..self.subscriptions.len()).any(|at| !self.warming_due(at).is_empty()) {
            return;
        }
        for at in 0..self.subscriptions.len() {
            match std::mem::take(&mut self.subscriptions[at].leaving) {
                Leaving::Nothing => {}
                Leaving::Set { view, version } => self.settle_set(at, &view, version),
                Leaving::Names { names, version } => self.settle_names(at, &names, version),
                Leaving::Endpoints { resources, gone, version } => {
                    self.settle_endpoints(at, &resources, &gone, version);
                }
            }
        }
    }

    fn settle_set(&mut self, at: usize, view: &ResourceSet, version: ArcStr) {
        let subscription = &self.subscriptions[at];
        let view = subscription.only_subscribed(view);
        if !subscription.held.is_exactly(&view) {
            self.send_complete(at, Cause::Push, Rule::MakeBeforeBreak, version, view);
        }
    }

    fn settle_names(&mut self, at: usize, names: &NameSet, version: ArcStr) {
        let subscription = &self.subscriptions[at];
        let gone = |name: &&ArcStr| subscription.covers(name) && !subscription.held.contains(name);
        let removed = NameSet::from_sorted(names.iter().filter(gone).cloned().collect());
        if !removed.is_empty() {
            let (cause, rule) = (Cause::Push, Rule::MakeBeforeBreak);
            self.send_difference(
                at,
                Draft { cause, rule, version, resources: ResourceSet::empty(), removed },
            );
        }
    }

    fn settle_endpoints(&mut self, at: usize, resources: &ResourceSet, gone: &NameSet, version: ArcStr) {
        let subscription = &mut self.subscriptions[at];
        let resources = subscription.only_subscribed(resources);
        let gone = gone.intersection(&subscription.held.names());
        subscription.held.forget(&gone);
        subscription.held.update(resources.iter().map(|r| (r.name.clone(), Some(r.version))).collect());
        let removed = if self.variant == Variant::Delta { gone } else { NameSet::EMPTY };
        if !(resources.is_empty() && removed.is_empty()) {
            let (cause, rule) = (Cause::Push, Rule::MakeBeforeBreak);
            self.send_difference(at, Draft { cause, rule, version, resources, removed });
        }
    }
}

impl Subscription {
    /// Keeps removals back while others follow, and drops those that are settled meanwhile.
    pub(super) fn postpone(&mut self, follow: bool, gone: &mut NameSet, settled: &NameSet, version: &ArcStr) {
        let mut waiting = match std::mem::take(&mut self.leaving) {
            Leaving::Names { names, .. } => names.difference(settled).difference(gone),
            _ => NameSet::EMPTY,
        };
        if follow {
            waiting = waiting.union(&std::mem::take(gone));
        }
        if !waiting.is_empty() {
            self.leaving = Leaving::Names { names: waiting, version: version.clone() };
        }
    }
    /// Keeps news of endpoints back whose clusters are about to go, and drops those that are settled meanwhile.
    pub(super) fn postpone_endpoints(
        &mut self,
        late: &Late,
        settled: &NameSet,
        cause: &Cause,
        version: &ArcStr,
    ) {
        let before = match std::mem::take(&mut self.leaving) {
            Leaving::Endpoints { resources, gone, .. }
                if !matches!(cause, Cause::Request | Cause::Reconnect) =>
            {
                let resources =
                    resources.filter(|r| !settled.contains(&r.name) && !late.gone.contains(&r.name));
                Late { resources, gone: gone.difference(settled).difference(late.resources.names()) }
            }
            _ => Late::default(),
        };
        let resources = before.resources.overlay(&late.resources);
        let gone = before.gone.union(&late.gone);
        if !(resources.is_empty() && gone.is_empty()) {
            self.leaving = Leaving::Endpoints { resources, gone, version: version.clone() };
        }
    }
}
