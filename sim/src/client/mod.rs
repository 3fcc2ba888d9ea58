//! Simulated proxies: xDS clients that ask, wait, ACK and come back as Envoy does, thousands in one process.
//!
//! [`Proxy`] is the state machine of one; it neither sends nor waits. [`drive`] gives it a connection. What many
//! proxies hold alike (names, resources, whole tables of them) they hold once, in a [`Catalogue`].
//!
//! What Envoy does is told by its source (`source/common/config/grpc_mux_impl.cc` for state of the world,
//! `new_grpc_mux_impl.cc` for delta, `source/common/upstream/cluster_manager_impl.cc` for warming), and checked
//! against a real one in `tests/client_like_envoy.rs`. Nothing here is shared with the server that it checks.

mod backoff;
mod catalogue;
mod cluster;
mod clusters;
mod codec;
mod dice;
mod driver;
mod identity;
mod listener;
mod listeners;
mod mux;
mod proxy;
mod refusal;
mod request;
mod response;
mod scan;
mod table;

pub use backoff::Backoff;
pub use catalogue::Catalogue;
pub use driver::{Dial, Ear, Moment, drive};
pub use identity::node_bytes;
pub use mux::Variant;
pub use proxy::{Config, Counters, Look, Proxy, Types};
pub use refusal::{Refusal, Rule};
pub use request::{Names, Request};
pub use response::{Resource, Response};
pub use scan::Malformed;

pub use cluster::ClusterNames;
pub use listener::route_names;
