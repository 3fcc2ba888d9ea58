//! gRPC and HTTP.

mod ads;
mod drive;
mod http;
mod hub;
mod node;
mod wire;

pub use ads::Ads;
pub use http::router;
pub use hub::{ConnectionStatus, Hub, TypeStatus};
