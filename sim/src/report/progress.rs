//! Progress on a terminal: a line for every step that is done, and one that moves for the step that is not.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Listener;
use super::lines::{changed, outline};
use super::units::time;
use crate::scenario::{Event, Outcome};

/// Draws progress on the standard error.
#[derive(Debug)]
pub struct Bars {
    bar: ProgressBar,
    steps: Vec<String>,
    step: usize,
}

impl Default for Bars {
    fn default() -> Self {
        Self::new()
    }
}

impl Bars {
    /// Draws nothing yet.
    pub fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{spinner:.cyan} {prefix} {msg:.dim}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        Self { bar, steps: Vec::new(), step: 0 }
    }

    fn head(&self) -> String {
        let name = self.steps.get(self.step).map_or("", String::as_str);
        format!("[{}/{}] {name}", self.step + 1, self.steps.len())
    }
}

impl Listener for Bars {
    fn hear(&mut self, event: &Event) {
        match event {
            Event::RunStarted(opening) => {
                self.steps.clone_from(&opening.steps);
                self.bar.reset();
                self.bar.println(format!("{}, {}", opening.title, opening.side.name()));
                for note in &opening.notes {
                    self.bar.println(format!("  note: {note}"));
                }
                self.bar.enable_steady_tick(Duration::from_millis(100));
            }
            Event::StepStarted { step, .. } => {
                self.step = *step;
                self.bar.set_prefix(self.head());
                self.bar.set_message("");
            }
            Event::Problem { text } | Event::Note { text } => self.bar.println(format!("  {text}")),
            Event::Applied { applied, deleted, .. } => self.bar.set_message(changed(*applied, *deleted)),
            Event::Starting { ready, wanted } => {
                self.bar.set_message(format!("{ready} of {wanted} Envoys are up"));
            }
            Event::Acked { acked, wanted } => self.bar.set_message(format!("{acked} of {wanted} have ACKed")),
            Event::Failed { proxy, reason } => self.bar.println(format!("  failed: {proxy}: {reason}")),
            Event::StepEnded(result) => {
                let sign = if result.missed().next().is_none() { "✓" } else { "✗" };
                self.bar.println(format!("{sign} {}: {}", self.head(), outline(result)));
                for check in result.missed() {
                    self.bar.println(format!("  not as expected: {check}"));
                }
            }
            Event::RunEnded { at, outcome } => {
                let word = match outcome {
                    Outcome::Passed | Outcome::Missed => "done".to_owned(),
                    Outcome::Interrupted => "interrupted".to_owned(),
                    Outcome::Broken { reason } => format!("failed: {reason}"),
                };
                self.bar.println(format!("{word} after {}", time(*at)));
                self.bar.finish_and_clear();
            }
            Event::Sampled(_) => {}
        }
    }
}
