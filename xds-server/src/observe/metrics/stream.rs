//! What is counted of streams: responses, what clients say to them, who connects.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use tonic::Code;
use xdslab_protocol::ResourceType;

use super::{Counters, FROM_HUNDREDTHS, Gauges, Histograms, Pair, histogram, short, signed};
use crate::observe::{Event, Happening};

/// istiod: `security/pkg/server/ca/monitoring.go`.
const ISSUED: &str = "citadel_server_success_cert_issuance_count";
/// istiod: `security/pkg/server/ca/monitoring.go`.
const UNPROVEN: &str = "citadel_server_authentication_failure_count";

#[derive(Debug)]
pub(super) struct StreamMetrics {
    clients: Gauges,
    pushes: Counters,
    push_time: Histograms,
    send_time: Histogram,
    sizes: Histograms,
    rejects: Counters,
    rejects_of: [(ResourceType, Gauges<Pair>); 4],
    expired: Counters,
    internal: Counter,
    largest: Gauge,
    secrets: Counter,
    issued: Counter,
    unproven: Counter,
}

fn push_time() -> Histogram {
    histogram(FROM_HUNDREDTHS)
}

fn size() -> Histogram {
    histogram(&[1.0, 1e4, 1e6, 4e6, 1e7, 4e7])
}

impl StreamMetrics {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let types =
            [ResourceType::Cluster, ResourceType::Endpoint, ResourceType::Listener, ResourceType::Route];
        let metrics = Self {
            clients: Gauges::default(),
            pushes: Counters::default(),
            push_time: Histograms::new_with_constructor(push_time as fn() -> Histogram),
            send_time: histogram(&[0.01, 0.1, 1.0, 3.0, 5.0, 10.0, 20.0, 30.0]),
            sizes: Histograms::new_with_constructor(size as fn() -> Histogram),
            rejects: Counters::default(),
            rejects_of: types.map(|kind| (kind, Gauges::default())),
            expired: Counters::default(),
            internal: Counter::default(),
            largest: Gauge::default(),
            secrets: Counter::default(),
            issued: Counter::default(),
            unproven: Counter::default(),
        };
        metrics.register(registry);
        metrics
    }

    fn register(&self, registry: &mut Registry) {
        registry.register("pilot_xds", "Clients connected, by version", self.clients.clone());
        registry.register("pilot_xds_pushes", "Responses sent, by type", self.pushes.clone());
        registry.register(
            "pilot_xds_push_time",
            "Seconds to generate and send a response",
            self.push_time.clone(),
        );
        registry.register(
            "pilot_xds_send_time",
            "Seconds until the transport takes a response",
            self.send_time.clone(),
        );
        registry.register_with_unit(
            "pilot_xds_config_size",
            "Bytes of resources in a response",
            Unit::Bytes,
            self.sizes.clone(),
        );
        registry.register("pilot_total_xds_rejects", "Responses that clients refused", self.rejects.clone());
        for (kind, rejects) in &self.rejects_of {
            let name = format!("pilot_xds_{}_reject", kind.short());
            registry.register(name, "Responses that a client refused, by client and code", rejects.clone());
        }
        registry.register("pilot_xds_expired_nonce", "Requests with an old nonce", self.expired.clone());
        registry.register(
            "pilot_total_xds_internal_errors",
            "Streams ended by a fault of the server",
            self.internal.clone(),
        );
        registry.register("pilot_xds_recv_max", "Bytes of the largest request so far", self.largest.clone());
        registry.register(
            "pilot_sds_certificate_errors",
            "Secrets asked for that there are not",
            self.secrets.clone(),
        );
        registry.register(ISSUED, "Certificates issued", self.issued.clone());
        registry.register(UNPROVEN, "Clients whose identity was not proven", self.unproven.clone());
    }

    pub(super) fn count(&self, event: &Event) {
        match &event.what {
            Happening::Connected { istio_version } => {
                self.clients.get_or_create(&version(istio_version)).inc();
            }
            Happening::Disconnected { istio_version } => {
                self.clients.get_or_create(&version(istio_version)).dec();
            }
            Happening::Received { bytes } => {
                let bytes = signed(*bytes);
                if bytes > self.largest.get() {
                    self.largest.set(bytes);
                }
            }
            Happening::Sent { kind, bytes, took, .. } => {
                self.pushes.get_or_create(&short(kind)).inc();
                self.push_time.get_or_create(&short(kind)).observe(took.as_secs_f64());
                let url = [("type", kind.type_url().to_owned())];
                #[allow(clippy::cast_precision_loss)] // far below 2^52 bytes
                self.sizes.get_or_create(&url).observe(*bytes as f64);
            }
            Happening::Delivered { took } => self.send_time.observe(took.as_secs_f64()),
            Happening::Nacked { kind, code, .. } => {
                self.rejects.get_or_create(&short(kind)).inc();
                if let Some((_, rejects)) = self.rejects_of.iter().find(|(of, _)| of == kind) {
                    let labels = [("node", event.proxy.to_string()), ("err", word(Code::from_i32(*code)))];
                    rejects.get_or_create(&labels).inc();
                }
            }
            Happening::Stale { kind } => {
                self.expired.get_or_create(&short(kind)).inc();
            }
            Happening::Failed => {
                self.internal.inc();
            }
            Happening::Issued { .. } => {
                self.issued.inc();
            }
            Happening::Unproven { .. } => {
                self.unproven.inc();
            }
            Happening::NoSecret { .. } => {
                self.secrets.inc();
            }
            _ => {}
        }
    }
}

fn version(text: &str) -> super::Labels {
    [("version", if text.is_empty() { "unknown" } else { text }.to_owned())]
}

/// Go's word for a gRPC code.
fn word(code: Code) -> String {
    match code {
        Code::Ok => "OK".to_owned(),
        Code::Cancelled => "Canceled".to_owned(),
        code => format!("{code:?}"),
    }
}
