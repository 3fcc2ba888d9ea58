//! Fleets of real Envoys, scenarios and their reports.

pub mod envoy;
pub mod report;
pub mod scenario;
pub mod topology;
