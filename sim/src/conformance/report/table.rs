//! Outcomes as a table: a line a rule, a column a variant; below it, what went wrong.

use std::fmt::Write;

use comfy_table::{ContentArrangement, Table, TableStyle};

use crate::conformance::{Outcome, Protocol, RULES, Rule, Verdict};

/// The table, the failures with what was said and heard, and the counts.
pub fn table(outcome: &Outcome) -> String {
    let has = |protocol: &Protocol| outcome.checks.iter().any(|check| check.protocol == *protocol);
    let protocols: Vec<_> = Protocol::ALL.into_iter().filter(has).collect();
    let mut table = Table::new();
    table.load_style(TableStyle::new()).set_content_arrangement(ContentArrangement::Disabled);
    let columns = protocols.iter().map(|protocol| protocol.name().to_uppercase());
    table.set_header(["RULE".to_owned(), "WHAT".to_owned()].into_iter().chain(columns));
    for rule in RULES.iter().filter(|rule| outcome.checks.iter().any(|check| check.rule == *rule)) {
        let cells = protocols.iter().map(|&protocol| cell(outcome, rule, protocol).to_owned());
        table.add_row([rule.number.to_owned(), rule.title.to_owned()].into_iter().chain(cells));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let mut text = format!("{}\n", table.trim_fmt());
    why_skipped(&mut text, outcome);
    failures(&mut text, outcome);
    let [passed, failed, skipped] = outcome.counts();
    let _ = writeln!(text, "\n{passed} passed, {failed} failed, {skipped} skipped");
    text
}

fn cell(outcome: &Outcome, rule: &Rule, protocol: Protocol) -> &'static str {
    let check = outcome.checks.iter().find(|check| check.rule == rule && check.protocol == protocol);
    match check.map(|check| &check.verdict) {
        Some(Verdict::Passed) => "ok",
        Some(Verdict::Failed { .. }) => "FAILED",
        Some(Verdict::Skipped { .. }) => "skipped",
        None => "-",
    }
}

/// Each reason once, with its rules.
fn why_skipped(text: &mut String, outcome: &Outcome) {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for check in &outcome.checks {
        let Verdict::Skipped { why } = &check.verdict else { continue };
        match reasons.iter_mut().find(|(reason, _)| reason == why) {
            Some((_, rules)) if rules.last() == Some(&check.rule.number) => {}
            Some((_, rules)) => rules.push(check.rule.number),
            None => reasons.push((why, vec![check.rule.number])),
        }
    }
    for (why, rules) in reasons {
        let _ = write!(text, "\nskipped {}: {why}", rules.join(", "));
    }
    if outcome.counts()[2] > 0 {
        text.push('\n');
    }
}

fn failures(text: &mut String, outcome: &Outcome) {
    for check in &outcome.checks {
        let Verdict::Failed { expected, seen, exchange } = &check.verdict else { continue };
        let Rule { number, title, section, .. } = check.rule;
        let _ = writeln!(text, "\n{number} on {}: {title}", check.protocol);
        if !section.is_empty() {
            let _ = writeln!(text, "  rule      xds_protocol#{section}");
        }
        let _ = writeln!(text, "  expected  {expected}\n  saw       {seen}\n  exchange");
        for line in exchange {
            let _ = writeln!(text, "    {line}");
        }
    }
}
