//! The report as one page of HTML: no scripts, nothing loaded from elsewhere.

mod page;
mod run;

use std::fmt::Write;

use super::compare::{Row, rows};
use super::markup::escaped;
use super::record::Report;
use crate::scenario::Outcome;

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
    let Some((scoped, unscoped, rows)) = rows(report) else { return };
    let _ = write!(
        out,
        "<h2>Both sides, where they differ</h2><div class=\"scroll\"><table><thead><tr><th>step</th>\
         <th class=\"left\">figure</th><th>{}</th><th>{}</th><th>difference</th></tr></thead><tbody>",
        scoped.opening.side.name(),
        unscoped.opening.side.name()
    );
    for Row { step, label, cells: [a, b, difference] } in rows {
        let _ = write!(
            out,
            "<tr><td>{}</td><td class=\"left\">{label}</td><td>{a}</td><td>{b}</td><td>{difference}</td></tr>",
            escaped(&step)
        );
    }
    out.push_str("</tbody></table></div>");
}
