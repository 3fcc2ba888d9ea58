//! Durations that Envoy is given.

use super::faults::Faults;
use crate::object::Duration;

const MILLISECOND: i64 = 1_000_000;

/// Refuses less than a millisecond, and fractions of one.
pub(super) fn check(duration: Duration, f: Faults<'_>) {
    if duration.as_nanos() < MILLISECOND {
        f.push(format!("{duration} is too short"), "write at least 1ms");
    } else {
        whole_milliseconds(duration, f);
    }
}

/// Refuses fractions of a millisecond.
pub(super) fn whole_milliseconds(duration: Duration, f: Faults<'_>) {
    if duration.as_nanos() % MILLISECOND != 0 {
        f.push(
            format!("{duration} is not a whole number of milliseconds"),
            "round it to milliseconds, such as 1500ms",
        );
    }
}

/// Refuses a duration that is given and that [`check`] would.
pub(super) fn optional(duration: Option<Duration>, f: Faults<'_>) {
    if let Some(duration) = duration {
        check(duration, f);
    }
}
