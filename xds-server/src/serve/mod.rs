//! gRPC and HTTP.

mod adapter;
mod conversation;
mod drive;
mod encode;
mod http;
mod hub;
mod node;
mod replies;
mod secret;
mod secrets;
mod service;
mod status;
mod wire;

pub use adapter::{States, adapter, stated};
pub use http::router;
pub use hub::Hub;
pub use service::{SECRETS, SERVICES, routes};
pub use status::{ConnectionStatus, TypeStatus};
