//! Prometheus metrics under istiod's names, labels and bounds (istiod: `pilot/pkg/xds/monitoring.go`,
//! `pkg/xds/monitoring.go`, `pilot/pkg/model/push_context.go`, `pilot/pkg/bootstrap/monitoring.go`).

mod mesh;
mod process;
mod push;
mod standing;
mod stream;
mod text;

use std::time::Instant;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use xdslab_protocol::ResourceType;

use self::mesh::MeshMetrics;
use self::push::PushMetrics;
use self::standing::StandingMetrics;
use self::stream::StreamMetrics;
use super::{Event, PushStatus};

type Labels = [(&'static str, String); 1];
type Pair = [(&'static str, String); 2];
type Counters<L = Labels> = Family<L, Counter>;
type Gauges<L = Labels> = Family<L, Gauge>;
type Histograms = Family<Labels, Histogram>;

/// Seconds, of what is rarely quick.
const FROM_TENTHS: &[f64] = &[0.1, 0.5, 1.0, 3.0, 5.0, 10.0, 20.0, 30.0];
/// Seconds, of what is mostly quick.
const FROM_HUNDREDTHS: &[f64] = &[0.01, 0.1, 0.5, 1.0, 3.0, 5.0, 10.0, 20.0, 30.0];

/// All metrics.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    streams: StreamMetrics,
    pushes: PushMetrics,
    mesh: MeshMetrics,
    standing: StandingMetrics,
    started: Instant,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::default();
        Self {
            streams: StreamMetrics::new(&mut registry),
            pushes: PushMetrics::new(&mut registry),
            mesh: MeshMetrics::new(&mut registry),
            standing: StandingMetrics::new(&mut registry),
            registry,
            started: Instant::now(),
        }
    }
}

impl Metrics {
    /// Counts one event.
    pub fn count(&self, event: &Event) {
        self.streams.count(event);
        self.pushes.count(&event.what);
        self.mesh.count(&event.what);
    }

    /// The metrics in Prometheus' text form, version 0.0.4, with what stands as it is now.
    pub fn text(&self, status: &PushStatus) -> String {
        self.standing.set(status, self.started.elapsed());
        let mut text = String::new();
        if encode(&mut text, &self.registry).is_err() {
            text.clear();
        }
        let mut text = text::plain(&text);
        process::write(&mut text);
        text
    }
}

fn histogram(upper: &'static [f64]) -> Histogram {
    Histogram::new(upper.iter().copied())
}

fn short(kind: &ResourceType) -> Labels {
    [("type", kind.short().to_owned())]
}

fn signed(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::observe::Happening;

    #[test]
    fn names_are_istiods() {
        let metrics = Metrics::default();
        let event = |what| Event { connection: "a.b-1".into(), proxy: "a.b".into(), what };
        metrics.count(&event(Happening::Connected { istio_version: "1.31.0".into() }));
        metrics.count(&event(Happening::Sent {
            kind: ResourceType::Cluster,
            resources: 2,
            removed: 0,
            bytes: 20_000,
            nonce: "n".into(),
            took: Duration::from_millis(2),
        }));
        metrics.count(&event(Happening::Nacked {
            kind: ResourceType::Cluster,
            nonce: "n".into(),
            code: 13,
            message: "bad".into(),
        }));
        let text = metrics.text(&PushStatus::default());
        for line in [
            "# TYPE pilot_xds_pushes counter",
            "pilot_xds{version=\"1.31.0\"} 1",
            "pilot_xds_pushes{type=\"cds\"} 1",
            "pilot_xds_push_time_bucket{le=\"0.01\",type=\"cds\"} 1",
            "pilot_xds_config_size_bytes_sum{type=\"type.googleapis.com/envoy.config.cluster.v3.Cluster\"} 20000.0",
            "pilot_total_xds_rejects{type=\"cds\"} 1",
            "pilot_xds_cds_reject{node=\"a.b\",err=\"Internal\"} 1",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\nis not in\n{text}");
        }
    }
}
