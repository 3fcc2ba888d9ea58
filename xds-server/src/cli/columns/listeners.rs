//! `istioctl proxy-config listeners` (`istioctl/pkg/writer/envoy/configdump/listener.go`).

use std::collections::BTreeSet;

use arcstr::ArcStr;
use serde_json::Value;

use super::{Table, items, text};

/// `istioctl proxy-config listeners`: one line a filter chain, by port, address and specificity of the match.
pub fn listeners<'a>(listeners: impl IntoIterator<Item = &'a Value>) -> Table {
    let mut table = Table::new(&["ADDRESSES", "PORT", "MATCH", "DESTINATION"]);
    let mut sorted: Vec<_> = listeners.into_iter().map(|l| (port(l), addresses(l), l)).collect();
    sorted.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    for (port, addresses, listener) in sorted {
        let default = listener.get("default_filter_chain");
        for chain in items(&listener["filter_chains"]).chain(default) {
            let (matched, destination) = (matched(&chain["filter_chain_match"]), destination(chain));
            table.push(vec![addresses.clone(), port.to_string(), matched, destination]);
        }
    }
    table
}

/// The names of the route configurations that listeners wait for.
pub fn route_names<'a>(listeners: impl IntoIterator<Item = &'a Value>) -> BTreeSet<ArcStr> {
    let chains =
        listeners.into_iter().flat_map(|l| items(&l["filter_chains"]).chain(l.get("default_filter_chain")));
    let filters = chains.flat_map(|c| items(&c["filters"]));
    filters.filter_map(|f| f["typed_config"]["rds"]["route_config_name"].as_str()).map(ArcStr::from).collect()
}

fn addresses(listener: &Value) -> String {
    let more = items(&listener["additional_addresses"]).map(|a| &a["address"]);
    let host = |a: &Value| {
        let socket = a["socket_address"]["address"].as_str().map(str::to_owned);
        socket.unwrap_or_else(|| format!("unix://{}", text(&a["pipe"]["path"])))
    };
    Some(&listener["address"]).into_iter().chain(more).map(host).collect::<Vec<_>>().join(",")
}

fn port(listener: &Value) -> u64 {
    listener["address"]["socket_address"]["port_value"].as_u64().unwrap_or_default()
}

/// What a chain is for; `ALL` if for everything.
fn matched(chain: &Value) -> String {
    let list = |key: &str| items(&chain[key]).map(text).collect::<Vec<_>>().join(",");
    let mut parts = Vec::new();
    for (title, value) in [
        ("SNI", list("server_names")),
        ("Trans", text(&chain["transport_protocol"]).to_owned()),
        ("App", list("application_protocols")),
    ] {
        if !value.is_empty() {
            parts.push(format!("{title}: {value}"));
        }
    }
    let prefixes: Vec<_> = items(&chain["prefix_ranges"])
        .map(|r| format!("{}/{}", text(&r["address_prefix"]), r["prefix_len"].as_u64().unwrap_or_default()))
        .collect();
    let port = chain["destination_port"].as_u64();
    match (prefixes.is_empty(), port) {
        (true, None) => {}
        (true, Some(port)) => parts.push(format!("Addr: *:{port}")),
        (false, None) => parts.push(format!("Addr: {}", prefixes.join(","))),
        (false, Some(port)) => parts.push(format!("Addr: {}:{port}", prefixes.join(","))),
    }
    if parts.is_empty() { "ALL".to_owned() } else { parts.join("; ") }
}

/// Where a chain leads: a route, a cluster, a list of clusters.
fn destination(chain: &Value) -> String {
    for filter in items(&chain["filters"]) {
        let config = &filter["typed_config"];
        match text(&filter["name"]) {
            "envoy.filters.network.http_connection_manager" => {
                return match config["rds"]["route_config_name"].as_str() {
                    Some(name) => format!("Route: {name}"),
                    None => inline(&config["route_config"]),
                };
            }
            "envoy.filters.network.tcp_proxy" => {
                let weighted = items(&config["weighted_clusters"]["clusters"]).map(|c| text(&c["name"]));
                let names: Vec<_> = config["cluster"].as_str().into_iter().chain(weighted).collect();
                return names.into_iter().map(cluster).collect::<Vec<_>>().join(", ");
            }
            _ => {}
        }
    }
    "Non-HTTP/Non-TCP".to_owned()
}

/// A service's cluster, or one of Envoy's special ones by its bare name.
fn cluster(name: &str) -> String {
    if name.contains('|') { format!("Cluster: {name}") } else { name.to_owned() }
}

fn inline(routes: &Value) -> String {
    let hosts = items(&routes["virtual_hosts"]);
    let names: BTreeSet<_> =
        hosts.flat_map(|h| items(&h["routes"])).filter_map(|r| r["route"]["cluster"].as_str()).collect();
    match names.into_iter().collect::<Vec<_>>()[..] {
        [only] => cluster(only),
        _ => format!("Inline Route: {}", text(&routes["name"])),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_a_chain() {
        let manager = json!({"name": "envoy.filters.network.http_connection_manager",
                             "typed_config": {"rds": {"route_config_name": "80"}}});
        let proxy = |cluster: &str| json!({"name": "envoy.filters.network.tcp_proxy", "typed_config": {"cluster": cluster}});
        let listener = json!({
            "address": {"socket_address": {"address": "0.0.0.0", "port_value": 80}},
            "filter_chains": [
                {"filter_chain_match": {"application_protocols": ["http/1.1", "h2c"],
                                        "transport_protocol": "raw_buffer"}, "filters": [manager]},
                {"filter_chain_match": {"prefix_ranges": [{"address_prefix": "10.0.0.0", "prefix_len": 8}]},
                 "filters": [proxy("outbound|80||db.back.svc.cluster.local")]},
            ],
            "default_filter_chain": {"filters": [proxy("PassthroughCluster")]},
        });
        assert_eq!(route_names([&listener]), BTreeSet::from(["80".into()]));
        let shown = listeners([&listener]).to_string();
        let lines: Vec<_> =
            shown.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(
            lines,
            [
                "ADDRESSES PORT MATCH DESTINATION",
                "0.0.0.0 80 Trans: raw_buffer; App: http/1.1,h2c Route: 80",
                "0.0.0.0 80 Addr: 10.0.0.0/8 Cluster: outbound|80||db.back.svc.cluster.local",
                "0.0.0.0 80 ALL PassthroughCluster",
            ]
        );
    }
}
