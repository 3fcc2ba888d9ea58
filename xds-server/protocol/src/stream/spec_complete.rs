//! SotW answers that must be complete: clusters, listeners, and what istiod treats alike.
//!
//! Envoy docs: `xds_protocol#grouping-resources-into-responses`.

use super::Stream;
use super::flight::Flight;
use super::leaving::Leaving;
use super::outbox::Draft;
use crate::{Answer, Cause, Completeness, Demand, NameSet, ResourceSet, ResourceType, Rule};
use arcstr::ArcStr;

impl Stream {
    /// Sends the complete set, if it is not the one that the client has, or if the client asked.
    pub(super) fn spec_complete(&mut self, at: usize, demand: Demand, answer: Answer) {
        let Answer { version, resources, completeness } = answer;
        let follow = self.others_follow(at, &demand.cause);
        let subscription = &mut self.subscriptions[at];
        subscription.leaving = Leaving::Nothing;
        let mut view = subscription.only_subscribed(&resources);
        if let Completeness::Partial { removed } = completeness {
            let removed: NameSet = removed.into_iter().collect();
            let set = subscription.set.clone().unwrap_or_default();
            view = set.filter(|r| !removed.contains(&r.name)).overlay(&view);
        }
        let (asked, rule) = match &demand.cause {
            Cause::Request | Cause::Reconnect | Cause::Subscribe(_) => (true, Rule::CompleteSet),
            // The client holds nothing of a response that it refused.
            Cause::Retry(refused) => (view.iter().any(|r| refused.contains(&r.name)), Rule::NackRetry),
            _ => (false, Rule::CompleteSet),
        };
        let held = subscription.set.clone();
        let is_held = |view: &ResourceSet| held.as_ref().is_some_and(|h| h.versions() == view.versions());
        if is_held(&view) && !asked {
            let rule =
                if subscription.error.is_some() { Rule::NackIsSilent } else { Rule::UnchangedIsSilent };
            return self.silent(at, rule, demand.cause);
        }
        if follow && let Some(held) = &held {
            let gone = held.filter(|r| view.get(&r.name).is_none());
            if !gone.is_empty() {
                subscription.leaving = Leaving::Set { view: view.clone(), version: version.clone() };
                view = gone.overlay(&view);
                if is_held(&view) {
                    return self.silent(at, Rule::MakeBeforeBreak, demand.cause);
                }
            }
        }
        self.send_complete(at, demand.cause, rule, version, view);
    }

    pub(super) fn send_complete(
        &mut self,
        at: usize,
        cause: Cause,
        rule: Rule,
        version: ArcStr,
        view: ResourceSet,
    ) {
        let subscription = &mut self.subscriptions[at];
        // The client may have refused what is under way, or have refused it already: then this brings it too.
        let unsure = subscription.flights.names().union(&subscription.refused);
        let changed = subscription.held.differing(&view).union(&unsure).intersection(view.names());
        subscription.refused = NameSet::EMPTY;
        subscription.held.replace(&view);
        subscription.set = Some(view.clone());
        let clusters = subscription.resource_type == ResourceType::Cluster;
        let nonce =
            self.respond(at, Draft { cause, rule, version, resources: view, removed: NameSet::EMPTY });
        let flight = Flight { nonce, names: changed.clone(), retry: false };
        self.subscriptions[at].flights.depart(flight);
        if clusters {
            // What leaves with this push need not be warm.
            let staying = match &self.subscriptions[at].leaving {
                Leaving::Set { view, .. } => changed.intersection(view.names()),
                _ => changed,
            };
            self.warm(&staying);
        }
    }
}
