//! Fleets of real Envoys, simulated proxies, scenarios and their reports.

pub mod client;
pub mod conformance;
pub mod envoy;
pub mod load;
pub mod replay;
pub mod report;
pub mod scenario;
pub mod topology;
pub mod wire;
