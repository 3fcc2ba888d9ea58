//! SotW requests as the protocol defines them.

use super::debt::Whole;
use super::spec_nonce::Standing;
use super::subscription::{Mode, Reply, Subscription};
use super::{Head, Stream};
use crate::{EventKind, Inventory, NameSet, ResourceType, Rule};
use arcstr::ArcStr;

/// The names of one request. Empty strings name nothing.
struct Asked {
    explicit: bool,
    wildcard: bool,
    names: NameSet,
}

/// What a request changes.
struct Change {
    added: NameSet,
    lost: NameSet,
    gained_wildcard: bool,
    lost_wildcard: bool,
}

impl Change {
    fn is_none(&self) -> bool {
        self.added.is_empty() && self.lost.is_empty() && !self.gained_wildcard && !self.lost_wildcard
    }
}

impl Stream {
    /// Envoy docs: `xds_protocol#how-the-client-specifies-what-resources-to-return`.
    pub(super) fn spec_sotw(&mut self, head: Head, listed: Vec<ArcStr>) {
        let Head { resource_type, nonce, error } = head;
        let capable = resource_type.wildcard_capable();
        let asked = Asked {
            explicit: !listed.is_empty(),
            wildcard: capable && listed.iter().any(|n| n == "*"),
            names: listed.into_iter().filter(|n| !(n.is_empty() || capable && n == "*")).collect(),
        };
        let Some(at) = self.find(&resource_type) else {
            return self.spec_sotw_first(resource_type, asked);
        };
        let refused = error.is_some();
        let nothing_sent = self.subscriptions[at].sent.is_none();
        let standing = self.spec_nonce(at, &nonce, error, false);
        if standing == Standing::Stale && !nothing_sent {
            // The names do not count, but that there were names does: no names will mean nothing from now on.
            let subscription = &mut self.subscriptions[at];
            if asked.explicit && subscription.mode == Mode::LegacyWildcard {
                subscription.mode = Mode::Wildcard;
            }
            return self.tell_at(at, Rule::StaleNonceIgnored, EventKind::Stale { nonce });
        }
        let change = self.spec_sotw_change(at, asked);
        self.spec_sotw_owe(at, standing, refused, change);
    }

    fn spec_sotw_first(&mut self, resource_type: ResourceType, asked: Asked) {
        let capable = resource_type.wildcard_capable();
        let (mode, rule) = match (asked.wildcard, capable, asked.explicit) {
            (true, _, _) => (Mode::Wildcard, Rule::ExplicitWildcard),
            (_, true, false) => (Mode::LegacyWildcard, Rule::LegacyWildcard),
            (_, true, true) => (Mode::Named, Rule::NamedSubscription),
            (_, false, _) => (Mode::Named, Rule::FirstRequest),
        };
        let mut subscription = Subscription::new(resource_type, mode, asked.names.clone());
        let empty = subscription.subscribed().is_empty();
        if !empty {
            subscription.debt.whole = Whole::Request;
        }
        let at = self.subscribe(subscription);
        if empty {
            return self.tell_at(at, Rule::EmptyMeansNothing, EventKind::Ignored);
        }
        self.tell_at(at, rule, EventKind::Subscribed { names: asked.names });
    }

    fn spec_sotw_change(&mut self, at: usize, asked: Asked) -> Change {
        let subscription = &mut self.subscriptions[at];
        let was = subscription.wildcard();
        subscription.mode = match (asked.wildcard, asked.explicit, subscription.mode) {
            (true, _, _) => Mode::Wildcard,
            (_, false, Mode::LegacyWildcard) => Mode::LegacyWildcard,
            _ => Mode::Named,
        };
        let is = subscription.wildcard();
        let change = Change {
            added: asked.names.difference(&subscription.names),
            lost: subscription.names.difference(&asked.names),
            gained_wildcard: is && !was,
            lost_wildcard: was && !is,
        };
        if subscription.names != asked.names {
            subscription.names = asked.names;
        }
        // What the client no longer asks for it no longer holds: if it asks again, it is sent again.
        if !is && (change.lost_wildcard || !change.lost.is_empty()) {
            if let Some(set) = subscription.set.take() {
                let kept = subscription.only_subscribed(&set);
                subscription.held.replace(&kept);
                subscription.set = Some(kept);
            } else {
                let names = subscription.names.clone();
                subscription.held.keep_only(&names);
            }
        }
        change
    }

    fn spec_sotw_owe(&mut self, at: usize, standing: Standing, refused: bool, change: Change) {
        if change.is_none() {
            return self.spec_sotw_unchanged(at, standing, refused);
        }
        self.forget_refused(at);
        let subscription = &mut self.subscriptions[at];
        let is_wildcard = subscription.wildcard();
        let rule = match (refused, change.gained_wildcard) {
            (true, _) => Rule::NackWithNames,
            (_, true) => Rule::ExplicitWildcard,
            _ => Rule::NewNames,
        };
        subscription.debt.drop_names(&change.lost);
        if change.gained_wildcard {
            subscription.debt.whole = Whole::Request;
        }
        if !change.added.is_empty() {
            subscription.debt.add_subscribe(&change.added);
        }
        if is_wildcard {
            subscription.debt.unsubscribe = subscription.debt.unsubscribe.union(&change.lost);
        }
        if subscription.subscribed().is_empty() {
            subscription.debt.whole = Whole::No;
        }
        if !change.lost.is_empty() || change.lost_wildcard {
            let nothing = self.subscriptions[at].subscribed().is_empty();
            let rule = if nothing { Rule::EmptyMeansNothing } else { Rule::UnsubscribeIsSilent };
            self.tell_at(at, rule, EventKind::Unsubscribed { names: change.lost });
        }
        if !change.added.is_empty() || change.gained_wildcard {
            self.tell_at(at, rule, EventKind::Subscribed { names: change.added });
        }
    }

    fn spec_sotw_unchanged(&mut self, at: usize, standing: Standing, refused: bool) {
        let subscription = &mut self.subscriptions[at];
        if refused || subscription.subscribed().is_empty() {
            return;
        }
        let rule = match standing {
            // The client starts over; before the first response it only says again what it said.
            Standing::Spontaneous => {
                subscription.held = Inventory::default();
                subscription.set = None;
                Rule::FirstRequest
            }
            Standing::Repeated if subscription.endpoints == Reply::IfRepeated => Rule::RepeatedRequest,
            _ => return,
        };
        subscription.endpoints = Reply::Silent;
        subscription.debt.whole = Whole::Request;
        let names = subscription.names.clone();
        self.tell_at(at, rule, EventKind::Subscribed { names });
    }
}
