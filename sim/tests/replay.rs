//! A transcript is recorded while a client talks to a server, and played to others.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;
use xdslab_mesh::object::{Reading, read};
use xdslab_mesh::{Change, ChangeSet};
use xdslab_proto::core::Node;
use xdslab_proto::discovery::{DeltaDiscoveryRequest, DiscoveryRequest};
use xdslab_proto::rpc::Status as RpcStatus;
use xdslab_server::observe::transcript::{Entry, Recorder, What};
use xdslab_server::{Config, Server};
use xdslab_sim::replay::{Options, Outcome, replay, scripts};
use xdslab_sim::wire::{Delta, Kind, Service, Sotw, Stream, connect};

const DEADLINE: Duration = Duration::from_secs(10);
const OPTIONS: Options = Options { wait: Duration::from_secs(2), pushes: false };

fn service(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "default"},
        "spec": {"clusterIP": "10.1.0.1", "ports": [{"name": "http", "port": 80}]}})
}

async fn server(services: &[&str], transcript: Option<Recorder>) -> Server {
    let server = Server::start(Config { transcript, ..Config::default() }).await.expect("it starts");
    server.apply(changes(services)).await;
    server.synced().await;
    server
}

fn changes(services: &[&str]) -> ChangeSet {
    let change = |name: &&str| match read(service(name)) {
        Ok(Reading::Object(object, _)) => Change::Apply(object),
        other => panic!("a good object, not {other:?}"),
    };
    services.iter().map(change).collect()
}

fn node() -> Option<Node> {
    Some(Node { id: "sidecar~10.0.0.9~a.default~default.svc.cluster.local".into(), ..Node::default() })
}

fn cluster(name: &str) -> String {
    format!("outbound|80||{name}.default.svc.cluster.local")
}

/// All entries until the stream ends.
async fn recorded(mut entries: mpsc::Receiver<Entry>) -> Vec<Entry> {
    let mut all = Vec::new();
    loop {
        let entry = timeout(DEADLINE, entries.recv()).await.expect("in time").expect("still recording");
        let is_end = entry.what == What::Disconnected;
        all.push(entry);
        if is_end {
            return all;
        }
    }
}

async fn played(entries: &[Entry], services: &[&str]) -> Outcome {
    let other = server(services, None).await;
    let channel = connect(&other.grpc_addr().to_string()).await.expect("it listens");
    let scripts = scripts(entries);
    assert_eq!(scripts.len(), 1);
    let outcome = replay(channel, &scripts[0], OPTIONS).await.expect("it is served");
    other.shutdown().await.expect("it ends");
    outcome
}

#[tokio::test]
async fn a_delta_stream_is_played_again() {
    let (recorder, entries) = Recorder::new(1024);
    let first = server(&["one", "two"], Some(recorder)).await;
    let channel = connect(&first.grpc_addr().to_string()).await.expect("it listens");
    let asked = DeltaDiscoveryRequest {
        node: node(),
        type_url: Kind::Cluster.type_url().into(),
        ..Default::default()
    };
    let mut stream = Stream::<Delta>::open(channel, Service::Aggregated, asked).await.expect("a stream");
    let clusters = stream.hear().await.expect("no error").expect("clusters");
    let ack = |nonce: &str, kind: Kind| DeltaDiscoveryRequest {
        type_url: kind.type_url().into(),
        response_nonce: nonce.into(),
        ..Default::default()
    };
    stream.say(ack(&clusters.nonce, Kind::Cluster)).await;
    let subscribe = vec![cluster("one"), cluster("two")];
    let wanted = DeltaDiscoveryRequest { resource_names_subscribe: subscribe, ..ack("", Kind::Endpoint) };
    stream.say(wanted).await;
    let endpoints = stream.hear().await.expect("no error").expect("endpoints");
    let refusal = RpcStatus { code: 3, message: "no".into(), ..RpcStatus::default() };
    stream
        .say(DeltaDiscoveryRequest { error_detail: Some(refusal), ..ack(&endpoints.nonce, Kind::Endpoint) })
        .await;
    first.apply(changes(&["three"])).await;
    stream.hear().await.expect("no error").expect("a push");
    stream.half_close();
    while stream.hear().await.expect("no error").is_some() {}
    let entries = recorded(entries).await;
    first.shutdown().await.expect("it ends");

    let again = played(&entries, &["one", "two"]).await;
    assert_eq!((again.equal, again.difference), (2, None));
    assert!(again.until.is_some(), "the mesh changed while it was recorded");
    let other = played(&entries, &["one"]).await.difference.expect("a difference");
    assert_eq!(other.step, 2);
    let told = other.to_string();
    assert!(told.contains("-outbound|80||two.default.svc.cluster.local"), "{told}");
}

#[tokio::test]
async fn a_sotw_stream_is_played_again() {
    let (recorder, entries) = Recorder::new(1024);
    let first = server(&["one"], Some(recorder)).await;
    let channel = connect(&first.grpc_addr().to_string()).await.expect("it listens");
    let asked =
        DiscoveryRequest { node: node(), type_url: Kind::Cluster.type_url().into(), ..Default::default() };
    let mut stream = Stream::<Sotw>::open(channel, Service::Aggregated, asked).await.expect("a stream");
    let clusters = stream.hear().await.expect("no error").expect("clusters");
    stream
        .say(DiscoveryRequest {
            type_url: clusters.type_url.clone(),
            version_info: clusters.version_info.clone(),
            response_nonce: clusters.nonce.clone(),
            ..Default::default()
        })
        .await;
    let names = vec![cluster("one")];
    let wanted = DiscoveryRequest {
        type_url: Kind::Endpoint.type_url().into(),
        resource_names: names,
        ..Default::default()
    };
    stream.say(wanted).await;
    stream.hear().await.expect("no error").expect("endpoints");
    stream.half_close();
    while stream.hear().await.expect("no error").is_some() {}
    let entries = recorded(entries).await;
    first.shutdown().await.expect("it ends");
    assert_eq!(played(&entries, &["one"]).await, Outcome { equal: 2, until: None, difference: None });
    let other = played(&entries, &["one", "two"]).await.difference.expect("a difference");
    assert!(other.to_string().contains("+outbound|80||two"), "{other}");
}
