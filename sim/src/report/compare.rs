//! Two runs of a scenario next to each other: where they differ, and by how much.

use super::record::{Report, Run};
use super::units::{change, figure};
use crate::scenario::{Quantity, StepResult};

/// One figure of one step, on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// The step, in its first row.
    pub(super) step: String,
    /// What is compared.
    pub(super) label: &'static str,
    /// The figure of the first run, of the second, and how far the first is from the second.
    pub(super) cells: [String; 3],
}

/// The steps in which two runs differ; nothing where there are not two.
pub(super) fn rows(report: &Report) -> Option<(&Run, &Run, Vec<Row>)> {
    let [scoped, unscoped] = &report.runs[..] else { return None };
    let mut rows = Vec::new();
    for step in &scoped.steps {
        let Some(other) = counterpart(step, scoped, unscoped) else { continue };
        if step.watched.lines != other.watched.lines {
            compare(step, other, &mut rows);
        }
    }
    Some((scoped, unscoped, rows))
}

/// The step of the other run with the same name, or for one that was left out there: the last before it that was not.
fn counterpart<'a>(step: &StepResult, run: &Run, other: &'a Run) -> Option<&'a StepResult> {
    let until = run.steps.iter().take_while(|earlier| earlier.step <= step.step);
    until.filter_map(|earlier| other.steps.iter().find(|o| o.name == earlier.name)).last()
}

fn compare(a: &StepResult, b: &StepResult, rows: &mut Vec<Row>) {
    let figures = [
        ("lines", Quantity::Lines, false),
        ("allocated", Quantity::Allocated, false),
        ("RSS", Quantity::Rss, false),
        ("clusters of all Envoys", Quantity::Clusters, true),
        ("allocated by all", Quantity::Allocated, true),
        ("PSS of all", Quantity::Pss, true),
        ("bytes pushed to all", Quantity::Bytes, true),
    ];
    for (at, (label, quantity, is_total)) in figures.into_iter().enumerate() {
        if quantity == Quantity::Bytes && a.name != b.name {
            continue; // what was pushed in different steps cannot be compared
        }
        let of =
            |step: &StepResult| if is_total { step.total.get(quantity) } else { step.watched.get(quantity) };
        let (a_figure, b_figure, unit) = (of(a), of(b), quantity.unit());
        let difference = b_figure.zip(a_figure).map_or("–".to_owned(), |(b, a)| change(b, a, unit));
        let step = if at == 0 { a.name.clone() } else { String::new() };
        rows.push(Row { step, label, cells: [figure(a_figure, unit), figure(b_figure, unit), difference] });
    }
}
