//! gRPC and HTTP.

mod adapter;
mod admission;
mod ask;
mod client;
mod conversation;
mod csds;
mod debug;
mod drive;
mod encode;
mod http;
mod hub;
mod internal;
mod names;
mod node;
mod reflection;
mod replies;
mod requests;
mod secret;
mod secrets;
mod service;
mod status;
mod wire;

pub use adapter::{States, adapter, stated};
pub use ask::Ask;
pub use client::{Client, Seen};
pub use csds::{STATUS, client_statuses};
pub use http::router;
pub use hub::Hub;
pub use reflection::reflection;
pub use service::{SECRETS, SERVICES, routes};
pub use status::{ConnectionStatus, TypeStatus};
