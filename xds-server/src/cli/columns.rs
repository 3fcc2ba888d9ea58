//! Resources in the columns of `istioctl proxy-config`.

use std::fmt;

use arcstr::ArcStr;
use serde_json::Value;

/// Lines of cells, aligned when shown; two blanks and more between columns, as kubectl and istioctl have it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table(Vec<Vec<String>>);

impl Table {
    /// A table with a line of titles.
    pub fn new(titles: &[&str]) -> Self {
        Self(vec![titles.iter().map(ToString::to_string).collect()])
    }

    /// Adds a line.
    pub fn push(&mut self, cells: Vec<String>) {
        self.0.push(cells);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.0.iter().map(Vec::len).max().unwrap_or_default();
        let width =
            |c: usize| self.0.iter().filter_map(|l| l.get(c)).map(|t| t.chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for line in &self.0 {
            let mut text = String::new();
            for (cell, width) in line.iter().zip(&widths) {
                text.push_str(&format!("{cell:width$}     "));
            }
            writeln!(f, "{}", text.trim_end())?;
        }
        Ok(())
    }
}

/// `istioctl proxy-config clusters`: sorted by host, subset, port, direction.
pub fn clusters(clusters: &[Value]) -> Table {
    let mut table = Table::new(&["SERVICE FQDN", "PORT", "SUBSET", "DIRECTION", "TYPE", "DESTINATION RULE"]);
    let mut lines: Vec<_> = clusters.iter().map(cluster).collect();
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

/// `<name>.<namespace>` of the rule that a path of the API names.
fn rule(config: &Value) -> String {
    let mut parts = config.as_str().unwrap_or_default().rsplit('/');
    let (Some(name), Some(_kind), Some(namespace)) = (parts.next(), parts.next(), parts.next()) else {
        return String::new();
    };
    format!("{name}.{namespace}")
}

/// The names by which the clusters' endpoints are asked for.
pub fn eds_names(clusters: &[Value]) -> Vec<ArcStr> {
    let eds = clusters.iter().filter(|c| c["type"] == "EDS");
    let name =
        |c: &Value| c["eds_cluster_config"]["service_name"].as_str().or(c["name"].as_str()).map(ArcStr::from);
    eds.filter_map(name).collect()
}

/// `istioctl proxy-config endpoints`: one line an endpoint, by cluster and address.
pub fn endpoints(assignments: &[Value]) -> Table {
    let mut table = Table::new(&["ENDPOINT", "STATUS", "OUTLIER CHECK", "CLUSTER"]);
    for assignment in assignments {
        let groups = assignment["endpoints"].as_array().into_iter().flatten();
        let listed = groups.flat_map(|g| g["lb_endpoints"].as_array().into_iter().flatten());
        let mut lines: Vec<_> = listed.map(|e| (address(&e["endpoint"]["address"]), status(e))).collect();
        lines.sort();
        for (address, status) in lines {
            let cluster = assignment["cluster_name"].as_str().unwrap_or_default();
            table.push(vec![address, status, "OK".to_owned(), cluster.to_owned()]);
        }
    }
    table
}

fn address(address: &Value) -> String {
    let socket = &address["socket_address"];
    match (socket["address"].as_str(), address["pipe"]["path"].as_str()) {
        (Some(host), _) => format!("{host}:{}", socket["port_value"].as_u64().unwrap_or_default()),
        (None, Some(path)) => format!("unix://{path}"),
        (None, None) => "-".to_owned(),
    }
}

/// A healthy endpoint has no status of its own on the wire, or says so.
fn status(endpoint: &Value) -> String {
    endpoint["health_status"].as_str().filter(|s| *s != "UNKNOWN").unwrap_or("HEALTHY").to_owned()
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
