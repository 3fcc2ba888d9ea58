//! Reads the conformance cases and compares answers with what a real istiod sent.

mod case;
mod diff;

pub use case::{Case, ProxyCase, Resources};
pub use diff::{Difference, differences};
