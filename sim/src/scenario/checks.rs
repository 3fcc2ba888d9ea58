//! What must be so at the end of a step: what the scenario expects, and what every step does.

use super::event::StepResult;
use super::expect::{Check, Variables, Verdict};
use super::figure::{Figure, Quantity, Unit};
use super::pattern::Pattern;
use super::plan::PlannedStep;

/// What is known beside the figures.
#[derive(Debug)]
pub(super) struct Situation<'a> {
    /// Envoys that should run.
    pub(super) wanted: usize,
    /// Envoys that failed during the step.
    pub(super) failed: usize,
    /// Proxies that have not ACKed in time, each with what is missing.
    pub(super) late: Vec<String>,
    /// The watched proxy.
    pub(super) watch: &'a Pattern,
    /// What names in expectations stand for.
    pub(super) variables: Variables,
}

/// Holds a step's result against what it should be.
pub(super) fn checks(step: &PlannedStep, result: &StepResult, situation: &Situation<'_>) -> Vec<Check> {
    let mut checks = Vec::new();
    let Situation { wanted, failed, late, watch, variables } = situation;
    if *failed > 0 || result.envoys < *wanted {
        let seen = format!("{}, and {failed} that failed", result.envoys);
        checks.push(missed("running Envoys", wanted.to_string(), seen));
    }
    if result.converged.is_none() {
        let seen = if late.is_empty() {
            "some with clusters that warm, or are not those that the mesh gives them".to_owned()
        } else {
            let shown: Vec<_> = late.iter().take(3).map(String::as_str).collect();
            format!("{} that have not: {}", late.len(), shown.join(", "))
        };
        checks.push(missed("ACKs", format!("all within {} s", step.deadline.as_secs()), seen));
    }
    if result.proxy.is_none() {
        checks.push(missed("watched proxy", format!("a pod {watch}"), "none that runs".to_owned()));
    }
    checks.extend(step.expect.iter().map(|(figure, expectation)| {
        let seen = figure_of(result, *figure);
        let verdict = match seen {
            Some(seen) if expectation.is_met(seen, *variables) => Verdict::Met,
            Some(_) => Verdict::Missed,
            None => Verdict::Unknown,
        };
        Check {
            figure: figure.to_string(),
            expected: expectation.show(*variables),
            seen: seen.map_or("nothing".to_owned(), |seen| show(seen, figure.quantity.unit())),
            verdict,
        }
    }));
    checks
}

fn missed(figure: &str, expected: String, seen: String) -> Check {
    Check { figure: figure.to_owned(), expected, seen, verdict: Verdict::Missed }
}

fn figure_of(result: &StepResult, figure: Figure) -> Option<u64> {
    match figure.quantity {
        Quantity::Envoys => u64::try_from(result.envoys).ok(),
        Quantity::Pushed => result.pushed,
        Quantity::Converged => result.converged,
        quantity if figure.is_total => result.total.get(quantity),
        quantity => result.watched.get(quantity),
    }
}

#[allow(clippy::cast_precision_loss)] // shown with one decimal
fn show(value: u64, unit: Unit) -> String {
    match unit {
        Unit::Count => value.to_string(),
        Unit::Bytes => format!("{:.1} MiB", value as f64 / f64::from(1 << 20)),
        Unit::Time => format!("{value} ms"),
    }
}
