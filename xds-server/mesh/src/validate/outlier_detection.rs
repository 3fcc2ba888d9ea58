//! Outlier detection.

use super::duration;
use super::faults::Faults;
use crate::object::istio::OutlierDetection;

/// Refuses what is wrong with the settings.
pub(super) fn check(settings: &OutlierDetection, f: Faults<'_>) {
    duration::optional(settings.base_ejection_time, f.at("baseEjectionTime"));
    duration::optional(settings.interval, f.at("interval"));
    if !settings.split_external_local_origin_errors && settings.consecutive_local_origin_failures > Some(0) {
        let what = "local origin failures are counted only if they are told from the others";
        f.at("consecutiveLocalOriginFailures").push(what, "set splitExternalLocalOriginErrors: true, too");
    }
    for (name, percent) in [
        ("maxEjectionPercent", settings.max_ejection_percent),
        ("minHealthPercent", settings.min_health_percent),
    ] {
        if !(0..=100).contains(&percent) {
            f.at(name).push(format!("{percent} is not a percentage"), "write a number from 0 to 100");
        }
    }
}
