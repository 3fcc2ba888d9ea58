//! Answers that hold only what the client lacks: all of delta, and SotW for types that come in parts.

use super::flight::Flight;
use super::leaving::Late;
use super::outbox::Draft;
use super::subscription::Subscription;
use super::{Stream, Variant};
use crate::inventory::Change;
use crate::join::{Joined, join};
use crate::{Answer, Cause, Completeness, Demand, NameSet, Names, Resource, ResourceSet, ResourceType, Rule};
use arcstr::ArcStr;

/// What is sent whether or not it changed.
enum Force {
    All,
    Only(NameSet),
}

impl Force {
    fn includes(&self, name: &str) -> bool {
        match self {
            Force::All => true,
            Force::Only(names) => names.contains(name),
        }
    }
}

struct Difference {
    send: ResourceSet,
    /// Held by the client and gone.
    gone: NameSet,
    /// Asked for and not there.
    missing: NameSet,
}

impl Stream {
    /// Envoy docs: `xds_protocol#grouping-resources-into-responses`, `#deleting-resources`.
    pub(super) fn spec_difference(&mut self, at: usize, demand: Demand, answer: Answer) {
        let Demand { resource_type, names, subscription, held, cause, .. } = demand;
        drop((subscription, held));
        let follow = self.others_follow(at, &cause);
        let warming = covered(&names, self.warming_due(at));
        let leaving = self.endpoints_to_hold_back(at, &cause, &warming);
        let subscription = &mut self.subscriptions[at];
        let (force, tell) = forced(&cause, &names, &warming);
        let mut difference = subscription.difference(&names, &force, &tell, &answer);
        let late = difference.hold_back(&leaving);
        subscription.note(&names, &difference, &answer, !late.is_empty());
        drop((names, tell));
        if answer.completeness == Completeness::Full {
            subscription.names.adopt(answer.resources.names());
        }
        if self.variant == Variant::Sotw {
            self.forget_refused(at);
        }
        let subscription = &mut self.subscriptions[at];
        let Difference { send, mut gone, missing } = difference;
        if self.variant == Variant::Delta && cause == Cause::Request {
            gone = gone.union(&subscription.gone_in_flight(&answer.resources));
        }
        let settled = send.names().union(&missing);
        if resource_type == ResourceType::Endpoint {
            subscription.postpone_endpoints(&late, &settled.union(&gone), &cause, &answer.version);
        } else if self.variant == Variant::Delta {
            subscription.postpone(follow, &mut gone, &settled, &answer.version);
        }
        let told = gone.union(&missing);
        if resource_type == ResourceType::Endpoint {
            self.warmed(&send.names().union(&told));
            if matches!(cause, Cause::Request | Cause::Reconnect) {
                self.warming = NameSet::EMPTY;
            }
        }
        let removed = if self.variant == Variant::Delta { told } else { NameSet::EMPTY };
        // A wildcard without any resource: the client waits for the news that there is nothing.
        let must = self.variant == Variant::Delta && cause == Cause::Request;
        if send.is_empty() && removed.is_empty() && !must {
            let subscription = &self.subscriptions[at];
            let rule = match cause {
                Cause::Reconnect => Rule::InitialVersions,
                _ if subscription.error.is_some() => Rule::NackIsSilent,
                _ => Rule::UnchangedIsSilent,
            };
            return self.silent(at, rule, cause);
        }
        let rule = self.difference_rule(&cause, send.is_empty() && !missing.is_empty());
        self.send_difference(at, Draft { cause, rule, version: answer.version, resources: send, removed });
    }

    pub(super) fn send_difference(&mut self, at: usize, draft: Draft) {
        let brought = draft.resources.names().clone();
        let taken = draft.removed.clone();
        let nonce = self.respond(at, draft);
        let names = brought.union(&taken);
        let subscription = &mut self.subscriptions[at];
        let rest = subscription.refused.difference(&names);
        let retry = rest.len() < subscription.refused.len();
        subscription.refused = rest;
        subscription.flights.depart(Flight { nonce, names, retry });
        if subscription.resource_type == ResourceType::Cluster {
            self.warmed(&taken);
            self.warm(&brought);
        }
    }

    fn difference_rule(&self, cause: &Cause, only_missing: bool) -> Rule {
        match cause {
            Cause::Warming => Rule::EndpointsAfterClusters,
            Cause::Retry(_) => Rule::NackRetry,
            Cause::Unsubscribe(_) => Rule::UnsubscribeUnderWildcard,
            _ if only_missing => Rule::MissingIsTold,
            Cause::Reconnect => Rule::InitialVersions,
            _ if self.variant == Variant::Sotw => Rule::OnlyWhatChanged,
            _ => Rule::Difference,
        }
    }
}

/// What of `names` the answer can speak of.
fn covered(demanded: &Names, names: NameSet) -> NameSet {
    match demanded {
        Names::Named(demanded) => names.intersection(demanded),
        _ => names,
    }
}

/// What must be sent, and which names must be told if they do not exist.
fn forced(cause: &Cause, names: &Names, warming: &NameSet) -> (Force, NameSet) {
    let only = |asked: &NameSet| (Force::Only(asked.union(warming)), asked.union(warming));
    match cause {
        Cause::Request => (Force::All, names.named().clone()),
        Cause::Reconnect => (Force::Only(warming.clone()), names.named().clone()),
        Cause::Subscribe(asked) | Cause::Unsubscribe(asked) | Cause::Retry(asked) => only(asked),
        Cause::Warming => only(names.named()),
        Cause::Push => only(&NameSet::EMPTY),
    }
}

impl Difference {
    /// Takes out what is to wait: resources, and names that are gone.
    fn hold_back(&mut self, names: &NameSet) -> Late {
        if names.is_empty() {
            return Late::default();
        }
        let late = self.send.filter(|r| names.contains(&r.name));
        self.send = self.send.filter(|r| !names.contains(&r.name));
        let gone = self.gone.intersection(names);
        self.gone = self.gone.difference(names);
        Late { resources: late, gone }
    }
}

impl Subscription {
    fn difference(&self, names: &Names, force: &Force, tell: &NameSet, answer: &Answer) -> Difference {
        let resources = &answer.resources;
        let full = answer.completeness == Completeness::Full;
        let lacks = |r: &Resource, held: Option<u64>| held != Some(r.version) || force.includes(&r.name);
        let all = self.wildcard() || resources.names().is_subset(&self.names);
        let covers = |name: &str| all || self.names.contains(name);
        let (mut send, mut gone): (Vec<Resource>, Vec<ArcStr>) = (Vec::new(), Vec::new());
        if full && *names == self.subscribed() {
            for step in
                join(resources.iter(), self.held.iter(), |r| r.name.as_str(), |(name, _)| name.as_str())
            {
                match step {
                    Joined::Left(r) if covers(&r.name) => send.push(r.clone()),
                    Joined::Both(r, (_, held)) if lacks(r, Some(held)) && covers(&r.name) => {
                        send.push(r.clone());
                    }
                    Joined::Right((name, _)) => gone.push(name.clone()),
                    _ => {}
                }
            }
        } else {
            // A generator may give more than was asked for: that is for a push to bring.
            let asked = |name: &str| names.covers(name) && covers(name);
            let wanted = |r: &&Resource| asked(&r.name) && lacks(r, self.held.get(&r.name));
            send.extend(resources.iter().filter(wanted).cloned());
            let absent = |name: &&ArcStr| self.covers(name) && resources.get(name).is_none();
            let removed = match &answer.completeness {
                Completeness::Partial { removed } => removed.as_slice(),
                Completeness::Full => names.named().as_slice(),
            };
            let told = |name: &&ArcStr| self.held.contains(name) || (!full && tell.contains(name));
            gone.extend(removed.iter().filter(absent).filter(told).cloned());
        }
        let gone: NameSet = gone.into_iter().collect();
        // The demand may be older than the subscription: a name that was given up since is not spoken of.
        let missing =
            if full { tell.difference(resources.names()).difference(&gone) } else { NameSet::EMPTY };
        let missing = if self.wildcard() { missing } else { missing.intersection(&self.names) };
        Difference { send: resources.kept(send), gone, missing }
    }

    /// The client gave the wildcard up and takes it again, and may not have read yet what it was sent before.
    fn gone_in_flight(&self, resources: &ResourceSet) -> NameSet {
        if self.wildcard() { self.flights.names().difference(resources.names()) } else { NameSet::EMPTY }
    }

    /// What the client will hold once it has the difference.
    fn note(&mut self, names: &Names, difference: &Difference, answer: &Answer, in_part: bool) {
        let whole = answer.completeness == Completeness::Full && *names == self.subscribed();
        if whole && !in_part {
            let held = self.only_subscribed(&answer.resources);
            return self.held.replace(&held);
        }
        let taken = difference.gone.union(&difference.missing);
        let steps = join(&difference.send, &taken, |r| r.name.as_str(), |n| n.as_str());
        let changes: Vec<Change> = steps
            .map(|step| match step {
                Joined::Left(r) | Joined::Both(r, _) => (r.name.clone(), Some(r.version)),
                Joined::Right(name) => (name.clone(), None),
            })
            .collect();
        self.held.update(changes);
    }
}
