//! Load balancing of a cluster (istiod: `applyLoadBalancer`).

use xdslab_mesh::object::istio::{ConsistentHash, LoadBalancer, OutlierDetection, SimpleLb, Warmup};
use xdslab_mesh::service::Service;
use xdslab_proto::cluster::Cluster;
use xdslab_proto::cluster::cluster::common_lb_config::{
    LocalityConfigSpecifier, LocalityWeightedLbConfig, ZoneAwareLbConfig,
};
use xdslab_proto::cluster::cluster::{
    CommonLbConfig, DiscoveryType, LbConfig, LbPolicy, LeastRequestLbConfig, MaglevLbConfig,
    RingHashLbConfig, RoundRobinLbConfig, SlowStartConfig,
};
use xdslab_proto::core::{HealthStatus, HealthStatusSet, RuntimeDouble};
use xdslab_proto::protobuf::UInt64Value;

use super::wire::{duration, percent};
use crate::generate::endpoint::LocalitySetting;

/// Whether the rule asks for the address that the client wanted.
pub fn passes_through(balancer: Option<&LoadBalancer>) -> bool {
    balancer.is_some_and(|b| b.simple == Some(SimpleLb::Passthrough))
}

/// Puts the policy and its settings into a cluster of type `discovery`.
pub fn apply(cluster: &mut Cluster, balancer: Option<&LoadBalancer>, discovery: DiscoveryType) {
    if discovery == DiscoveryType::OriginalDst {
        cluster.lb_policy = LbPolicy::ClusterProvided.into();
        return;
    }
    if let Some(hash) = balancer.and_then(|b| b.consistent_hash.as_ref()) {
        consistent_hash(cluster, hash);
        return;
    }
    let policy = match balancer.and_then(|b| b.simple) {
        Some(SimpleLb::RoundRobin) => LbPolicy::RoundRobin,
        Some(SimpleLb::Random) => LbPolicy::Random,
        _ => LbPolicy::LeastRequest,
    };
    cluster.lb_policy = policy.into();
    let Some(slow) = balancer.and_then(slow_start) else { return };
    cluster.lb_config = match policy {
        LbPolicy::LeastRequest => Some(LbConfig::LeastRequestLbConfig(LeastRequestLbConfig {
            slow_start_config: Some(slow),
            ..Default::default()
        })),
        LbPolicy::RoundRobin => {
            Some(LbConfig::RoundRobinLbConfig(RoundRobinLbConfig { slow_start_config: Some(slow) }))
        }
        _ => None,
    };
}

/// Puts the policy of a consistent hash, and the size of its ring or table, into a cluster.
pub fn consistent_hash(cluster: &mut Cluster, hash: &ConsistentHash) {
    let number = |n: u64| (n > 0).then_some(UInt64Value { value: n });
    if let Some(maglev) = &hash.maglev {
        cluster.lb_policy = LbPolicy::Maglev.into();
        let table_size = maglev.table_size.and_then(number);
        cluster.lb_config =
            table_size.map(|size| LbConfig::MaglevLbConfig(MaglevLbConfig { table_size: Some(size) }));
        return;
    }
    let least = match &hash.ring_hash {
        Some(ring) => number(ring.minimum_ring_size),
        None if hash.minimum_ring_size > 0 => number(hash.minimum_ring_size),
        None => number(1024),
    };
    cluster.lb_policy = LbPolicy::RingHash.into();
    let ring = RingHashLbConfig { minimum_ring_size: least, ..Default::default() };
    cluster.lb_config = Some(LbConfig::RingHashLbConfig(ring));
}

fn slow_start(balancer: &LoadBalancer) -> Option<SlowStartConfig> {
    if let Some(Warmup { duration: window, minimum_percent, aggression }) = &balancer.warmup {
        // istiod writes this odd key: its own source has the character.
        let aggression =
            RuntimeDouble { default_value: aggression.unwrap_or(1.0), runtime_key: "(".to_owned() };
        return Some(SlowStartConfig {
            slow_start_window: window.and_then(duration),
            aggression: Some(aggression),
            min_weight_percent: percent(minimum_percent.unwrap_or(10.0)),
        });
    }
    let window = balancer.warmup_duration_secs?;
    Some(SlowStartConfig { slow_start_window: duration(window), ..Default::default() })
}

/// What holds for every policy: panic threshold, locality weights, sticky hosts.
pub fn common(
    service: &Service,
    whole_service: bool,
    outlier: Option<&OutlierDetection>,
    locality: Option<&LocalitySetting<'_>>,
) -> CommonLbConfig {
    let healthy = outlier.map_or(0, |o| o.min_health_percent.max(0));
    CommonLbConfig {
        // Set even at 0 %: unhealthy endpoints are sent, and must not be used because of a panic.
        healthy_panic_threshold: percent(healthy.into()),
        locality_config_specifier: locality.and_then(|l| locality_config(l, outlier.is_some())),
        override_host_status: sticky(service, whole_service),
        ..Default::default()
    }
}

/// The states in which a host is kept for whom it is chosen already: for services with persistent sessions.
pub fn sticky(service: &Service, whole_service: bool) -> Option<HealthStatusSet> {
    let statuses =
        [HealthStatus::Healthy, HealthStatus::Draining, HealthStatus::Unknown, HealthStatus::Degraded];
    (whole_service && service.supports_draining())
        .then(|| HealthStatusSet { statuses: statuses.map(i32::from).to_vec() })
}

fn locality_config(setting: &LocalitySetting<'_>, ejects: bool) -> Option<LocalityConfigSpecifier> {
    match setting {
        LocalitySetting::ZoneAware(zone) => {
            let off = zone.enabled == Some(false);
            Some(LocalityConfigSpecifier::ZoneAwareLbConfig(ZoneAwareLbConfig {
                routing_enabled: if off { percent(0.0) } else { None },
                min_cluster_size: zone.min_cluster_size.map(|value| UInt64Value { value }),
                ..Default::default()
            }))
        }
        LocalitySetting::Locality { setting, forced } => {
            let fails_over = !setting.failover.is_empty() || !setting.failover_priority.is_empty();
            let weighted = !setting.distribute.is_empty() || (fails_over && (ejects || *forced));
            weighted.then_some(LocalityConfigSpecifier::LocalityWeightedLbConfig(LocalityWeightedLbConfig {}))
        }
    }
}
