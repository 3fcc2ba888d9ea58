//! One thing that happened.

use std::time::{Duration, SystemTime};

use arcstr::ArcStr;
use xdslab_mesh::object::Kind;
use xdslab_mesh::{Effects, Reason, Turn};
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

impl Happening {
    /// Changes came in and have these effects.
    pub fn changed(effects: &Effects) -> Self {
        let reasons = effects.reasons.iter().map(|(reason, times)| (*reason, *times)).collect();
        let objects = effects.objects.iter().map(|((kind, turn), times)| (*kind, *turn, *times)).collect();
        Self::Changed { reasons, objects }
    }
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
    /// The transport took a response.
    Delivered {
        /// Time that it took: long for a client that is slow to read.
        took: Duration,
    },
    /// A request came.
    Received {
        /// Its length in bytes, encoded.
        bytes: usize,
    },
    /// A stream ended by a fault of the server.
    Failed,
    /// A client that connected stands behind no service.
    NoTargets {
        /// istiod's word for where they were looked for.
        reason: &'static str,
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
        /// The code that the client gave, as gRPC numbers them.
        code: i32,
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
        /// Objects by kind and by what happened to them.
        objects: Vec<(Kind, Turn, u32)>,
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
        /// Virtual services.
        virtual_services: usize,
    },
}
