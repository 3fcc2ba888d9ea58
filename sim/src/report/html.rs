//! The report as one page of HTML: no scripts, nothing loaded from elsewhere.

mod page;
mod run;

use std::fmt::Write;

use super::record::Report;
use super::table::compared;
use super::units::{change, figure};
use crate::scenario::{Outcome, Quantity};

/// The page.
pub fn html(report: &Report) -> String {
    let mut out = String::new();
    let Some(first) = report.runs.first() else {
        return page::whole("An empty report", "<p>Nothing ran.</p>");
    };
    let title = &first.opening.title;
    let _ = write!(out, "<header><h1>{}</h1>", escaped(title));
    let _ = write!(out, "<p>{}</p><p>", escaped(&first.opening.about));
    for run in &report.runs {
        let (class, word) = match &run.outcome {
            Outcome::Passed => ("good", "as expected"),
            Outcome::Missed => ("bad", "not as expected"),
            Outcome::Interrupted => ("bad", "interrupted"),
            Outcome::Broken { .. } => ("bad", "failed"),
        };
        let side =
            if report.runs.len() > 1 { format!("{}: ", run.opening.side.name()) } else { String::new() };
        let _ = write!(out, "<span class=\"badge {class}\">{side}{word}</span>");
    }
    let _ = write!(out, "<span class=\"soft\">{}</span></p></header>", escaped(&page::subtitle(first)));
    comparison(&mut out, report);
    let reach = run::Reach::of(&report.runs);
    for run in &report.runs {
        run::draw(&mut out, run, report.runs.len() > 1, reach);
    }
    page::explanations(&mut out, first);
    page::whole(title, &out)
}

/// The two sides of a comparison; nothing where there are not two.
fn comparison(out: &mut String, report: &Report) {
    let [scoped, unscoped] = &report.runs[..] else { return };
    let _ = write!(
        out,
        "<h2>Both sides</h2><div class=\"scroll\"><table><thead><tr><th>step</th><th class=\"left\">figure</th>\
         <th>{}</th><th>{}</th><th>difference</th></tr></thead><tbody>",
        scoped.opening.side.name(),
        unscoped.opening.side.name()
    );
    for step in &unscoped.steps {
        let Some(other) = scoped.steps.iter().find(|other| other.name == step.name) else { continue };
        for (label, quantity, a, b) in compared(other, step) {
            let unit = quantity.unit();
            let difference = b.zip(a).map_or("–".to_owned(), |(b, a)| change(b, a, unit));
            let name = if quantity == Quantity::Lines { escaped(&step.name) } else { String::new() };
            let _ = write!(
                out,
                "<tr><td>{name}</td><td class=\"left\">{label}</td><td>{}</td><td>{}</td><td>{difference}</td></tr>",
                figure(a, unit),
                figure(b, unit)
            );
        }
    }
    out.push_str("</tbody></table></div>");
}

/// Text that cannot be taken for markup.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests;
