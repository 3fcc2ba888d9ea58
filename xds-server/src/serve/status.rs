//! The state of a connection, as status pages show it.

use std::collections::BTreeMap;
use std::time::SystemTime;

use arcstr::ArcStr;
use xdslab_protocol::{Names, ResourceType};

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
    /// Version of the last response.
    pub version: Option<ArcStr>,
    /// When the last response was sent.
    pub sent_at: Option<SystemTime>,
    /// What the client is subscribed to; nothing, once it has given the type up.
    pub names: Option<Names>,
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
    /// The state of a type that the client is subscribed to.
    pub fn watched(&self, kind: &ResourceType) -> Option<&TypeStatus> {
        self.types.get(kind).filter(|of_type| of_type.names.is_some())
    }

    /// The types that the client is subscribed to.
    pub fn watches(&self) -> impl Iterator<Item = (&ResourceType, &TypeStatus)> {
        self.types.iter().filter(|(_, of_type)| of_type.names.is_some())
    }

    /// Whether the client has accepted the last response of every type.
    pub fn is_acked(&self) -> bool {
        self.types.values().all(|of_type| of_type.sent == of_type.acked)
    }
}
