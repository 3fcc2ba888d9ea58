//! A workload's certificate, and when it is replaced.

use std::fmt;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

/// A workload's certificate with its private key.
#[derive(Clone)]
pub struct Certificate {
    /// The certificate and those between it and the root, PEM.
    pub chain: Bytes,
    /// The private key, PKCS #8 in PEM.
    pub key: Bytes,
    /// Its end.
    pub not_after: SystemTime,
    /// When it must be replaced, well before its end.
    pub renew_at: SystemTime,
}

impl fmt::Debug for Certificate {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { not_after, renew_at, .. } = self;
        f.debug_struct("Certificate")
            .field("not_after", not_after)
            .field("renew_at", renew_at)
            .finish_non_exhaustive()
    }
}

/// Half of the lifetime before the end, give or take one in a hundred, so that what began together is not renewed together
/// (Istio: `security/pkg/nodeagent/cache/secretcache.go`, `rotateTime`; `SECRET_GRACE_PERIOD_RATIO` 0.5,
/// `SECRET_GRACE_PERIOD_RATIO_JITTER` 0.01). `chance` is any number: its place among all numbers is the place of the jitter.
pub(super) fn renewal(issued: SystemTime, lifetime: Duration, chance: u16) -> SystemTime {
    let jitter = f64::from(chance) / f64::from(u16::MAX) * 0.02 - 0.01;
    issued + lifetime.mul_f64(0.5 + jitter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renewed_around_the_middle() {
        let (start, day) = (SystemTime::UNIX_EPOCH, Duration::from_secs(86_400));
        for (chance, share) in [(0, 0.49), (u16::MAX, 0.51)] {
            let after = renewal(start, day, chance).duration_since(start).unwrap();
            assert!((after.as_secs_f64() - day.as_secs_f64() * share).abs() < 1e-3, "{after:?}");
        }
    }
}
