//! What all proxies do, counted while they do it.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::client::{Counters, Ear, Moment, Proxy};

/// Sums over all proxies, and moments of each. Written by the proxies' tasks, read by whoever measures.
#[derive(Debug)]
pub(super) struct Meter {
    origin: Instant,
    totals: [AtomicU64; 7],
    connected: AtomicUsize,
    settled: AtomicUsize,
    /// When the first response came since the meter was last armed; zero for never.
    began: AtomicU64,
    slots: Vec<Slot>,
}

/// Moments of one proxy, in microseconds since the origin; zero for never.
#[derive(Debug, Default)]
struct Slot {
    dialled: AtomicU64,
    settled: AtomicU64,
    answered: AtomicU64,
}

/// Sums at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) counters: Counters,
    /// Streams that were lost, or could not be opened.
    pub(super) lost: u64,
}

impl Meter {
    pub(super) fn new(proxies: usize, origin: Instant) -> Self {
        Self {
            // Zero stands for never.
            origin: origin.checked_sub(Duration::from_micros(1)).unwrap_or(origin),
            totals: Default::default(),
            connected: AtomicUsize::new(0),
            settled: AtomicUsize::new(0),
            began: AtomicU64::new(0),
            slots: std::iter::repeat_with(Slot::default).take(proxies).collect(),
        }
    }

    pub(super) fn totals(&self) -> Totals {
        let [streams, responses, bytes, resources, acks, nacks, lost] = &self.totals;
        let [streams, responses, bytes] = [streams, responses, bytes].map(|total| total.load(Relaxed));
        let [resources, acks, nacks] = [resources, acks, nacks].map(|total| total.load(Relaxed));
        Totals {
            counters: Counters { streams, responses, bytes, resources, acks, nacks },
            lost: lost.load(Relaxed),
        }
    }

    /// Proxies with a stream.
    pub(super) fn connected(&self) -> usize {
        self.connected.load(Relaxed)
    }

    /// Proxies that have all that they asked for.
    pub(super) fn settled(&self) -> usize {
        self.settled.load(Relaxed)
    }

    /// From now on, a response begins a push.
    pub(super) fn arm(&self) {
        self.began.store(0, Relaxed);
    }

    /// When the push began.
    pub(super) fn began(&self) -> Option<Instant> {
        self.moment(&self.began)
    }

    /// How long each proxy took from its first attempt to connect until it first had all that it asked for.
    pub(super) fn first_configurations(&self) -> impl Iterator<Item = Duration> {
        self.slots.iter().filter_map(|slot| Some(self.moment(&slot.settled)? - self.moment(&slot.dialled)?))
    }

    /// When each proxy that has answered something since `start` answered last.
    pub(super) fn answered_since(&self, start: Instant) -> impl Iterator<Item = Instant> {
        self.slots.iter().filter_map(move |slot| self.moment(&slot.answered).filter(|at| *at >= start))
    }

    fn moment(&self, micros: &AtomicU64) -> Option<Instant> {
        let micros = micros.load(Relaxed);
        (micros > 0).then(|| self.origin + Duration::from_micros(micros))
    }

    fn micros(&self, at: Instant) -> u64 {
        u64::try_from(at.duration_since(self.origin).as_micros()).unwrap_or(u64::MAX)
    }

    fn add(&self, before: Counters, now: Counters) {
        let growth = [
            now.streams - before.streams,
            now.responses - before.responses,
            now.bytes - before.bytes,
            now.resources - before.resources,
            now.acks - before.acks,
            now.nacks - before.nacks,
        ];
        for (total, growth) in self.totals.iter().zip(growth) {
            total.fetch_add(growth, Relaxed);
        }
    }
}

/// Counts what one proxy does.
#[derive(Debug)]
pub(super) struct Probe<'a> {
    meter: &'a Meter,
    slot: usize,
    before: Counters,
    is_connected: bool,
    is_settled: bool,
}

impl<'a> Probe<'a> {
    pub(super) fn new(meter: &'a Meter, slot: usize) -> Self {
        Self { meter, slot, before: Counters::default(), is_connected: false, is_settled: false }
    }
}

impl Ear for Probe<'_> {
    fn hear(&mut self, proxy: &Proxy, moment: Moment<'_>, now: Instant) {
        let (meter, slot) = (self.meter, &self.meter.slots[self.slot]);
        let (now, counters) = (meter.micros(now), proxy.counters());
        match moment {
            Moment::Dialling => {
                let _ = slot.dialled.compare_exchange(0, now, Relaxed, Relaxed);
            }
            Moment::Heard { came } => {
                let _ = meter.began.compare_exchange(0, meter.micros(came), Relaxed, Relaxed);
                if counters.acks + counters.nacks > self.before.acks + self.before.nacks {
                    slot.answered.store(now, Relaxed);
                }
            }
            Moment::Connected => {}
            Moment::Lost(status) => {
                tracing::debug!(proxy = self.slot, %status, "stream lost");
                meter.totals[6].fetch_add(1, Relaxed);
            }
        }
        meter.add(self.before, counters);
        self.before = counters;
        flip(&mut self.is_connected, proxy.connect_at().is_none(), &meter.connected);
        flip(&mut self.is_settled, proxy.is_settled(), &meter.settled);
        if self.is_settled {
            let _ = slot.settled.compare_exchange(0, now, Relaxed, Relaxed);
        }
    }
}

/// Keeps the number of those for which something holds.
fn flip(before: &mut bool, now: bool, count: &AtomicUsize) {
    match (std::mem::replace(before, now), now) {
        (false, true) => count.fetch_add(1, Relaxed),
        (true, false) => count.fetch_sub(1, Relaxed),
        _ => 0,
    };
}
