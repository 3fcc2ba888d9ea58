//! Checks any xDS server against the rules of the protocol, from outside.
//!
//! A check is one rule on one variant. It speaks raw streams, knows what must and what must not be answered, and tells what
//! it expected, what it saw and what was said. What needs the server's resources to change goes through the adapter of the
//! CNCF conformance harness, where the server has one.

mod adapter;
mod ask;
mod check;
mod discover;
mod lab;
mod outcome;
mod protocol;
mod reply;
mod report;
mod rule;
mod run;
mod session;
mod transcript;

pub use outcome::{CheckReport, Outcome, Verdict};
pub use protocol::Protocol;
pub use report::{json, junit, table};
pub use rule::{RULES, Rule, rule};
pub use run::{NODE, Options, ServerError, run};
