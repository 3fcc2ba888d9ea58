//! A run as its events tell it, kept for the reports.

use serde::{Deserialize, Serialize};

use super::Listener;
use crate::scenario::{Event, Millis, Opening, Outcome, Sample, StepResult};

/// One run, or two that are compared.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The runs, in order.
    pub runs: Vec<Run>,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// What was known before the first step.
    pub opening: Opening,
    /// The steps that came to their end.
    pub steps: Vec<StepResult>,
    /// The figures over time.
    pub samples: Vec<Sample>,
    /// When each step began, those included that never ended.
    pub begun: Vec<Millis>,
    /// What was wrong in the mesh.
    pub problems: Vec<String>,
    /// What the reader should know.
    pub notes: Vec<String>,
    /// Envoys that failed.
    pub failures: Vec<Failure>,
    /// How long it took.
    pub took: Millis,
    /// How it ended.
    pub outcome: Outcome,
}

/// An Envoy that could not be started, or ended by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// `NAME.NAMESPACE` of its pod.
    pub proxy: String,
    /// Why, and the end of its log.
    pub reason: String,
}

impl Report {
    /// Whether every run went as expected.
    pub fn passed(&self) -> bool {
        self.runs.iter().all(|run| run.outcome == Outcome::Passed)
    }
}

impl Run {
    fn new(opening: Opening) -> Self {
        Self {
            notes: opening.notes.clone(),
            opening,
            steps: Vec::new(),
            samples: Vec::new(),
            begun: Vec::new(),
            problems: Vec::new(),
            failures: Vec::new(),
            took: 0,
            outcome: Outcome::Interrupted,
        }
    }

    /// The watched proxy's name, or the pattern where none was found.
    pub fn proxy(&self) -> &str {
        self.steps.iter().rev().find_map(|step| step.proxy.as_deref()).unwrap_or(&self.opening.watch)
    }
}

impl Listener for Report {
    fn hear(&mut self, event: &Event) {
        if let Event::RunStarted(opening) = event {
            self.runs.push(Run::new((**opening).clone()));
            return;
        }
        let Some(run) = self.runs.last_mut() else { return };
        match event {
            Event::StepStarted { at, .. } => run.begun.push(*at),
            Event::Problem { text } => run.problems.push(text.clone()),
            Event::Note { text } => run.notes.push(text.clone()),
            Event::Failed { proxy, reason } => {
                run.failures.push(Failure { proxy: proxy.clone(), reason: reason.clone() });
            }
            Event::Sampled(sample) => run.samples.push(*sample),
            Event::StepEnded(result) => run.steps.push((**result).clone()),
            Event::RunEnded { at, outcome } => {
                run.took = *at;
                run.outcome = outcome.clone();
            }
            Event::RunStarted(_) | Event::Applied { .. } | Event::Starting { .. } | Event::Acked { .. } => {}
        }
    }
}
