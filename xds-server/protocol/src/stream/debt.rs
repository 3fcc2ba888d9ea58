//! What a subscription owes its client.

use crate::{Cause, NameSet};

#[derive(Debug, Default)]
pub(super) struct Debt {
    pub whole: Whole,
    /// Names that a request subscribed to. `Some` of an empty set: istiod's answer to wildcard types that only lost names.
    pub subscribe: Option<NameSet>,
    /// Names that a request gave up under a wildcard.
    pub unsubscribe: NameSet,
    /// istiod, delta: endpoints after a cluster request was answered.
    pub endpoints: bool,
    /// The rest of a refused response.
    pub retry: bool,
    /// A push, and whether it is forced.
    pub push: Option<bool>,
}

/// A request that asks for everything that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Whole {
    #[default]
    No,
    Request,
    Reconnect,
}

impl Debt {
    pub fn add_subscribe(&mut self, names: &NameSet) {
        self.subscribe = Some(self.subscribe.take().unwrap_or_default().union(names));
        self.unsubscribe = self.unsubscribe.difference(names);
    }

    pub fn drop_names(&mut self, names: &NameSet) {
        self.subscribe = self.subscribe.take().map(|s| s.difference(names)).filter(|s| !s.is_empty());
    }

    pub fn is_empty(&self) -> bool {
        self.push.is_none() && !self.retry && !self.endpoints && !self.requested()
    }

    fn requested(&self) -> bool {
        self.whole != Whole::No || self.subscribe.is_some() || !self.unsubscribe.is_empty()
    }

    /// What requests are owed, one after the other: a newer request of a type supersedes an older one.
    pub fn take_request(&mut self) -> Option<Cause> {
        match std::mem::take(&mut self.whole) {
            Whole::Request => {
                (self.subscribe, self.unsubscribe) = (None, NameSet::EMPTY);
                return Some(Cause::Request);
            }
            Whole::Reconnect => return Some(Cause::Reconnect),
            Whole::No => {}
        }
        if let Some(names) = self.subscribe.take() {
            return Some(Cause::Subscribe(names));
        }
        let names = std::mem::take(&mut self.unsubscribe);
        if names.is_empty() { None } else { Some(Cause::Unsubscribe(names)) }
    }
}
