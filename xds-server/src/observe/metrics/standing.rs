//! What stands at the moment that somebody looks: the age of the server, and what is amiss in the mesh.

use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::{Gauges, Labels, Pair, signed};
use crate::observe::push_status::{self, PushStatus};

#[derive(Debug)]
pub(super) struct StandingMetrics {
    uptime: Gauge<f64, std::sync::atomic::AtomicU64>,
    amiss: Vec<(&'static str, Gauge)>,
}

impl StandingMetrics {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let uptime = Gauge::default();
        registry.register("istiod_uptime_seconds", "Seconds since the server started", uptime.clone());
        let info = Gauges::<Labels>::default();
        info.get_or_create(&[("version", build())]).set(1);
        registry.register("pilot_info", "The server's version", info);
        let build_info = Gauges::<Pair>::default();
        build_info.get_or_create(&[("component", "pilot".to_owned()), ("tag", build())]).set(1);
        registry.register("istio_build", "The server's version, by component", build_info);
        let clusters = Gauges::<Labels>::default();
        clusters.get_or_create(&[("cluster_type", "local".to_owned())]).set(1);
        registry.register("istiod_managed_clusters", "Clusters whose objects are read", clusters);
        let amiss = push_status::METRICS.map(|(name, help)| {
            let gauge = Gauge::default();
            registry.register(name, help, gauge.clone());
            (name, gauge)
        });
        Self { uptime, amiss: amiss.into() }
    }

    pub(super) fn set(&self, status: &PushStatus, uptime: Duration) {
        self.uptime.set(uptime.as_secs_f64());
        for (name, gauge) in &self.amiss {
            gauge.set(signed(status.of(name).map_or(0, std::collections::BTreeMap::len)));
        }
    }
}

fn build() -> String {
    concat!("xdslab-", env!("CARGO_PKG_VERSION")).to_owned()
}
