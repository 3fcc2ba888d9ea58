//! Reads the conformance cases and compares answers with what a real istiod sent.

mod answers;
mod case;
mod diff;
mod node;
pub mod plain;
pub mod real;
mod stage;

pub use answers::{decoded, eds_names, named_clusters, rds_names};
pub use case::{Case, ProxyCase, Resources};
pub use diff::{Difference, differences};
pub use node::wire_node;
pub use stage::{Stage, changes, sorted};
