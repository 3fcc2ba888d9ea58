//! What came of the checks.

use std::time::Duration;

use serde::Serialize;

use super::{Protocol, Rule};

/// How a check ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "lowercase")]
pub enum Verdict {
    /// The server obeys the rule, as far as this check can see.
    Passed,
    /// It does not.
    Failed {
        /// What the rule demands.
        expected: String,
        /// What happened.
        seen: String,
        /// What was said and heard last.
        exchange: Vec<String>,
    },
    /// It could not be checked.
    Skipped {
        /// Why.
        why: String,
    },
}

/// One rule on one variant.
#[derive(Clone, Debug)]
pub struct CheckReport {
    /// The rule.
    pub rule: &'static Rule,
    /// The variant.
    pub protocol: Protocol,
    /// How it ended.
    pub verdict: Verdict,
    /// How long it took.
    pub took: Duration,
}

/// All checks of a run, by rule and variant.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Address of the server.
    pub server: String,
    /// Address of its adapter, if it has one.
    pub adapter: Option<String>,
    /// The checks, in order of rule and variant.
    pub checks: Vec<CheckReport>,
}

impl Outcome {
    /// How many checks passed, failed and were skipped.
    pub fn counts(&self) -> [usize; 3] {
        let count = |is: fn(&Verdict) -> bool| self.checks.iter().filter(|c| is(&c.verdict)).count();
        [
            count(|verdict| matches!(verdict, Verdict::Passed)),
            count(|verdict| matches!(verdict, Verdict::Failed { .. })),
            count(|verdict| matches!(verdict, Verdict::Skipped { .. })),
        ]
    }

    /// Whether no check failed.
    pub fn passed(&self) -> bool {
        self.counts()[1] == 0
    }

    /// Numbers of the rules that a check found broken, in order, each once.
    pub fn broken(&self) -> Vec<&'static str> {
        let failed = self.checks.iter().filter(|check| matches!(check.verdict, Verdict::Failed { .. }));
        let mut numbers: Vec<_> = failed.map(|check| check.rule.number).collect();
        numbers.dedup();
        numbers
    }
}

/// Why a check ended before its end.
#[derive(Clone, Debug)]
pub(super) enum Stop {
    Failed { expected: String, seen: String },
    Skipped(String),
}

/// What a rule demands, and what happened.
pub(super) fn failed(expected: impl Into<String>, seen: impl Into<String>) -> Stop {
    Stop::Failed { expected: expected.into(), seen: seen.into() }
}

/// Fails unless it is so.
pub(super) fn expect(is: bool, expected: impl Into<String>, seen: impl Into<String>) -> Result<(), Stop> {
    if is { Ok(()) } else { Err(failed(expected, seen)) }
}
