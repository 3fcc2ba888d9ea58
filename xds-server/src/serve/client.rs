//! A connection as pages show it: who is at its other end, and what it was sent.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use arcstr::ArcStr;

use xdslab_protocol::{Cause, Demand, Inventory, ResourceSet, ResourceType};

use super::hub::Hub;
use super::status::ConnectionStatus;
use crate::generate::View;

/// A proxy on a connection, and the mesh as it was last pushed to it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The node's whole id.
    pub node: ArcStr,
    /// Where it connects from, if it came over a socket.
    pub peer: Option<SocketAddr>,
    /// The proxy and its mesh; what it is sent is generated from this.
    pub view: Arc<View>,
    /// Version of the push that the view is of.
    pub version: ArcStr,
}

/// A connection at one moment.
#[derive(Clone, Debug)]
pub struct Client {
    /// What it was sent and has accepted.
    pub status: ConnectionStatus,
    /// When it connected.
    pub since: SystemTime,
    /// Who is there.
    pub seen: Arc<Seen>,
}

impl Client {
    /// What the client would be sent of a type if it asked now for all that it is subscribed to; nothing of types that it
    /// is not subscribed to.
    pub(super) fn resources(&self, hub: &Hub, kind: &ResourceType) -> ResourceSet {
        let Some(names) = self.status.watched(kind).and_then(|of_type| of_type.names.clone()) else {
            return ResourceSet::empty();
        };
        let demand = Demand {
            resource_type: kind.clone(),
            subscription: names.clone(),
            names,
            held: Inventory::default(),
            cause: Cause::Push,
            forced: true,
        };
        hub.generator.answer(&self.seen.view, &demand, None).resources
    }
}
