//! Where entries go: a bounded queue. A slow writer loses entries, and is told how many.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use arcstr::ArcStr;
use jiff::Timestamp;
use tokio::sync::mpsc;
use xdslab_protocol::Semantics;

use super::{Entry, FORMAT, What};

/// Records. Clones record into the same queue.
#[derive(Clone, Debug)]
pub struct Recorder {
    entries: mpsc::Sender<Entry>,
    lost: Arc<AtomicU64>,
    begun: Instant,
}

/// Where recorded entries wait to be written.
#[derive(Debug)]
pub struct Recorded {
    entries: mpsc::Receiver<Entry>,
    lost: Arc<AtomicU64>,
    begun: Instant,
}

impl Recorder {
    /// A recorder, and the end at which up to `waiting` entries wait to be written.
    pub fn new(waiting: usize) -> (Self, Recorded) {
        let (entries, written) = mpsc::channel(waiting.max(1));
        let (lost, begun) = (Arc::<AtomicU64>::default(), Instant::now());
        (Self { entries, lost: lost.clone(), begun }, Recorded { entries: written, lost, begun })
    }

    /// The server begins.
    pub(crate) fn begin(&self, semantics: Semantics) {
        self.note(What::Begun {
            format: FORMAT,
            server: concat!("xds-server ", env!("CARGO_PKG_VERSION")).to_owned(),
            semantics: format!("{semantics:?}").to_lowercase(),
        });
    }

    /// Records what concerns no stream.
    fn note(&self, what: What) {
        self.record(&ArcStr::new(), &ArcStr::new(), 0, what);
    }

    /// Records an entry. Never waits: what finds no room is lost, and counted in an entry of its own as soon as there is
    /// room again.
    pub(crate) fn record(&self, connection: &ArcStr, proxy: &ArcStr, n: u64, what: What) {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 && self.entries.try_send(Entry::new(self.begun, What::Lost { entries: lost })).is_err() {
            self.lost.fetch_add(lost, Ordering::Relaxed);
        }
        let (connection, proxy) = (connection.clone(), proxy.clone());
        let entry = Entry { connection, proxy, n, ..Entry::new(self.begun, what) };
        if self.entries.try_send(entry).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Recorded {
    /// The next entry; none when nothing records any more. The last one tells what was lost since the one before.
    pub async fn next(&mut self) -> Option<Entry> {
        self.entries.recv().await.or_else(|| self.rest())
    }

    /// [`Self::next`], on a thread of its own.
    ///
    /// # Panics
    /// Within an asynchronous runtime.
    pub fn blocking_next(&mut self) -> Option<Entry> {
        self.entries.blocking_recv().or_else(|| self.rest())
    }

    /// Whether nothing waits at present.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Takes no more; what waits already still comes.
    pub fn close(&mut self) {
        self.entries.close();
    }

    fn rest(&self) -> Option<Entry> {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        (lost > 0).then(|| Entry::new(self.begun, What::Lost { entries: lost }))
    }
}

impl Entry {
    /// An entry of now that concerns no stream.
    fn new(begun: Instant, what: What) -> Self {
        Self {
            at: format!("{:.6}", Timestamp::now()),
            ms: (begun.elapsed().as_secs_f64() * 1e6).round() / 1e3,
            connection: ArcStr::new(),
            proxy: ArcStr::new(),
            n: 0,
            what,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: What = What::Disconnected;

    #[tokio::test]
    async fn what_is_lost_is_counted() {
        let (recorder, mut written) = Recorder::new(2);
        for _ in 0..5 {
            recorder.note(END);
        }
        let mut next = async || written.next().await.map(|entry| entry.what);
        assert_eq!((next().await, next().await), (Some(END), Some(END)));
        recorder.note(END);
        assert_eq!(next().await, Some(What::Lost { entries: 3 }));
        assert_eq!(next().await, Some(END));
        for _ in 0..4 {
            recorder.note(END);
        }
        drop(recorder);
        assert_eq!((next().await, next().await), (Some(END), Some(END)));
        assert_eq!((next().await, next().await), (Some(What::Lost { entries: 2 }), None), "at the end too");
    }
}
