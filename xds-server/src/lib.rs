//! An xDS server that pushes what istiod would push.

pub mod cli;
pub mod generate;
pub mod identity;
mod listen;
pub mod observe;
mod pipeline;
pub mod push;
pub mod serve;
mod server;
pub mod source;

pub use server::{Config, RunError, Server, StartError};
pub use xdslab_protocol::{ResourceType, Semantics};
