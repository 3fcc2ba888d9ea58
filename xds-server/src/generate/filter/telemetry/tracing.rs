//! Traces (istiod: `pilot/pkg/networking/core/tracing.go`).

use xdslab_mesh::object::istio::ProxyTracing;
use xdslab_proto::common::Percent;
use xdslab_proto::filter::network::http_connection_manager::http_connection_manager::Tracing as Message;
use xdslab_proto::protobuf::UInt32Value;

use super::tags;
use crate::generate::view::View;

/// How a connection manager traces.
#[derive(Debug)]
pub(in crate::generate::filter) struct Tracing {
    /// Its field `tracing`.
    pub message: Option<Message>,
    /// Whether the request's id tells whether it is sampled.
    pub by_request_id: bool,
}

impl Default for Tracing {
    fn default() -> Self {
        Self { message: None, by_request_id: true }
    }
}

impl Tracing {
    /// What proxies do where neither a `Telemetry` nor a default provider says how: the tracer is the bootstrap's.
    pub fn legacy(view: &View) -> Self {
        if !view.snapshot.mesh_config().enable_tracing {
            return Self::default();
        }
        let own = &view.proxy_config.tracing;
        let mut message = sampled(sampling(own));
        message.custom_tags = tags::all(view, own.enable_istio_tags != Some(false), &own.custom_tags);
        message.max_path_tag_length = longest_path(own);
        Self { message: Some(message), by_request_id: true }
    }
}

/// The proxy's own share of requests in percent, if it has one.
fn own_sampling(own: &ProxyTracing) -> Option<f64> {
    (own.sampling != 0.0).then(|| if own.sampling > 100.0 { 1.0 } else { own.sampling })
}

fn sampling(own: &ProxyTracing) -> f64 {
    own_sampling(own).unwrap_or(1.0)
}

fn longest_path(own: &ProxyTracing) -> Option<UInt32Value> {
    (own.max_path_tag_length != 0).then_some(UInt32Value { value: own.max_path_tag_length })
}

/// `percent` of the requests that nobody else decided on.
fn sampled(percent: f64) -> Message {
    Message {
        client_sampling: Some(Percent { value: 100.0 }),
        random_sampling: Some(Percent { value: percent }),
        overall_sampling: Some(Percent { value: 100.0 }),
        ..Default::default()
    }
}
