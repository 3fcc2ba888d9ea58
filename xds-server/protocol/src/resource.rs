//! One resource as the protocol sees it: a name, a version and opaque bytes.

use arcstr::{ArcStr, format};
use bytes::Bytes;
use std::time::Duration;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// One resource, encoded. Cheap to clone: its bytes are shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Its name, unique within its type.
    pub name: ArcStr,
    /// Hash of the body, never 0. Two resources of one name and one version are the same to every client.
    pub version: u64,
    /// The value of the `google.protobuf.Any` that carries it.
    pub body: Bytes,
    /// How long the client may keep it without hearing of it again (Envoy docs: `xds_protocol#ttl`). Only clients that
    /// know of lifetimes are told.
    pub ttl: Option<Duration>,
}

impl Resource {
    /// A resource whose version is the XXH3 hash of its body.
    pub fn new(name: impl Into<ArcStr>, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        Self { name: name.into(), version: version(&body, None), body, ttl: None }
    }

    /// The same with a lifetime, which is part of the version.
    #[must_use]
    pub fn with_ttl(self, ttl: Duration) -> Self {
        Self { version: version(&self.body, Some(ttl)), ttl: Some(ttl), ..self }
    }

    /// The version as it goes on the wire in a delta response (16 hexadecimal digits).
    ///
    /// It depends on the content alone, so that it is the same after a restart.
    pub fn version_text(&self) -> ArcStr {
        format!("{:016x}", self.version)
    }
}

fn version(body: &[u8], ttl: Option<Duration>) -> u64 {
    let seed = ttl.map_or(0, |ttl| u64::try_from(ttl.as_nanos()).unwrap_or(u64::MAX));
    xxh3_64_with_seed(body, seed).max(1)
}

/// The version that a client names in `initial_resource_versions`; `None` if this server cannot have sent it.
pub(crate) fn parse_version(text: &str) -> Option<u64> {
    let digits = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase());
    if digits { u64::from_str_radix(text, 16).ok() } else { None }
}
