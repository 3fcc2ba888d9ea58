//! The mesh: a caller `sleep` in `front`, a callee `echo` in `back`.

use std::net::{IpAddr, SocketAddr};

use serde_json::{Value, json};
use xdslab_mesh::object::{Reading, read};
use xdslab_mesh::{Change, ChangeSet};
use xdslab_sim::envoy::Node;

/// Where the callee's Envoy listens, on its own address.
pub const PORT: u16 = 8080;
/// The Service's port. Of an HTTP proxy's hosts an Envoy knows those on this port alone: the others' names end in a port,
/// which it takes off a request's host before it looks (`ignore_port_in_host_matching`).
pub const SERVICE_PORT: u16 = 80;

/// The proxy of the pod `app-1`, whose service account is named like the app.
pub fn node(app: &str, ip: IpAddr, metadata: &[(&str, &str)]) -> Node {
    let namespace = if app == "echo" { "back" } else { "front" };
    let mut node = Node::sidecar(ip, format!("{app}-1"), namespace);
    node.labels = [("app".to_owned(), app.to_owned())].into();
    node.service_account = app.to_owned();
    node.metadata = metadata.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    node
}

/// A change that applies these objects.
pub fn apply(objects: impl IntoIterator<Item = Value>) -> ChangeSet {
    let object = |value| match read(value) {
        Ok(Reading::Object(object, _)) => Change::Apply(object),
        other => panic!("a good object, not {other:?}"),
    };
    objects.into_iter().map(object).collect()
}

/// All objects; the app listens at `app`.
pub fn mesh(front: IpAddr, back: IpAddr, app: SocketAddr) -> Vec<Value> {
    let pod = |app: &str, namespace: &str, ip: IpAddr| {
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": format!("{app}-1"), "namespace": namespace,
                "labels": {"app": app, "security.istio.io/tlsMode": "istio"},
            },
            "spec": {"serviceAccountName": app},
            "status": {
                "podIP": ip.to_string(), "phase": "Running",
                "conditions": [{"type": "Ready", "status": "True"}],
            },
        })
    };
    let endpoint = json!({
        "addresses": [back.to_string()], "conditions": {"ready": true},
        "targetRef": {"kind": "Pod", "name": "echo-1", "namespace": "back"},
    });
    vec![
        pod("sleep", "front", front),
        pod("echo", "back", back),
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "echo", "namespace": "back"},
            "spec": {
                "clusterIP": "10.96.0.5", "selector": {"app": "echo"},
                "ports": [{"name": "http", "port": SERVICE_PORT, "targetPort": PORT}],
            },
        }),
        json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": {
                "name": "echo-1", "namespace": "back", "labels": {"kubernetes.io/service-name": "echo"},
            },
            "endpoints": [endpoint], "ports": [{"name": "http", "port": PORT}],
        }),
        json!({
            "apiVersion": "networking.istio.io/v1", "kind": "Sidecar",
            "metadata": {"name": "echo", "namespace": "back"},
            "spec": {
                "ingress": [{
                    "port": {"number": PORT, "protocol": "HTTP", "name": "http"},
                    "defaultEndpoint": app.to_string(), "captureMode": "NONE",
                }],
                "egress": [{"hosts": ["~/*"]}],
            },
        }),
        // Each request is a connection of its own, and a handshake.
        json!({
            "apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
            "metadata": {"name": "echo", "namespace": "back"},
            "spec": {
                "host": "echo.back.svc.cluster.local",
                "trafficPolicy": {"connectionPool": {"http": {"maxRequestsPerConnection": 1}}},
            },
        }),
    ]
}

/// Mutual TLS everywhere.
pub fn strict() -> Value {
    json!({
        "apiVersion": "security.istio.io/v1", "kind": "PeerAuthentication",
        "metadata": {"name": "default", "namespace": "istio-system"}, "spec": {"mtls": {"mode": "STRICT"}},
    })
}

/// The callee is for this principal alone.
pub fn allow(principal: &str) -> Value {
    json!({
        "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
        "metadata": {"name": "echo", "namespace": "back"},
        "spec": {"rules": [{"from": [{"source": {"principals": [principal]}}]}]},
    })
}
