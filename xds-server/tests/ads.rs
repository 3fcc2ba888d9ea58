//! The server over real gRPC: clients connect, the mesh changes, clients refuse, leave and come back.

use std::collections::BTreeMap;
use std::time::Duration;

use envoy_types::pb::envoy::config::core::v3::Node;
use envoy_types::pb::envoy::service::cluster::v3::cluster_discovery_service_client::ClusterDiscoveryServiceClient;
use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient;
use envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
};
use envoy_types::pb::envoy::service::endpoint::v3::endpoint_discovery_service_client::EndpointDiscoveryServiceClient;
use envoy_types::pb::envoy::service::secret::v3::secret_discovery_service_client::SecretDiscoveryServiceClient;
use envoy_types::pb::google::protobuf as pb;
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
use xdslab_server::observe::Happening;
use xdslab_server::push::DebounceOptions;
use xdslab_server::{Config, RunError, Server};

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
    let text = |value: &str| pb::Value { kind: Some(pb::value::Kind::StringValue(value.to_owned())) };
    let fields = [("CLUSTER_ID", "Kubernetes"), ("NAMESPACE", "default")];
    let fields = fields.map(|(key, value)| (key.to_owned(), text(value))).into();
    Some(Node { id, metadata: Some(pb::Struct { fields }), ..Node::default() })
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

/// Responses of all types that all clients were sent so far.
fn sent(server: &Server) -> u64 {
    server
        .connections()
        .iter()
        .flat_map(|connection| connection.types.values())
        .map(|of_type| of_type.pushes)
        .sum()
}

/// All changes were pushed, and all clients have accepted what they were sent.
async fn synced(server: &Server) {
    timeout(DEADLINE, server.synced()).await.expect("in sync in time");
}

/// A server with this mesh, all of it pushed.
async fn server_with(values: impl IntoIterator<Item = Value>) -> Server {
    let server = server().await;
    server.apply(apply(values)).await;
    synced(&server).await;
    server
}

async fn server() -> Server {
    server_of(Config { http: Some(([127, 0, 0, 1], 0).into()), ..Config::default() }).await
}

async fn server_of(config: Config) -> Server {
    Server::start(config).await.expect("it starts")
}

fn names(response: &DeltaDiscoveryResponse) -> Vec<&str> {
    response.resources.iter().map(|r| r.name.as_str()).collect()
}

#[tokio::test]
async fn a_delta_client_is_sent_what_changes() {
    let server = server_with([service("a")]).await;
    let mut client = delta(&server).await;
    client.say(DeltaDiscoveryRequest { node: node("p"), type_url: CDS.into(), ..Default::default() }).await;
    let first = client.hear().await.expect("clusters");
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
    server.shutdown().await.expect("it ends");
}

fn ack(response: &DeltaDiscoveryResponse) -> DeltaDiscoveryRequest {
    let (type_url, response_nonce) = (response.type_url.clone(), response.nonce.clone());
    DeltaDiscoveryRequest { type_url, response_nonce, ..Default::default() }
}

#[tokio::test]
async fn a_sotw_client_refuses_and_is_left_alone() {
    let server = server_with([service("a")]).await;
    let mut client = sotw(&server).await;
    client.say(DiscoveryRequest { node: node("p"), type_url: CDS.into(), ..Default::default() }).await;
    let last = client.hear().await.expect("clusters");
    let refusal = RpcStatus { code: 13, message: "no such thing".into(), ..Default::default() };
    let nack = DiscoveryRequest {
        type_url: CDS.into(),
        response_nonce: last.nonce.clone(),
        error_detail: Some(refusal),
        ..Default::default()
    };
    let mut events = server.events();
    client.say(nack).await;
    let refused =
        async { while !matches!(events.recv().await.expect("events").what, Happening::Nacked { .. }) {} };
    timeout(DEADLINE, refused).await.expect("the refusal is noted");
    assert!(!server.is_synced());
    let errors: Vec<_> = server
        .connections()
        .into_iter()
        .flat_map(|c| c.types.into_values())
        .filter_map(|t| t.error)
        .collect();
    assert_eq!(errors, ["no such thing"]);

    server.apply(apply([service("b")])).await;
    let fixed = client.hear().await.expect("a push");
    assert_eq!(sent(&server), 2, "the refusal itself was not answered");
    assert_eq!(fixed.resources.len(), last.resources.len() + 1, "every answer is whole");
    assert_ne!(fixed.version_info, last.version_info);
    let page = http(&server, "/metrics").await;
    assert!(page.contains("pilot_total_xds_rejects{type=\"cds\"} 1"), "{page}");
    server.shutdown().await.expect("it ends");
}

#[tokio::test]
async fn a_push_reaches_those_that_it_concerns() {
    let sidecar = json!({"apiVersion": "networking.istio.io/v1", "kind": "Sidecar",
        "metadata": {"name": "default", "namespace": "default"}, "spec": {"egress": [{"hosts": ["./*"]}]}});
    let server = server_with([service("a"), sidecar]).await;
    let mut near = delta(&server).await;
    near.say(DeltaDiscoveryRequest { node: node("near"), type_url: CDS.into(), ..Default::default() }).await;
    let first = near.hear().await.expect("clusters");
    near.say(ack(&first)).await;
    let mut elsewhere = delta(&server).await;
    let node_elsewhere = "sidecar~10.0.0.8~q.elsewhere~elsewhere.svc.cluster.local".to_owned();
    let node_elsewhere = Some(Node { id: node_elsewhere, ..Node::default() });
    elsewhere
        .say(DeltaDiscoveryRequest { node: node_elsewhere, type_url: CDS.into(), ..Default::default() })
        .await;
    let first = elsewhere.hear().await.expect("clusters");
    elsewhere.say(ack(&first)).await;
    synced(&server).await;
    let mut far = service("far");
    far["metadata"]["namespace"] = "elsewhere".into();
    server.apply(apply([far])).await;
    let push = elsewhere.hear().await.expect("a push");
    assert!(names(&push).contains(&"outbound|80||far.elsewhere.svc.cluster.local"));
    elsewhere.say(ack(&push)).await;
    synced(&server).await;
    assert_eq!(sent(&server), 3, "nothing for the one that does not see it");
    server.apply(apply([service("b")])).await;
    let push = near.hear().await.expect("a push");
    assert!(names(&push).contains(&cluster("b").as_str()));
    server.shutdown().await.expect("it ends");
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
    server.shutdown().await.expect("it ends");
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
    server.shutdown().await.expect("it ends");
}

#[tokio::test]
async fn streams_above_the_limit_are_refused() {
    let debounce = DebounceOptions { admission: Duration::from_secs(3_600), ..DebounceOptions::default() };
    let server = server_of(Config { debounce, ..Config::default() }).await;
    synced(&server).await;
    let mut first = sotw(&server).await;
    first.say(DiscoveryRequest { node: node("p"), type_url: CDS.into(), ..Default::default() }).await;
    first.hear().await.expect("the first may come in");
    let status = sotw(&server).await.hear().await.expect_err("the second would wait for an hour");
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.message().starts_with("request rate limit exceeded"), "{}", status.message());
    server.shutdown().await.expect("it ends");
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
    let ended = timeout(DEADLINE, server.shutdown()).await.expect("in time");
    ended.expect("with clients connected");
    assert_eq!(client.hear().await.expect_err("the stream ended").code(), Code::Unavailable);
}

#[tokio::test]
async fn large_responses_come_whole_to_all() {
    let services = (0..400).map(|n| service(&format!("service-{n}")));
    let server = server_with(services).await;
    let mut lengths = Vec::new();
    for n in 0..3 {
        let mut client = delta(&server).await;
        let request = DeltaDiscoveryRequest {
            node: node(&format!("p{n}")),
            type_url: CDS.into(),
            ..Default::default()
        };
        client.say(request).await;
        let answer = client.hear().await.expect("clusters");
        assert!(answer.resources.iter().all(|r| r.resource.as_ref().is_some_and(|any| any.type_url == CDS)));
        lengths.push(names(&answer).iter().filter(|name| name.starts_with("outbound|80||service-")).count());
    }
    assert_eq!(lengths, [400; 3]);
    server.shutdown().await.expect("it ends");
}

#[tokio::test]
async fn a_change_of_its_own_pod_reaches_a_proxy_at_once() {
    let selecting = |name: &str| {
        let mut all = service(name);
        all["spec"]["selector"] = json!({"app": name});
        all
    };
    let pod = |app: &str| {
        json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "p", "namespace": "default", "labels": {"app": app}},
            "spec": {"serviceAccountName": "default", "containers": [{"name": "c", "ports": [{"containerPort": 80}]}]},
            "status": {"phase": "Running", "podIP": "10.0.0.9", "podIPs": [{"ip": "10.0.0.9"}],
                       "conditions": [{"type": "Ready", "status": "True"}]}})
    };
    let server = server_with([selecting("a"), pod("none")]).await;
    let mut client = delta(&server).await;
    client.say(DeltaDiscoveryRequest { node: node("p"), type_url: CDS.into(), ..Default::default() }).await;
    let first = client.hear().await.expect("clusters");
    assert!(!names(&first).contains(&"inbound|80||"), "no service selects it");
    client.say(ack(&first)).await;
    server.apply(apply([pod("a")])).await;
    let push = client.hear().await.expect("a push");
    assert!(names(&push).contains(&"inbound|80||"), "{:?}", names(&push));
    client.say(ack(&push)).await;
    synced(&server).await;
    server.shutdown().await.expect("it ends");
}

#[tokio::test]
async fn services_of_one_type() {
    let server = server_with([service("a")]).await;
    let address = format!("http://{}", server.grpc_addr());
    let mut clusters =
        ClusterDiscoveryServiceClient::connect(address.clone()).await.expect("the server listens");
    let (cds, stream) = mpsc::channel(8);
    let mut cds_answers =
        clusters.delta_clusters(ReceiverStream::new(stream)).await.expect("a stream").into_inner();
    cds.send(DeltaDiscoveryRequest { node: node("p"), ..Default::default() }).await.expect("open");
    let answer =
        timeout(DEADLINE, cds_answers.message()).await.expect("in time").expect("open").expect("clusters");
    assert!(names(&answer).contains(&cluster("a").as_str()), "the type goes without saying");
    cds.send(ack(&answer)).await.expect("open");

    let mut endpoints = EndpointDiscoveryServiceClient::connect(address).await.expect("the server listens");
    let (eds, stream) = mpsc::channel(8);
    let mut eds_answers =
        endpoints.delta_endpoints(ReceiverStream::new(stream)).await.expect("a stream").into_inner();
    let subscribe = vec![cluster("a")];
    let request =
        DeltaDiscoveryRequest { node: node("p"), resource_names_subscribe: subscribe, ..Default::default() };
    eds.send(request).await.expect("open");
    let mut hear = async || timeout(DEADLINE, eds_answers.message()).await.expect("in time");
    let answer = hear().await.expect("open").expect("endpoints");
    assert_eq!(names(&answer), [cluster("a")]);
    eds.send(ack(&answer)).await.expect("open");
    synced(&server).await;

    let mut with_more_ports = service("a");
    with_more_ports["spec"]["ports"][0]["name"] = "tcp".into();
    server.apply(apply([with_more_ports])).await;
    let push =
        timeout(DEADLINE, cds_answers.message()).await.expect("in time").expect("open").expect("a push");
    assert!(names(&push).contains(&cluster("a").as_str()));
    let warming = hear().await.expect("open").expect("the endpoints that the changed cluster waits for");
    assert_eq!(names(&warming), [cluster("a")]);

    let other = DeltaDiscoveryRequest { type_url: CDS.into(), ..Default::default() };
    eds.send(other).await.expect("open");
    let status = loop {
        match hear().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("ended without a status"),
            Err(status) => break status,
        }
    };
    assert_eq!(status.code(), Code::InvalidArgument);
    server.shutdown().await.expect("it ends");
}

#[tokio::test]
async fn health_and_what_is_not_there() {
    let server = server().await;
    let channel = tonic::transport::Endpoint::from_shared(format!("http://{}", server.grpc_addr()))
        .expect("an address");
    let channel = channel.connect().await.expect("the server listens");
    let mut health = tonic_health::pb::health_client::HealthClient::new(channel.clone());
    for service in ["", "envoy.service.discovery.v3.AggregatedDiscoveryService"] {
        let request = tonic_health::pb::HealthCheckRequest { service: service.to_owned() };
        let answer = health.check(request).await.expect("an answer").into_inner();
        assert_eq!(answer.status(), tonic_health::pb::health_check_response::ServingStatus::Serving);
    }
    let mut secrets = SecretDiscoveryServiceClient::new(channel);
    let status =
        secrets.fetch_secrets(DiscoveryRequest::default()).await.expect_err("there is no such service");
    assert_eq!(status.code(), Code::Unimplemented);
    server.shutdown().await.expect("it ends");
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let first = server().await;
    let again = Config { grpc: first.grpc_addr(), ..Config::default() };
    let error = Server::start(again).await.expect_err("the address is taken");
    assert!(error.to_string().contains(&first.grpc_addr().to_string()), "{error}");
    first.shutdown().await.expect("it ends");
}

#[tokio::test]
async fn a_client_that_does_not_read_costs_the_others_nothing() {
    let services = |round: usize| {
        (0..300).map(move |n| {
            let mut all = service(&format!("service-{n}"));
            all["spec"]["ports"][0]["name"] = format!("http-{round}").into();
            all
        })
    };
    let server = server_of(Config { grace: Duration::from_millis(100), ..Config::default() }).await;
    server.apply(apply(services(0))).await;
    synced(&server).await;
    let mut stuck = sotw(&server).await;
    stuck.say(DiscoveryRequest { node: node("stuck"), type_url: CDS.into(), ..Default::default() }).await;
    stuck.hear().await.expect("clusters, and nothing more is read");
    let mut client = delta(&server).await;
    client.say(DeltaDiscoveryRequest { node: node("p"), type_url: CDS.into(), ..Default::default() }).await;
    client.hear().await.expect("clusters");
    for round in 1..12 {
        server.apply(apply(services(round))).await;
        let push = client.hear().await.expect("a push");
        assert!(names(&push).len() >= 300);
    }
    let pushes = |name: &str| {
        let all = server.connections();
        let of = all.iter().find(|c| c.proxy == name).expect("connected");
        of.types.values().map(|t| t.pushes).sum::<u64>()
    };
    assert_eq!(pushes("p.default"), 12);
    assert!(pushes("stuck.default") < 12, "its pushes are merged: {}", pushes("stuck.default"));
    let ended = timeout(DEADLINE, server.shutdown()).await.expect("it ends nevertheless");
    assert!(matches!(ended, Ok(()) | Err(RunError::Late(_))), "{ended:?}");
    drop(stuck);
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
