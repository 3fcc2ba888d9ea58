//! Tells what happens in a run, and when.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::event::{Event, Millis};

/// Sends events and knows the time.
#[derive(Clone, Debug)]
pub(super) struct Teller {
    events: mpsc::Sender<Event>,
    begun: Instant,
}

impl Teller {
    /// Time begins now.
    pub(super) fn new(events: mpsc::Sender<Event>) -> Self {
        Self { events, begun: Instant::now() }
    }

    pub(super) async fn tell(&self, event: Event) {
        // Nobody listens any more: the run goes on to its end all the same.
        let _ = self.events.send(event).await;
    }

    pub(super) fn now(&self) -> Millis {
        millis(self.begun.elapsed())
    }
}

fn millis(time: Duration) -> Millis {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Milliseconds from `begun` to another time.
pub(super) fn since(begun: Instant) -> impl Fn(Instant) -> Millis {
    move |at| millis(at.saturating_duration_since(begun))
}
