//! Progress as plain lines, for a log or a pipe.

use std::io::Write;

use super::Listener;
use super::units::{bytes, count, counted, time};
use crate::scenario::{Event, Outcome, StepResult};

/// Writes a line for what is worth one. Where the writer fails, the lines are lost and the run goes on.
#[derive(Debug)]
pub struct Lines<W> {
    out: W,
    steps: Vec<String>,
    shown: Option<(usize, usize)>,
}

impl<W: Write> Lines<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out, steps: Vec::new(), shown: None }
    }

    /// What was written to.
    pub fn into_inner(self) -> W {
        self.out
    }

    /// Writes `text` once: progress comes in many small events, of which the last is worth a line.
    fn progress(&mut self, now: usize, of: usize, one: &str, many: &str) {
        if now >= of && self.shown != Some((now, of)) {
            self.shown = Some((now, of));
            self.say(format_args!("      {}", counted(now, one, many)));
        }
    }

    fn say(&mut self, text: std::fmt::Arguments<'_>) {
        let _ = writeln!(self.out, "{text}");
    }
}

impl<W: Write> Listener for Lines<W> {
    fn hear(&mut self, event: &Event) {
        match event {
            Event::RunStarted(opening) => {
                self.steps.clone_from(&opening.steps);
                self.say(format_args!("{}, {}", opening.title, opening.side.name()));
                for note in &opening.notes {
                    self.say(format_args!("note: {note}"));
                }
            }
            Event::StepStarted { step, .. } => {
                self.shown = None;
                let name = self.steps.get(*step).cloned().unwrap_or_default();
                let of = self.steps.len();
                self.say(format_args!("[{}/{of}] {name}", step + 1));
            }
            Event::Problem { text } => self.say(format_args!("      {text}")),
            Event::Note { text } => self.say(format_args!("      note: {text}")),
            Event::Applied { applied, deleted, .. } => {
                if applied + deleted > 0 {
                    self.say(format_args!("      {}", changed(*applied, *deleted)));
                }
            }
            Event::Starting { ready, wanted } => {
                self.progress(*ready, *wanted, "Envoy is up", "Envoys are up");
            }
            Event::Acked { acked, wanted } => self.progress(*acked, *wanted, "has ACKed", "have ACKed"),
            Event::Failed { proxy, reason } => self.say(format_args!("      failed: {proxy}: {reason}")),
            Event::StepEnded(result) => {
                self.say(format_args!("      {}", outline(result)));
                for check in result.missed() {
                    self.say(format_args!("      not as expected: {check}"));
                }
            }
            Event::RunEnded { at, outcome } => match outcome {
                Outcome::Passed => self.say(format_args!("done after {}", time(*at))),
                Outcome::Missed => self.say(format_args!("done after {}, not all as expected", time(*at))),
                Outcome::Interrupted => self.say(format_args!("interrupted after {}", time(*at))),
                Outcome::Broken { reason } => self.say(format_args!("failed after {}: {reason}", time(*at))),
            },
            Event::Sampled(_) => {}
        }
    }
}

/// `12 objects applied, 3 deleted`.
pub(super) fn changed(applied: usize, deleted: usize) -> String {
    match (applied, deleted) {
        (applied, 0) => format!("{} applied", counted(applied, "object", "objects")),
        (0, deleted) => format!("{} deleted", counted(deleted, "object", "objects")),
        (applied, deleted) => format!("{} applied, {deleted} deleted", counted(applied, "object", "objects")),
    }
}

/// A step in a line.
pub(super) fn outline(result: &StepResult) -> String {
    let mut parts = Vec::new();
    let watched = &result.watched;
    parts.extend(watched.lines.map(|lines| format!("{} lines", count(lines))));
    parts.extend(watched.endpoints.map(|endpoints| format!("{} endpoints", count(endpoints))));
    parts.extend(watched.allocated.map(|allocated| format!("{} allocated", bytes(allocated))));
    parts.extend(watched.rss.map(|rss| format!("{} RSS", bytes(rss))));
    parts.extend(result.converged.map(|all| format!("all ACKed in {}", time(all))));
    parts.join(", ")
}
