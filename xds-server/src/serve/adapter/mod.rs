//! A server under test: it serves what a conformance harness sets through its adapter, in place of a mesh.

mod body;
mod service;
mod state;
mod stream;

pub use service::{adapter, stated};
pub use state::States;
