//! Looks at the Envoys all through a run, for figures over time.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use super::event::{Event, Gauges, Sample};
use super::lab::Probe;
use super::measure;
use super::pattern::Pattern;
use super::teller::Teller;

/// Between two looks at the watched proxy.
const EVERY: Duration = Duration::from_millis(250);

/// Between two looks at all: this at least, and so many times as long as a look takes, so that looking costs little.
const FLEET: Duration = Duration::from_millis(750);
const SPARE: u32 = 10;

/// But not longer than this.
const AT_MOST: Duration = Duration::from_secs(3);

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
        let watched = watched(&probe, &watch, &teller);
        let all = all(&probe, &teller);
        until.run_until_cancelled(async { tokio::join!(watched, all) }).await;
    });
    Sampler { stop, task }
}

async fn watched(probe: &impl Probe, watch: &Pattern, teller: &Teller) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let names = probe.names();
        let at = teller.now();
        let watched = match names.iter().find(|name| watch.is_match(name)) {
            Some(name) => probe.gauges(name).await,
            None => None,
        };
        teller.tell(Event::Sampled(Sample { at, watched, fleet: None })).await;
    }
}

async fn all(probe: &impl Probe, teller: &Teller) {
    loop {
        let begun = Instant::now();
        let at = teller.now();
        let gauges = measure::gauges(probe, &probe.names()).await;
        let took = begun.elapsed();
        if !gauges.is_empty() {
            let fleet = Some(Gauges::sum(gauges.into_values()));
            teller.tell(Event::Sampled(Sample { at, watched: None, fleet })).await;
        }
        sleep((took * SPARE).clamp(FLEET, AT_MOST)).await;
    }
}
