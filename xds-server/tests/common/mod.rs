//! A server with a small mesh, one client of it, and its pages.
#![allow(dead_code, missing_docs)] // each test uses a part of it

use std::time::Duration;

use envoy_types::pb::envoy::config::core::v3::Node;
use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient;
use envoy_types::pb::envoy::service::discovery::v3::{DiscoveryRequest, DiscoveryResponse};
use envoy_types::pb::google::protobuf as pb;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::MetadataValue;
use tonic::{Request, Status, Streaming};
use xdslab_mesh::object::{Reading, read};
use xdslab_mesh::{Change, ChangeSet};
use xdslab_server::{Config, Server};

pub const CDS: &str = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
pub const EDS: &str = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";
pub const LDS: &str = "type.googleapis.com/envoy.config.listener.v3.Listener";
pub const DEADLINE: Duration = Duration::from_secs(10);
pub const CLUSTER: &str = "outbound|80||a.default.svc.cluster.local";

/// A service with one endpoint, one without any, and some of Istio's objects.
pub fn mesh() -> Vec<Value> {
    let service = |name: &str| {
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "default"},
               "spec": {"clusterIP": "10.1.0.1", "selector": {"app": name}, "ports": [{"name": "http", "port": 80}]}})
    };
    let istio = |kind: &str, group: &str, spec: Value| {
        json!({"apiVersion": format!("{group}.istio.io/v1"), "kind": kind,
               "metadata": {"name": "one", "namespace": "default"}, "spec": spec})
    };
    vec![
        service("a"),
        service("empty"),
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a-1", "namespace": "default", "labels": {"app": "a"}},
               "spec": {"serviceAccountName": "sa", "nodeName": "n"}, "status": {"podIP": "10.0.0.9", "phase": "Running"}}),
        json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
               "metadata": {"name": "a-x", "namespace": "default", "labels": {"kubernetes.io/service-name": "a"}},
               "endpoints": [{"addresses": ["10.0.0.9"], "conditions": {"ready": true},
                              "targetRef": {"kind": "Pod", "name": "a-1", "namespace": "default"}}],
               "ports": [{"name": "http", "port": 80, "protocol": "TCP"}]}),
        istio(
            "VirtualService",
            "networking",
            json!({"hosts": ["a"], "http": [{"route": [{"destination": {"host": "a"}}]}]}),
        ),
        istio(
            "DestinationRule",
            "networking",
            json!({"host": "a", "trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": 7}}}}),
        ),
        istio("PeerAuthentication", "security", json!({"mtls": {"mode": "STRICT"}})),
    ]
}

pub fn apply(values: impl IntoIterator<Item = Value>) -> ChangeSet {
    let object = |value| match read(value) {
        Ok(Reading::Object(object, _)) => Change::Apply(object),
        other => panic!("a good object, not {other:?}"),
    };
    values.into_iter().map(object).collect()
}

pub async fn server() -> Server {
    server_of(Config::default()).await
}

/// A server with [`mesh`], all of it pushed.
pub async fn server_of(config: Config) -> Server {
    let config = Config { http: Some(([127, 0, 0, 1], 0).into()), ..config };
    let server = Server::start(config).await.expect("it starts");
    server.apply(apply(mesh())).await;
    timeout(DEADLINE, server.synced()).await.expect("in sync in time");
    server
}

pub fn node() -> Option<Node> {
    let id = "sidecar~10.0.0.9~a-1.default~default.svc.cluster.local".to_owned();
    let text = |value: &str| pb::Value { kind: Some(pb::value::Kind::StringValue(value.to_owned())) };
    let fields = [("CLUSTER_ID", "Kubernetes"), ("NAMESPACE", "default"), ("ISTIO_VERSION", "1.31.0")];
    let mut fields: std::collections::HashMap<_, _> =
        fields.map(|(key, value)| (key.to_owned(), text(value))).into();
    let config = pb::Value { kind: Some(pb::value::Kind::StructValue(pb::Struct::default())) };
    fields.insert("PROXY_CONFIG".to_owned(), config);
    Some(Node { id, metadata: Some(pb::Struct { fields }), ..Node::default() })
}

/// One SotW stream.
pub struct Client {
    requests: mpsc::Sender<DiscoveryRequest>,
    responses: Streaming<DiscoveryResponse>,
}

impl Client {
    pub async fn connect(server: &Server) -> Self {
        Self::connect_with(server, None).await.expect("a stream")
    }

    pub async fn connect_with(server: &Server, token: Option<&str>) -> Result<Self, Status> {
        let address = format!("http://{}", server.grpc_addr());
        let mut client =
            AggregatedDiscoveryServiceClient::connect(address).await.expect("the server listens");
        let (requests, stream) = mpsc::channel(8);
        let responses =
            client.stream_aggregated_resources(with_token(ReceiverStream::new(stream), token)).await?;
        Ok(Self { requests, responses: responses.into_inner() })
    }

    pub async fn say(&self, request: DiscoveryRequest) {
        self.requests.send(request).await.expect("the stream is open");
    }

    pub async fn hear(&mut self) -> Result<DiscoveryResponse, Status> {
        let message = timeout(DEADLINE, self.responses.message()).await.expect("an answer in time")?;
        message.ok_or_else(|| Status::ok("end"))
    }

    /// Asks for a type, and gets an answer.
    pub async fn ask(&mut self, type_url: &str, names: &[&str]) -> DiscoveryResponse {
        self.say(DiscoveryRequest {
            node: node(),
            type_url: type_url.to_owned(),
            resource_names: names.iter().map(|&name| name.to_owned()).collect(),
            ..Default::default()
        })
        .await;
        self.hear().await.expect("an answer")
    }

    pub async fn ack(&self, response: &DiscoveryResponse, names: &[&str]) {
        self.say(DiscoveryRequest {
            type_url: response.type_url.clone(),
            response_nonce: response.nonce.clone(),
            version_info: response.version_info.clone(),
            resource_names: names.iter().map(|&name| name.to_owned()).collect(),
            ..Default::default()
        })
        .await;
    }

    /// A client that has accepted clusters and the endpoints of one of them.
    pub async fn in_sync(server: &Server) -> Self {
        let mut client = Self::connect(server).await;
        let clusters = client.ask(CDS, &[]).await;
        client.ack(&clusters, &[]).await;
        let endpoints = client.ask(EDS, &[CLUSTER]).await;
        client.ack(&endpoints, &[CLUSTER]).await;
        timeout(DEADLINE, server.synced()).await.expect("in sync in time");
        client
    }
}

pub fn with_token<T>(message: T, token: Option<&str>) -> Request<T> {
    let mut request = Request::new(message);
    if let Some(token) = token {
        let value = MetadataValue::try_from(format!("Bearer {token}")).expect("a header");
        request.metadata_mut().insert("authorization", value);
    }
    request
}

/// Status and body of a page.
pub async fn get(server: &Server, path: &str) -> (u16, String) {
    get_with(server, path, None).await
}

pub async fn get_with(server: &Server, path: &str, token: Option<&str>) -> (u16, String) {
    let address = server.http_addr().expect("it serves HTTP");
    let mut stream = TcpStream::connect(address).await.expect("HTTP listens");
    let token = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    let request = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n{token}\r\n");
    stream.write_all(request.as_bytes()).await.expect("the request goes out");
    let mut page = String::new();
    timeout(DEADLINE, stream.read_to_string(&mut page)).await.expect("in time").expect("a page");
    let (head, body) = page.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.expect("a status"), body.to_owned())
}

/// A page that is JSON.
pub async fn page(server: &Server, path: &str) -> Value {
    let (status, body) = get(server, path).await;
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path}: {error}: {body}"))
}
