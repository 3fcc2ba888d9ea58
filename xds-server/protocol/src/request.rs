//! What a client says.

use crate::ResourceType;
use arcstr::ArcStr;
use thiserror::Error;

/// A `DiscoveryRequest` or a `DeltaDiscoveryRequest`, without its node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Which kind of resource it speaks of.
    pub resource_type: ResourceType,
    /// The nonce of the response that it answers; empty if it answers none.
    pub response_nonce: String,
    /// SotW: the version that the client runs. Never decides anything (Envoy docs: `xds_protocol#nack`).
    pub version_info: String,
    /// Set if the client refuses the response with that nonce.
    pub error: Option<NackDetail>,
    /// What it subscribes to.
    pub names: RequestNames,
}

/// The subscription part of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestNames {
    /// `resource_names`: all names, each time.
    Sotw(Vec<ArcStr>),
    /// The changes since the request before.
    Delta {
        /// `resource_names_subscribe`.
        subscribe: Vec<ArcStr>,
        /// `resource_names_unsubscribe`.
        unsubscribe: Vec<ArcStr>,
        /// `initial_resource_versions`: name and version of what the client kept from the stream before.
        initial_versions: Vec<(ArcStr, ArcStr)>,
    },
}

/// `error_detail` of a NACK.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NackDetail {
    /// gRPC status code.
    pub code: i32,
    /// What the client found wrong.
    pub message: String,
}

/// A request that breaks the protocol: the stream ends with [`Violation::code`] and this text.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Violation {
    /// An aggregated stream cannot know what is meant.
    #[error("type URL is required for ADS")]
    MissingTypeUrl,
    /// A stream of one type was asked for another one.
    #[error("this stream serves {expected}, not {found}")]
    WrongType {
        /// The type URL that the stream serves.
        expected: ArcStr,
        /// The type URL that was asked for.
        found: ArcStr,
    },
    /// A SotW request on a delta stream or the other way round.
    #[error("a request of the other protocol variant")]
    WrongVariant,
}

impl Violation {
    /// The gRPC status code: 3, `INVALID_ARGUMENT`.
    pub fn code(&self) -> i32 {
        3
    }
}
