//! What becomes of servers that meet on a port, and of hosts that share routes.

mod chain;
mod routes;
mod tls;

use std::sync::Arc;

use serde_json::{Value, json};
use xdslab_mesh::object::{Reading, read};
use xdslab_mesh::{Change, Mesh, NodeIdentity, Proxy};
use xdslab_proto::Message;

use super::*;
use crate::generate::view::View;

/// `port protocol hosts [bind] [tls mode]`; a port's name is `p` and its place.
fn server(at: usize, text: &str) -> Value {
    let words: Vec<&str> = text.split(' ').collect();
    let hosts: Vec<&str> = words[2].split(',').collect();
    let number: u32 = words[0].parse().expect("a port");
    let mut server = json!({"hosts": hosts,
        "port": {"number": number, "name": format!("p{at}"), "protocol": words[1]}});
    for word in &words[3..] {
        match *word {
            "REDIRECT" => server["tls"] = json!({"httpsRedirect": true}),
            mode if mode.contains(char::is_alphabetic) => {
                server["tls"] = json!({"mode": mode});
                if mode == "SIMPLE" {
                    server["tls"]["credentialName"] = json!("c");
                }
            }
            bind => server["bind"] = json!(bind),
        }
    }
    server
}

fn gateway(name: &str, servers: &[&str]) -> Value {
    let servers: Vec<Value> = servers.iter().enumerate().map(|(at, s)| server(at, s)).collect();
    json!({"apiVersion": "networking.istio.io/v1", "kind": "Gateway",
        "metadata": {"name": name, "namespace": "edge"}, "spec": {"servers": servers}})
}

fn view(objects: Vec<Value>) -> View {
    view_of(&[], objects)
}

/// `extensions`: what the client says it knows.
fn view_of(extensions: &[&str], objects: Vec<Value>) -> View {
    let good = |value: Value| match read(value.clone()) {
        Ok(Reading::Object(object, _)) => Change::Apply(object),
        other => panic!("a good object, not {other:?}: {value}"),
    };
    let mut mesh = Mesh::new();
    mesh.apply(objects.into_iter().map(good).collect());
    let node = NodeIdentity {
        id: "router~10.0.0.1~gw.edge~edge.svc.cluster.local".into(),
        metadata: json!({"NAMESPACE": "edge"}),
        extensions: extensions.iter().map(|e| (*e).into()).collect(),
        ..NodeIdentity::default()
    };
    View::new(mesh.snapshot(), Arc::new(Proxy::parse(node).expect("a node")))
}

/// Each entry with its servers' hosts.
fn entries(merged: &Merged) -> Vec<String> {
    let hosts = |at: &usize| {
        let server = &merged.servers[*at];
        let hosts: Vec<&str> = server.hosts.iter().map(|h| h.text.as_str()).collect();
        format!("{}>{}", hosts.join(","), server.routes)
    };
    let text = |e: &merged::Entry| {
        let servers: Vec<String> = e.servers.iter().map(hosts).collect();
        format!("{}_{} {}", e.bind, e.port, servers.join(" "))
    };
    merged.entries.iter().map(text).collect()
}

#[test]
fn servers_that_meet_on_a_port() {
    for (servers, want) in [
        (&["80 HTTP a.com", "80 GRPC b.com"][..], &["_80 a.com>http.80 b.com>http.80"][..]),
        (&["80 HTTP a.com", "80 TCP b.com"], &["_80 a.com>http.80"]),
        (&["80 TCP a.com", "80 HTTP b.com"], &["_80 a.com>"]),
        (&["80 TCP a.com", "80 TCP b.com"], &["_80 a.com>"]),
        (&["80 HTTP a.com", "80 TLS b.com SIMPLE"], &["_80 a.com>http.80"]),
        (
            &["80 HTTP a.com", "80 HTTP b.com 127.0.0.1"],
            &["_80 a.com>http.80", "127.0.0.1_80 b.com>http.80.127.0.0.1"],
        ),
        (
            // The holder is now the second one: the third has another bind, and joins the first.
            &["80 HTTP a.com", "80 HTTP b.com 127.0.0.1", "80 HTTP c.com"],
            &["_80 a.com>http.80 c.com>http.80", "127.0.0.1_80 b.com>http.80.127.0.0.1"],
        ),
        (
            &["443 HTTPS a.com SIMPLE", "443 HTTPS b.com SIMPLE", "443 TLS c.com PASSTHROUGH"],
            &["_443 a.com>https.443.p0.g.edge b.com>https.443.p1.g.edge", "_443 c.com>"],
        ),
        (
            &["443 HTTPS a.com,b.com SIMPLE", "443 HTTPS c.com,a.com SIMPLE", "443 TLS c.com SIMPLE"],
            &["_443 a.com,b.com>https.443.p0.g.edge", "_443 c.com>"],
        ),
        (
            &["443 TLS a.com SIMPLE", "443 TLS a.com 127.0.0.1 SIMPLE"],
            &["_443 a.com>", "127.0.0.1_443 a.com>"],
        ),
        (&["443 TLS a.com SIMPLE", "443 HTTP b.com"], &["_443 a.com>", "_443 b.com>http.443"]),
        (&["443 HTTPS a.com PASSTHROUGH"], &["_443 a.com>"]),
    ] {
        let view = view(vec![gateway("g", servers)]);
        assert_eq!(entries(&view.gateways), want, "{servers:?}");
    }
}
