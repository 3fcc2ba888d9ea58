//! One thing that happened.

use std::time::{Duration, SystemTime};

use arcstr::ArcStr;
use xdslab_mesh::Reason;
use xdslab_protocol::ResourceType;

/// One thing that happened, on a connection or to the whole server.
#[derive(Clone, Debug)]
pub struct Event {
    /// `<proxy id>-<n>`; empty for what happens to the server.
    pub connection: ArcStr,
    /// `name.namespace`; empty for what happens to the server.
    pub proxy: ArcStr,
    /// What happened.
    pub what: Happening,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Happening {
    /// A client connected.
    Connected {
        /// `ISTIO_VERSION` of its metadata.
        istio_version: ArcStr,
    },
    /// Its stream ended.
    Disconnected {
        /// `ISTIO_VERSION` of its metadata.
        istio_version: ArcStr,
    },
    /// It subscribed to more.
    Subscribed {
        /// Type.
        kind: ResourceType,
        /// How many names; 0 for everything.
        names: usize,
    },
    /// It gave names up.
    Unsubscribed {
        /// Type.
        kind: ResourceType,
        /// How many names; 0 for everything.
        names: usize,
    },
    /// A response was sent.
    Sent {
        /// Type.
        kind: ResourceType,
        /// Resources in it.
        resources: usize,
        /// Names that it removes.
        removed: usize,
        /// Bytes of the resources.
        bytes: usize,
        /// Nonce.
        nonce: ArcStr,
        /// Time that generating and encoding took.
        took: Duration,
    },
    /// A response was accepted.
    Acked {
        /// Type.
        kind: ResourceType,
        /// Nonce.
        nonce: ArcStr,
    },
    /// A response was refused.
    Nacked {
        /// Type.
        kind: ResourceType,
        /// Nonce.
        nonce: ArcStr,
        /// What the client found wrong.
        message: String,
    },
    /// It was issued a certificate.
    Issued {
        /// Its SPIFFE identity.
        identity: ArcStr,
        /// The certificate's end.
        not_after: SystemTime,
    },
    /// It asked for secrets and was refused: it may not be who it says that it is.
    Unproven {
        /// Why.
        reason: ArcStr,
    },
    /// It asked for a secret that there is not. It is told nothing, and waits.
    NoSecret {
        /// The secret's name.
        name: ArcStr,
    },
    /// A request answered a response that is not the last one.
    Stale {
        /// Type.
        kind: ResourceType,
    },
    /// A client's turn has come to be pushed to.
    PushBegun {
        /// Why the push was made, and how many times.
        reasons: Vec<(Reason, u32)>,
        /// Time since the mesh was ready for it.
        waited: Duration,
    },
    /// All that a push brings a client has been sent; not told where it brings nothing.
    Pushed {
        /// Why it was made, and how many times.
        reasons: Vec<(Reason, u32)>,
        /// Time since the mesh was ready for it.
        took: Duration,
    },
    /// Changes came in.
    Changed {
        /// Why, and how many times.
        reasons: Vec<(Reason, u32)>,
    },
    /// A push begins.
    PushStarted {
        /// Its version.
        version: ArcStr,
        /// Time since the first of its changes.
        debounced: Duration,
        /// Time that the snapshot took.
        built: Duration,
        /// Services that somebody may see.
        services: usize,
    },
}
