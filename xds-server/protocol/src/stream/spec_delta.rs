//! Delta requests as the protocol defines them (Envoy docs: `xds_protocol#incremental-xds`).

use super::debt::Whole;
use super::subscription::{Mode, Subscription};
use super::{Head, Stream};
use crate::inventory::UNKNOWN;
use crate::resource::parse_version;
use crate::{EventKind, NameSet, Rule};
use arcstr::ArcStr;
use std::collections::BTreeMap;

/// The names of one request. Empty strings name nothing; what is in both lists is unsubscribed.
struct Asked {
    subscribe: NameSet,
    unsubscribe: NameSet,
    wildcard: Option<bool>,
    explicit: bool,
}

impl Stream {
    pub(super) fn spec_delta(
        &mut self,
        head: Head,
        subscribe: Vec<ArcStr>,
        unsubscribe: Vec<ArcStr>,
        initial_versions: Vec<(ArcStr, ArcStr)>,
    ) {
        let capable = head.resource_type.wildcard_capable();
        let star = |names: &[ArcStr]| capable && names.iter().any(|n| n == "*");
        let clean = |names: Vec<ArcStr>| -> NameSet {
            names.into_iter().filter(|n| !(n.is_empty() || capable && n == "*")).collect()
        };
        let wildcard = match (star(&subscribe), star(&unsubscribe)) {
            (_, true) => Some(false),
            (true, false) => Some(true),
            (false, false) => None,
        };
        let explicit = !subscribe.is_empty();
        let unsubscribe = clean(unsubscribe);
        let subscribe = clean(subscribe).difference(&unsubscribe);
        let asked = Asked { subscribe, unsubscribe, wildcard, explicit };
        let Some(at) = self.find(&head.resource_type) else {
            return self.spec_delta_first(head, asked, initial_versions);
        };
        if head.error.is_none() && !head.nonce.is_empty() {
            let subscription = &self.subscriptions[at];
            let ours =
                subscription.last_nonce() == Some(&head.nonce) || subscription.flights.contains(&head.nonce);
            if !ours {
                self.tell_at(at, Rule::StaleNonceHonoured, EventKind::Stale { nonce: head.nonce.clone() });
            }
        }
        let refused = head.error.is_some();
        self.spec_nonce(at, &head.nonce, head.error, true);
        self.spec_delta_unsubscribe(at, &asked);
        self.spec_delta_subscribe(at, asked, refused);
    }

    fn spec_delta_first(&mut self, head: Head, asked: Asked, initial_versions: Vec<(ArcStr, ArcStr)>) {
        let capable = head.resource_type.wildcard_capable();
        let (mode, rule) = match (asked.wildcard, capable, asked.explicit) {
            (Some(true), _, _) => (Mode::Wildcard, Rule::ExplicitWildcard),
            (None, true, false) => (Mode::LegacyWildcard, Rule::LegacyWildcard),
            (_, true, _) => (Mode::Named, Rule::NamedSubscription),
            (_, false, _) => (Mode::Named, Rule::FirstRequest),
        };
        let mut subscription = Subscription::new(head.resource_type, mode, asked.subscribe.clone());
        // The claims subscribe to nothing; those that no subscription covers do not matter.
        let claims: BTreeMap<ArcStr, Option<u64>> = initial_versions
            .into_iter()
            .filter(|(name, _)| subscription.covers(name))
            .map(|(name, version)| (name, Some(parse_version(&version).unwrap_or(UNKNOWN))))
            .collect();
        let reconnect = !claims.is_empty();
        subscription.held.update(claims.into_iter().collect());
        let empty = subscription.subscribed().is_empty();
        let warming = reconnect && self.has_warming_client(&subscription.resource_type);
        subscription.debt.whole = match (empty, reconnect && !warming) {
            (true, _) => Whole::No,
            (_, true) => Whole::Reconnect,
            (_, false) => Whole::Request,
        };
        let at = self.subscribe(subscription);
        let rule = if warming { Rule::EndpointsAfterClusters } else { rule };
        if empty {
            return self.tell_at(at, Rule::EmptyMeansNothing, EventKind::Ignored);
        }
        self.tell_at(at, rule, EventKind::Subscribed { names: asked.subscribe });
    }

    /// Envoy docs: `xds_protocol#unsubscribing-from-resources`.
    fn spec_delta_unsubscribe(&mut self, at: usize, asked: &Asked) {
        let subscription = &mut self.subscriptions[at];
        // In one message with the wildcard: what it covers is still the client's.
        if asked.wildcard == Some(true) {
            subscription.mode = Mode::Wildcard;
        }
        let gone = asked.unsubscribe.intersection(&subscription.names);
        let lost_wildcard = asked.wildcard == Some(false) && subscription.wildcard();
        subscription.names = subscription.names.difference(&gone);
        subscription.debt.drop_names(&gone);
        if lost_wildcard {
            subscription.mode = Mode::Named;
            subscription.debt.unsubscribe = NameSet::EMPTY;
            let names = subscription.names.clone();
            subscription.held.keep_only(&names);
        }
        let wildcard = subscription.wildcard();
        if wildcard {
            subscription.debt.unsubscribe = subscription.debt.unsubscribe.union(&gone);
        } else {
            subscription.held.forget(&gone);
        }
        if subscription.subscribed().is_empty() {
            subscription.debt.whole = Whole::No;
        }
        self.forget_refused(at);
        if lost_wildcard || !gone.is_empty() {
            let rule = if wildcard { Rule::UnsubscribeUnderWildcard } else { Rule::UnsubscribeIsSilent };
            self.tell_at(at, rule, EventKind::Unsubscribed { names: gone });
        } else if !asked.unsubscribe.is_empty() {
            self.tell_at(at, Rule::UnsubscribeIsSilent, EventKind::Ignored);
        }
    }

    /// Envoy docs: `xds_protocol#subscribing-to-resources`. Known names are answered too: the client may have forgotten them.
    fn spec_delta_subscribe(&mut self, at: usize, asked: Asked, refused: bool) {
        let subscription = &mut self.subscriptions[at];
        if asked.wildcard == Some(true) {
            subscription.debt.whole = Whole::Request;
        } else if asked.explicit && subscription.mode == Mode::LegacyWildcard {
            subscription.mode = Mode::Wildcard;
        }
        let known = asked.subscribe.is_subset(&subscription.names);
        subscription.names = subscription.names.union(&asked.subscribe);
        if !asked.subscribe.is_empty() {
            subscription.debt.add_subscribe(&asked.subscribe);
        }
        if asked.wildcard == Some(true) || !asked.subscribe.is_empty() {
            let rule = match (refused, asked.wildcard, known) {
                (true, _, _) => Rule::NackWithNames,
                (_, Some(true), _) => Rule::ExplicitWildcard,
                (_, _, true) => Rule::Resubscription,
                _ => Rule::NewNames,
            };
            self.tell_at(at, rule, EventKind::Subscribed { names: asked.subscribe });
        }
    }
}
