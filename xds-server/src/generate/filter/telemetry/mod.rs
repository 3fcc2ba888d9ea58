//! What a proxy reports: metrics, access logs, traces (istiod: `pilot/pkg/model/telemetry.go`).

mod access_log;
mod format;
mod logger;
mod metrics;
mod tags;
mod tracer;
mod tracing;

use xdslab_mesh::object::Config;
use xdslab_mesh::object::istio::{ModeMatch, TargetReference, Telemetry as Rule, WorkloadMode};
use xdslab_proto::access_log::AccessLog;
use xdslab_proto::protobuf::Any;

use self::access_log::{Logs, Place};
pub(super) use self::tracing::Tracing;
use super::Class;
use crate::generate::view::View;

/// What the chains of one class report.
#[derive(Debug)]
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
        let rules = rules(view);
        let logs = Logs::of(view, mode(class), &rules);
        Self {
            stats: metrics::filters(view, class, &rules),
            http_logs: logs.at(Place::Http),
            tcp_logs: logs.at(Place::Tcp),
            listener_logs: logs.at(Place::Listener),
            tracing: Tracing::of(view, class, &rules),
        }
    }
}

/// Which end of a connection a class's chains stand for.
fn mode(class: Class) -> WorkloadMode {
    match class {
        Class::Inbound => WorkloadMode::Server,
        Class::Outbound | Class::Gateway => WorkloadMode::Client,
    }
}

/// Whether an entry is for that end; without a word it is for both.
fn fits(wanted: Option<&ModeMatch>, mode: WorkloadMode) -> bool {
    let wanted = wanted.map_or(WorkloadMode::ClientAndServer, |m| m.mode);
    wanted == WorkloadMode::ClientAndServer || wanted == mode
}

/// The rules that concern the proxy, from far to near: the oldest of the root namespace and the oldest of its own
/// that select every workload, then all of its own namespace that select it by label.
fn rules(view: &View) -> Vec<&Rule> {
    let (telemetries, own) = (view.snapshot.telemetries(), &view.proxy.config_namespace);
    let root = &view.snapshot.mesh_config().root_namespace;
    let for_all = |namespace: &str| {
        let all = telemetries.of_namespace(namespace);
        all.iter().find(|t| !selects(&t.spec) && references(&t.spec).next().is_none())
    };
    let of_root = for_all(root).into_iter();
    let of_namespace = (root != own).then(|| for_all(own)).flatten();
    let of_workload = telemetries.of_namespace(own).iter().filter(|t| concerns(view, t));
    of_root.chain(of_namespace).chain(of_workload).map(|t| &t.spec).collect()
}

fn selects(rule: &Rule) -> bool {
    rule.selector.as_ref().is_some_and(|s| !s.match_labels.is_empty())
}

fn references(rule: &Rule) -> impl Iterator<Item = &TargetReference> {
    rule.target_refs.iter().chain(&rule.target_ref)
}

/// Whether a rule names this workload, by labels or as a gateway. Rules that name anything are nothing to a workload
/// that is no gateway of Kubernetes' Gateway API (istiod: `ShouldAttachPolicy`).
fn concerns(view: &View, rule: &Config<Rule>) -> bool {
    let labels = &view.workload.labels;
    let spec = &rule.spec;
    if references(spec).next().is_none() {
        let selector = spec.selector.iter().flat_map(|s| s.match_labels.iter());
        return selects(spec) && selector.into_iter().all(|(key, value)| labels.get(key) == Some(value));
    }
    labels.get("gateway.networking.k8s.io/gateway-name").is_some_and(|gateway| {
        references(spec).any(|r| {
            let here = r.namespace.is_empty() || r.namespace == rule.meta.namespace;
            r.kind == "Gateway" && r.name == *gateway && here
        })
    })
}
