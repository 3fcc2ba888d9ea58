//! Versions of pushes: the time, and a counter that starts at 1 (istiod: `discovery.go`, `NextVersion`).

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use arcstr::ArcStr;

/// Makes versions such as `2026-08-22T15:00:18Z/37`.
#[derive(Debug, Default)]
pub struct Versions(AtomicU64);

impl Versions {
    /// The next version.
    pub fn next(&self) -> ArcStr {
        let n = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        let secs = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
        arcstr::format!("{}/{n}", rfc3339(secs))
    }
}

/// The time of `secs` seconds since 1970 in UTC.
fn rfc3339(secs: u64) -> String {
    let time = i64::try_from(secs).ok().and_then(|s| jiff::Timestamp::from_second(s).ok());
    time.map_or_else(|| secs.to_string(), |t| t.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_count() {
        assert_eq!(rfc3339(1_787_410_818), "2026-08-22T15:00:18Z");
        let versions = Versions::default();
        assert!(versions.next().ends_with("Z/1"));
        assert!(versions.next().ends_with("Z/2"));
    }
}
