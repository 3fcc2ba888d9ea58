//! The xDS protocol as state machines: SotW and delta, no clock, no socket.
//!
//! [`Stream`] is one gRPC stream of one client. It is told what the client says ([`Stream::handle_request`]) and that
//! something changed ([`Stream::handle_push`]); it says what must be generated ([`Stream::poll_demand`]), is given it
//! ([`Stream::handle_resources`]), and says what goes to the client ([`Stream::poll_response`]) and what observers may
//! want to know ([`Stream::poll_event`]).
//!
//! Resources are opaque here: a name, a hash and bytes. What a name means, which change concerns which client, and when
//! to push are decided elsewhere.

mod demand;
mod event;
mod inventory;
mod join;
mod names;
mod request;
mod resource;
mod resource_type;
mod response;
mod rule;
mod set;
mod stream;

pub use demand::{Answer, Cause, Completeness, Demand, Push};
pub use event::{Event, EventKind};
pub use inventory::Inventory;
pub use names::{NameSet, Names};
pub use request::{NackDetail, Request, RequestNames, Violation};
pub use resource::Resource;
pub use resource_type::ResourceType;
pub use response::{Heartbeat, Response};
pub use rule::Rule;
pub use set::{Iter, ResourceSet, Versions};
pub use stream::{Semantics, Stream, SubscriptionStatus, Variant};
