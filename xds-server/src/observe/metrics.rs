//! Prometheus metrics under istiod's names (istiod: `pilot/pkg/xds/monitoring.go`, `pkg/xds/monitoring.go`).

use std::fmt::Write;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use xdslab_protocol::ResourceType;

use super::{Event, Happening};

type Labels = [(&'static str, String); 1];
type Counters = Family<Labels, Counter>;
type Histograms = Family<Labels, Histogram>;

/// istiod: `security/pkg/server/ca/monitoring.go`.
const ISSUED: &str = "citadel_server_success_cert_issuance_count";
/// istiod: `security/pkg/server/ca/monitoring.go`.
const UNPROVEN: &str = "citadel_server_authentication_failure_count";

/// All metrics.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    clients: Family<Labels, Gauge>,
    services: Gauge,
    pushes: Counters,
    push_time: Histograms,
    sizes: Histograms,
    rejects: Counters,
    expired: Counters,
    triggers: Counters,
    inbound: Counters,
    issued: Counter,
    unproven: Counter,
    queued: Histogram,
    convergence: Histogram,
    debounce: Histogram,
    build: Histogram,
}

fn seconds(upper: &'static [f64]) -> Histogram {
    Histogram::new(upper.iter().copied())
}

fn push_time() -> Histogram {
    seconds(&[0.01, 0.1, 0.5, 1.0, 3.0, 5.0, 10.0, 20.0, 30.0])
}

fn size() -> Histogram {
    Histogram::new([1.0, 1e4, 1e6, 4e6, 1e7, 4e7])
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::default(),
            clients: Family::default(),
            services: Gauge::default(),
            pushes: Family::default(),
            push_time: Family::new_with_constructor(push_time as fn() -> Histogram),
            sizes: Family::new_with_constructor(size as fn() -> Histogram),
            rejects: Family::default(),
            expired: Family::default(),
            triggers: Family::default(),
            inbound: Family::default(),
            issued: Counter::default(),
            unproven: Counter::default(),
            queued: seconds(&[0.1, 0.5, 1.0, 3.0, 5.0, 10.0, 20.0, 30.0]),
            convergence: seconds(&[0.1, 0.5, 1.0, 3.0, 5.0, 10.0, 20.0, 30.0]),
            debounce: push_time(),
            build: seconds(&[0.01, 0.1, 0.5, 1.0, 3.0, 5.0]),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("pilot_xds", "Clients connected, by version", self.clients.clone());
        registry.register("pilot_services", "Services known to the control plane", self.services.clone());
        registry.register("pilot_xds_pushes", "Responses sent, by type", self.pushes.clone());
        registry.register(
            "pilot_xds_push_time",
            "Seconds to generate and send a response",
            self.push_time.clone(),
        );
        registry.register_with_unit(
            "pilot_xds_config_size",
            "Bytes of resources in a response",
            Unit::Bytes,
            self.sizes.clone(),
        );
        registry.register("pilot_total_xds_rejects", "Responses that clients refused", self.rejects.clone());
        registry.register("pilot_xds_expired_nonce", "Requests with an old nonce", self.expired.clone());
        registry.register("pilot_push_triggers", "Pushes to clients, by reason", self.triggers.clone());
        registry.register("pilot_inbound_updates", "Changes received", self.inbound.clone());
        registry.register(ISSUED, "Certificates issued", self.issued.clone());
        registry.register(UNPROVEN, "Clients whose identity was not proven", self.unproven.clone());
        registry.register(
            "pilot_proxy_queue_time",
            "Seconds that a push waited for its client's turn",
            self.queued.clone(),
        );
        registry.register(
            "pilot_proxy_convergence_time",
            "Seconds from a push's start until a client was sent all of it",
            self.convergence.clone(),
        );
        registry.register("pilot_debounce_time", "Seconds from first change to push", self.debounce.clone());
        registry.register_with_unit(
            "pilot_pushcontext_init",
            "Time to build a snapshot",
            Unit::Seconds,
            self.build.clone(),
        );
    }

    /// Counts one event.
    pub fn count(&self, event: &Event) {
        match &event.what {
            Happening::Connected { istio_version } => {
                self.clients.get_or_create(&[("version", version(istio_version))]).inc();
            }
            Happening::Disconnected { istio_version } => {
                self.clients.get_or_create(&[("version", version(istio_version))]).dec();
            }
            Happening::Sent { kind, bytes, took, .. } => {
                self.pushes.get_or_create(&short(kind)).inc();
                self.push_time.get_or_create(&short(kind)).observe(took.as_secs_f64());
                let url = [("type", kind.type_url().to_owned())];
                #[allow(clippy::cast_precision_loss)] // far below 2^52 bytes
                self.sizes.get_or_create(&url).observe(*bytes as f64);
            }
            Happening::Nacked { kind, .. } => {
                self.rejects.get_or_create(&short(kind)).inc();
            }
            Happening::Issued { .. } => {
                self.issued.inc();
            }
            Happening::Unproven { .. } => {
                self.unproven.inc();
            }
            Happening::Stale { kind } => {
                self.expired.get_or_create(&short(kind)).inc();
            }
            Happening::PushBegun { reasons, waited } => {
                for (reason, times) in reasons {
                    let label = [("type", reason.word().to_owned())];
                    self.triggers.get_or_create(&label).inc_by(u64::from(*times));
                }
                self.queued.observe(waited.as_secs_f64());
            }
            Happening::Pushed { took, .. } => self.convergence.observe(took.as_secs_f64()),
            Happening::Changed { reasons } => {
                for (reason, times) in reasons {
                    let word = match reason {
                        xdslab_mesh::Reason::Endpoint | xdslab_mesh::Reason::HeadlessEndpoint => "eds",
                        xdslab_mesh::Reason::Service => "svc",
                        _ => "config",
                    };
                    self.inbound.get_or_create(&[("type", word.to_owned())]).inc_by(u64::from(*times));
                }
            }
            Happening::PushStarted { debounced, built, services, .. } => {
                self.debounce.observe(debounced.as_secs_f64());
                self.build.observe(built.as_secs_f64());
                self.services.set(i64::try_from(*services).unwrap_or(i64::MAX));
            }
            Happening::NoSecret { .. }
            | Happening::Acked { .. }
            | Happening::Subscribed { .. }
            | Happening::Unsubscribed { .. } => {}
        }
    }

    /// The metrics in Prometheus' text form. Counters keep istiod's names, without the suffix `_total`.
    pub fn text(&self) -> String {
        let mut text = String::new();
        if encode(&mut text, &self.registry).is_err() {
            text.clear();
        }
        let mut plain = String::with_capacity(text.len());
        let counters = [
            "pilot_xds_pushes",
            "pilot_total_xds_rejects",
            "pilot_xds_expired_nonce",
            "pilot_push_triggers",
            "pilot_inbound_updates",
            ISSUED,
            UNPROVEN,
        ];
        for line in text.lines().filter(|l| *l != "# EOF") {
            let counter = counters
                .iter()
                .find(|c| line.strip_prefix(**c).is_some_and(|rest| rest.starts_with("_total")));
            let _ = match counter {
                Some(name) => writeln!(plain, "{name}{}", &line[name.len() + "_total".len()..]),
                None => writeln!(plain, "{line}"),
            };
        }
        plain
    }
}

fn short(kind: &ResourceType) -> Labels {
    [("type", kind.short().to_owned())]
}

fn version(text: &str) -> String {
    if text.is_empty() { "unknown".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

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
        let text = metrics.text();
        for line in [
            "pilot_xds{version=\"1.31.0\"} 1",
            "pilot_xds_pushes{type=\"cds\"} 1",
            "pilot_xds_push_time_bucket{le=\"0.01\",type=\"cds\"} 1",
            "pilot_xds_config_size_bytes_sum{type=\"type.googleapis.com/envoy.config.cluster.v3.Cluster\"} 20000.0",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\nis not in\n{text}");
        }
    }
}
