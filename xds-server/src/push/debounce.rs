//! When a push is made: after a moment of quiet, but not later than a limit (istiod: `pilot/pkg/xds/discovery.go`, `debounce`).

use std::time::{Duration, Instant};

/// How long changes are collected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DebounceOptions {
    /// Quiet that ends a batch (`PILOT_DEBOUNCE_AFTER`).
    pub after: Duration,
    /// Age at which a batch ends, quiet or not (`PILOT_DEBOUNCE_MAX`).
    pub max: Duration,
}

impl Default for DebounceOptions {
    fn default() -> Self {
        Self { after: Duration::from_millis(100), max: Duration::from_secs(10) }
    }
}

/// The state of one batch. Time is an argument.
#[derive(Clone, Copy, Debug)]
pub struct Debounce {
    options: DebounceOptions,
    batch: Option<(Instant, Instant)>,
}

impl Debounce {
    /// An empty batch.
    pub fn new(options: DebounceOptions) -> Self {
        Self { options, batch: None }
    }

    /// Something changed.
    pub fn event(&mut self, now: Instant) {
        let first = self.batch.map_or(now, |(first, _)| first);
        self.batch = Some((first, now));
    }

    /// When the batch ends if nothing else changes; none for an empty batch.
    pub fn deadline(&self) -> Option<Instant> {
        self.batch.map(|(first, last)| (last + self.options.after).min(first + self.options.max))
    }

    /// Ends the batch if its time has come.
    pub fn take(&mut self, now: Instant) -> bool {
        let due = self.deadline().is_some_and(|at| at <= now);
        if due {
            self.batch = None;
        }
        due
    }
}
