//! What happens, told to whoever listens. Observers are told; they never decide.

mod event;
mod log;
mod metrics;
mod push_status;
pub mod transcript;

pub use event::{Event, Happening};
pub use metrics::Metrics;
pub use push_status::{Amiss, PushStatus};

use tokio::sync::broadcast;
use transcript::Recorder;

/// Events that a slow listener may lag behind; then it loses the oldest.
const KEPT: usize = 8192;

/// All observers.
#[derive(Debug)]
pub struct Observers {
    metrics: Metrics,
    events: broadcast::Sender<Event>,
    recorder: Option<Recorder>,
}

impl Default for Observers {
    fn default() -> Self {
        Self { metrics: Metrics::default(), events: broadcast::Sender::new(KEPT), recorder: None }
    }
}

impl Observers {
    /// Observers that record a transcript too.
    pub fn recording(recorder: Option<Recorder>) -> Self {
        Self { recorder, ..Self::default() }
    }

    /// What records the transcript, if one is kept.
    pub fn recorder(&self) -> Option<&Recorder> {
        self.recorder.as_ref()
    }

    /// Tells everybody. Never waits.
    pub fn tell(&self, event: Event) {
        self.metrics.count(&event);
        log::write(&event);
        // Nobody listens: nothing is lost.
        let _ = self.events.send(event);
    }

    /// Events from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// The metrics.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }
}
