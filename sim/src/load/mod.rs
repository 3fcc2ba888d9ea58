//! Load on any xDS server: many simulated proxies, and how long it takes them to have what they shall have.

mod change;
mod meter;
mod phase;
mod population;
mod process;
mod run;
mod spread;

pub use change::{Change, ChangeError};
pub use phase::{Phase, ServerCost};
pub use population::{Population, PopulationError};
pub use run::{Event, Listen, LoadError, Plan, Summary, run};
pub use spread::Spread;
