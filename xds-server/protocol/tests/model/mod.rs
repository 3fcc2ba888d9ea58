//! Random conversations between a client and a stream, and a naive reading of the protocol that judges them.

mod chance;
mod client;
mod istiod;
mod judge;
mod naive;
mod order;
mod said;
mod spec;
mod trial;

pub use trial::{Fault, Setting, Trial};

/// The types of the conversations, in push order, by their short names.
const KINDS: [&str; 4] = ["CDS", "EDS", "LDS", "RDS"];
const CDS: usize = 0;
const EDS: usize = 1;
const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// Clusters and listeners: no names mean all, and a SotW response is complete.
fn capable(kind: usize) -> bool {
    kind == CDS || KINDS[kind] == "LDS"
}

/// Clients refuse such content.
fn is_bad(body: &str) -> bool {
    body.starts_with("bad")
}
