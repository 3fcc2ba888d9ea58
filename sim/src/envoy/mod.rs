//! Real Envoys: found or fetched, configured, run as a fleet, and read through their admin pages.

mod admin;
mod binary;
mod bootstrap;
mod cache;
mod fetch;
mod find;
mod fleet;
mod log;
mod memory;
mod pip;
mod process;
mod stats;
mod surroundings;
#[cfg(test)]
mod testing;
mod version;
mod watchdog;

pub use admin::{Admin, AdminError, ClusterStatus, DumpSection};
pub use binary::{Binary, BinaryError, Origin};
pub use bootstrap::{Api, Bootstrap, Locality, Node, ProxyType, SoftLimit};
pub use cache::{Installed, installed};
pub use fetch::{FetchError, OnProgress, Progress, fetch};
pub use find::{FindError, Nowhere, Wanted, find};
pub use fleet::{Failure, Fleet, FleetError, FleetEvent, FleetOptions, FleetView};
pub use memory::{Heap, Memory, ProcessMemory};
pub use pip::{NoPip, PipError};
pub use process::{Envoy, EnvoyError, EnvoyOptions, Exit, LogLevel};
pub use stats::{Stats, SubscriptionStats, XdsStats};
pub use surroundings::Surroundings;
pub use version::{Version, VersionError};
pub use watchdog::Watchdog;
