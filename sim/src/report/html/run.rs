//! One run on the page: its steps as cards, its curves, its tables.

use std::fmt::Write;

use crate::report::insight;
use crate::report::markup::escaped;
use crate::report::plot::{Curve, Plot};
use crate::report::record::Run;
use crate::report::units::{change, figure};
use crate::scenario::{Figures, Gauges, Millis, Outcome, Quantity, StepResult, Unit, Verdict};

/// What the axes of all runs must reach, so that their curves can be compared.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reach {
    clusters: u64,
    allocated: u64,
    resident: u64,
    fleet: u64,
}

impl Reach {
    pub(super) fn of(runs: &[Run]) -> Self {
        runs.iter().fold(Self::default(), |reach, run| Self {
            clusters: reach.clusters.max(lines(run).top()),
            allocated: reach.allocated.max(allocated(run).top()),
            resident: reach.resident.max(resident(run).top()),
            fleet: reach.fleet.max(fleet(run).top()),
        })
    }
}

pub(super) fn draw(out: &mut String, run: &Run, is_one_of_many: bool, reach: Reach) {
    let heading = if is_one_of_many { run.opening.side.name() } else { "Step by step" };
    let mut heading = heading.to_owned();
    heading[..1].make_ascii_uppercase();
    let _ = write!(
        out,
        "<h2>{heading}</h2><p class=\"soft\">The figures are those of <code>{}</code>, the watched proxy.</p>",
        escaped(run.proxy())
    );
    if let Outcome::Broken { reason } = &run.outcome {
        let _ = write!(out, "<p class=\"bad\">The run could not go on: {}</p>", escaped(reason));
    }
    missed(out, run);
    out.push_str("<div class=\"steps\">");
    for (at, step) in run.steps.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| run.steps.get(at));
        card(out, step, before);
    }
    out.push_str("</div>");
    list(out, "What this means", &insight::sentences(run));
    plots(out, run, reach);
    tables(out, run);
    list(out, "Notes", &run.notes);
    list(out, "Problems in the mesh", &run.problems);
    if !run.failures.is_empty() {
        out.push_str("<h3>Envoys that failed</h3>");
        for failure in &run.failures {
            let _ = write!(
                out,
                "<p><code>{}</code></p><pre>{}</pre>",
                escaped(&failure.proxy),
                escaped(&failure.reason)
            );
        }
    }
}

fn missed(out: &mut String, run: &Run) {
    let all = run.steps.iter().flat_map(|step| step.missed().map(move |check| (step, check)));
    let all: Vec<_> = all.map(|(step, check)| format!("{}: {check}", step.name)).collect();
    list(out, "Not as expected", &all);
}

fn list(out: &mut String, title: &str, items: &[String]) {
    if items.is_empty() {
        return;
    }
    let _ = write!(out, "<h3>{title}</h3><ul>");
    for item in items {
        let _ = write!(out, "<li>{}</li>", escaped(item));
    }
    out.push_str("</ul>");
}

fn card(out: &mut String, step: &StepResult, before: Option<&StepResult>) {
    let moved = |quantity: Quantity| {
        let (now, before) = (step.watched.get(quantity)?, before?.watched.get(quantity)?);
        Some(change(before, now, quantity.unit()))
    };
    let (class, sign) = if step.missed().next().is_none() { ("good", "✓") } else { ("bad", "✗") };
    let _ = write!(
        out,
        "<div class=\"card\"><div class=\"number\">{} <span class=\"{class}\">{sign}</span></div><h3>{}</h3>\
         <div class=\"big\">{}<small>lines {}</small></div><dl>",
        step.step + 1,
        escaped(&step.name),
        figure(step.watched.lines, Unit::Count),
        moved(Quantity::Lines).unwrap_or_default()
    );
    for (term, quantity) in [("allocated", Quantity::Allocated), ("RSS", Quantity::Rss)] {
        let _ = write!(out, "<dt>{term}</dt><dd>{}</dd>", figure(step.watched.get(quantity), Unit::Bytes));
        if let Some(moved) = moved(quantity) {
            let _ = write!(out, "<dd class=\"moved\">{moved}</dd>");
        }
    }
    let mut row = |term: &str, value: Option<u64>, unit: Unit| {
        let _ = write!(out, "<dt>{term}</dt><dd>{}</dd>", figure(value, unit));
    };
    row("endpoints", step.watched.endpoints, Unit::Count);
    row("Envoys", u64::try_from(step.envoys).ok(), Unit::Count);
    if step.pushed.is_some() {
        row("ACKed in", step.pushed, Unit::Time);
    }
    if step.pushed != step.converged {
        row("all in", step.converged, Unit::Time);
    }
    let _ = write!(out, "</dl><p>{}</p></div>", escaped(&step.about));
}

fn plots(out: &mut String, run: &Run, reach: Reach) {
    if run.samples.is_empty() {
        return;
    }
    out.push_str("<h2>Over time</h2><p class=\"soft\">The shaded bands are the steps, by number.</p><div class=\"plots wide\">");
    draw_plot(
        out,
        Plot { reach: reach.clusters, ..lines(run) },
        "clusters, bootstrap included, and a header line",
    );
    draw_plot(out, Plot { reach: reach.allocated, ..allocated(run) }, "what Envoy uses");
    draw_plot(out, Plot { reach: reach.resident, ..resident(run) }, "what the process holds, used or not");
    let fleet = fleet(run);
    if fleet.top() > 0 {
        draw_plot(
            out,
            Plot { reach: reach.fleet, ..fleet },
            "sums; PSS counts what processes share only once",
        );
    }
    out.push_str("</div>");
}

#[allow(clippy::needless_pass_by_value)] // made for this call
fn draw_plot(out: &mut String, plot: Plot, caption: &str) {
    let _ = write!(out, "<figure><figcaption>{} <span>– {caption}</span></figcaption>", escaped(&plot.title));
    if plot.curves.len() > 1 {
        out.push_str("<div class=\"legend\">");
        for curve in &plot.curves {
            let _ = write!(out, "<i class=\"{}\"></i>{}", curve.class, curve.name);
        }
        out.push_str("</div>");
    }
    let _ = write!(out, "{}</figure>", plot.svg());
}

fn lines(run: &Run) -> Plot {
    let points = points(run, |f| f.lines, |g| Some(g.clusters + 1));
    let curves = vec![Curve { name: "lines", class: "a", points, is_labelled: true }];
    plot(run, "Lines of the watched proxy", Unit::Count, curves)
}

fn allocated(run: &Run) -> Plot {
    let points = points(run, |f| f.allocated, |g| Some(g.allocated));
    let curves = vec![Curve { name: "allocated", class: "a", points, is_labelled: true }];
    plot(run, "Allocated memory of the watched proxy", Unit::Bytes, curves)
}

fn resident(run: &Run) -> Plot {
    let points = points(run, |f| f.rss, |g| g.rss);
    let curves = vec![Curve { name: "RSS", class: "b", points, is_labelled: true }];
    plot(run, "Resident memory (RSS) of the watched proxy", Unit::Bytes, curves)
}

fn fleet(run: &Run) -> Plot {
    let of_all = |figures: fn(&Figures) -> Option<u64>, gauges: fn(&Gauges) -> Option<u64>| {
        let sampled = run.samples.iter().filter_map(|s| s.fleet.map(|fleet| (s.at, gauges(&fleet))));
        let measured = run.steps.iter().map(|step| (step.ended, figures(&step.total)));
        sorted(sampled.chain(measured).collect())
    };
    let curves = vec![
        Curve {
            name: "allocated",
            class: "a",
            points: of_all(|f| f.allocated, |g| Some(g.allocated)),
            is_labelled: true,
        },
        Curve { name: "PSS", class: "b", points: of_all(|f| f.pss, |g| g.pss), is_labelled: true },
    ];
    plot(run, "Memory of all Envoys together", Unit::Bytes, curves)
}

fn plot(run: &Run, title: &str, unit: Unit, curves: Vec<Curve>) -> Plot {
    let end = run.samples.last().map_or(run.took, |sample| sample.at.max(run.took));
    Plot { title: title.to_owned(), unit, curves, steps: run.begun.clone(), end, reach: 0 }
}

/// The samples of the watched proxy, and between them what was measured at the end of each step.
fn points(
    run: &Run,
    measured: fn(&Figures) -> Option<u64>,
    gauge: fn(&Gauges) -> Option<u64>,
) -> Vec<(Millis, Option<u64>)> {
    let looks = run.samples.iter().filter(|sample| sample.fleet.is_none());
    let sampled = looks.map(|sample| (sample.at, sample.watched.as_ref().and_then(gauge)));
    let measured = run.steps.iter().map(|step| (step.ended, measured(&step.watched)));
    sorted(sampled.chain(measured).collect())
}

fn sorted(mut points: Vec<(Millis, Option<u64>)>) -> Vec<(Millis, Option<u64>)> {
    points.sort_by_key(|(at, _)| *at);
    points
}

fn tables(out: &mut String, run: &Run) {
    out.push_str("<h2>Figures</h2>");
    let watched = [
        ("lines", Quantity::Lines),
        ("clusters", Quantity::Clusters),
        ("endpoints", Quantity::Endpoints),
        ("pushes", Quantity::Pushes),
        ("bytes", Quantity::Bytes),
        ("allocated", Quantity::Allocated),
        ("RSS", Quantity::Rss),
        ("PSS", Quantity::Pss),
    ];
    table(out, run, "The watched proxy", &watched, |step, quantity| {
        (step.watched.get(quantity), quantity.name().to_owned())
    });
    let total = [
        ("Envoys", Quantity::Envoys),
        ("ACKed in", Quantity::Pushed),
        ("all in", Quantity::Converged),
        ("clusters", Quantity::Clusters),
        ("endpoints", Quantity::Endpoints),
        ("pushes", Quantity::Pushes),
        ("bytes", Quantity::Bytes),
        ("allocated", Quantity::Allocated),
        ("PSS", Quantity::Pss),
    ];
    table(out, run, "All Envoys together", &total, |step, quantity| match quantity {
        Quantity::Envoys => (u64::try_from(step.envoys).ok(), quantity.name().to_owned()),
        Quantity::Pushed => (step.pushed, quantity.name().to_owned()),
        Quantity::Converged => (step.converged, quantity.name().to_owned()),
        _ => (step.total.get(quantity), format!("total-{}", quantity.name())),
    });
}

fn table(
    out: &mut String,
    run: &Run,
    caption: &str,
    columns: &[(&str, Quantity)],
    figure_of: impl Fn(&StepResult, Quantity) -> (Option<u64>, String),
) {
    let _ = write!(out, "<div class=\"scroll\"><table><caption>{caption}</caption><thead><tr><th>step</th>");
    for (head, _) in columns {
        let _ = write!(out, "<th>{head}</th>");
    }
    out.push_str("</tr></thead><tbody>");
    for step in &run.steps {
        let _ = write!(out, "<tr><td>{} {}</td>", step.step + 1, escaped(&step.name));
        for (_, quantity) in columns {
            let (value, name) = figure_of(step, *quantity);
            let mark = match step.checks.iter().find(|check| check.figure == name).map(|check| check.verdict)
            {
                Some(Verdict::Met) => " <span class=\"good\">✓</span>",
                Some(Verdict::Missed) => " <span class=\"bad\">✗</span>",
                Some(Verdict::Unknown) | None => "",
            };
            let _ = write!(out, "<td>{}{mark}</td>", figure(value, quantity.unit()));
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table></div>");
}
