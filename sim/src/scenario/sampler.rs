//! Looks at the Envoys all through a run, for figures over time.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::event::{Event, Gauges, Sample};
use super::lab::Probe;
use super::measure;
use super::pattern::Pattern;
use super::runner::Teller;

/// Between two looks at the watched proxy.
const EVERY: Duration = Duration::from_millis(250);

/// Between two looks at all, at least; and at least so many times as long as a look takes, so that looking costs little.
const FLEET: Duration = Duration::from_secs(1);
const SPARE: u32 = 20;

/// A task that samples until it is told to stop.
#[derive(Debug)]
pub(super) struct Sampler {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Sampler {
    pub(super) async fn stop(self) {
        self.stop.cancel();
        // A sampler that panicked leaves a shorter curve, nothing else.
        let _ = self.task.await;
    }
}

/// Starts sampling.
pub(super) fn start(probe: impl Probe, watch: Pattern, teller: Teller) -> Sampler {
    let stop = CancellationToken::new();
    let until = stop.clone();
    let task = tokio::spawn(async move {
        let work = sample(probe, watch, teller);
        until.run_until_cancelled(work).await;
    });
    Sampler { stop, task }
}

async fn sample(probe: impl Probe, watch: Pattern, teller: Teller) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut next_fleet = Instant::now();
    loop {
        ticks.tick().await;
        let names = probe.names();
        let at = teller.now();
        let watched = match names.iter().find(|name| watch.is_match(name)) {
            Some(name) => probe.gauges(name).await.map(|gauges| Gauges { envoys: 1, ..gauges }),
            None => None,
        };
        let mut sample = Sample { at, watched, fleet: None };
        if Instant::now() >= next_fleet && !names.is_empty() {
            let begun = Instant::now();
            let all = measure::gauges(&probe, &names).await;
            sample.fleet = Some(Gauges::sum(all.into_values().map(|gauges| Gauges { envoys: 1, ..gauges })));
            next_fleet = begun + FLEET.max(begun.elapsed() * SPARE);
        }
        teller.tell(Event::Sampled(sample)).await;
    }
}
