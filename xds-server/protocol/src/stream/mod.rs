//! One stream: the machine's surface, and the order of its work.

mod debt;
mod flight;
mod istiod_answer;
mod istiod_delta;
mod istiod_sotw;
mod leaving;
mod lifetime;
mod outbox;
mod poll;
mod spec_complete;
mod spec_delta;
mod spec_difference;
mod spec_nonce;
mod spec_sotw;
mod status;
mod subscription;
mod warming;

pub use status::SubscriptionStatus;

use crate::{
    Answer, Demand, Event, NackDetail, NameSet, Push, Request, RequestNames, ResourceType, Response,
    Violation,
};
use arcstr::ArcStr;
use std::collections::VecDeque;
use subscription::Subscription;

/// Which of the two protocols a stream speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Variant {
    /// State of the world: `DiscoveryRequest`.
    Sotw,
    /// Incremental: `DeltaDiscoveryRequest`.
    Delta,
}

/// Whose reading of the protocol a stream follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Semantics {
    /// As istiod does: it answers by names alone and sends whatever its generators give.
    ///
    /// istiod: `pkg/xds/server.go` `ShouldRespond`, `pilot/pkg/xds/delta.go` `shouldRespondDelta`, `pushDeltaXds`.
    #[default]
    Istiod,
    /// As Envoy's documentation of the protocol says: nothing is sent that the client holds already.
    Spec,
}

/// The state machine of one stream: an aggregated one, or one of a per-type service.
///
/// # Calling order
/// 1. [`handle_request`](Self::handle_request) for each message of the client; an error ends the stream.
/// 2. Until it returns `None`: [`poll_demand`](Self::poll_demand), generate, and hand the answer to
///    [`handle_resources`](Self::handle_resources). A demand that cannot be generated may be dropped; it does not come
///    back.
/// 3. After each of these calls, until they return `None`: [`poll_response`](Self::poll_response), in order to the
///    client, and [`poll_event`](Self::poll_event).
/// 4. When a push concerns the client: first steps 2 and 3 with the state as it was before, so that requests are answered
///    before pushes; then [`handle_push`](Self::handle_push), and steps 2 and 3 with the new state.
/// 5. Where [`shortest_ttl`](Self::shortest_ttl) is `Some`: [`handle_heartbeat`](Self::handle_heartbeat) well within that time,
///    and step 3.
///
/// Nothing waits for an ACK: Envoy withholds that of its clusters until it has their endpoints.
///
/// # Assumption
/// An EDS cluster's endpoints go by the cluster's own name, as in everything that istiod generates. Endpoints of a cluster
/// with another `eds_cluster_config.service_name` are not sent again when the cluster changes.
#[derive(Debug)]
pub struct Stream {
    variant: Variant,
    semantics: Semantics,
    only: Option<ResourceType>,
    salt: u64,
    /// The client knows of lifetimes.
    lifetimes: bool,
    sent: u64,
    /// In push order, one a type.
    subscriptions: Vec<Subscription>,
    /// Clusters that were sent since their endpoints were.
    warming: NameSet,
    /// A demand was handed out and its answer has not come.
    outstanding: bool,
    responses: VecDeque<Response>,
    events: VecDeque<Event>,
}

/// What all requests have in common.
struct Head {
    resource_type: ResourceType,
    nonce: ArcStr,
    error: Option<NackDetail>,
}

impl Stream {
    /// An aggregated stream.
    pub fn new(variant: Variant, semantics: Semantics) -> Self {
        Self {
            variant,
            semantics,
            only: None,
            salt: 0,
            lifetimes: false,
            sent: 0,
            subscriptions: Vec::new(),
            warming: NameSet::EMPTY,
            outstanding: false,
            responses: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// A stream of a per-type service: requests for other types are a [`Violation`]. Order between types is then up to the
    /// caller, and so is [`handle_warming`](Self::handle_warming).
    pub fn of_type(variant: Variant, semantics: Semantics, resource_type: ResourceType) -> Self {
        Self { only: Some(resource_type), ..Self::new(variant, semantics) }
    }

    /// Puts a number into every nonce, so that those of another stream are never taken for one's own. 0 for none.
    ///
    /// Nonces are the version and a counter; the machine has no randomness of its own.
    #[must_use]
    pub fn with_nonce_salt(self, salt: u64) -> Self {
        Self { salt, ..self }
    }

    /// The protocol variant.
    pub fn variant(&self) -> Variant {
        self.variant
    }

    /// The semantics.
    pub fn semantics(&self) -> Semantics {
        self.semantics
    }

    /// A message of the client. Requests that istiod answers outside of subscriptions (`istio.io/debug`, health) must not
    /// come here.
    pub fn handle_request(&mut self, request: Request) -> Result<(), Violation> {
        let Request { resource_type, response_nonce, version_info: _, error, names } = request;
        if resource_type.type_url().is_empty() {
            return Err(Violation::MissingTypeUrl);
        }
        if let Some(only) = &self.only
            && *only != resource_type
        {
            let (expected, found) = (only.type_url().into(), resource_type.type_url().into());
            return Err(Violation::WrongType { expected, found });
        }
        let head = Head { resource_type, nonce: response_nonce.into(), error };
        match (self.variant, self.semantics, names) {
            (Variant::Sotw, Semantics::Istiod, RequestNames::Sotw(names)) => self.istiod_sotw(head, names),
            (Variant::Sotw, Semantics::Spec, RequestNames::Sotw(names)) => self.spec_sotw(head, names),
            (Variant::Delta, semantics, RequestNames::Delta { subscribe, unsubscribe, initial_versions }) => {
                match semantics {
                    Semantics::Istiod => self.istiod_delta(head, subscribe, unsubscribe, initial_versions),
                    Semantics::Spec => self.spec_delta(head, subscribe, unsubscribe, initial_versions),
                }
            }
            _ => return Err(Violation::WrongVariant),
        }
        self.settle();
        Ok(())
    }

    /// A push concerns some types of this stream. Those that it is not subscribed to are passed over; several pushes before
    /// the next [`poll_demand`](Self::poll_demand) are one.
    pub fn handle_push(&mut self, push: &Push) {
        for subscription in &mut self.subscriptions {
            if push.types.contains(&subscription.resource_type) && !subscription.is_idle(self.semantics) {
                subscription.debt.push = Some(push.forced || subscription.debt.push == Some(true));
            }
        }
    }

    /// Clusters of these names were sent to the same client on another stream, as per-type services do: their endpoints are
    /// due on this one, changed or not. An aggregated stream sees that by itself.
    pub fn handle_warming(&mut self, clusters: &NameSet) {
        self.warm(clusters);
    }

    /// The answer to a demand, as generated. Whether and what to send of it is decided here.
    pub fn handle_resources(&mut self, demand: Demand, answer: Answer) {
        self.outstanding = false;
        if let Some(at) = self.find(&demand.resource_type) {
            match self.semantics {
                Semantics::Istiod => self.istiod_answer(at, demand, answer),
                Semantics::Spec
                    if self.variant == Variant::Sotw && demand.resource_type.wildcard_capable() =>
                {
                    self.spec_complete(at, demand, answer);
                }
                Semantics::Spec => self.spec_difference(at, demand, answer),
            }
        }
        self.settle();
    }

    /// The next message to the client.
    pub fn poll_response(&mut self) -> Option<Response> {
        self.responses.pop_front()
    }

    /// The next decision that observers are told of. Must be drained, even if nobody listens.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// What the client is subscribed to, in push order.
    pub fn subscriptions(&self) -> impl Iterator<Item = SubscriptionStatus<'_>> {
        self.subscriptions.iter().map(SubscriptionStatus::new)
    }

    fn find(&self, resource_type: &ResourceType) -> Option<usize> {
        self.subscriptions.iter().position(|s| s.resource_type == *resource_type)
    }

    /// Puts a subscription in its place in push order, instead of the one of the same type.
    fn subscribe(&mut self, subscription: Subscription) -> usize {
        match self.subscriptions.binary_search_by(|s| s.resource_type.cmp(&subscription.resource_type)) {
            Ok(at) => {
                self.subscriptions[at] = subscription;
                at
            }
            Err(at) => {
                self.subscriptions.insert(at, subscription);
                at
            }
        }
    }
}
