//! From what a proxy may see to Envoy's resources. Pure: same view, same bytes.

mod cluster;
mod conflict;
mod delta;
mod endpoint;
mod filter;
mod gateway;
mod generator;
mod grpc;
mod inbound_port;
mod inputs;
mod listener;
mod memo;
mod origin;
mod policy;
mod provider;
mod route;
mod shape;
mod short_names;
mod touched;
mod view;

pub use conflict::{Conflict, ConflictKind};
pub use generator::Generator;
pub use view::View;
