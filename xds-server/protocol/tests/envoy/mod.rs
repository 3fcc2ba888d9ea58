//! An Envoy of a few hundred lines, and the world that it lives in.

pub mod client;
pub mod world;
