//! Fleets of real Envoys, simulated proxies, scenarios and their reports.

pub mod conformance;
pub mod envoy;
pub mod report;
pub mod scenario;
pub mod topology;
pub mod wire;
