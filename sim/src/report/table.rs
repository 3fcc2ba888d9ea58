//! The report on the terminal.

use std::fmt::Write;

use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, LineStyle, Table, TableStyle};

use super::compare::{Row, rows};
use super::record::{Report, Run};
use super::units::figure;
use crate::scenario::{Quantity, StepResult, Verdict};

/// How tables look: a rule above, below the head, and below.
pub const STYLE: TableStyle = TableStyle::new()
    .top_border(LineStyle::none().fill('─').junction('─'))
    .header_separator(LineStyle::none().fill('─').junction('─'))
    .bottom_border(LineStyle::none().fill('─').junction('─'));

/// What is shown of the watched proxy, and of all.
const WATCHED: [Quantity; 8] = [
    Quantity::Lines,
    Quantity::Clusters,
    Quantity::Endpoints,
    Quantity::Pushes,
    Quantity::Bytes,
    Quantity::Allocated,
    Quantity::Rss,
    Quantity::Pss,
];

/// One run: a table of the watched proxy, one of all, what was not as expected.
pub fn table(run: &Run) -> String {
    let mut out = String::new();
    let environment = &run.opening.environment;
    let _ = writeln!(out, "\n{}", run.opening.title);
    let _ = writeln!(
        out,
        "{}; Envoy {}, {} ADS{}, {} cores, {}\n",
        run.opening.side.name(),
        environment.envoy.join(" and "),
        environment.api,
        if environment.listeners { " with listeners and routes" } else { "" },
        environment.cores,
        environment.system
    );
    let _ = writeln!(out, "{}, the watched proxy", run.proxy());
    let _ = writeln!(out, "{}\n", watched(run));
    let _ = writeln!(out, "All Envoys together");
    let _ = writeln!(out, "{}", total(run));
    let missed: Vec<_> = run
        .steps
        .iter()
        .flat_map(|step| step.missed().map(|check| format!("{}: {check}", step.name)))
        .collect();
    for line in &missed {
        let _ = writeln!(out, "not as expected: {line}");
    }
    out
}

fn watched(run: &Run) -> Table {
    let heads = ["lines", "clusters", "endpoints", "pushes", "bytes", "allocated", "RSS", "PSS"];
    let mut table = new(["step"].into_iter().chain(heads));
    for step in &run.steps {
        let cells =
            WATCHED.map(|quantity| checked(step, quantity, step.watched.get(quantity), quantity.name()));
        table.add_row([Cell::new(&step.name)].into_iter().chain(cells));
    }
    table
}

fn total(run: &Run) -> Table {
    let heads =
        ["Envoys", "ACKed in", "all in", "clusters", "endpoints", "pushes", "bytes", "allocated", "PSS"];
    let mut table = new(["step"].into_iter().chain(heads));
    for step in &run.steps {
        let first = [
            checked(step, Quantity::Envoys, u64::try_from(step.envoys).ok(), "envoys"),
            checked(step, Quantity::Pushed, step.pushed, "pushed"),
            checked(step, Quantity::Converged, step.converged, "converged"),
        ];
        let of_all = [
            Quantity::Clusters,
            Quantity::Endpoints,
            Quantity::Pushes,
            Quantity::Bytes,
            Quantity::Allocated,
            Quantity::Pss,
        ];
        let of_all = of_all.map(|q| checked(step, q, step.total.get(q), &format!("total-{}", q.name())));
        table.add_row([Cell::new(&step.name)].into_iter().chain(first).chain(of_all));
    }
    table
}

/// The figure; marked where it was checked.
fn checked(step: &StepResult, quantity: Quantity, value: Option<u64>, name: &str) -> Cell {
    let text = figure(value, quantity.unit());
    let verdict = step.checks.iter().find(|check| check.figure == name).map(|check| check.verdict);
    let cell = match verdict {
        Some(Verdict::Met) => Cell::new(format!("{text} ✓")).fg(Color::Green),
        Some(Verdict::Missed) => Cell::new(format!("{text} ✗")).fg(Color::Red).add_attribute(Attribute::Bold),
        Some(Verdict::Unknown) | None => Cell::new(text),
    };
    cell.set_alignment(CellAlignment::Right)
}

/// Two runs next to each other, and what the one saves against the other; nothing where there are not two.
pub fn comparison(report: &Report) -> Option<String> {
    let (scoped, unscoped, rows) = rows(report)?;
    let mut table =
        new(["step", "figure", scoped.opening.side.name(), unscoped.opening.side.name(), "difference"]);
    for Row { step, label, cells } in rows {
        let figures = cells.map(|text| Cell::new(text).set_alignment(CellAlignment::Right));
        table.add_row([Cell::new(step), Cell::new(label)].into_iter().chain(figures));
    }
    Some(format!("\nBoth sides, where they differ\n{table}\n"))
}

fn new<'a>(heads: impl IntoIterator<Item = &'a str>) -> Table {
    let mut table = Table::new();
    table.load_style(STYLE).set_content_arrangement(ContentArrangement::Disabled);
    let heads = heads.into_iter().enumerate().map(|(at, head)| {
        let cell = Cell::new(head);
        if at == 0 || head == "figure" { cell } else { cell.set_alignment(CellAlignment::Right) }
    });
    table.set_header(heads);
    for column in table.column_iter_mut() {
        column.set_padding((0, 1));
    }
    table
}
