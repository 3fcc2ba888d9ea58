//! Retries of HTTP requests.

use super::duration;
use super::faults::Faults;
use crate::object::istio::HttpRetry;

/// What a response or its lack is called in `retryOn` (Envoy docs: `x-envoy-retry-on`, `x-envoy-retry-grpc-on`).
const CONDITIONS: [&str; 16] = [
    "5xx",
    "gateway-error",
    "reset",
    "reset-before-request",
    "connect-failure",
    "retriable-4xx",
    "refused-stream",
    "retriable-status-codes",
    "retriable-headers",
    "envoy-ratelimited",
    "http3-post-connect-failure",
    "cancelled",
    "deadline-exceeded",
    "internal",
    "resource-exhausted",
    "unavailable",
];

/// Refuses what is wrong with a retry policy.
pub(super) fn check(retries: &HttpRetry, f: Faults<'_>) {
    if retries.attempts < 0 {
        f.at("attempts").push(format!("{} is negative", retries.attempts), "write 0 (no retries) or more");
    }
    let told = retries.per_try_timeout.is_some()
        || !retries.retry_on.is_empty()
        || retries.retry_remote_localities.is_some();
    if retries.attempts == 0 && told {
        let hint = "give attempts, or leave out perTryTimeout, retryOn and retryRemoteLocalities";
        f.at("attempts").push("there are no retries (attempts is 0), but it is said how to retry", hint);
    }
    duration::optional(retries.per_try_timeout, f.at("perTryTimeout"));
    duration::optional(retries.backoff, f.at("backoff"));
    if retries.retry_on.is_empty() {
        return;
    }
    for entry in retries.retry_on.split(',') {
        let is_status = entry.parse::<i64>().is_ok_and(is_known_status);
        if !is_status && !CONDITIONS.contains(&entry) {
            let hint = format!(
                "write statuses such as 503 or any of {}, parted by commas alone",
                CONDITIONS.join(", ")
            );
            f.at("retryOn").push(format!("{entry:?} is not a reason to retry"), hint);
        }
    }
}

/// Whether the status has a name of its own (IANA's registry).
fn is_known_status(status: i64) -> bool {
    matches!(status,
        100..=103 | 200..=208 | 226 | 300..=305 | 307 | 308 | 400..=418 | 421..=426 | 428 | 429 | 431 | 451 | 500..=508
        | 510 | 511)
}
