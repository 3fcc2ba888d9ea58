//! Real gRPC clients and servers that speak xDS themselves, with the server as their control plane.

mod python;

use std::net::TcpListener;

use anyhow::Result;
use serde_json::{Value, json};
use tokio::time::timeout;
use xdslab_mesh::object::{Reading, read};
use xdslab_mesh::{Change, ChangeSet};
use xdslab_server::{Config, Semantics, Server};

use python::{LIMIT, Program, Python};

const TARGET: &str = "xds:///greeter.default.svc.cluster.local:7070";

/// Where the versions of the greeter run: two addresses, as two Pods have.
const HOSTS: [&str; 2] = ["127.0.0.1", "127.0.0.2"];

fn changes(values: impl IntoIterator<Item = Value>) -> ChangeSet {
    let object = |value| match read(value) {
        Ok(Reading::Object(object, _)) => Change::Apply(object),
        other => panic!("a good object, not {other:?}"),
    };
    values.into_iter().map(object).collect()
}

/// The control plane with this mesh, all of it served.
async fn control_plane(mesh: impl IntoIterator<Item = Value>) -> Result<Server> {
    control_plane_of(Config::default(), mesh).await
}

async fn control_plane_of(config: Config, mesh: impl IntoIterator<Item = Value>) -> Result<Server> {
    let server = Server::start(config).await?;
    change(&server, mesh).await?;
    Ok(server)
}

/// Changes the mesh, and waits until every client has accepted it.
async fn change(server: &Server, values: impl IntoIterator<Item = Value>) -> Result<()> {
    server.apply(changes(values)).await;
    Ok(timeout(LIMIT, server.synced()).await?)
}

fn bootstrap(server: &Server, pod: &str) -> Value {
    json!({
        "xds_servers": [{
            "server_uri": server.grpc_addr().to_string(),
            "channel_creds": [{"type": "insecure"}],
            "server_features": ["xds_v3"],
        }],
        "server_listener_resource_name_template": "xds.istio.io/grpc/lds/inbound/%s",
        "node": {
            "id": format!("sidecar~127.0.0.1~{pod}.default~default.svc.cluster.local"),
            "metadata": {"GENERATOR": "grpc", "NAMESPACE": "default", "CLUSTER_ID": "Kubernetes"},
        },
    })
}

fn service() -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "greeter", "namespace": "default"},
           "spec": {"clusterIP": "10.96.0.10", "selector": {"app": "greeter"},
                    "ports": [{"name": "grpc", "port": 7070, "targetPort": "grpc"}]}})
}

fn pod(version: &str, host: &str, port: u16) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod",
           "metadata": {"name": format!("greeter-{version}"), "namespace": "default",
                        "labels": {"app": "greeter", "version": version}},
           "spec": {"containers": [{"name": "app", "image": "app",
                                    "ports": [{"name": "grpc", "containerPort": port, "protocol": "TCP"}]}]},
           "status": {"podIP": host, "phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}})
}

/// The slice that says that a version runs at that address.
fn slice(version: &str, host: &str, port: u16) -> Value {
    json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
           "metadata": {"name": format!("greeter-{version}"), "namespace": "default",
                        "labels": {"kubernetes.io/service-name": "greeter"}},
           "endpoints": [{"addresses": [host], "conditions": {"ready": true},
                          "targetRef": {"kind": "Pod", "name": format!("greeter-{version}"), "namespace": "default"}}],
           "ports": [{"name": "grpc", "port": port, "protocol": "TCP"}]})
}

fn istio(group: &str, kind: &str, spec: &Value) -> Value {
    json!({"apiVersion": format!("{group}.istio.io/v1"), "kind": kind,
           "metadata": {"name": "greeter", "namespace": "default"}, "spec": spec})
}

fn subsets() -> Value {
    let subset = |version: &str| json!({"name": version, "labels": {"version": version}});
    istio(
        "networking",
        "DestinationRule",
        &json!({"host": "greeter", "subsets": [subset("v1"), subset("v2")]}),
    )
}

fn routes(http: &Value) -> Value {
    istio("networking", "VirtualService", &json!({"hosts": ["greeter"], "http": http}))
}

fn to(version: &str, weight: u32) -> Value {
    json!({"destination": {"host": "greeter", "subset": version}, "weight": weight})
}

/// Both versions, running, and the mesh that they are.
async fn versions(python: &Python) -> Result<(Vec<Program>, Vec<Value>)> {
    let (mut programs, mut mesh) = (Vec::new(), vec![service(), subsets()]);
    for (version, host) in ["v1", "v2"].into_iter().zip(HOSTS) {
        let program = python.server(version, &format!("{host}:0"), None).await?;
        mesh.push(pod(version, host, program.port()?));
        mesh.push(slice(version, host, program.port()?));
        programs.push(program);
    }
    Ok((programs, mesh))
}

#[tokio::test]
async fn a_client_follows_endpoints() -> Result<()> {
    let Some(python) = Python::find() else { return Ok(()) };
    for semantics in [Semantics::Istiod, Semantics::Spec] {
        let old = python.server("old", "127.0.0.1:0", None).await?;
        let new = python.server("new", "127.0.0.1:0", None).await?;
        let at = |port| [pod("v1", HOSTS[0], port), slice("v1", HOSTS[0], port)];
        let mesh = [service()].into_iter().chain(at(old.port()?));
        let control = control_plane_of(Config { semantics, ..Config::default() }, mesh).await?;

        let mut client = python.client(TARGET, &[], &bootstrap(&control, "client"))?;
        assert_eq!(client.call("Ada").await?, "old greets Ada");
        change(&control, at(new.port()?)).await?;
        client.calls_until("Ada", |answer| answer == "new greets Ada").await?;
        drop(old);
        assert_eq!(client.call("Bob").await?, "new greets Bob");
        drop(client);
        control.shutdown().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_client_follows_virtual_services() -> Result<()> {
    let Some(python) = Python::find() else { return Ok(()) };
    let (_programs, mesh) = versions(&python).await?;
    let control = control_plane(mesh).await?;
    let mut client = python.client("xds:///greeter:7070", &[], &bootstrap(&control, "client"))?;
    for version in ["v1", "v2"] {
        client.calls_until("Ada", |answer| answer.starts_with(version)).await?;
    }

    // All to one subset; then by header; then shared out.
    for (version, other) in [("v1", "v2"), ("v2", "v1")] {
        let all = routes(&json!([{"route": [to(version, 100), to(other, 0)]}]));
        change(&control, [all]).await?;
        let mut since = 0;
        client.calls_until("Ada", |answer| answer.starts_with(version)).await?;
        while since < 20 {
            assert_eq!(client.call("Ada").await?, format!("{version} greets Ada"));
            since += 1;
        }
    }
    let by_header = json!([
        {"match": [{"headers": {"x-version": {"exact": "v1"}}}], "route": [to("v1", 100)]},
        {"route": [to("v2", 100)]},
    ]);
    change(&control, [routes(&by_header)]).await?;
    client.calls_until("x-version=v1 Ada", |answer| answer == "v1 greets Ada").await?;
    assert_eq!(client.call("Ada").await?, "v2 greets Ada");
    change(&control, [routes(&json!([{"route": [to("v1", 50), to("v2", 50)]}]))]).await?;
    for version in ["v1", "v2", "v1", "v2"] {
        client.calls_until("Ada", |answer| answer.starts_with(version)).await?;
    }

    // Faults and time limits.
    let refused = json!([{"route": [to("v1", 100)], "fault": {"abort": {"grpcStatus": "RESOURCE_EXHAUSTED",
                                                                       "percentage": {"value": 100}}}}]);
    change(&control, [routes(&refused)]).await?;
    client.calls_until("Ada", |answer| answer.starts_with("RESOURCE_EXHAUSTED")).await?;
    let late = json!([{"route": [to("v1", 100)], "timeout": "0.1s",
                       "fault": {"delay": {"fixedDelay": "60s", "percentage": {"value": 100}}}}]);
    change(&control, [routes(&late)]).await?;
    client.calls_until("Ada", |answer| answer.starts_with("DEADLINE_EXCEEDED")).await?;
    drop(client);
    Ok(control.shutdown().await?)
}

#[tokio::test]
async fn a_client_learns_of_services_that_come_and_go() -> Result<()> {
    let Some(python) = Python::find() else { return Ok(()) };
    let (_programs, mesh) = versions(&python).await?;
    let control = control_plane([]).await?;
    let mut client = python.client(TARGET, &["--timeout", "1"], &bootstrap(&control, "client"))?;
    let answer = client.call("Ada").await?;
    assert!(answer.starts_with("DEADLINE_EXCEEDED"), "{answer}");
    change(&control, mesh).await?;
    client.calls_until("Ada", |answer| answer.ends_with("greets Ada")).await?;
    drop(client);
    Ok(control.shutdown().await?)
}

#[tokio::test]
async fn a_server_asks_who_may_call_it() -> Result<()> {
    let Some(python) = Python::find() else { return Ok(()) };
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mesh = [service(), pod("v1", HOSTS[0], port), slice("v1", HOSTS[0], port)];
    let control = control_plane(mesh).await?;
    let address = format!("127.0.0.1:{port}");
    let _server = python.server("v1", &address, Some(&bootstrap(&control, "greeter-v1"))).await?;
    let mut client = python.client(TARGET, &[], &bootstrap(&control, "client"))?;
    let mut whispering = python.client(TARGET, &["--method", "Whisper"], &bootstrap(&control, "client"))?;
    for client in [&mut client, &mut whispering] {
        client.calls_until("Ada", |answer| answer == "v1 greets Ada").await?;
    }
    drop((client, whispering));
    Ok(control.shutdown().await?)
}
