//! Delta requests as istiod reads them (istiod: `pilot/pkg/xds/delta.go`, `shouldRespondDelta`).

use super::debt::Whole;
use super::subscription::{Mode, Subscription};
use super::{Head, Stream};
use crate::inventory::UNKNOWN;
use crate::{EventKind, NameSet, Rule};
use arcstr::ArcStr;

/// The names of one request. istiod counts what a client says that it still holds as subscribed to.
struct Asked {
    subscribe: NameSet,
    retained: NameSet,
    unsubscribe: NameSet,
    wildcard: bool,
}

impl Asked {
    fn all(&self) -> NameSet {
        self.subscribe.union(&self.retained).difference(&self.unsubscribe)
    }
}

impl Stream {
    pub(super) fn istiod_delta(
        &mut self,
        head: Head,
        subscribe: Vec<ArcStr>,
        unsubscribe: Vec<ArcStr>,
        initial_versions: Vec<(ArcStr, ArcStr)>,
    ) {
        if head.error.is_some() {
            return self.istiod_nack(head);
        }
        let star = subscribe.iter().any(|n| n == "*");
        let wildcard = subscribe.is_empty() || (star && !unsubscribe.iter().any(|n| n == "*"));
        let clean = |names: Vec<ArcStr>| names.into_iter().filter(|n| n != "*").collect::<NameSet>();
        let asked = Asked {
            subscribe: clean(subscribe),
            retained: clean(initial_versions.into_iter().map(|(name, _)| name).collect()),
            unsubscribe: clean(unsubscribe),
            wildcard,
        };
        let Some(at) = self.find(&head.resource_type) else {
            return self.istiod_delta_first(head, &asked);
        };
        if !head.nonce.is_empty() && self.subscriptions[at].last_nonce() != Some(&head.nonce) {
            let kind = EventKind::Stale { nonce: head.nonce };
            return self.tell_at(at, Rule::StaleNonceIgnored, kind);
        }
        if !head.nonce.is_empty() {
            let subscription = &mut self.subscriptions[at];
            subscription.error = None;
            subscription.acked = Some(head.nonce.clone());
            self.tell_at(at, Rule::AckIsSilent, EventKind::Acked { nonce: head.nonce.clone() });
        }
        self.istiod_delta_change(at, &asked, star, head.nonce.is_empty());
    }

    fn istiod_delta_first(&mut self, head: Head, asked: &Asked) {
        let capable = head.resource_type.wildcard_capable();
        let all = asked.all();
        let mode = match (capable && asked.wildcard, asked.subscribe.is_empty()) {
            (true, true) => Mode::LegacyWildcard,
            (true, false) => Mode::Wildcard,
            _ => Mode::Named,
        };
        // A wildcard type's watched names are what the client holds; those of other types are what it named.
        let names = if capable { asked.subscribe.difference(&asked.unsubscribe) } else { all.clone() };
        let mut subscription = Subscription::new(head.resource_type, mode, names);
        if capable {
            subscription.held.update(all.iter().map(|n| (n.clone(), Some(UNKNOWN))).collect());
        }
        if capable || !all.is_empty() {
            subscription.debt.whole = Whole::Request;
        }
        let at = self.subscribe(subscription);
        let rule = match mode {
            Mode::LegacyWildcard => Rule::LegacyWildcard,
            Mode::Wildcard => Rule::ExplicitWildcard,
            Mode::Named => Rule::FirstRequest,
        };
        self.tell_at(at, rule, EventKind::Subscribed { names: all });
    }

    fn istiod_delta_change(&mut self, at: usize, asked: &Asked, star: bool, spontaneous: bool) {
        let subscription = &mut self.subscriptions[at];
        let capable = subscription.resource_type.wildcard_capable();
        let before = if capable { subscription.held.names() } else { subscription.names.clone() };
        let claimed = asked.subscribe.union(&asked.retained);
        let named = before.union(&claimed);
        let (added, lost) = (named.difference(&before), named.intersection(&asked.unsubscribe));
        if added.is_empty() && lost.is_empty() && !star {
            if spontaneous || !claimed.is_empty() {
                let rule = if claimed.is_empty() { Rule::UnsubscribeIsSilent } else { Rule::Resubscription };
                self.tell_at(at, rule, EventKind::Ignored);
            }
            return;
        }
        if capable {
            subscription.held.update(added.iter().map(|n| (n.clone(), Some(UNKNOWN))).collect());
            subscription.held.forget(&lost);
            subscription.names = subscription.names.union(&asked.subscribe).difference(&lost);
        } else {
            subscription.names = named.difference(&lost);
        }
        let asked_for = asked.all();
        subscription.debt.drop_names(&lost);
        if star && asked_for.is_empty() && asked.unsubscribe.is_empty() {
            if capable {
                subscription.mode = Mode::Wildcard;
            }
            if capable || !subscription.names.is_empty() {
                subscription.debt.whole = Whole::Request;
            }
            return self.tell_at(at, Rule::ExplicitWildcard, EventKind::Subscribed { names: NameSet::EMPTY });
        }
        if capable || !asked_for.is_empty() {
            subscription.debt.add_subscribe(&asked_for);
        }
        if !lost.is_empty() {
            self.tell_at(at, Rule::UnsubscribeIsSilent, EventKind::Unsubscribed { names: lost });
        }
        if !asked_for.is_empty() {
            self.tell_at(at, Rule::NewNames, EventKind::Subscribed { names: asked_for });
        }
    }
}
