//! Fleets of real Envoys, scenarios and their reports.
