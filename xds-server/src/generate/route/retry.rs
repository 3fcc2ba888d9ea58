//! Retry policies (istiod: `pilot/pkg/networking/core/route/retry/retry.go`).

use xdslab_mesh::object::istio::{HttpRetry, MeshConfig};
use xdslab_proto::pack_any;
use xdslab_proto::protobuf::UInt32Value;
use xdslab_proto::retry::{PreviousHostsPredicate, PreviousPrioritiesConfig};
use xdslab_proto::route::RetryPolicy;
use xdslab_proto::route::retry_policy::{
    RetryBackOff, RetryHostPredicate, RetryPriority, retry_host_predicate, retry_priority,
};

use crate::generate::cluster::wire::duration;

/// What is retried where nothing is said.
const RETRY_ON: &str = "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes";
const STATUS_CODES: &str = "retriable-status-codes";

/// The policy of a route that has none of its own: the mesh's, else the usual one. `hashed` is a route whose requests
/// go to hosts by their hash: a host that failed is not avoided there.
pub(crate) fn default(mesh: &MeshConfig, hashed: bool) -> Option<RetryPolicy> {
    match &mesh.default_http_retry_policy {
        Some(policy) => of(policy, hashed),
        None => Some(usual(hashed)),
    }
}

/// The policy that is written; none for no attempts.
pub(crate) fn of(written: &HttpRetry, hashed: bool) -> Option<RetryPolicy> {
    let attempts = u32::try_from(written.attempts).ok().filter(|attempts| *attempts > 0)?;
    let mut policy = RetryPolicy { num_retries: Some(UInt32Value { value: attempts }), ..usual(hashed) };
    if !written.retry_on.is_empty() {
        (policy.retry_on, policy.retriable_status_codes) = conditions(&written.retry_on);
    }
    policy.per_try_timeout = written.per_try_timeout.and_then(duration);
    policy.retry_back_off =
        written.backoff.map(|base| RetryBackOff { base_interval: duration(base), max_interval: None });
    if written.retry_remote_localities == Some(true) {
        let config = retry_priority::ConfigType::TypedConfig(pack_any(PreviousPrioritiesConfig {
            update_frequency: 2,
        }));
        let name = "envoy.retry_priorities.previous_priorities".to_owned();
        policy.retry_priority = Some(RetryPriority { name, config_type: Some(config) });
    }
    match written.retry_ignore_previous_hosts {
        Some(true) => policy.retry_host_predicate = vec![previous_hosts()],
        Some(false) => policy.retry_host_predicate.clear(),
        None => {}
    }
    Some(policy)
}

fn usual(hashed: bool) -> RetryPolicy {
    RetryPolicy {
        retry_on: RETRY_ON.to_owned(),
        num_retries: Some(UInt32Value { value: 2 }),
        retry_host_predicate: if hashed { Vec::new() } else { vec![previous_hosts()] },
        host_selection_retry_max_attempts: 5,
        ..Default::default()
    }
}

fn previous_hosts() -> RetryHostPredicate {
    let config = retry_host_predicate::ConfigType::TypedConfig(pack_any(PreviousHostsPredicate {}));
    RetryHostPredicate {
        name: "envoy.retry_host_predicates.previous_hosts".to_owned(),
        config_type: Some(config),
    }
}

/// Conditions, and the status codes among them. Where there are only codes the conditions begin with a comma, as
/// istiod's do.
fn conditions(written: &str) -> (String, Vec<u32>) {
    let parts = written.split(',').map(str::trim).filter(|part| !part.is_empty());
    let (mut words, mut codes) = (Vec::new(), Vec::new());
    for part in parts {
        match part.parse::<u16>().ok().and_then(|code| http::StatusCode::from_u16(code).ok()) {
            Some(code) if code.canonical_reason().is_some() => codes.push(u32::from(code.as_u16())),
            _ => words.push(part),
        }
    }
    let mut words = words.join(",");
    if !codes.is_empty() && !words.contains(STATUS_CODES) {
        words += ",";
        words += STATUS_CODES;
    }
    (words, codes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_codes_are_told_apart() {
        for (written, words, codes) in [
            ("5xx", "5xx", &[][..]),
            ("503", ",retriable-status-codes", &[503]),
            ("connect-failure, 503,502", "connect-failure,retriable-status-codes", &[503, 502]),
            ("503,retriable-status-codes", "retriable-status-codes", &[503]),
            ("418,777", "777,retriable-status-codes", &[418]),
            (" , ", "", &[]),
        ] {
            assert_eq!(conditions(written), (words.to_owned(), codes.to_vec()), "{written}");
        }
    }

    #[test]
    fn no_attempts_no_policy() {
        assert_eq!(of(&HttpRetry::default(), false), None);
        let mesh = MeshConfig { default_http_retry_policy: Some(HttpRetry::default()), ..Default::default() };
        assert_eq!(default(&mesh, false), None);
        assert!(default(&MeshConfig::default(), true).is_some_and(|p| p.retry_host_predicate.is_empty()));
    }
}
