//! xDS as it is on the wire: raw streams to any server, which say and hear whatever they are told to.
//!
//! What a client makes of it (subscriptions, ACKs, warming) is decided by those who use a stream. Nothing here is shared
//! with the server: what checks it must not mirror its mistakes.

mod kind;
mod message;
mod stream;

pub use kind::{Kind, Service};
pub use message::{DeltaResponse, ResourceEnvelope, SotwResponse, WireAny};
pub use stream::{Delta, Requests, Sotw, Stream, Variant, connect};
