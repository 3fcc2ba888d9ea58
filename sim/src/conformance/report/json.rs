//! Outcomes as JSON.

use serde_json::{Value, json as object};

use crate::conformance::Outcome;

/// The outcome as JSON: counts, and one element a check. Times are in milliseconds.
///
/// # Errors
/// When it cannot be written, which does not happen.
pub fn json(outcome: &Outcome) -> Result<String, serde_json::Error> {
    let [passed, failed, skipped] = outcome.counts();
    let checks: Result<Vec<Value>, _> = outcome
        .checks
        .iter()
        .map(|check| {
            let mut value = serde_json::to_value(&check.verdict)?;
            value["rule"] = check.rule.number.into();
            value["title"] = check.rule.title.into();
            value["variant"] = check.protocol.name().into();
            value["millis"] = u64::try_from(check.took.as_millis()).unwrap_or(u64::MAX).into();
            Ok(value)
        })
        .collect();
    serde_json::to_string_pretty(&object!({
        "server": outcome.server,
        "adapter": outcome.adapter,
        "passed": passed,
        "failed": failed,
        "skipped": skipped,
        "checks": checks?,
    }))
}
