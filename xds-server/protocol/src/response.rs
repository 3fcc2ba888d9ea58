//! What a stream says.

use crate::{NameSet, ResourceSet, ResourceType};
use arcstr::ArcStr;

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
}
