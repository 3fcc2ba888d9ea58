//! The server over real gRPC: clients connect, the mesh changes, clients refuse, leave and come back.

use std::collections::BTreeMap;
use std::time::Duration;

use envoy_types::pb::envoy::config::core::v3::Node;
use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient;
use envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
};
use envoy_types::pb::google::rpc::Status as RpcStatus;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};
use xdslab_mesh::object::{Reading, read};
use xdslab_mesh::{Change, ChangeSet};
use xdslab_server::{Config, Server};

const CDS: &str = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
const EDS: &str = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";
const DEADLINE: Duration = Duration::from_secs(10);

/// One stream of either variant.
struct Client<Q, S> {
    requests: mpsc::Sender<Q>,
    responses: Streaming<S>,
}

impl<Q, S> Client<Q, S> {
    async fn say(&self, request: Q) {
        self.requests.send(request).await.expect("the stream is open");
    }

    async fn hear(&mut self) -> Result<S, Status> {
        let message = timeout(DEADLINE, self.responses.message()).await.expect("an answer in time")?;
        message.ok_or_else(|| Status::ok("end"))
    }

    async fn silent_for(&mut self, time: Duration) {
        assert!(timeout(time, self.responses.message()).await.is_err(), "nothing is due");
    }
}

async fn sotw(server: &Server) -> Client<DiscoveryRequest, DiscoveryResponse> {
    let mut client = AggregatedDiscoveryServiceClient::connect(format!("http://{}", server.grpc_addr()))
        .await
        .expect("the server listens");
    let (requests, stream) = mpsc::channel(8);
    let responses = client.stream_aggregated_resources(ReceiverStream::new(stream)).await.expect("a stream");
    Client { requests, responses: responses.into_inner() }
}

async fn delta(server: &Server) -> Client<DeltaDiscoveryRequest, DeltaDiscoveryResponse> {
    let mut client = AggregatedDiscoveryServiceClient::connect(format!("http://{}", server.grpc_addr()))
        .await
        .expect("the server listens");
    let (requests, stream) = mpsc::channel(8);
    let responses = client.delta_aggregated_resources(ReceiverStream::new(stream)).await.expect("a stream");
    Client { requests, responses: responses.into_inner() }
}

fn node(name: &str) -> Option<Node> {
    let id = format!("sidecar~10.0.0.9~{name}.default~default.svc.cluster.local");
    Some(Node { id, ..Node::default() })
}

fn apply(values: impl IntoIterator<Item = Value>) -> ChangeSet {
    let object = |value| match read(value) {
        Ok(Reading::Object(object, _)) => Change::Apply(object),
        other => panic!("a good object, not {other:?}"),
    };
    values.into_iter().map(object).collect()
}

fn service(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "default"},
           "spec": {"clusterIP": "10.1.0.1", "ports": [{"name": "http", "port": 80}]}})
}

fn cluster(name: &str) -> String {
    format!("outbound|80||{name}.default.svc.cluster.local")
}

async fn server() -> Server {
    Server::start(Config { http: Some(([127, 0, 0, 1], 0).into()), ..Config::default() })
        .await
        .expect("it starts")
}

fn names(response: &DeltaDiscoveryResponse) -> Vec<&str> {
    response.resources.iter().map(|r| r.name.as_str()).collect()
}

#[tokio::test]
async fn a_delta_client_is_sent_what_changes() {
    let server = server().await;
    server.apply(apply([service("a")])).await;
    let mut client = delta(&server).await;
    client.say(DeltaDiscoveryRequest { node: node("p"), type_url: CDS.into(), ..Default::default() }).await;
    let mut first = client.hear().await.expect("clusters");
    if !names(&first).contains(&cluster("a").as_str()) {
        first = client.hear().await.expect("the push of what was applied just before");
    }
    assert!(names(&first).contains(&cluster("a").as_str()), "{:?}", names(&first));
    client.say(ack(&first)).await;

    let subscribe = vec![cluster("a")];
    client
        .say(DeltaDiscoveryRequest {
            type_url: EDS.into(),
            resource_names_subscribe: subscribe,
            ..Default::default()
        })
        .await;
    let endpoints = client.hear().await.expect("endpoints");
    assert_eq!((endpoints.type_url.as_str(), names(&endpoints)), (EDS, vec![cluster("a").as_str()]));
    client.say(ack(&endpoints)).await;

    server.apply(apply([service("b")])).await;
    let push = client.hear().await.expect("a push");
    assert!(names(&push).contains(&cluster("b").as_str()));
    assert!(!names(&push).contains(&cluster("a").as_str()), "what did not change is not sent again");
    client.say(ack(&push)).await;

    let key = xdslab_mesh::object::Identity::of(&service("b")).key().expect("a known kind");
    server.apply(ChangeSet { changes: vec![Change::Delete(key)] }).await;
    let gone = client.hear().await.expect("a push");
    assert_eq!(gone.removed_resources, [cluster("b")]);
    server.shutdown().await;
}

fn ack(response: &DeltaDiscoveryResponse) -> DeltaDiscoveryRequest {
    let (type_url, response_nonce) = (response.type_url.clone(), response.nonce.clone());
    DeltaDiscoveryRequest { type_url, response_nonce, ..Default::default() }
}

#[tokio::test]
async fn a_sotw_client_refuses_and_is_left_alone() {
    let server = server().await;
    server.apply(apply([service("a")])).await;
    let mut client = sotw(&server).await;
    client.say(DiscoveryRequest { node: node("p"), type_url: CDS.into(), ..Default::default() }).await;
    let mut last = client.hear().await.expect("clusters");
    if last.resources.len() < 4 {
        last = client.hear().await.expect("the push of what was applied just before");
    }
    let refusal = RpcStatus { code: 13, message: "no such thing".into(), ..Default::default() };
    let nack = DiscoveryRequest {
        type_url: CDS.into(),
        response_nonce: last.nonce.clone(),
        error_detail: Some(refusal),
        ..Default::default()
    };
    client.say(nack).await;
    client.silent_for(Duration::from_millis(300)).await;
    let errors: Vec<_> = server
        .connections()
        .into_iter()
        .flat_map(|c| c.types.into_values())
        .filter_map(|t| t.error)
        .collect();
    assert_eq!(errors, ["no such thing"]);

    server.apply(apply([service("b")])).await;
    let fixed = client.hear().await.expect("a push");
    assert_eq!(fixed.resources.len(), last.resources.len() + 1, "every answer is whole");
    assert_ne!(fixed.version_info, last.version_info);
    let page = http(&server, "/metrics").await;
    assert!(page.contains("pilot_total_xds_rejects{type=\"cds\"} 1"), "{page}");
    server.shutdown().await;
}

#[tokio::test]
async fn a_push_reaches_those_that_it_concerns() {
    let server = server().await;
    let sidecar = json!({"apiVersion": "networking.istio.io/v1", "kind": "Sidecar",
        "metadata": {"name": "default", "namespace": "default"}, "spec": {"egress": [{"hosts": ["./*"]}]}});
    server.apply(apply([service("a"), sidecar])).await;
    let mut near = delta(&server).await;
    near.say(DeltaDiscoveryRequest { node: node("near"), type_url: CDS.into(), ..Default::default() }).await;
    let first = near.hear().await.expect("clusters");
    if !names(&first).contains(&cluster("a").as_str()) {
        near.hear().await.expect("the push of what was applied just before");
    }
    let mut far = service("far");
    far["metadata"]["namespace"] = "elsewhere".into();
    server.apply(apply([far])).await;
    near.silent_for(Duration::from_millis(400)).await;
    server.apply(apply([service("b")])).await;
    let push = near.hear().await.expect("a push");
    assert!(names(&push).contains(&cluster("b").as_str()));
    server.shutdown().await;
}

#[tokio::test]
async fn a_client_that_comes_back_learns_what_is_gone() {
    let server = server().await;
    let mut client = delta(&server).await;
    let held: BTreeMap<_, _> =
        [("outbound|80||old.default.svc.cluster.local".to_owned(), "1".to_owned())].into();
    let back = DeltaDiscoveryRequest {
        node: node("p"),
        type_url: CDS.into(),
        initial_resource_versions: held.clone().into_iter().collect(),
        ..Default::default()
    };
    client.say(back).await;
    let answer = client.hear().await.expect("clusters");
    assert_eq!(answer.removed_resources, held.into_keys().collect::<Vec<_>>());
    assert_eq!(server.connections().len(), 1);
    drop(client);
    let gone = async {
        while !server.connections().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, gone).await.expect("the connection is forgotten");
    server.shutdown().await;
}

#[tokio::test]
async fn a_client_without_a_good_node_is_told_so() {
    let server = server().await;
    for (node, what) in
        [(None, "missing node"), (Some(Node { id: "me".into(), ..Node::default() }), "four parts")]
    {
        let mut client = sotw(&server).await;
        client.say(DiscoveryRequest { node, type_url: CDS.into(), ..Default::default() }).await;
        let status = client.hear().await.expect_err("refused");
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().contains(what), "{}", status.message());
    }
    let mut client = sotw(&server).await;
    client.say(DiscoveryRequest { node: node("p"), ..Default::default() }).await;
    assert_eq!(client.hear().await.expect_err("no type").code(), Code::InvalidArgument);
    server.shutdown().await;
}

#[tokio::test]
async fn pages_and_the_end() {
    let server = server().await;
    assert!(http(&server, "/ready").await.starts_with("HTTP/1.1 200"));
    assert!(http(&server, "/version").await.contains("xdslab"));
    let mut client = delta(&server).await;
    client.say(DeltaDiscoveryRequest { node: node("p"), type_url: CDS.into(), ..Default::default() }).await;
    client.hear().await.expect("clusters");
    assert!(http(&server, "/debug/syncz").await.contains("cluster_sent"));
    timeout(DEADLINE, server.shutdown()).await.expect("it ends with clients connected");
    assert_eq!(client.hear().await.expect_err("the stream ended").code(), Code::Unavailable);
}

async fn http(server: &Server, path: &str) -> String {
    let address = server.http_addr().expect("HTTP listens");
    let mut stream = TcpStream::connect(address).await.expect("HTTP listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("the request goes out");
    let mut page = String::new();
    stream.read_to_string(&mut page).await.expect("a page");
    page
}
