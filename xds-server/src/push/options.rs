//! When and how many: the settings of the push pipeline, by istiod's names.

use std::time::Duration;

/// Settings of the push pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DebounceOptions {
    /// Quiet that ends a batch of changes (`PILOT_DEBOUNCE_AFTER`).
    pub after: Duration,
    /// Age at which a batch ends, quiet or not (`PILOT_DEBOUNCE_MAX`).
    pub max: Duration,
    /// Whether changes of endpoints alone are collected too, or pushed at once (`PILOT_ENABLE_EDS_DEBOUNCE`).
    pub endpoints: bool,
    /// How many connections are pushed to at once (`PILOT_PUSH_THROTTLE`); 0: by the number of processors.
    pub throttle: usize,
    /// Between two new streams, the inverse of `PILOT_MAX_REQUESTS_PER_SECOND`; zero: no limit. One that would have to wait
    /// for longer than a second is refused (`ResourceExhausted`).
    pub admission: Duration,
}

impl Default for DebounceOptions {
    fn default() -> Self {
        Self {
            after: Duration::from_millis(100),
            max: Duration::from_secs(10),
            endpoints: true,
            throttle: 0,
            admission: Duration::ZERO,
        }
    }
}

impl DebounceOptions {
    /// How many connections are pushed to at once: as said, else `15 + 5 x processors`, 100 at most
    /// (istiod: `pilot/pkg/features/tuning.go`).
    pub fn concurrency(&self) -> usize {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        if self.throttle > 0 { self.throttle } else { (15 + 5 * processors).min(100) }
    }
}
