//! What a stream asks of the server, and what it is given.

use crate::{Inventory, NameSet, Names, ResourceSet, ResourceType};
use arcstr::ArcStr;

/// One answer that must be generated now.
#[derive(Debug, Clone)]
pub struct Demand {
    /// Which kind of resource.
    pub resource_type: ResourceType,
    /// What the answer must cover. A generator may give more: in [`Semantics::Spec`](crate::Semantics::Spec) what nobody
    /// subscribed to is left out, in [`Semantics::Istiod`](crate::Semantics::Istiod) everything goes out, because
    /// istiod's generators of wildcard types do not look at names.
    pub names: Names,
    /// Everything that the client is subscribed to, for generators that answer more than was asked for (istiod's for
    /// proxyless gRPC).
    pub subscription: Names,
    /// What the client holds. Kept for wildcard types in both semantics (istiod's "watched names" of a delta stream,
    /// which its delta CDS starts from), and for all types in spec semantics.
    pub held: Inventory,
    /// Why. All but [`Cause::Push`] ask for a [`Completeness::Full`] answer.
    pub cause: Cause,
    /// Whether the generator may not fall back to "only what changed": true unless a push that is not forced asks.
    pub forced: bool,
}

/// Why an answer is demanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// A request that asks for everything that it names: a client's first, in most cases.
    Request,
    /// The first request on a delta stream, by a client that says what it still holds.
    Reconnect,
    /// A request that subscribes to these names, new ones and in delta also known ones.
    Subscribe(NameSet),
    /// A request that gives up these names while the wildcard stays: the client must be told whether they remain.
    Unsubscribe(NameSet),
    /// A push concerns this type.
    Push,
    /// Clusters were sent: Envoy warms them until their endpoints come again, changed or not.
    Warming,
    /// A response was refused as a whole, and what was wrong in it has changed: the rest of it is due again.
    Retry(NameSet),
}

/// A push that concerns a stream. Which types it touches is decided before (dependencies and skip tables).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// The types that it touches; those without a subscription are passed over.
    pub types: Vec<ResourceType>,
    /// Handed on to the generators as [`Demand::forced`].
    pub forced: bool,
}

/// What a generator has for a demand.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Version of the push that it was generated from; becomes `version_info` or `system_version_info`.
    pub version: ArcStr,
    /// The resources. The same shared set for all streams that get the same.
    pub resources: ResourceSet,
    /// What the absence of a resource means.
    pub completeness: Completeness,
}

/// What the absence of a resource from an [`Answer`] means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Completeness {
    /// The answer holds everything that the demand's names cover: what is absent does not exist.
    ///
    /// SotW has no word for "does not exist" but for clusters and listeners. A generator must give an empty
    /// `ClusterLoadAssignment` or `RouteConfiguration` for a name without resource, or Envoy waits for it.
    Full,
    /// The answer holds only what changed; the rest stands. Nothing at all: nothing is sent.
    ///
    /// A SotW response of a wildcard type is complete all the same. The stream makes up the rest from what it sent before,
    /// and then has a list of its own; a full answer is shared with other streams.
    Partial {
        /// Names that are gone, in any order.
        removed: Vec<ArcStr>,
    },
}
