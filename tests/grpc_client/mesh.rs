//! The mesh of a greeter, and the server as its control plane.

use anyhow::Result;
use serde_json::{Value, json};
use tokio::time::timeout;
use xdslab_mesh::object::{Reading, read};
use xdslab_mesh::{Change, ChangeSet};
use xdslab_server::{Config, Server};

use crate::python::{LIMIT, Program, Python};

/// What clients call.
pub const TARGET: &str = "xds:///greeter.default.svc.cluster.local:7070";

/// Where the versions of the greeter run: two addresses, as two Pods have.
pub const HOSTS: [&str; 2] = ["127.0.0.1", "127.0.0.2"];

pub fn changes(values: impl IntoIterator<Item = Value>) -> ChangeSet {
    let object = |value| match read(value) {
        Ok(Reading::Object(object, _)) => Change::Apply(object),
        other => panic!("a good object, not {other:?}"),
    };
    values.into_iter().map(object).collect()
}

/// The control plane with this mesh, all of it served.
pub async fn control_plane(mesh: impl IntoIterator<Item = Value>) -> Result<Server> {
    control_plane_of(Config::default(), mesh).await
}

pub async fn control_plane_of(config: Config, mesh: impl IntoIterator<Item = Value>) -> Result<Server> {
    let server = Server::start(config).await?;
    change(&server, mesh).await?;
    Ok(server)
}

/// Changes the mesh, and waits until every client has accepted it.
pub async fn change(server: &Server, values: impl IntoIterator<Item = Value>) -> Result<()> {
    server.apply(changes(values)).await;
    Ok(timeout(LIMIT, server.synced()).await?)
}

pub fn bootstrap(server: &Server, pod: &str) -> Value {
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

pub fn service() -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "greeter", "namespace": "default"},
           "spec": {"clusterIP": "10.96.0.10", "selector": {"app": "greeter"},
                    "ports": [{"name": "grpc", "port": 7070, "targetPort": "grpc"}]}})
}

pub fn pod(version: &str, host: &str, port: u16) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod",
           "metadata": {"name": format!("greeter-{version}"), "namespace": "default",
                        "labels": {"app": "greeter", "version": version}},
           "spec": {"containers": [{"name": "app", "image": "app",
                                    "ports": [{"name": "grpc", "containerPort": port, "protocol": "TCP"}]}]},
           "status": {"podIP": host, "phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}})
}

/// The slice that says that a version runs at that address.
pub fn slice(version: &str, host: &str, port: u16) -> Value {
    json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
           "metadata": {"name": format!("greeter-{version}"), "namespace": "default",
                        "labels": {"kubernetes.io/service-name": "greeter"}},
           "endpoints": [{"addresses": [host], "conditions": {"ready": true},
                          "targetRef": {"kind": "Pod", "name": format!("greeter-{version}"), "namespace": "default"}}],
           "ports": [{"name": "grpc", "port": port, "protocol": "TCP"}]})
}

pub fn istio(group: &str, kind: &str, spec: &Value) -> Value {
    json!({"apiVersion": format!("{group}.istio.io/v1"), "kind": kind,
           "metadata": {"name": "greeter", "namespace": "default"}, "spec": spec})
}

pub fn subsets() -> Value {
    let subset = |version: &str| json!({"name": version, "labels": {"version": version}});
    istio(
        "networking",
        "DestinationRule",
        &json!({"host": "greeter", "subsets": [subset("v1"), subset("v2")]}),
    )
}

pub fn routes(http: &Value) -> Value {
    istio("networking", "VirtualService", &json!({"hosts": ["greeter"], "http": http}))
}

pub fn to(version: &str, weight: u32) -> Value {
    json!({"destination": {"host": "greeter", "subset": version}, "weight": weight})
}

/// Both versions, running, and the mesh that they are.
pub async fn versions(python: &Python) -> Result<(Vec<Program>, Vec<Value>)> {
    let (mut programs, mut mesh) = (Vec::new(), vec![service(), subsets()]);
    for (version, host) in ["v1", "v2"].into_iter().zip(HOSTS) {
        let program = python.server(version, &format!("{host}:0"), None).await?;
        mesh.push(pod(version, host, program.port()?));
        mesh.push(slice(version, host, program.port()?));
        programs.push(program);
    }
    Ok((programs, mesh))
}
