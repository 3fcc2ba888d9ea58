//! Scenarios: what is done to a mesh step by step, the runner that does it with real Envoys, and the events it emits.

mod checks;
mod choice;
mod envoys;
mod event;
mod expect;
mod external;
mod figure;
mod file;
mod in_process;
mod lab;
mod ledger;
mod measure;
mod mesh;
mod pattern;
mod plan;
mod runner;
mod sampler;
mod teller;
mod words;

pub use envoys::{EnvoyFleet, EnvoyView, Manner, proxy_node};
pub use event::{Environment, Event, Gauges, Millis, Opening, Outcome, Sample, Side, StepResult};
pub use expect::{Check, Expectation, ExpectationError, Variables, Verdict};
pub use external::External;
pub use figure::{Figure, Figures, Quantity, Unit, UnknownFigure};
pub use file::{CrowdFile, Envoys, Expectations, Purge, Scenario, ScenarioError, Step};
pub use in_process::InProcess;
pub use lab::{ControlPlane, Fleet, LabError, Probe, STATIC_CLUSTERS, Traffic, proxy_name};
pub use mesh::{MeshError, MeshFolder};
pub use pattern::{Pattern, PatternError};
pub use plan::{Layer, Options, Plan, PlanError, PlannedStep};
pub use runner::Runner;
