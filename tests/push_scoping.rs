//! Only what a proxy can see makes a push to it: istiod's `TestAdsPushScoping` (`pilot/pkg/xds/ads_test.go`), step by
//! step, with the exact types that each step brings.

use anyhow::Result;
use serde_json::json;
use xdslab_mesh::NodeIdentity;
use xdslab_tests::Stage;
use xdslab_tests::plain::Heard;

const SIDECAR: &str = "
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: default}
spec: {egress: [{hosts: ['default/*.scoped.com']}]}
";

/// A service without endpoints; its workloads are labelled as it is called.
fn service(host: &str, namespace: &str) -> String {
    let name = host.replace('.', "-");
    format!(
        "
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  hosts: [{host}]
  ports: [{{number: 2080, name: http, protocol: HTTP}}]
  resolution: STATIC
  location: MESH_INTERNAL
  workloadSelector: {{labels: {{app: {name}}}}}
"
    )
}

/// An instance of a service.
fn instance(host: &str, namespace: &str, n: u8) -> String {
    let name = host.replace('.', "-");
    format!(
        "
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {{name: {name}-{n}, namespace: {namespace}}}
spec: {{address: 10.7.0.{n}, labels: {{app: {name}}}}}
"
    )
}

fn virtual_service(host: &str, namespace: &str, destination: &str) -> String {
    let name = host.replace('.', "-");
    format!(
        "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  hosts: [{host}]
  http: [{{route: [{{destination: {{host: {destination}}}}}]}}]
"
    )
}

fn destination_rule(host: &str, namespace: &str) -> String {
    let name = host.replace('.', "-");
    format!(
        "
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: {name}, namespace: {namespace}}}
spec: {{host: {host}, subsets: [{{name: v1, labels: {{version: v1}}}}]}}
"
    )
}

/// A virtual service whose routes stand in another one.
fn delegating(host: &str, delegate: &str) -> String {
    let name = host.replace('.', "-");
    format!(
        "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}, namespace: default}}
spec:
  hosts: [{host}]
  http: [{{match: [{{uri: {{prefix: /}}}}], delegate: {{name: {delegate}, namespace: default}}}}]
"
    )
}

fn delegate(name: &str, destination: &str) -> String {
    format!(
        "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}, namespace: default}}
spec:
  http: [{{route: [{{destination: {{host: {destination}}}}}]}}]
"
    )
}

fn client() -> NodeIdentity {
    NodeIdentity {
        id: "sidecar~10.9.0.1~client.default~default.svc.cluster.local".into(),
        metadata: json!({"NAMESPACE": "default", "CLUSTER_ID": "Kubernetes", "INSTANCE_IPS": "10.9.0.1"}),
        ..NodeIdentity::default()
    }
}

fn types(heard: &[Heard]) -> String {
    heard.iter().map(|h| h.kind.short()).collect::<Vec<_>>().join(" ")
}

#[tokio::test(start_paused = true)]
async fn only_what_is_in_scope_is_pushed() -> Result<()> {
    let mesh = [SIDECAR, "---", &service("one.scoped.com", "default")].join("\n");
    let stage = Stage::new(&mesh, &client()).await?;
    let (scoped, unscoped) = ("two.scoped.com", "foo.com");
    // `+` applies, `-` deletes. A new service brings its endpoints and its route when the client asks for them; a
    // first instance brings its service anew, for the clusters name accounts.
    let steps = [
        ("a scoped service", '+', service(scoped, "default"), "CDS LDS RDS EDS"),
        ("its first instance", '+', instance(scoped, "default", 1), "CDS EDS LDS RDS"),
        ("its second instance", '+', instance(scoped, "default", 2), "EDS"),
        ("a virtual service of it", '+', virtual_service(scoped, "default", scoped), "CDS LDS RDS"),
        ("without it", '-', virtual_service(scoped, "default", scoped), "CDS LDS RDS"),
        ("a rule of it", '+', destination_rule(scoped, "default"), "CDS EDS LDS RDS EDS"),
        ("without it", '-', destination_rule(scoped, "default"), "CDS EDS LDS RDS"),
        ("a service of another name", '+', service(unscoped, "default"), ""),
        ("its first instance", '+', instance(unscoped, "default", 3), ""),
        ("its second instance", '+', instance(unscoped, "default", 4), ""),
        ("a service of another namespace", '+', service(scoped, "other"), ""),
        ("its instance", '+', instance(scoped, "other", 5), ""),
        ("a virtual service of the unscoped", '+', virtual_service(unscoped, "default", unscoped), ""),
        ("without it", '-', virtual_service(unscoped, "default", unscoped), ""),
        ("a rule of the unscoped", '+', destination_rule(unscoped, "default"), ""),
        ("without it", '-', destination_rule(unscoped, "default"), ""),
        ("a route to the unscoped", '+', virtual_service(scoped, "default", unscoped), "CDS LDS RDS EDS"),
        ("an instance of where it leads", '+', instance(unscoped, "default", 6), "EDS"),
        ("without the route", '-', virtual_service(scoped, "default", unscoped), "CDS LDS RDS"),
        ("an instance of where it led", '+', instance(unscoped, "default", 7), ""),
        ("a delegate that nobody names", '+', delegate("routes", unscoped), ""),
        ("a virtual service that names it", '+', delegating(scoped, "routes"), "CDS LDS RDS EDS"),
        ("another delegate in its place", '+', delegate("routes", scoped), "CDS LDS RDS"),
        ("without the virtual service", '-', delegating(scoped, "routes"), "CDS LDS RDS"),
        ("without the scoped service", '-', service(scoped, "default"), "CDS EDS LDS RDS"),
    ];
    let mut wrong = Vec::new();
    for (n, (title, how, objects, expected)) in steps.iter().enumerate() {
        let heard = if *how == '+' { stage.apply(objects).await } else { stage.delete(objects).await }?;
        if types(&heard) != *expected {
            let heard: Vec<_> = heard.iter().map(ToString::to_string).collect();
            wrong.push(format!("{n}: {title}: want {expected:?}, got {}", heard.join("; ")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}
