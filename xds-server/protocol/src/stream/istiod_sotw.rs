//! SotW requests as istiod reads them (istiod: `pkg/xds/server.go`, `ShouldRespond`).

use super::debt::Whole;
use super::subscription::{Mode, Reply, Subscription};
use super::{Head, Stream};
use crate::{EventKind, NameSet, ResourceType, Rule};
use arcstr::ArcStr;

impl Stream {
    pub(super) fn istiod_sotw(&mut self, head: Head, listed: Vec<ArcStr>) {
        if head.error.is_some() {
            return self.istiod_nack(head);
        }
        let Head { resource_type, nonce, .. } = head;
        let capable = resource_type.wildcard_capable();
        let mode = match (capable, listed.is_empty(), listed.iter().any(|n| n == "*")) {
            (true, true, _) => Mode::LegacyWildcard,
            (true, false, true) => Mode::Wildcard,
            _ => Mode::Named,
        };
        let names: NameSet = listed.into_iter().filter(|n| !capable || n != "*").collect();
        let known = self.find(&resource_type);
        if names.is_empty() && !capable {
            if let Some(at) = known {
                let names = self.subscriptions.remove(at).names;
                self.tell(&resource_type, Rule::EmptyMeansNothing, EventKind::Unsubscribed { names });
            } else {
                self.tell(&resource_type, Rule::EmptyMeansNothing, EventKind::Ignored);
            }
            return;
        }
        match known {
            Some(at) if !nonce.is_empty() => {
                if self.subscriptions[at].last_nonce() == Some(&nonce) {
                    self.istiod_sotw_ack(at, nonce, mode, names);
                } else {
                    self.tell(&resource_type, Rule::StaleNonceIgnored, EventKind::Stale { nonce });
                }
            }
            _ => self.istiod_sotw_first(resource_type, mode, names),
        }
    }

    fn istiod_sotw_first(&mut self, resource_type: ResourceType, mode: Mode, names: NameSet) {
        if resource_type == ResourceType::Cluster
            && let Some(endpoints) = self.find(&ResourceType::Endpoint)
        {
            self.subscriptions[endpoints].endpoints = Reply::Always;
        }
        let push = self.find(&resource_type).and_then(|at| self.subscriptions[at].debt.push);
        let at = self.subscribe(Subscription::new(resource_type, mode, names.clone()));
        self.subscriptions[at].debt.push = push;
        self.subscriptions[at].debt.whole = Whole::Request;
        let rule = if mode == Mode::LegacyWildcard { Rule::LegacyWildcard } else { Rule::FirstRequest };
        self.tell_at(at, rule, EventKind::Subscribed { names });
    }

    fn istiod_sotw_ack(&mut self, at: usize, nonce: ArcStr, mode: Mode, names: NameSet) {
        let subscription = &mut self.subscriptions[at];
        let capable = subscription.resource_type.wildcard_capable();
        let repeated = subscription.acked.as_ref() == Some(&nonce);
        let added = names.difference(&subscription.names);
        let lost = subscription.names.difference(&names);
        let same = added.is_empty() && lost.is_empty() && subscription.mode == mode;
        subscription.error = None;
        subscription.acked = Some(nonce.clone());
        subscription.mode = mode;
        if !same {
            subscription.names = names;
        }
        let reply = subscription.endpoints;
        if reply == Reply::Always || (same && repeated && reply == Reply::IfRepeated) {
            subscription.endpoints = Reply::Silent;
            subscription.debt.whole = Whole::Request;
            let rule = if reply == Reply::Always { Rule::AlwaysRespond } else { Rule::RepeatedRequest };
            return self.tell_at(at, rule, EventKind::Acked { nonce });
        }
        self.tell_at(at, Rule::AckIsSilent, EventKind::Acked { nonce });
        if same {
            return;
        }
        let debt = &mut self.subscriptions[at].debt;
        debt.drop_names(&lost);
        if !added.is_empty() {
            debt.add_subscribe(&added);
            return self.tell_at(at, Rule::NewNames, EventKind::Subscribed { names: added });
        }
        if capable {
            debt.whole = Whole::Request;
        }
        if capable && lost.is_empty() {
            return self.tell_at(at, Rule::ExplicitWildcard, EventKind::Subscribed { names: added });
        }
        self.tell_at(at, Rule::UnsubscribeIsSilent, EventKind::Unsubscribed { names: lost });
    }

    /// istiod does not look at nonce or names of a NACK.
    pub(super) fn istiod_nack(&mut self, head: Head) {
        let Head { resource_type, nonce, error } = head;
        let Some(detail) = error else { return };
        if let Some(at) = self.find(&resource_type) {
            self.subscriptions[at].error = Some(detail.clone());
            self.subscriptions[at].nacked = Some(nonce.clone());
        }
        self.tell(&resource_type, Rule::NackByErrorDetail, EventKind::Nacked { nonce, detail });
    }
}
