//! What is generated next: requests before pushes, each in push order.

use super::{Semantics, Stream, Variant};
use crate::{Cause, Demand, NameSet, Names, ResourceType};

impl Stream {
    /// The next answer that must be generated, or `None` when nothing is owed. Requests come before pushes, both in push
    /// order; endpoints of clusters that were just sent come right after them.
    pub fn poll_demand(&mut self) -> Option<Demand> {
        let types = 0..self.subscriptions.len();
        let demand = types
            .clone()
            .find_map(|at| self.request_demand(at))
            .or_else(|| types.clone().find_map(|at| self.push_demand(at)));
        self.outstanding = demand.is_some();
        if demand.is_none() {
            self.settle();
        }
        demand
    }

    fn request_demand(&mut self, at: usize) -> Option<Demand> {
        let warming = self.warming_due(at);
        let subscription = &mut self.subscriptions[at];
        if let Some(cause) = subscription.debt.take_request() {
            return Some(self.demand(at, cause, true));
        }
        if std::mem::take(&mut subscription.debt.endpoints) {
            return Some(self.demand(at, Cause::Warming, true));
        }
        if subscription.debt.push.is_none() && !warming.is_empty() {
            self.warming = self.warming.difference(&warming);
            return Some(Demand { names: Names::Named(warming), ..self.demand(at, Cause::Warming, true) });
        }
        if std::mem::take(&mut subscription.debt.retry) && !subscription.refused.is_empty() {
            let refused = std::mem::take(&mut subscription.refused);
            return Some(self.demand(at, Cause::Retry(refused), true));
        }
        None
    }

    fn push_demand(&mut self, at: usize) -> Option<Demand> {
        let subscription = &mut self.subscriptions[at];
        let forced = subscription.debt.push.take()?;
        if subscription.is_idle(self.semantics) {
            return None;
        }
        Some(self.demand(at, Cause::Push, forced))
    }

    fn demand(&self, at: usize, cause: Cause, forced: bool) -> Demand {
        let subscription = &self.subscriptions[at];
        let subscribed = subscription.subscribed();
        let names = match &cause {
            Cause::Subscribe(names) | Cause::Unsubscribe(names) | Cause::Retry(names)
                if !self.answers_whole(&subscription.resource_type) =>
            {
                Names::Named(self.with_warming(at, names))
            }
            _ => subscribed.clone(),
        };
        Demand {
            resource_type: subscription.resource_type.clone(),
            names,
            subscription: subscribed,
            held: subscription.held.clone(),
            cause,
            forced,
        }
    }

    /// What clusters wait for goes out in the same message.
    fn with_warming(&self, at: usize, names: &NameSet) -> NameSet {
        match self.semantics {
            Semantics::Spec => names.union(&self.warming_due(at)),
            Semantics::Istiod => names.clone(),
        }
    }

    /// Whether an answer about some names must hold all the others too.
    fn answers_whole(&self, resource_type: &ResourceType) -> bool {
        resource_type.wildcard_capable()
            && (self.variant == Variant::Sotw || self.semantics == Semantics::Istiod)
    }
}
