//! Where entries go: a bounded queue. A slow writer loses entries, and is told how many.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use jiff::Timestamp;
use tokio::sync::mpsc;

use super::{Entry, What};

/// Records. Clones record into the same queue.
#[derive(Clone, Debug)]
pub struct Recorder {
    entries: mpsc::Sender<Entry>,
    lost: Arc<AtomicU64>,
    begun: Instant,
}

impl Recorder {
    /// A recorder, and the end at which up to `waiting` entries wait to be written.
    pub fn new(waiting: usize) -> (Self, mpsc::Receiver<Entry>) {
        let (entries, written) = mpsc::channel(waiting.max(1));
        (Self { entries, lost: Arc::default(), begun: Instant::now() }, written)
    }

    /// Records an entry. Never waits: what finds no room is lost, and counted in an entry of its own as soon as there is
    /// room again.
    pub(crate) fn record(&self, connection: &str, proxy: &str, what: What) {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 && !self.put("", "", What::Lost { entries: lost }) {
            self.lost.fetch_add(lost, Ordering::Relaxed);
        }
        if !self.put(connection, proxy, what) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn put(&self, connection: &str, proxy: &str, what: What) -> bool {
        let entry = Entry {
            at: format!("{:.6}", Timestamp::now()),
            ms: (self.begun.elapsed().as_secs_f64() * 1e6).round() / 1e3,
            connection: connection.to_owned(),
            proxy: proxy.to_owned(),
            what,
        };
        self.entries.try_send(entry).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_is_counted() {
        let (recorder, mut written) = Recorder::new(2);
        for _ in 0..5 {
            recorder.record("c", "p", What::Disconnected);
        }
        let mut next = || written.try_recv().map(|entry| entry.what);
        assert_eq!((next(), next()), (Ok(What::Disconnected), Ok(What::Disconnected)));
        recorder.record("c", "p", What::Disconnected);
        assert_eq!(next(), Ok(What::Lost { entries: 3 }));
        assert_eq!(next(), Ok(What::Disconnected));
    }
}
