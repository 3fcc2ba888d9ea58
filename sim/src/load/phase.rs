//! One phase of a run, measured: the first configuration, or a push.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::meter::{Meter, Totals};
use super::process::Usage;
use super::spread::Spread;

/// What a phase came to. Times are milliseconds, sizes bytes.
#[derive(Clone, Debug, Serialize)]
pub struct Phase {
    /// `first configuration`, `write more.yaml`, `push 1`.
    pub name: String,
    /// From its start (the first attempt to connect, the change, or the first response) to the last ACK.
    pub wall: Option<f64>,
    /// Change to first response: debounce, and what the server makes before it sends.
    pub until_first_response: Option<f64>,
    /// First configuration: what each proxy took to have all that it asked for. Pushes: from the first response that any
    /// proxy got to the last ACK of each that got one.
    pub convergence: Option<Spread>,
    /// Changes made by the run itself: from the change to the last ACK of each proxy.
    pub since_change: Option<Spread>,
    /// Proxies that have all that they asked for at its end.
    pub settled: usize,
    /// Responses.
    pub responses: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Resources in them.
    pub resources: u64,
    /// Responses accepted.
    pub acks: u64,
    /// Responses refused.
    pub nacks: u64,
    /// Streams opened.
    pub streams: u64,
    /// Streams lost, or not opened.
    pub lost: u64,
    /// CPU time of this process.
    pub client_cpu: Option<f64>,
    /// What the server used.
    pub server: Option<ServerCost>,
}

/// What the server's process used in a phase.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ServerCost {
    /// CPU time, milliseconds, to 10.
    pub cpu: f64,
    /// Resident memory before, bytes.
    pub rss_before: u64,
    /// Resident memory after, bytes.
    pub rss_after: u64,
}

/// The state of things when a phase begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before {
    start: Instant,
    totals: Totals,
    own: Option<Usage>,
    server: Option<Usage>,
}

impl Before {
    pub(super) fn now(meter: &Meter, server_pid: Option<u32>) -> Self {
        let server = server_pid.and_then(Usage::of);
        Self { totals: meter.totals(), own: Usage::own(), server, start: Instant::now() }
    }

    pub(super) fn start(&self) -> Instant {
        self.start
    }

    pub(super) fn totals(&self) -> Totals {
        self.totals
    }

    /// Says what has happened since.
    pub(super) fn phase(self, name: String, kind: Kind, meter: &Meter, server_pid: Option<u32>) -> Phase {
        let (own, server) = (Usage::own(), server_pid.and_then(Usage::of));
        let (now, before) = (meter.totals(), self.totals);
        let began = meter.began().filter(|began| *began >= self.start);
        let start = if kind == Kind::Push { began.unwrap_or(self.start) } else { self.start };
        let last = meter.answered_since(start).max();
        let since = |from: Instant| Spread::of(meter.answered_since(start).map(|at| at - from));
        Phase {
            name,
            wall: last.map(|last| millis(last - start)),
            until_first_response: began.filter(|_| kind != Kind::Push).map(|began| millis(began - start)),
            convergence: match kind {
                Kind::First => Spread::of(meter.first_configurations()),
                Kind::Push | Kind::Change => began.and_then(since),
            },
            since_change: if kind == Kind::Change { since(self.start) } else { None },
            settled: meter.settled(),
            responses: now.counters.responses - before.counters.responses,
            bytes: now.counters.bytes - before.counters.bytes,
            resources: now.counters.resources - before.counters.resources,
            acks: now.counters.acks - before.counters.acks,
            nacks: now.counters.nacks - before.counters.nacks,
            streams: now.counters.streams - before.counters.streams,
            lost: now.lost - before.lost,
            client_cpu: self.own.zip(own).map(|(before, now)| millis(now.cpu.saturating_sub(before.cpu))),
            server: self.server.zip(server).map(|(before, now)| ServerCost {
                cpu: millis(now.cpu.saturating_sub(before.cpu)),
                rss_before: before.rss,
                rss_after: now.rss,
            }),
        }
    }
}

/// What starts a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The proxies, by connecting.
    First,
    /// A change that the run makes.
    Change,
    /// Somebody else.
    Push,
}

fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1000.0
}
