//! What a proxy reports: metrics, access logs, traces (istiod: `pilot/pkg/model/telemetry.go`).

mod tags;
mod tracing;

use xdslab_proto::access_log::AccessLog;
use xdslab_proto::protobuf::Any;

pub(super) use self::tracing::Tracing;
use super::Class;
use crate::generate::view::View;

/// What the chains of one class report.
#[derive(Debug, Default)]
pub(super) struct Telemetry {
    /// Filters that count, HTTP and network filters alike: name and configuration.
    pub stats: Vec<(String, Any)>,
    /// Access logs of HTTP connection managers.
    pub http_logs: Vec<AccessLog>,
    /// Access logs of TCP proxies.
    pub tcp_logs: Vec<AccessLog>,
    /// Access logs of listeners.
    pub listener_logs: Vec<AccessLog>,
    /// Traces of HTTP connection managers.
    pub tracing: Tracing,
}

impl Telemetry {
    /// What the proxy's chains of a class report.
    pub fn of(view: &View, class: Class) -> Self {
        let _ = class;
        Self { tracing: Tracing::legacy(view), ..Self::default() }
    }
}
