//! `istioctl proxy-config clusters`.

use arcstr::ArcStr;
use serde_json::Value;

use super::{Table, rule};

/// `istioctl proxy-config clusters`: sorted by host, subset, port, direction.
pub fn clusters<'a>(clusters: impl IntoIterator<Item = &'a Value>) -> Table {
    let mut table = Table::new(&["SERVICE FQDN", "PORT", "SUBSET", "DIRECTION", "TYPE", "DESTINATION RULE"]);
    let mut lines: Vec<_> = clusters.into_iter().map(cluster).collect();
    lines.sort_by(|a, b| {
        (&a.host, &a.subset, a.port, &a.direction).cmp(&(&b.host, &b.subset, b.port, &b.direction))
    });
    for ClusterLine { host, port, subset, direction, kind, rule } in lines {
        let or_dash = |t: String| if t.is_empty() { "-".to_owned() } else { t };
        let port = port.map_or_else(|| "-".to_owned(), |p| p.to_string());
        table.push(vec![host, port, or_dash(subset), or_dash(direction), kind, rule]);
    }
    table
}

struct ClusterLine {
    host: String,
    port: Option<u32>,
    subset: String,
    direction: String,
    kind: String,
    rule: String,
}

fn cluster(cluster: &Value) -> ClusterLine {
    let name = cluster["name"].as_str().unwrap_or_default();
    let parts: Vec<&str> = name.split('|').collect();
    let custom = cluster["cluster_type"]["name"].as_str();
    let kind = custom.or(cluster["type"].as_str()).unwrap_or("STATIC").to_owned();
    let rule = rule(&cluster["metadata"]["filter_metadata"]["istio"]["config"]);
    match parts[..] {
        [direction, port, subset, host] => ClusterLine {
            host: host.to_owned(),
            port: port.parse().ok(),
            subset: subset.to_owned(),
            direction: direction.to_owned(),
            kind,
            rule,
        },
        _ => ClusterLine {
            host: name.to_owned(),
            port: None,
            subset: String::new(),
            direction: String::new(),
            kind,
            rule,
        },
    }
}

/// The names by which the clusters' endpoints are asked for.
pub fn eds_names<'a>(clusters: impl IntoIterator<Item = &'a Value>) -> Vec<ArcStr> {
    let eds = clusters.into_iter().filter(|c| c["type"] == "EDS");
    let name = |c: &'a Value| {
        c["eds_cluster_config"]["service_name"].as_str().or(c["name"].as_str()).map(ArcStr::from)
    };
    eds.filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn clusters_in_columns() {
        let config = "/apis/networking.istio.io/v1/namespaces/back/destination-rule/api";
        let table = clusters(&[
            json!({"name": "outbound|80|v1|api.back.svc.cluster.local", "type": "EDS",
                   "metadata": {"filter_metadata": {"istio": {"config": config}}}}),
            json!({"name": "BlackHoleCluster", "type": "STATIC"}),
        ]);
        let lines: Vec<String> =
            table.to_string().lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(
            lines,
            [
                "SERVICE FQDN PORT SUBSET DIRECTION TYPE DESTINATION RULE",
                "BlackHoleCluster - - - STATIC",
                "api.back.svc.cluster.local 80 v1 outbound EDS api.back",
            ]
        );
    }
}
