//! What a stream says.

use crate::{NameSet, ResourceSet, ResourceType};
use arcstr::ArcStr;
use std::time::Duration;

/// A `DiscoveryResponse` or a `DeltaDiscoveryResponse`.
#[derive(Debug, Clone)]
pub struct Response {
    /// Which kind of resource.
    pub resource_type: ResourceType,
    /// `version_info`; in delta `system_version_info`.
    pub version_info: ArcStr,
    /// Unique on its stream, and between streams with different salts.
    pub nonce: ArcStr,
    /// The resources, in order of name, each name once. Where the stream sends all that it was given, this is the very
    /// set of the [`Answer`](crate::Answer), so that its encoded form can be shared ([`ResourceSet::id`]).
    pub resources: ResourceSet,
    /// Delta: `removed_resources`.
    pub removed: NameSet,
    /// Delta: whether `Resource.version` is set to [`Resource::version_text`](crate::Resource::version_text). istiod
    /// leaves it empty.
    pub versioned: bool,
    /// Whether `Resource.ttl` is to be set; a SotW response then wraps each resource in a `Resource` whose version is
    /// `version_info` (Envoy docs: `xds_protocol#sotw-ttl`).
    pub timed: bool,
    /// Resources whose lifetime starts anew: each goes out as a `Resource` without a body.
    pub heartbeats: Vec<Heartbeat>,
}

/// A `Resource` without a body: what the client has under this name is still good.
///
/// Envoy docs: `xds_protocol#ttl`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat {
    /// The resource's name.
    pub name: ArcStr,
    /// What `Resource.version` was when the resource was sent: in SotW the `version_info` of the last response.
    pub version: ArcStr,
    /// How long it may be kept from now on.
    pub ttl: Duration,
}
