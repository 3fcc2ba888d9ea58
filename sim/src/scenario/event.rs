//! What a run tells its listeners. Events are enough to draw every report, and can be written down and read again.

use serde::{Deserialize, Serialize};

use super::expect::{Check, Verdict};
use super::figure::Figures;

/// Milliseconds since the run began.
pub type Millis = u64;

/// What happens, in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The first event.
    RunStarted(Box<Opening>),
    /// A step begins.
    StepStarted {
        /// When.
        at: Millis,
        /// Which, from 0.
        step: usize,
    },
    /// Something is wrong in the files of the mesh; the rest is served.
    Problem {
        /// File, line, object, what, and what to do.
        text: String,
    },
    /// Something that the reader should know.
    Note {
        /// The sentence.
        text: String,
    },
    /// The control plane has been given the step's changes.
    Applied {
        /// When.
        at: Millis,
        /// Objects that are new or changed.
        applied: usize,
        /// Objects that went.
        deleted: usize,
    },
    /// Envoys come up.
    Starting {
        /// Those that answer.
        ready: usize,
        /// Those that are wanted.
        wanted: usize,
    },
    /// An Envoy could not be started, or ended by itself.
    Failed {
        /// `NAME.NAMESPACE` of its pod.
        proxy: String,
        /// Why, and the end of its log.
        reason: String,
    },
    /// Envoys take what was pushed.
    Acked {
        /// Those that have.
        acked: usize,
        /// Those that shall.
        wanted: usize,
    },
    /// A look at the Envoys while they run.
    Sampled(Sample),
    /// A step is over.
    StepEnded(Box<StepResult>),
    /// The last event.
    RunEnded {
        /// When.
        at: Millis,
        /// How it went.
        outcome: Outcome,
    },
}

/// What is known before the first step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Opening {
    /// Name of the scenario.
    pub scenario: String,
    /// Headline.
    pub title: String,
    /// What it shows.
    pub about: String,
    /// Whether its Sidecars are applied.
    pub side: Side,
    /// The watched proxy, as the scenario names it.
    pub watch: String,
    /// Services of the crowd.
    pub services: u32,
    /// Names of the steps.
    pub steps: Vec<String>,
    /// What differs from the scenario as it is written, and why.
    pub notes: Vec<String>,
    /// Where it runs.
    pub environment: Environment,
}

/// Which half of a comparison a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// With the scenario's Sidecars.
    Scoped,
    /// Without them.
    Unscoped,
}

impl Side {
    /// `with Sidecar`, `without Sidecar`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scoped => "with Sidecar",
            Self::Unscoped => "without Sidecar",
        }
    }
}

/// Where a run takes place.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// Version of this program.
    pub xdslab: String,
    /// Versions of Envoy.
    pub envoy: Vec<String>,
    /// Variant of ADS: `delta` or `sotw`.
    pub api: String,
    /// Whether Envoys ask for listeners and routes too.
    #[serde(default)]
    pub listeners: bool,
    /// How memory is purged, if it is.
    pub purge: String,
    /// The control plane: in this process, or where.
    pub server: String,
    /// Operating system and its version.
    pub system: String,
    /// Cores that the run may use.
    pub cores: usize,
    /// Bytes of memory of the machine.
    pub memory: Option<u64>,
    /// Date and time of the beginning, RFC 3339, UTC.
    pub started: String,
}

/// A look at the Envoys: at the watched one, or at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// When.
    pub at: Millis,
    /// The watched proxy. In a look at it, absent while it does not run.
    pub watched: Option<Gauges>,
    /// All together, in a look at all.
    pub fleet: Option<Gauges>,
}

/// What a look at an Envoy shows at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Gauges {
    /// Envoys looked at.
    pub envoys: usize,
    /// Active clusters.
    pub clusters: u64,
    /// Clusters that wait for their endpoints.
    pub warming: u64,
    /// Bytes that Envoy has allocated.
    pub allocated: u64,
    /// Resident bytes.
    pub rss: Option<u64>,
    /// Resident bytes, shared ones in equal parts.
    pub pss: Option<u64>,
}

impl Gauges {
    /// Several together.
    pub fn sum(parts: impl IntoIterator<Item = Self>) -> Self {
        let zero = Self { rss: Some(0), pss: Some(0), ..Self::default() };
        parts.into_iter().fold(zero, |sum, part| Self {
            envoys: sum.envoys + part.envoys,
            clusters: sum.clusters + part.clusters,
            warming: sum.warming + part.warming,
            allocated: sum.allocated + part.allocated,
            rss: sum.rss.zip(part.rss).map(|(a, b)| a + b),
            pss: sum.pss.zip(part.pss).map(|(a, b)| a + b),
        })
    }
}

/// What a step came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepResult {
    /// Which, from 0.
    pub step: usize,
    /// Name.
    pub name: String,
    /// What happens in it.
    pub about: String,
    /// When it began.
    pub started: Millis,
    /// When the last figure had been read.
    pub ended: Millis,
    /// Milliseconds from the change until all Envoys that ran before had ACKed; absent where there was no change or no Envoy.
    pub pushed: Option<u64>,
    /// Milliseconds from the change until all had, those that the step starts included; absent if they never did.
    pub converged: Option<u64>,
    /// Name of the watched proxy.
    pub proxy: Option<String>,
    /// Its figures.
    pub watched: Figures,
    /// The figures of all Envoys together.
    pub total: Figures,
    /// Envoys that run.
    pub envoys: usize,
    /// Services of the mesh.
    pub services: usize,
    /// Pods of the mesh that have a sidecar.
    pub injected: usize,
    /// What was expected, and what must be so in every step.
    pub checks: Vec<Check>,
}

impl StepResult {
    /// The checks that failed.
    pub fn missed(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| check.verdict == Verdict::Missed)
    }
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Outcome {
    /// Everything was as expected.
    Passed,
    /// Some checks failed.
    Missed,
    /// Somebody asked for an end.
    Interrupted,
    /// It could not go on.
    Broken {
        /// Why.
        reason: String,
    },
}
