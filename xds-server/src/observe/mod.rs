//! What happens, told to whoever listens.

use arcstr::ArcStr;
use xdslab_protocol::ResourceType;

/// Something that happened on a connection.
#[derive(Clone, Debug)]
pub struct Event {
    /// `<proxy id>-<n>`.
    pub connection: String,
    /// `name.namespace`.
    pub proxy: String,
    /// What happened.
    pub what: Happening,
}

/// What happened.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum Happening {
    Connected,
    Disconnected,
    Sent { kind: ResourceType, resources: usize, removed: usize, bytes: usize, nonce: ArcStr },
    Acked { kind: ResourceType, nonce: ArcStr },
    Nacked { kind: ResourceType, nonce: ArcStr, message: String },
}
