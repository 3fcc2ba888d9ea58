//! Connection pools.

use super::duration;
use super::faults::Faults;
use crate::object::istio::{ConnectionPool, H2Upgrade, HttpPool, TcpPool};

/// Refuses what is wrong with a pool.
pub(super) fn check(pool: &ConnectionPool, f: Faults<'_>) {
    limits(pool, f);
    let keep_alive = pool.http.as_ref().and_then(|http| http.http2_keep_alive);
    let Some(keep_alive) = keep_alive else { return };
    let f = f.at("http");
    let f = f.at("http2KeepAlive");
    for (name, given) in [("interval", keep_alive.interval), ("timeout", keep_alive.timeout)] {
        match given {
            Some(given) => duration::check(given, f.at(name)),
            None => f.at(name).missing(format_args!("the {name}"), "write a duration such as 30s"),
        }
    }
}

/// Refuses what is wrong with a pool, but for its HTTP/2 pings: the mesh's default policy is checked without them.
pub(super) fn limits(pool: &ConnectionPool, f: Faults<'_>) {
    if pool.http.is_none() && pool.tcp.is_none() {
        return f.push("the connection pool is empty", "set http or tcp, or leave connectionPool out");
    }
    if let Some(pool) = &pool.http {
        http(pool, f.at("http"));
    }
    if let Some(pool) = &pool.tcp {
        tcp(pool, f.at("tcp"));
    }
}

fn http(pool: &HttpPool, f: Faults<'_>) {
    not_negative(pool.http1_max_pending_requests, f.at("http1MaxPendingRequests"));
    not_negative(pool.http2_max_requests, f.at("http2MaxRequests"));
    not_negative(pool.max_requests_per_connection, f.at("maxRequestsPerConnection"));
    not_negative(pool.max_retries, f.at("maxRetries"));
    not_negative(pool.max_concurrent_streams, f.at("maxConcurrentStreams"));
    duration::optional(pool.idle_timeout, f.at("idleTimeout"));
    if pool.h2_upgrade_policy == H2Upgrade::Upgrade && pool.use_client_protocol {
        let what = "the client's protocol cannot be kept if connections are upgraded to HTTP/2";
        f.at("useClientProtocol").push(what, "leave out useClientProtocol, or h2UpgradePolicy: UPGRADE");
    }
}

fn tcp(pool: &TcpPool, f: Faults<'_>) {
    not_negative(pool.max_connections, f.at("maxConnections"));
    duration::optional(pool.connect_timeout, f.at("connectTimeout"));
    duration::optional(pool.max_connection_duration, f.at("maxConnectionDuration"));
    // Less than a millisecond is as good as 0s, which means that idle connections stay.
    let idle = pool.idle_timeout.filter(|d| d.as_nanos() / 1_000_000 != 0);
    duration::optional(idle, f.at("idleTimeout"));
    if let Some(keep_alive) = pool.tcp_keepalive {
        let f = f.at("tcpKeepalive");
        duration::optional(keep_alive.time, f.at("time"));
        duration::optional(keep_alive.interval, f.at("interval"));
    }
}

fn not_negative(number: i32, f: Faults<'_>) {
    if number < 0 {
        f.push(format!("{number} is negative"), "write 0 or more; 0 is Envoy's default");
    }
}
