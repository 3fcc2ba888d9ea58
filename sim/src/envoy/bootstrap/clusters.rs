//! The four static clusters that every Istio proxy has, so that a count of clusters is the count of a real sidecar.

use std::net::SocketAddr;

use serde_json::{Value, json};

const HTTP_OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// Where the clusters point that Istio's agent would serve: the discard port, where nothing listens.
const NOWHERE: ([u8; 4], u16) = ([127, 0, 0, 1], 9);

/// `prometheus_stats`, `agent`, `sds-grpc` and `xds-grpc`; only the last two are ever dialled. Secrets come from the control
/// plane, over a connection of their own: Istio's agent, whose socket `sds-grpc` is in a pod, is not there.
pub(super) fn all(xds: SocketAddr, token: Option<&str>) -> Value {
    let nowhere = SocketAddr::from(NOWHERE);
    let mut xds_grpc = http2(cluster("xds-grpc", "1s", xds));
    let limit = 100_000;
    let threshold = |priority| json!({"priority": priority, "max_connections": limit, "max_pending_requests": limit, "max_requests": limit});
    xds_grpc["circuit_breakers"] = json!({"thresholds": [threshold("DEFAULT"), threshold("HIGH")]});
    xds_grpc["upstream_connection_options"] = json!({"tcp_keepalive": {"keepalive_time": 300}});
    let mut sds_grpc = http2(cluster("sds-grpc", "1s", xds));
    if let Some(token) = token {
        sds_grpc["typed_extension_protocol_options"][HTTP_OPTIONS]["http_filters"] = bearer(token);
    }
    json!([
        cluster("prometheus_stats", "0.250s", nowhere),
        cluster("agent", "0.250s", nowhere),
        sds_grpc,
        xds_grpc,
    ])
}

/// An `envoy.config.core.v3.Address`.
pub(super) fn socket_address(address: SocketAddr) -> Value {
    json!({"socket_address": {"address": address.ip().to_string(), "port_value": address.port()}})
}

fn cluster(name: &str, connect_timeout: &str, endpoint: SocketAddr) -> Value {
    json!({
        "name": name,
        // The semicolon ends the name where statistics are tagged: see `stats::config`.
        "alt_stat_name": format!("{name};"),
        "type": "STATIC",
        "connect_timeout": connect_timeout,
        "lb_policy": "ROUND_ROBIN",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": socket_address(endpoint)}}]}],
        },
    })
}

/// Filters that put a token on every request: what asks for secrets is made by the control plane, and has none.
fn bearer(token: &str) -> Value {
    let header = json!({"key": "authorization", "value": format!("Bearer {token}")});
    let append = json!({"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"});
    json!([
        {
            "name": "envoy.filters.http.header_mutation",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
                "mutations": {"request_mutations": [{"append": append}]},
            },
        },
        {
            "name": "envoy.filters.http.upstream_codec",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec",
            },
        },
    ])
}

fn http2(mut cluster: Value) -> Value {
    cluster["typed_extension_protocol_options"] = json!({
        HTTP_OPTIONS: {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http2_protocol_options": {}},
        },
    });
    cluster
}
