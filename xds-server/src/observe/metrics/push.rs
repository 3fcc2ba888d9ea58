//! What is counted of pushes.

use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::{Counters, FROM_HUNDREDTHS, FROM_TENTHS, histogram};
use crate::observe::Happening;

#[derive(Debug)]
pub(super) struct PushMetrics {
    triggers: Counters,
    queued: Histogram,
    convergence: Histogram,
    debounce: Histogram,
    build: Histogram,
}

impl PushMetrics {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            triggers: Counters::default(),
            queued: histogram(FROM_TENTHS),
            convergence: histogram(FROM_TENTHS),
            debounce: histogram(FROM_HUNDREDTHS),
            build: histogram(&[0.01, 0.1, 0.5, 1.0, 3.0, 5.0]),
        };
        registry.register("pilot_push_triggers", "Pushes to clients, by reason", metrics.triggers.clone());
        registry.register(
            "pilot_proxy_queue_time",
            "Seconds that a push waited for its client's turn",
            metrics.queued.clone(),
        );
        registry.register(
            "pilot_proxy_convergence_time",
            "Seconds from a push's start until a client was sent all of it",
            metrics.convergence.clone(),
        );
        registry.register(
            "pilot_debounce_time",
            "Seconds from first change to push",
            metrics.debounce.clone(),
        );
        registry.register_with_unit(
            "pilot_pushcontext_init",
            "Time to build a snapshot",
            Unit::Seconds,
            metrics.build.clone(),
        );
        metrics
    }

    pub(super) fn count(&self, what: &Happening) {
        match what {
            Happening::PushBegun { reasons, waited } => {
                for (reason, times) in reasons {
                    let label = [("type", reason.word().to_owned())];
                    self.triggers.get_or_create(&label).inc_by(u64::from(*times));
                }
                self.queued.observe(waited.as_secs_f64());
            }
            Happening::Pushed { took, .. } => self.convergence.observe(took.as_secs_f64()),
            Happening::PushStarted { debounced, built, .. } => {
                self.debounce.observe(debounced.as_secs_f64());
                self.build.observe(built.as_secs_f64());
            }
            _ => {}
        }
    }
}
