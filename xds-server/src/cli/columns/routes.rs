//! `istioctl proxy-config routes` (`istioctl/pkg/writer/envoy/configdump/route.go`).

use serde_json::Value;

use super::{Table, items, rule, text};

/// Domains that are shown of a virtual host; the others are counted.
const SHOWN: usize = 2;

/// `istioctl proxy-config routes`: one line a route, by the configuration's name.
pub fn routes<'a>(configurations: impl IntoIterator<Item = &'a Value>) -> Table {
    let mut table = Table::new(&["NAME", "VHOST NAME", "DOMAINS", "MATCH", "VIRTUAL SERVICE"]);
    for configuration in configurations {
        let name = text(&configuration["name"]);
        for host in items(&configuration["virtual_hosts"]) {
            let (host_name, domains) = (text(&host["name"]), domains(host));
            let line = |matched: String, service: String| {
                vec![name.to_owned(), host_name.to_owned(), domains.clone(), matched, service]
            };
            let mut lines = 0;
            for route in items(&host["routes"]) {
                table.push(line(
                    matched(&route["match"]),
                    rule(&route["metadata"]["filter_metadata"]["istio"]["config"]),
                ));
                lines += 1;
            }
            if lines == 0 {
                table.push(line("404".to_owned(), "404".to_owned()));
            }
        }
    }
    table
}

fn domains(host: &Value) -> String {
    let all: Vec<_> = items(&host["domains"]).map(text).collect();
    let shown = all.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} + {more} more..."),
    }
}

fn matched(matched: &Value) -> String {
    let prefix = matched["prefix"].as_str().map(|p| format!("{p}*"));
    let path = || matched["path"].as_str().map(str::to_owned);
    let regex = || matched["safe_regex"]["regex"].as_str().map(|r| format!("regex {r}"));
    prefix.or_else(path).or_else(regex).unwrap_or_else(|| "/*".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_a_route() {
        let config = "/apis/networking.istio.io/v1/namespaces/back/virtual-service/api";
        let shown = routes(&[json!({"name": "80", "virtual_hosts": [
            {"name": "api:80", "domains": ["a", "b", "c"], "routes": [
                {"match": {"path": "/x"}, "metadata": {"filter_metadata": {"istio": {"config": config}}}},
                {"match": {"prefix": "/"}},
            ]},
            {"name": "empty:80", "domains": ["e"]},
        ]})])
        .to_string();
        let lines: Vec<_> =
            shown.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(
            lines,
            [
                "NAME VHOST NAME DOMAINS MATCH VIRTUAL SERVICE",
                "80 api:80 a, b + 1 more... /x api.back",
                "80 api:80 a, b + 1 more... /*",
                "80 empty:80 e 404 404",
            ]
        );
    }
}
