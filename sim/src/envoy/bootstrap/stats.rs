//! Which statistics an Envoy keeps. Istio's short list, for they are most of what a cluster costs:
//! with all of Envoy's statistics a cluster is about half as large again.

use serde_json::{Value, json};

/// Istio's default inclusion list (Istio: `pkg/bootstrap/config.go`), and `control_plane`, which tells whether
/// the stream is connected.
const PREFIXES: [&str; 9] = [
    "reporter=",
    "cluster_manager",
    "listener_manager",
    "server",
    "cluster.xds-grpc",
    "wasm",
    "component",
    "istio",
    "control_plane",
];
const SUFFIXES: [&str; 4] = ["rbac.allowed", "rbac.denied", "shadow_allowed", "shadow_denied"];
const ROUTE_STATISTICS: &str = r"vhost\..*\.route\..*";

/// An `envoy.config.metrics.v3.StatsConfig`.
pub(super) fn config() -> Value {
    let prefixes = PREFIXES.into_iter().map(|prefix| json!({"prefix": prefix}));
    let suffixes = SUFFIXES.into_iter().map(|suffix| json!({"suffix": suffix}));
    let routes = json!({"safe_regex": {"regex": ROUTE_STATISTICS}});
    json!({
        "use_all_default_tags": false,
        "stats_tags": [
            // A cluster's statistics start with its `alt_stat_name`, which ends in a semicolon: names hold dots.
            {"tag_name": "cluster_name", "regex": r"^cluster(\.(.+);)"},
            {"tag_name": "response_code", "regex": r"_rq(_(\d{3}))$"},
            {"tag_name": "response_code_class", "regex": r"_rq(_(\dxx))$"},
        ],
        "stats_matcher": {"inclusion_list": {"patterns": prefixes.chain(suffixes).chain([routes]).collect::<Value>()}},
    })
}
