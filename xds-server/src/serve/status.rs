//! The state of a connection, as status pages show it.

use std::collections::BTreeMap;

use arcstr::ArcStr;
use xdslab_protocol::ResourceType;

/// State of one type on one connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TypeStatus {
    /// Nonce of the last response.
    pub sent: Option<ArcStr>,
    /// Nonce of the last response that was accepted.
    pub acked: Option<ArcStr>,
    /// What the client found wrong, until it accepts something.
    pub error: Option<String>,
    /// Responses so far.
    pub pushes: u64,
    /// Bytes of resources sent so far.
    pub bytes: u64,
}

/// State of one connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectionStatus {
    /// `<proxy id>-<n>`.
    pub id: ArcStr,
    /// `name.namespace`.
    pub proxy: ArcStr,
    /// By type.
    pub types: BTreeMap<ResourceType, TypeStatus>,
}

impl ConnectionStatus {
    /// Whether the client has accepted the last response of every type.
    pub fn is_acked(&self) -> bool {
        self.types.values().all(|of_type| of_type.sent == of_type.acked)
    }
}
