//! Reports drawn from recorded events: `tests/events.jsonl` is a run of the example with `--compare --envoys 3`.

use super::*;
use crate::scenario::{Outcome, StepResult};

fn recorded() -> Vec<Event> {
    read_log(include_bytes!("tests/events.jsonl").as_slice()).unwrap()
}

fn told(events: &[Event]) -> Report {
    let mut report = Report::default();
    for event in events {
        report.hear(event);
    }
    report
}

/// The events of the first run, with the last step changed.
fn changed(change: impl Fn(&mut StepResult)) -> Vec<Event> {
    let mut events = recorded();
    let end = events.iter().position(|event| matches!(event, Event::RunEnded { .. })).unwrap();
    events.truncate(end + 1);
    let step =
        events.iter_mut().rev().find_map(|e| if let Event::StepEnded(step) = e { Some(step) } else { None });
    change(step.unwrap());
    events
}

#[test]
fn a_log_is_read_as_it_was_written() {
    let mut log = Log::new(Vec::new());
    let events = recorded();
    for event in &events {
        log.hear(event);
    }
    let Ok(text) = log.into_inner() else { panic!("a vector takes everything") };
    assert_eq!(String::from_utf8(text).unwrap(), include_str!("tests/events.jsonl"));
}

#[test]
fn the_json_is_read_as_it_was_written() {
    let report = told(&recorded());
    assert!(report.passed());
    let text = json(&report).unwrap();
    assert_eq!(read_json(&text).unwrap(), report);
    let error = read_json(&text.replace("report/v1", "report/v9")).unwrap_err().to_string();
    assert!(error.starts_with("a report of schema \"xdslab.report/v9\""), "{error}");
}

#[test]
fn the_table_shows_every_step_of_both_sides() {
    let report = told(&recorded());
    let text = table(&report.runs[0]);
    let step = text.lines().find(|line| line.trim_start().starts_with("deploy 50 sleep namespaces")).unwrap();
    let cells: Vec<_> = step.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
    assert_eq!(cells[..5], ["deploy 50 sleep namespaces", "85 ✓", "84", "77 ✓", "2"]);
    let both = comparison(&report).unwrap();
    let row: Vec<_> =
        both.lines().filter(|line| line.contains(" lines ")).map(|line| line.replace("  ", "")).collect();
    assert_eq!(row.len(), 2, "the steps that differ: {both}");
    assert!(both.contains("apply the Sidecar") && both.contains("−51"), "{both}");
    assert_eq!(comparison(&Report { runs: report.runs[..1].to_vec() }), None);
}

#[test]
fn the_page_is_whole_and_alone() {
    let report = told(&recorded());
    let page = html(&report);
    assert_eq!(page.matches("<svg").count(), 8, "four pictures a run");
    for alien in ["<script", "http://", "https://", "<link", "@import", "url(", "NaN", "\"inf"] {
        assert!(!page.contains(alien), "{alien}");
    }
    for tag in ["div", "p", "h1", "h2", "h3", "table", "tr", "td", "figure", "svg", "ul", "li", "dl", "dd"] {
        let opened = page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
        assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
    }
    for text in [
        "The config explosion, and what a Sidecar does about it",
        ">85<small>lines +50</small>",
        "“apply the Sidecar” takes the watched proxy from 84 clusters to 33 (60 % fewer)",
        "50 new clusters cost the watched proxy",
        "without Sidecar: as expected",
    ] {
        assert!(page.contains(text), "{text}");
    }
}

#[test]
fn what_was_not_as_expected_is_in_every_report() {
    use crate::scenario::{Check, Verdict};
    let check = Check {
        figure: "lines".to_owned(),
        expected: "34".to_owned(),
        seen: "36".to_owned(),
        verdict: Verdict::Missed,
    };
    let mut events = changed(|step| step.checks = vec![check.clone()]);
    let Some(Event::RunEnded { outcome, .. }) = events.last_mut() else { panic!("it ends") };
    *outcome = Outcome::Missed;
    let failed = Event::Failed { proxy: "a.n".to_owned(), reason: "ended\n  <log>".to_owned() };
    let problem = Event::Problem { text: "mesh.yaml:3: spec: \"x\" & y".to_owned() };
    events.splice(1..1, [failed, problem]);
    let report = told(&events);
    assert!(!report.passed());
    assert!(table(&report.runs[0]).contains("not as expected: clean up: lines: expected 34, seen 36"));
    let page = html(&report);
    assert!(
        page.contains("not as expected</span>") && page.contains("clean up: lines: expected 34, seen 36")
    );
    assert!(page.contains("&lt;log&gt;") && page.contains("&quot;x&quot; &amp; y"));
    let mut lines = Lines::new(Vec::new());
    for event in &events {
        lines.hear(event);
    }
    let text = String::from_utf8(lines.into_inner()).unwrap();
    for line in
        ["failed: a.n: ended", "[2/5] deploy 50 sleep namespaces", "not as expected: lines: expected 34"]
    {
        assert!(text.contains(line), "{line}: {text}");
    }
}

#[test]
fn a_run_that_was_cut_short_has_a_report_of_what_there_is() {
    let events = recorded();
    for length in 1..events.len() {
        let report = told(&events[..length]);
        assert!(!report.runs.is_empty() && !html(&report).is_empty() && !table(&report.runs[0]).is_empty());
    }
    assert!(html(&Report::default()).contains("Nothing ran."));
}
