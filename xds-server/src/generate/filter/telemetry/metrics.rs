//! Which metrics proxies count, and how they differ from the standard ones (istiod: `mergeMetrics`,
//! `generateStatsConfig` in `pilot/pkg/model/telemetry.go`).

use std::collections::{BTreeMap, BTreeSet};

use arcstr::ArcStr;
use xdslab_mesh::object::Duration;
use xdslab_mesh::object::istio::{
    IstioMetric, MetricSelector, Metrics, MetricsOverride, TagOperation, TagOverride, Telemetry as Rule,
    WorkloadMode,
};
use xdslab_proto::istio::stats::{MetricConfig, PluginConfig};
use xdslab_proto::pack_any;
use xdslab_proto::protobuf::Any;

use super::{Class, mode};
use crate::generate::cluster::wire;
use crate::generate::provider;
use crate::generate::view::View;

/// Standard metrics: the API's name, and the one that is counted under.
const STANDARD: [(IstioMetric, &str, &str); 10] = [
    (IstioMetric::GrpcRequestMessages, "GRPC_REQUEST_MESSAGES", "request_messages_total"),
    (IstioMetric::GrpcResponseMessages, "GRPC_RESPONSE_MESSAGES", "response_messages_total"),
    (IstioMetric::RequestCount, "REQUEST_COUNT", "requests_total"),
    (IstioMetric::RequestDuration, "REQUEST_DURATION", "request_duration_milliseconds"),
    (IstioMetric::RequestSize, "REQUEST_SIZE", "request_bytes"),
    (IstioMetric::ResponseSize, "RESPONSE_SIZE", "response_bytes"),
    (IstioMetric::TcpClosedConnections, "TCP_CLOSED_CONNECTIONS", "tcp_connections_closed_total"),
    (IstioMetric::TcpOpenedConnections, "TCP_OPENED_CONNECTIONS", "tcp_connections_opened_total"),
    (IstioMetric::TcpReceivedBytes, "TCP_RECEIVED_BYTES", "tcp_received_bytes_total"),
    (IstioMetric::TcpSentBytes, "TCP_SENT_BYTES", "tcp_sent_bytes_total"),
];

/// The filters that count for a class of chains, by provider: name and configuration. Only Istio's Envoy has them.
pub(super) fn filters(view: &View, class: Class, rules: &[&Rule]) -> Vec<(String, Any)> {
    if !view.proxy.istio_extensions {
        return Vec::new();
    }
    let mesh = view.snapshot.mesh_config();
    let metrics: Vec<&Metrics> = rules.iter().flat_map(|r| &r.metrics).collect();
    let merged = merge(&metrics, &mesh.default_providers.metrics, mode(class));
    let counting = merged.into_iter().filter(|(name, state)| {
        !state.off && provider::named(mesh, name).is_some_and(|p| p.prometheus.is_some())
    });
    counting
        .map(|(_, state)| {
            let config = PluginConfig {
                disable_host_header_fallback: class != Class::Outbound,
                tcp_reporting_duration: state.interval.and_then(wire::duration),
                metrics: state.metrics.iter().map(|(name, change)| change.config(name)).collect(),
            };
            ("istio.stats".to_owned(), pack_any(config))
        })
        .collect()
}

/// What one provider counts at one end of connections.
#[derive(Debug, Default)]
struct State<'r> {
    off: bool,
    interval: Option<Duration>,
    /// Changes by the API's name of the metric.
    metrics: BTreeMap<ArcStr, Change<'r>>,
}

/// How one metric differs from its standard.
#[derive(Debug, Default)]
struct Change<'r> {
    disabled: bool,
    tags: BTreeMap<&'r str, &'r TagOverride>,
}

impl Change<'_> {
    fn config(&self, api_name: &str) -> MetricConfig {
        let standard = STANDARD.iter().find(|(_, name, _)| *name == api_name);
        let (removed, set): (Vec<_>, Vec<_>) =
            self.tags.iter().partition(|(_, tag)| tag.operation == TagOperation::Remove);
        MetricConfig {
            dimensions: set.into_iter().map(|(k, tag)| ((*k).to_owned(), tag.value.to_string())).collect(),
            name: standard.map_or(api_name, |(_, _, name)| name).to_owned(),
            tags_to_remove: removed.into_iter().map(|(k, _)| (*k).to_owned()).collect(),
            drop: self.disabled,
        }
    }
}

/// All providers that count for `mode`, or did but are switched off; by name.
fn merge<'r>(
    metrics: &[&'r Metrics],
    defaults: &'r [ArcStr],
    mode: WorkloadMode,
) -> BTreeMap<&'r str, State<'r>> {
    if metrics.is_empty() {
        return defaults.iter().map(|name| (name.as_str(), State::default())).collect();
    }
    let names = |m: &'r Metrics| -> Vec<&'r str> { m.providers.iter().map(|p| p.name.as_str()).collect() };
    let defaults: Vec<&str> = defaults.iter().map(ArcStr::as_str).collect();
    let last = metrics.iter().map(|m| names(m)).rfind(|n| !n.is_empty());
    let in_scope: BTreeSet<&str> = last.unwrap_or_else(|| defaults.clone()).into_iter().collect();
    let mut all: BTreeMap<&str, State<'r>> = BTreeMap::new();
    let mut providers = defaults;
    for m in metrics {
        let own = names(m);
        if !own.is_empty() {
            providers = own;
        }
        for provider in providers.iter().copied().filter(|p| in_scope.contains(p)) {
            let state = all.entry(provider).or_default();
            state.interval = m.reporting_interval.or(state.interval);
            for change in &m.overrides {
                state.apply(change, mode);
            }
        }
    }
    all
}

impl<'r> State<'r> {
    /// Whatever is said of a metric switches an end that was switched off on again.
    fn apply(&mut self, change: &'r MetricsOverride, mode: WorkloadMode) {
        let selector = change.matches.as_ref();
        let of = selector.map_or(WorkloadMode::ClientAndServer, |s| s.mode);
        if of != WorkloadMode::ClientAndServer && of != mode {
            return;
        }
        let names = selected(selector);
        if names.is_none() && change.disabled == Some(true) {
            self.off = true;
            return;
        }
        self.off = false;
        let all = || STANDARD.iter().map(|(_, name, _)| ArcStr::from(*name)).collect();
        for name in names.map_or_else(all, |name| vec![name]) {
            let metric = self.metrics.entry(name).or_default();
            metric.disabled = change.disabled.unwrap_or(metric.disabled);
            metric.tags.extend(change.tag_overrides.iter().map(|(name, tag)| (name.as_str(), tag)));
        }
    }
}

/// The API's name of the metric that is meant; none for all.
fn selected(selector: Option<&MetricSelector>) -> Option<ArcStr> {
    let selector = selector?;
    if let Some(custom) = &selector.custom_metric {
        return Some(custom.clone());
    }
    let standard = STANDARD.iter().find(|(metric, _, _)| Some(*metric) == selector.metric);
    standard.map(|(_, name, _)| ArcStr::from(*name))
}

#[cfg(test)]
mod tests {
    use xdslab_mesh::object::istio::ProviderRef;

    use super::*;

    fn entry(providers: &[&str], overrides: Vec<MetricsOverride>) -> Metrics {
        let providers = providers.iter().map(|p| ProviderRef { name: (*p).into() }).collect();
        Metrics { providers, overrides, ..Metrics::default() }
    }

    fn change(metric: IstioMetric, mode: WorkloadMode, disabled: Option<bool>) -> MetricsOverride {
        let matches = Some(MetricSelector { metric: Some(metric), custom_metric: None, mode });
        MetricsOverride { matches, disabled, ..MetricsOverride::default() }
    }

    /// By provider whether it counts for clients and for servers.
    type Counts<'a> = &'a [(&'a str, bool, bool)];

    #[test]
    fn entries_are_merged() {
        use IstioMetric::{All, RequestCount};
        use WorkloadMode::{Client, ClientAndServer, Server};
        let off = |mode| change(All, mode, Some(true));
        let count = |disabled| change(RequestCount, ClientAndServer, disabled);
        let table: [(Vec<Metrics>, Counts<'_>); 7] = [
            (vec![], &[("default", true, true)]),
            (vec![entry(&[], vec![])], &[("default", true, true)]),
            (vec![entry(&["a"], vec![]), entry(&["b"], vec![])], &[("b", true, true)]),
            (vec![entry(&["a", "b"], vec![off(Server)]), entry(&["b"], vec![])], &[("b", true, false)]),
            (
                vec![entry(&["a"], vec![off(ClientAndServer)]), entry(&[], vec![count(None)])],
                &[("a", true, true)],
            ),
            (vec![entry(&["a"], vec![off(Client)]), entry(&[], vec![off(Server)])], &[("a", false, false)]),
            (vec![entry(&[], vec![off(ClientAndServer)]), entry(&["a"], vec![])], &[("a", true, true)]),
        ];
        for (entries, wanted) in table {
            let entries: Vec<&Metrics> = entries.iter().collect();
            let defaults = ["default".into()];
            let (client, server) = (merge(&entries, &defaults, Client), merge(&entries, &defaults, Server));
            let got: Vec<_> = client.iter().map(|(name, c)| (*name, !c.off, !server[name].off)).collect();
            assert_eq!(got, wanted, "{entries:?}");
        }
    }

    #[test]
    fn a_later_entry_overwrites_tag_by_tag() {
        let tag = |operation, value: &str| TagOverride { operation, value: value.into() };
        let mut first = change(IstioMetric::RequestCount, WorkloadMode::Client, Some(true));
        first.tag_overrides.insert("b".into(), tag(TagOperation::Upsert, "1"));
        first.tag_overrides.insert("a".into(), tag(TagOperation::Upsert, "2"));
        let mut second = change(IstioMetric::All, WorkloadMode::ClientAndServer, None);
        second.tag_overrides.insert("b".into(), tag(TagOperation::Remove, ""));
        let entries = [entry(&["p"], vec![first, second])];
        let merged = merge(&entries.iter().collect::<Vec<_>>(), &[], WorkloadMode::Client);
        let configs: Vec<_> = merged["p"].metrics.iter().map(|(name, c)| c.config(name)).collect();
        assert_eq!(configs.len(), STANDARD.len());
        let count = configs.iter().find(|c| c.name == "requests_total").expect("REQUEST_COUNT");
        assert_eq!((count.drop, &count.tags_to_remove[..]), (true, &["b".to_owned()][..]));
        assert_eq!(count.dimensions.iter().collect::<Vec<_>>(), [(&"a".to_owned(), &"2".to_owned())]);
        assert!(
            configs.iter().filter(|c| c.name != "requests_total").all(|c| !c.drop && c.dimensions.is_empty())
        );
    }
}
