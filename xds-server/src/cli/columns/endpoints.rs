//! `istioctl proxy-config endpoints`.

use serde_json::Value;

use super::{Table, address};

/// `istioctl proxy-config endpoints`: one line an endpoint, by cluster and address.
pub fn endpoints<'a>(assignments: impl IntoIterator<Item = &'a Value>) -> Table {
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

/// A healthy endpoint has no status of its own on the wire, or says so.
fn status(endpoint: &Value) -> String {
    endpoint["health_status"].as_str().filter(|s| *s != "UNKNOWN").unwrap_or("HEALTHY").to_owned()
}
