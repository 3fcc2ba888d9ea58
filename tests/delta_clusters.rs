//! Which clusters a push brings a delta client: istiod's `TestBuildDeltaClusters` (`cluster_test.go` in
//! `pilot/pkg/networking/core`), row by row.

use anyhow::Result;
use serde_json::json;
use xdslab_mesh::NodeIdentity;
use xdslab_sim::wire::Kind;
use xdslab_tests::Stage;
use xdslab_tests::plain::{Heard, Names};

/// What every answer about clusters holds.
const ALWAYS: [&str; 3] = ["BlackHoleCluster", "InboundPassthroughCluster", "PassthroughCluster"];

fn service(name: &str, ports: &[u16]) -> String {
    let ports: Vec<_> = ports.iter().map(|port| format!("{{name: http-{port}, port: {port}}}")).collect();
    let (ports, ip) = (ports.join(", "), name.len());
    format!(
        "
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: shop}}
spec: {{clusterIP: 10.96.0.{ip}, ports: [{ports}], selector: {{app: {name}}}}}
---"
    )
}

fn rule(name: &str, host: &str, subsets: &[&str]) -> String {
    let subsets: Vec<_> =
        subsets.iter().map(|s| format!("{{name: {s}, labels: {{version: {s}}}}}")).collect();
    format!(
        "
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: {name}, namespace: shop}}
spec: {{host: '{host}', subsets: [{}]}}
---",
        subsets.join(", ")
    )
}

fn sidecar(hosts: &str) -> String {
    format!(
        "
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {{name: default, namespace: shop}}
spec: {{egress: [{{hosts: [{hosts}]}}]}}
---"
    )
}

fn peer_authentication(namespace: &str) -> String {
    format!(
        "
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {{name: default, namespace: {namespace}}}
spec: {{mtls: {{mode: STRICT}}}}
---"
    )
}

fn route(destination: &str) -> String {
    format!(
        "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: route, namespace: shop}}
spec:
  hosts: [a.shop.svc.cluster.local]
  http: [{{route: [{{destination: {destination}}}]}}]
---"
    )
}

/// A mesh, a change of it, and the clusters that it brings beside those that every answer holds.
struct Row {
    title: &'static str,
    mesh: String,
    applied: String,
    deleted: String,
    /// `80|v1|a`: port, subset and service; `inbound|80`; none where no answer is due.
    built: Option<&'static str>,
    removed: &'static str,
}

impl Row {
    fn new(title: &'static str, mesh: &[&str]) -> Self {
        Self {
            title,
            mesh: mesh.concat(),
            applied: String::new(),
            deleted: String::new(),
            built: None,
            removed: "",
        }
    }

    fn apply(self, objects: &[&str]) -> Self {
        Self { applied: objects.concat(), ..self }
    }

    fn delete(self, objects: &[&str]) -> Self {
        Self { deleted: objects.concat(), ..self }
    }

    fn brings(self, built: &'static str) -> Self {
        Self { built: Some(built), ..self }
    }

    fn takes(self, removed: &'static str) -> Self {
        Self { removed, ..self }
    }
}

fn rows() -> Vec<Row> {
    let (a, b) = (service("a", &[80]), service("bb", &[80]));
    let (host, exact) = ("a.shop.svc.cluster.local", |subsets: &[&str]| rule("a", "a", subsets));
    let both = [&*a, &*b].concat();
    let mine = service("client", &[80, 81]);
    let narrow = sidecar("./a.shop.svc.cluster.local");
    let to = |host: &str, subset: &str| {
        let subset = if subset.is_empty() { String::new() } else { format!(", subset: {subset}") };
        route(&format!("{{host: {host}{subset}}}"))
    };
    let scoped = [&*both, &*narrow].concat();
    let subset_of_b = rule("b", "bb", &["v1"]);
    vec![
        Row::new("a service comes", &[&a]).apply(&[&b]).brings("80||bb"),
        Row::new("a service and its rule come", &[&a]).apply(&[&b, &subset_of_b]).brings("80||bb 80|v1|bb"),
        Row::new("a service goes", &[&both]).delete(&[&b]).brings("").takes("80||bb"),
        Row::new("a port goes", &[&service("a", &[80, 81])]).apply(&[&a]).brings("80||a").takes("81||a"),
        Row::new("a port of its own service goes", &[&mine])
            .apply(&[&service("client", &[80])])
            .brings("80||client inbound|80")
            .takes("81||client inbound|81"),
        Row::new("a rule without subsets", &[&both]).apply(&[&exact(&[])]).brings("80||a"),
        Row::new("a rule with a subset", &[&both]).apply(&[&exact(&["v1"])]).brings("80||a 80|v1|a"),
        Row::new("one more subset", &[&both, &exact(&["v1"])])
            .apply(&[&exact(&["v1", "v2"])])
            .brings("80||a 80|v1|a 80|v2|a"),
        Row::new("a subset goes", &[&both, &exact(&["v1", "v2"])])
            .apply(&[&exact(&["v1"])])
            .brings("80||a 80|v1|a")
            .takes("80|v2|a"),
        Row::new("a rule goes", &[&both, &exact(&["v1"])])
            .delete(&[&exact(&["v1"])])
            .brings("80||a")
            .takes("80|v1|a"),
        Row::new("a rule for all hosts", &[&both])
            .apply(&[&rule("all", "*.shop.svc.cluster.local", &["v1"])])
            .brings("80||a 80|v1|a 80||bb 80|v1|bb"),
        Row::new("a rule for all hosts, beside one for a host", &[&both, &exact(&["v2"])])
            .apply(&[&rule("all", "*.shop.svc.cluster.local", &["v1"])])
            .brings("80||a 80|v2|a 80||bb 80|v1|bb"),
        Row::new("a rule for hosts that there are not", &[&both]).apply(&[&rule(
            "absent",
            "*.example.com",
            &["v1"],
        )]),
        Row::new("a rule for another host than before", &[&both, &exact(&["v1"])])
            .apply(&[&rule("a", "bb", &["v1"])])
            .brings("80||a 80||bb 80|v1|bb")
            .takes("80|v1|a"),
        Row::new("a service comes and a rule changes", &[&a, &exact(&["v1"])])
            .apply(&[&b, &exact(&["v2"])])
            .brings("80||a 80|v2|a 80||bb")
            .takes("80|v1|a"),
        Row::new("a Sidecar that changes nothing", &[&both]).apply(&[&sidecar("'./*'")]).brings(""),
        Row::new("a Sidecar that leaves a service out", &[&both])
            .apply(&[&narrow])
            .brings("")
            .takes("80||bb"),
        Row::new("a Sidecar that turns from one service to another", &[&scoped])
            .apply(&[&sidecar("./bb.shop.svc.cluster.local")])
            .brings("80||bb")
            .takes("80||a"),
        Row::new("modes of the services' namespace", &[&both])
            .apply(&[&peer_authentication("shop")])
            .brings("80||a 80||bb"),
        Row::new("modes of another namespace", &[&both]).apply(&[&peer_authentication("other")]),
        Row::new("modes of the mesh: everything", &[&both])
            .apply(&[&peer_authentication("istio-system")])
            .brings("80||a 80||bb"),
        Row::new("a route to what was not in sight", &[&scoped]).apply(&[&to("bb", "")]).brings("80||bb"),
        Row::new("a route to a subset of what was not in sight", &[&scoped, &subset_of_b])
            .apply(&[&to("bb", "v1")])
            .brings("80||bb 80|v1|bb"),
        Row::new("a route to another subset", &[&both, &exact(&["v1", "v2"]), &to(host, "v1")])
            .apply(&[&to(host, "v2")])
            .brings(""),
        Row::new("the route goes", &[&scoped, &to("bb", "")])
            .delete(&[&to("bb", "")])
            .brings("")
            .takes("80||bb"),
        Row::new("the route to a subset goes", &[&scoped, &subset_of_b, &to("bb", "v1")])
            .delete(&[&to("bb", "v1")])
            .brings("")
            .takes("80||bb 80|v1|bb"),
    ]
}

fn client() -> NodeIdentity {
    NodeIdentity {
        id: "sidecar~10.9.0.1~client.shop~shop.svc.cluster.local".into(),
        metadata: json!({"NAMESPACE": "shop", "CLUSTER_ID": "Kubernetes", "INSTANCE_IPS": "10.9.0.1",
            "LABELS": {"app": "client"}}),
        ..NodeIdentity::default()
    }
}

/// `80|v1|a` as the name of a cluster.
fn full(short: &str) -> String {
    match short.split('|').collect::<Vec<_>>()[..] {
        ["inbound", port] => format!("inbound|{port}||"),
        [port, subset, name] => format!("outbound|{port}|{subset}|{name}.shop.svc.cluster.local"),
        _ => panic!("{short:?} is no cluster"),
    }
}

async fn heard(row: &Row) -> Result<Vec<Heard>> {
    let stage = Stage::new(&row.mesh, &client()).await?;
    if row.deleted.is_empty() { stage.apply(&row.applied).await } else { stage.delete(&row.deleted).await }
}

#[tokio::test(start_paused = true)]
async fn only_what_may_have_changed_is_built() -> Result<()> {
    let mut wrong = Vec::new();
    for row in rows() {
        let all = heard(&row).await?;
        let got = all.iter().find(|heard| heard.kind == Kind::Cluster).map(|heard| {
            let named = |name: &&String| !ALWAYS.contains(&name.as_str());
            (heard.names.iter().filter(named).cloned().collect::<Names>(), heard.removed.clone())
        });
        let names = |short: &str| short.split_whitespace().map(full).collect::<Names>();
        let want = row.built.map(|built| (names(built), names(row.removed)));
        if got != want {
            wrong.push(format!("{}\n  want {want:?}\n  got  {got:?}", row.title));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}
