//! How long a proxy waits before it connects again.

use std::time::Duration;

use super::dice::Dice;

/// Envoy's jittered exponential back-off (`source/common/common/backoff_strategy.cc`): a random time below a bound, which
/// doubles with every attempt that fails.
#[derive(Clone, Debug)]
pub struct Backoff {
    base: Duration,
    max: Duration,
    bound: Duration,
}

impl Backoff {
    /// `base` is the first bound, `max` the last. Envoy's own are 500 ms and 30 s.
    pub fn new(base: Duration, max: Duration) -> Self {
        Self { base, max, bound: base }
    }

    /// Something has come: the next wait is short again.
    pub(super) fn reset(&mut self) {
        self.bound = self.base;
    }

    pub(super) fn next(&mut self, dice: &mut Dice) -> Duration {
        let bound = u64::try_from(self.bound.as_micros()).unwrap_or(u64::MAX);
        self.bound = self.bound.saturating_mul(2).min(self.max);
        Duration::from_micros(dice.below(bound))
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new(Duration::from_millis(500), Duration::from_secs(30))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_double_up_to_the_last() {
        let (mut backoff, mut dice) = (Backoff::default(), Dice::new(3));
        for bound in [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000] {
            assert_eq!(backoff.bound, Duration::from_millis(bound));
            assert!(backoff.next(&mut dice) < Duration::from_millis(bound));
        }
        backoff.reset();
        assert_eq!(backoff.bound, Duration::from_millis(500));
    }
}
