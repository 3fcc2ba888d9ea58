//! Circuit breakers, timeouts and keep-alives (istiod: `applyConnectionPool`).

use xdslab_mesh::object::istio::{ConnectionPool, KeepAlive, MeshConfig, OutlierDetection, RetryBudget};
use xdslab_proto::cluster::circuit_breakers::Thresholds;
use xdslab_proto::cluster::circuit_breakers::thresholds::RetryBudget as WireBudget;
use xdslab_proto::cluster::{self, CircuitBreakers, Cluster, UpstreamConnectionOptions};
use xdslab_proto::core::TcpKeepalive;
use xdslab_proto::protobuf::UInt32Value;

use super::wire::{duration, percent, uint32};

/// Puts thresholds, connect timeout and keep-alive into `cluster`.
pub fn apply(
    cluster: &mut Cluster,
    mesh: &MeshConfig,
    pool: Option<&ConnectionPool>,
    budget: Option<&RetryBudget>,
) {
    cluster.circuit_breakers = Some(circuit_breakers(pool, budget));
    let tcp = pool.and_then(|p| p.tcp.as_ref());
    cluster.connect_timeout = duration(tcp.and_then(|t| t.connect_timeout).unwrap_or(mesh.connect_timeout));
    let own = tcp.and_then(|t| t.tcp_keepalive);
    cluster.upstream_connection_options = keep_alive(mesh.tcp_keepalive, own);
}

/// No limits but those that the pool sets.
fn circuit_breakers(pool: Option<&ConnectionPool>, budget: Option<&RetryBudget>) -> CircuitBreakers {
    let limit = |n: Option<i32>| {
        let set = n.and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0);
        uint32(set.unwrap_or(u32::MAX))
    };
    let (tcp, http) = (pool.and_then(|p| p.tcp.as_ref()), pool.and_then(|p| p.http.as_ref()));
    let thresholds = Thresholds {
        max_connections: limit(tcp.map(|t| t.max_connections)),
        max_pending_requests: limit(http.map(|h| h.http1_max_pending_requests)),
        max_requests: limit(http.map(|h| h.http2_max_requests)),
        max_retries: limit(http.map(|h| h.max_retries)),
        retry_budget: budget.map(retry_budget),
        ..Default::default()
    };
    CircuitBreakers { thresholds: vec![thresholds], ..Default::default() }
}

fn retry_budget(budget: &RetryBudget) -> WireBudget {
    let least = if budget.min_retry_concurrency == 0 { 3 } else { budget.min_retry_concurrency };
    WireBudget {
        budget_percent: percent(budget.percent.unwrap_or(20.0)),
        budget_interval: budget.budget_interval.and_then(duration),
        min_retry_concurrency: uint32(least),
    }
}

/// The mesh's keep-alive, single members replaced by the rule's; none where neither is given.
pub fn keep_alive(mesh: Option<KeepAlive>, own: Option<KeepAlive>) -> Option<UpstreamConnectionOptions> {
    if mesh.is_none() && own.is_none() {
        return None;
    }
    let (mesh, own) = (mesh.unwrap_or_default(), own.unwrap_or_default());
    let seconds = |d: Option<xdslab_mesh::object::Duration>| {
        d.and_then(|d| u32::try_from(d.secs()).ok()).map(|value| UInt32Value { value })
    };
    let probes = if own.probes > 0 { own.probes } else { mesh.probes };
    let keepalive = TcpKeepalive {
        keepalive_probes: (probes > 0).then_some(UInt32Value { value: probes }),
        keepalive_time: seconds(own.time.or(mesh.time)),
        keepalive_interval: seconds(own.interval.or(mesh.interval)),
    };
    Some(UpstreamConnectionOptions { tcp_keepalive: Some(keepalive), ..Default::default() })
}

/// When to eject an endpoint (istiod: `applyOutlierDetection`).
pub fn outlier_detection(outlier: &OutlierDetection) -> cluster::OutlierDetection {
    let enforcing = |n: Option<u32>| n.map(|n| UInt32Value { value: if n > 0 { 100 } else { 0 } });
    let count = |n: Option<u32>| n.map(|value| UInt32Value { value });
    let mut out = cluster::OutlierDetection {
        enforcing_success_rate: uint32(0),
        consecutive_5xx: count(outlier.consecutive_5xx_errors),
        enforcing_consecutive_5xx: enforcing(outlier.consecutive_5xx_errors),
        consecutive_gateway_failure: count(outlier.consecutive_gateway_errors),
        enforcing_consecutive_gateway_failure: enforcing(outlier.consecutive_gateway_errors),
        interval: outlier.interval.and_then(duration),
        base_ejection_time: outlier.base_ejection_time.and_then(duration),
        max_ejection_percent: u32::try_from(outlier.max_ejection_percent)
            .ok()
            .filter(|n| *n > 0)
            .and_then(uint32),
        ..Default::default()
    };
    if outlier.split_external_local_origin_errors {
        out.split_external_local_origin_errors = true;
        out.enforcing_local_origin_success_rate = uint32(0);
        if let Some(n) = outlier.consecutive_local_origin_failures.filter(|n| *n > 0) {
            out.consecutive_local_origin_failure = uint32(n);
            out.enforcing_consecutive_local_origin_failure = uint32(100);
        }
    }
    out
}
