//! How long something took many proxies.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// Percentiles of times, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    /// Of so many proxies.
    pub count: u64,
    /// Half took no longer.
    pub p50: f64,
    /// Nine of ten took no longer.
    pub p90: f64,
    /// 99 of 100 took no longer.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

impl Spread {
    /// Of these times, to three digits; none of no times.
    pub fn of(times: impl IntoIterator<Item = Duration>) -> Option<Self> {
        let mut histogram = Histogram::<u64>::new(3).ok()?;
        for time in times {
            // It grows with what it is given; only without memory for that a time would go uncounted.
            let _ = histogram.record(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
        }
        let at = |quantile| millis(histogram.value_at_quantile(quantile));
        let max = millis(histogram.max());
        let spread = Self { count: histogram.len(), p50: at(0.5), p90: at(0.9), p99: at(0.99).min(max), max };
        (spread.count > 0).then_some(spread)
    }
}

#[expect(clippy::cast_precision_loss, reason = "three digits are kept")]
fn millis(micros: u64) -> f64 {
    micros as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles() {
        let spread = Spread::of((1..=100).map(Duration::from_millis)).unwrap();
        assert_eq!(spread.count, 100);
        for (value, expected) in
            [(spread.p50, 50.0), (spread.p90, 90.0), (spread.p99, 99.0), (spread.max, 100.0)]
        {
            assert!((value - expected).abs() < 0.2, "{spread:?}");
        }
        assert_eq!(Spread::of([]), None);
    }
}
