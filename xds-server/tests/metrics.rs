//! `/metrics`: the text is what Prometheus reads, and names, kinds, labels and bounds are istiod's.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{CDS, Client, apply, get, server};
use envoy_types::pb::envoy::service::discovery::v3::DiscoveryRequest;
use envoy_types::pb::google::rpc::Status as RpcStatus;
use serde_json::json;
use tokio::time::timeout;
use xdslab_server::observe::Happening;

const QUICK: &[&str] = &["0.01", "0.1", "0.5", "1.0", "3.0", "5.0", "10.0", "20.0", "30.0", "+Inf"];
const SLOW: &[&str] = &["0.1", "0.5", "1.0", "3.0", "5.0", "10.0", "20.0", "30.0", "+Inf"];

/// What istiod exports, from its sources: name, kind, labels, and the bounds of histograms.
const ISTIODS: &[(&str, &str, &[&str], &[&str])] = &[
    ("pilot_services", "gauge", &[], &[]),
    ("pilot_virt_services", "gauge", &[], &[]),
    ("pilot_xds", "gauge", &["version"], &[]),
    ("pilot_xds_pushes", "counter", &["type"], &[]),
    ("pilot_xds_push_time", "histogram", &["type"], QUICK),
    (
        "pilot_xds_send_time",
        "histogram",
        &[],
        &["0.01", "0.1", "1.0", "3.0", "5.0", "10.0", "20.0", "30.0", "+Inf"],
    ),
    (
        "pilot_xds_config_size_bytes",
        "histogram",
        &["type"],
        &["1.0", "10000.0", "1000000.0", "4000000.0", "10000000.0", "40000000.0", "+Inf"],
    ),
    ("pilot_proxy_queue_time", "histogram", &[], SLOW),
    ("pilot_proxy_convergence_time", "histogram", &[], SLOW),
    ("pilot_debounce_time", "histogram", &[], QUICK),
    (
        "pilot_pushcontext_init_seconds",
        "histogram",
        &[],
        &["0.01", "0.1", "0.5", "1.0", "3.0", "5.0", "+Inf"],
    ),
    ("pilot_push_triggers", "counter", &["type"], &[]),
    ("pilot_inbound_updates", "counter", &["type"], &[]),
    ("pilot_total_xds_rejects", "counter", &["type"], &[]),
    ("pilot_xds_cds_reject", "gauge", &["err", "node"], &[]),
    ("pilot_xds_eds_reject", "gauge", &["err", "node"], &[]),
    ("pilot_xds_lds_reject", "gauge", &["err", "node"], &[]),
    ("pilot_xds_rds_reject", "gauge", &["err", "node"], &[]),
    ("pilot_xds_expired_nonce", "counter", &["type"], &[]),
    ("pilot_total_xds_internal_errors", "counter", &[], &[]),
    ("pilot_xds_recv_max", "gauge", &[], &[]),
    ("pilot_sds_certificate_errors_total", "counter", &[], &[]),
    ("pilot_k8s_reg_events", "counter", &["event", "type"], &[]),
    ("pilot_k8s_proxies_with_no_service_targets", "counter", &["reason"], &[]),
    ("pilot_destrule_subsets", "gauge", &[], &[]),
    ("pilot_dns_cluster_without_endpoints", "gauge", &[], &[]),
    ("pilot_eds_no_instances", "gauge", &[], &[]),
    ("pilot_no_ip", "gauge", &[], &[]),
    ("pilot_conflict_inbound_listener", "gauge", &[], &[]),
    ("pilot_conflict_outbound_listener_tcp_over_current_tcp", "gauge", &[], &[]),
    ("pilot_duplicate_envoy_clusters", "gauge", &[], &[]),
    ("pilot_vservice_dup_domain", "gauge", &[], &[]),
    ("citadel_server_success_cert_issuance_count", "counter", &[], &[]),
    ("citadel_server_authentication_failure_count", "counter", &[], &[]),
    ("istiod_uptime_seconds", "gauge", &[], &[]),
    ("istiod_managed_clusters", "gauge", &["cluster_type"], &[]),
    ("pilot_info", "gauge", &["version"], &[]),
    ("istio_build", "gauge", &["component", "tag"], &[]),
];

/// Those that nothing has happened to here: like istiod, the server tells of a label only once there is one.
const NOT_SEEN: [&str; 3] = ["pilot_xds_eds_reject", "pilot_xds_lds_reject", "pilot_xds_rds_reject"];

/// What Prometheus' own clients export of a process.
const PROCESS: [(&str, &str); 5] = [
    ("process_cpu_seconds_total", "counter"),
    ("process_resident_memory_bytes", "gauge"),
    ("process_virtual_memory_bytes", "gauge"),
    ("process_open_fds", "gauge"),
    ("process_start_time_seconds", "gauge"),
];

#[derive(Debug, Default)]
struct Metric {
    kind: String,
    samples: Vec<(String, BTreeMap<String, String>, f64)>,
}

/// Reads the text form 0.0.4, and takes nothing that the format does not have
/// (Prometheus docs: `instrumenting/exposition_formats`).
fn scrape(text: &str) -> BTreeMap<String, Metric> {
    assert!(text.ends_with('\n'), "the last line ends");
    let (mut metrics, mut series) = (BTreeMap::<String, Metric>::new(), BTreeSet::new());
    let (mut helped, mut current) = (None, None::<String>);
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, text) = help.split_once(' ').expect("a name and a text");
            assert!(is_name(name) && !text.is_empty(), "{line}");
            helped = Some(name.to_owned());
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').expect("a name and a kind");
            assert_eq!(helped.as_deref(), Some(name), "help comes before: {line}");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            let metric = Metric { kind: kind.to_owned(), ..Metric::default() };
            assert!(metrics.insert(name.to_owned(), metric).is_none(), "told twice: {line}");
            current = Some(name.to_owned());
        } else {
            let (name, labels, value) = sample(line);
            let of = current.as_ref().expect("a kind comes before");
            let metric = metrics.get_mut(of).expect("of this name");
            let suffix = name.strip_prefix(of.as_str()).unwrap_or_else(|| panic!("{line} is not of {of}"));
            let suffixes: &[&str] =
                if metric.kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
            assert!(suffixes.contains(&suffix), "{line}");
            assert!(series.insert((name.clone(), labels.clone())), "told twice: {line}");
            metric.samples.push((name, labels, value));
        }
    }
    metrics
}

fn is_name(name: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    name.starts_with(is_letter) && name.chars().all(|c| is_letter(c) || c.is_ascii_digit())
}

fn sample(line: &str) -> (String, BTreeMap<String, String>, f64) {
    let (head, value) = line.rsplit_once(' ').expect("a value");
    let value = value.parse().unwrap_or_else(|_| panic!("{line}"));
    let Some((name, rest)) = head.split_once('{') else { return (head.to_owned(), BTreeMap::new(), value) };
    let mut rest = rest.strip_suffix('}').expect("a brace");
    let mut labels = BTreeMap::new();
    while !rest.is_empty() {
        let (label, quoted) = rest.split_once("=\"").expect("a label");
        let end = (0..quoted.len())
            .find(|&at| quoted.as_bytes()[at] == b'"' && (at == 0 || quoted.as_bytes()[at - 1] != b'\\'))
            .expect("a quote");
        assert!(is_name(label) && is_name(name), "{line}");
        assert!(labels.insert(label.to_owned(), quoted[..end].to_owned()).is_none(), "{line}");
        rest = &quoted[end + 1..];
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
    (name.to_owned(), labels, value)
}

/// Every label set of a histogram has the bounds, rising counts, a sum and a count that is the last bucket's.
fn check_histogram(name: &str, metric: &Metric, bounds: &[&str]) {
    let mut by_labels: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (sample, labels, value) in &metric.samples {
        let mut labels = labels.clone();
        let bound = labels.remove("le");
        by_labels.entry(labels).or_default().push((sample.as_str(), bound, *value));
    }
    for (labels, samples) in by_labels {
        let buckets: Vec<_> =
            samples.iter().filter_map(|(_, bound, n)| Some((bound.as_deref()?, *n))).collect();
        assert_eq!(buckets.iter().map(|(bound, _)| *bound).collect::<Vec<_>>(), bounds, "{name}{labels:?}");
        assert!(buckets.is_sorted_by(|(_, a), (_, b)| a <= b), "{name}{labels:?}: {buckets:?}");
        let of =
            |suffix: &str| samples.iter().find(|(n, ..)| *n == format!("{name}{suffix}")).map(|(.., v)| *v);
        assert_eq!(of("_count"), buckets.last().map(|(_, n)| *n), "{name}{labels:?}");
        assert!(of("_sum").is_some(), "{name}{labels:?}");
    }
}

#[tokio::test]
async fn names_kinds_labels_and_bounds_are_istiods() {
    let server = server().await;
    let mut client = Client::in_sync(&server).await;
    // A refusal, a request with an old nonce, a change and a secret that there is not.
    let clusters = client.ask(CDS, &[]).await;
    let mut events = server.events();
    let error_detail = Some(RpcStatus { code: 13, message: "bad".into(), ..Default::default() });
    let refusal = DiscoveryRequest {
        type_url: CDS.into(),
        response_nonce: clusters.nonce.clone(),
        error_detail,
        ..Default::default()
    };
    client.say(refusal).await;
    let (type_url, response_nonce) = (CDS.into(), "old".into());
    client.say(DiscoveryRequest { type_url, response_nonce, ..Default::default() }).await;
    let seen =
        async { while !matches!(events.recv().await.expect("events").what, Happening::Stale { .. }) {} };
    timeout(common::DEADLINE, seen).await.expect("both are seen");
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "later", "namespace": "default"},
        "spec": {"clusterIP": "10.1.0.2", "ports": [{"name": "http", "port": 80}]}});
    server.apply(apply([service])).await;
    let _push = client.hear().await.expect("a push");
    let _outsider = {
        let mut outsider = Client::connect(&server).await;
        let mut node = common::node().expect("a node");
        node.id = "sidecar~10.9.9.9~x.elsewhere~elsewhere.svc.cluster.local".to_owned();
        outsider.say(DiscoveryRequest { node: Some(node), type_url: CDS.into(), ..Default::default() }).await;
        outsider.hear().await.expect("clusters");
        outsider
    };

    let metrics = scrape(&get(&server, "/metrics").await.1);
    for (name, kind, labels, bounds) in ISTIODS {
        if NOT_SEEN.contains(name) {
            continue;
        }
        let metric = metrics.get(*name).unwrap_or_else(|| panic!("{name} is missing"));
        assert_eq!(metric.kind, *kind, "{name}");
        for (sample, found, _) in &metric.samples {
            let found: Vec<_> = found.keys().filter(|label| *label != "le").map(String::as_str).collect();
            assert_eq!(found, *labels, "{sample}");
        }
        if *kind == "histogram" {
            check_histogram(name, metric, bounds);
        }
    }
    let known: BTreeSet<_> =
        ISTIODS.iter().map(|(name, ..)| *name).chain(PROCESS.map(|(name, _)| name)).collect();
    let unknown: Vec<_> = metrics.keys().filter(|name| !known.contains(name.as_str())).collect();
    assert!(unknown.is_empty(), "istiod has no {unknown:?}");
    if cfg!(target_os = "linux") {
        PROCESS.iter().for_each(|(name, kind)| assert_eq!(metrics[*name].kind, *kind, "{name}"));
    }

    let value = |name: &str, labels: &[(&str, &str)]| {
        let wanted: BTreeMap<_, _> =
            labels.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned())).collect();
        let metric = &metrics[name.trim_end_matches("_count")];
        let found = metric.samples.iter().find(|(n, l, _)| n == name && *l == wanted);
        found.unwrap_or_else(|| panic!("{name}{labels:?}: {metric:?}")).2
    };
    let equal = |name: &str, labels: &[(&str, &str)], expected: f64| {
        assert!(
            (value(name, labels) - expected).abs() < f64::EPSILON,
            "{name}{labels:?}: {}",
            value(name, labels)
        );
    };
    equal("pilot_xds", &[("version", "1.31.0")], 2.0);
    equal("pilot_services", &[], 3.0);
    equal("pilot_virt_services", &[], 1.0);
    equal("pilot_total_xds_rejects", &[("type", "cds")], 1.0);
    equal("pilot_xds_cds_reject", &[("node", "a-1.default"), ("err", "Internal")], 1.0);
    equal("pilot_xds_expired_nonce", &[("type", "cds")], 1.0);
    equal("pilot_k8s_reg_events", &[("type", "Services"), ("event", "add")], 3.0);
    equal("pilot_k8s_reg_events", &[("type", "Pods"), ("event", "add")], 1.0);
    equal("pilot_inbound_updates", &[("type", "svc")], 3.0);
    equal("pilot_eds_no_instances", &[], 2.0);
    equal("pilot_push_triggers", &[("type", "service")], 1.0);
    let reason = [("reason", "no_matching_metadata")];
    equal("pilot_k8s_proxies_with_no_service_targets", &reason, 1.0);
    assert!(value("pilot_xds_recv_max", &[]) > 50.0);
    let sizes = value("pilot_xds_config_size_bytes_count", &[("type", CDS)]);
    let pushes = value("pilot_xds_pushes", &[("type", "cds")]);
    assert!((sizes - pushes).abs() < f64::EPSILON && pushes >= 3.0, "{sizes}, {pushes}");
    server.shutdown().await.expect("it ends");
}
