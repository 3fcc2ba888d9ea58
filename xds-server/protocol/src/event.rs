//! What observers are told: each decision of a stream, and the rule behind it.

use crate::{Cause, NackDetail, NameSet, ResourceType, Rule};
use arcstr::ArcStr;

/// One decision of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The kind of resource that it is about.
    pub resource_type: ResourceType,
    /// The rule that decided.
    pub rule: Rule,
    /// What was decided.
    pub kind: EventKind,
}

/// What a stream decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// The client subscribed to more; an answer is due. Without names: to everything.
    Subscribed {
        /// The names that are new, or asked for again.
        names: NameSet,
    },
    /// The client gave up names, or the wildcard if there are none.
    Unsubscribed {
        /// The names.
        names: NameSet,
    },
    /// The client accepted a response.
    Acked {
        /// Nonce of the response.
        nonce: ArcStr,
    },
    /// The client refused a response.
    Nacked {
        /// The nonce that the client named.
        nonce: ArcStr,
        /// What it found wrong.
        detail: NackDetail,
    },
    /// The request answers a response that is not the last one, or none of this stream.
    Stale {
        /// The nonce that the client named.
        nonce: ArcStr,
    },
    /// The request says nothing new, or nothing that this semantics listens to.
    Ignored,
    /// A response goes out.
    Answered {
        /// Why.
        cause: Cause,
        /// Its nonce.
        nonce: ArcStr,
        /// Its version.
        version: ArcStr,
        /// How many resources.
        resources: usize,
        /// How many removed names.
        removed: usize,
        /// Sum of the bodies' lengths.
        bytes: usize,
    },
    /// A response goes out that only renews lifetimes.
    Renewed {
        /// Its nonce.
        nonce: ArcStr,
        /// How many resources.
        resources: usize,
    },
    /// An answer was generated and nothing of it needs to be sent.
    Silent {
        /// Why it had been demanded.
        cause: Cause,
    },
}
