//! Load balancing: consistent hashing, warm-up.

use std::collections::BTreeSet;

use super::faults::Faults;
use super::{duration, locality};
use crate::object::istio::{ConsistentHash, HttpCookie, LoadBalancer, Warmup};

/// The first size that Envoy refuses for a Maglev table.
const TOO_LARGE_TABLE: u64 = 5_000_011;

/// Refuses what is wrong with the settings.
pub(super) fn check(settings: &LoadBalancer, f: Faults<'_>) {
    if let Some(hash) = &settings.consistent_hash {
        consistent_hash(hash, f.at("consistentHash"));
    }
    if settings.locality_lb_setting.is_some() && settings.zone_aware_lb_setting.is_some() {
        f.push("both localityLbSetting and zoneAwareLbSetting are set", "leave one of them out");
    }
    if let Some(setting) = &settings.locality_lb_setting {
        locality::locality_lb(setting, f.at("localityLbSetting"));
    }
    if let Some(setting) = &settings.zone_aware_lb_setting {
        locality::zone_aware_lb(setting, f.at("zoneAwareLbSetting"));
    }
    if let Some(setting) = &settings.warmup {
        warmup(setting, f.at("warmup"));
    }
}

fn consistent_hash(hash: &ConsistentHash, f: Faults<'_>) {
    // The last key that the API lists counts, as protobuf reads a `oneof`.
    let cookie_counts = hash.use_source_ip.is_none() && hash.http_query_parameter_name.is_none();
    if let Some(cookie) = hash.http_cookie.as_ref().filter(|_| cookie_counts) {
        http_cookie(cookie, f.at("httpCookie"));
    }
    if hash.minimum_ring_size != 0 && (hash.maglev.is_some() || hash.ring_hash.is_some()) {
        let hint = "leave it out; the size of a ring is ringHash.minimumRingSize";
        f.at("minimumRingSize").push("minimumRingSize stands beside maglev or ringHash", hint);
    }
    if let Some(maglev) = &hash.maglev {
        let size = maglev.table_size.unwrap_or(0);
        if size == 0 || size >= TOO_LARGE_TABLE || !is_prime(size) {
            let f = f.at("maglev");
            let what = format!("{size} is not a size of a Maglev table");
            f.at("tableSize")
                .push(what, format!("write a prime number below {TOO_LARGE_TABLE}, such as 65537"));
        }
    }
}

fn http_cookie(cookie: &HttpCookie, f: Faults<'_>) {
    if cookie.name.is_empty() {
        f.at("name").missing("the cookie's name", "name the cookie whose value is hashed");
    }
    let mut seen = BTreeSet::new();
    for (f, attribute) in f.each("attributes", &cookie.attributes) {
        if attribute.name.is_empty() {
            f.at("name").missing("the attribute's name", "write a cookie attribute such as SameSite");
        } else if !seen.insert(&attribute.name) {
            let what = format!("the attribute {:?} is there twice", attribute.name);
            f.at("name").push(what, "leave one of them out");
        }
    }
}

fn warmup(warmup: &Warmup, f: Faults<'_>) {
    match warmup.duration {
        Some(given) => duration::check(given, f.at("duration")),
        None => f.at("duration").missing("the duration", "say how long an endpoint warms up, such as 60s"),
    }
    if let Some(percent) = warmup.minimum_percent.filter(|p| *p > 100.0) {
        f.at("minimumPercent").push(format!("{percent} is over 100"), "write a number from 0 to 100");
    }
    if let Some(aggression) = warmup.aggression.filter(|a| *a <= 0.0) {
        f.at("aggression")
            .push(format!("{aggression} is not above 0"), "write a number above 0; 1 is linear");
    }
}

/// As Envoy judges it, to whom 1 is prime.
fn is_prime(n: u64) -> bool {
    n > 0 && (2..=n.isqrt()).all(|d| !n.is_multiple_of(d))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn primes() {
        let primes: Vec<u64> = (0..30).filter(|n| is_prime(*n)).collect();
        assert_eq!(primes, [1, 2, 3, 5, 7, 11, 13, 17, 19, 23, 29]);
        assert!(is_prime(65537) && !is_prime(65536) && is_prime(4_999_999));
    }
}
