//! A transcript is recorded while clients talk to a server, and played to others.

use std::fs;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;
use xdslab_mesh::object::{Reading, read};
use xdslab_mesh::{Change, ChangeSet};
use xdslab_proto::core::Node;
use xdslab_proto::discovery::{DeltaDiscoveryRequest, DiscoveryRequest};
use xdslab_proto::rpc::Status as RpcStatus;
use xdslab_server::observe::transcript::{Entry, Recorded, Recorder, What};
use xdslab_server::{Config, Server};
use xdslab_sim::replay::{Choice, Cut, Options, Outcome, Script, replay};
use xdslab_sim::wire::{Delta, Kind, Service, Sotw, Stream, Variant, connect};

const DEADLINE: Duration = Duration::from_secs(10);
const OPTIONS: Options = Options { wait: Duration::from_secs(5), quiet: Duration::from_millis(200) };

fn service(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "default"},
        "spec": {"clusterIP": "10.1.0.1", "ports": [{"name": "http", "port": 80}]}})
}

async fn server(services: &[&str], transcript: Option<Recorder>) -> Server {
    let server = Server::start(Config { transcript, ..Config::default() }).await.expect("it starts");
    server.apply(changes(services)).await;
    timeout(DEADLINE, server.synced()).await.expect("in time");
    server
}

fn changes(services: &[&str]) -> ChangeSet {
    let change = |name: &&str| match read(service(name)) {
        Ok(Reading::Object(object, _)) => Change::Apply(object),
        other => panic!("a good object, not {other:?}"),
    };
    services.iter().map(change).collect()
}

fn node(name: &str) -> Option<Node> {
    Some(Node { id: format!("sidecar~10.0.0.9~{name}.default~default.svc.cluster.local"), ..Node::default() })
}

fn cluster(name: &str) -> String {
    format!("outbound|80||{name}.default.svc.cluster.local")
}

async fn open<V: Variant>(server: &Server, service: Service, first: V::Request) -> Stream<V> {
    let channel = connect(&server.grpc_addr().to_string()).await.expect("it listens");
    Stream::open(channel, service, first).await.expect("a stream")
}

async fn hear<V: Variant>(stream: &mut Stream<V>) -> V::Response {
    timeout(DEADLINE, stream.hear()).await.expect("in time").expect("no error").expect("a response")
}

/// Half-closes, and waits for the end.
async fn leave<V: Variant>(mut stream: Stream<V>) {
    stream.half_close();
    while timeout(DEADLINE, stream.hear()).await.expect("in time").expect("no error").is_some() {}
}

/// All entries until so many streams have ended.
async fn recorded(mut entries: Recorded, streams: usize) -> Vec<Entry> {
    let (mut all, mut ended) = (Vec::new(), 0);
    while ended < streams {
        let entry = timeout(DEADLINE, entries.next()).await.expect("in time").expect("still recording");
        ended += usize::from(entry.what == What::Disconnected);
        all.push(entry);
    }
    all
}

fn script(entries: &[Entry], choice: Choice) -> Script {
    let mut script = Script::new(choice);
    entries.iter().cloned().for_each(|entry| script.take(entry));
    script
}

async fn played(script: &Script, services: &[&str]) -> Outcome {
    let other = server(services, None).await;
    let outcome = replay(&other.grpc_addr().to_string(), script, OPTIONS).await.expect("it is served");
    other.shutdown().await.expect("it ends");
    outcome
}

/// A delta client: ACK, NACK, a stale nonce, one name given up, and a push.
async fn delta_session() -> Vec<Entry> {
    let (recorder, entries) = Recorder::new(1024);
    let server = server(&["one", "two"], Some(recorder)).await;
    let say = |kind: Kind, nonce: &str| DeltaDiscoveryRequest {
        type_url: kind.type_url().into(),
        response_nonce: nonce.into(),
        ..Default::default()
    };
    let first = DeltaDiscoveryRequest { node: node("a"), ..say(Kind::Cluster, "") };
    let mut stream = open::<Delta>(&server, Service::Aggregated, first).await;
    let clusters = hear(&mut stream).await;
    stream.say(say(Kind::Cluster, &clusters.nonce)).await;
    let resource_names_subscribe = vec![cluster("one"), cluster("two")];
    stream.say(DeltaDiscoveryRequest { resource_names_subscribe, ..say(Kind::Endpoint, "") }).await;
    let endpoints = hear(&mut stream).await;
    let error_detail = Some(RpcStatus { code: 3, message: "no".into(), ..RpcStatus::default() });
    stream.say(DeltaDiscoveryRequest { error_detail, ..say(Kind::Endpoint, &endpoints.nonce) }).await;
    stream.say(say(Kind::Endpoint, "never/heard")).await;
    let resource_names_unsubscribe = vec![cluster("two")];
    stream.say(DeltaDiscoveryRequest { resource_names_unsubscribe, ..say(Kind::Endpoint, "") }).await;
    stream.say(say(Kind::Listener, "")).await;
    hear(&mut stream).await;
    server.apply(changes(&["three"])).await;
    hear(&mut stream).await;
    leave(stream).await;
    let entries = recorded(entries, 1).await;
    server.shutdown().await.expect("it ends");
    entries
}

#[tokio::test]
async fn a_delta_stream_is_played_again() {
    let entries = delta_session().await;
    let script = script(&entries, Choice::default());
    assert!(matches!(script.roles[0].cut, Some(Cut::Push(_))), "the mesh changed while it was recorded");
    let again = played(&script, &["one", "two"]).await;
    assert_eq!(again, Outcome { requests: 7, equal: 3, difference: None });

    let difference = played(&script, &["one"]).await.difference.expect("a difference");
    assert_eq!(difference.step, 3, "connected, asked, answered");
    let told = difference.to_string();
    assert!(told.contains("only recorded: outbound|80||two.default.svc.cluster.local"), "{told}");
}

#[tokio::test]
async fn pushes_are_waited_for_if_asked_for() {
    let entries = delta_session().await;
    let script = script(&entries, Choice { pushes: true, ..Choice::default() });
    assert_eq!(script.roles[0].cut, None);
    let other = server(&["one", "two"], None).await;
    let mut told = other.events();
    let address = other.grpc_addr().to_string();
    let change = async {
        // The last thing that is said before the push is about listeners.
        while !format!("{:?}", told.recv().await.expect("an event").what).contains("kind: Listener") {}
        other.apply(changes(&["three"])).await;
    };
    let (outcome, ()) = tokio::join!(replay(&address, &script, OPTIONS), change);
    let outcome = outcome.expect("it is served");
    assert_eq!(outcome.difference, None);
    assert!(outcome.equal > 3, "{outcome:?}");
}

/// A SotW client with a stream for clusters and one for endpoints.
async fn sotw_session() -> Vec<Entry> {
    let (recorder, entries) = Recorder::new(1024);
    let server = server(&["one"], Some(recorder)).await;
    let say = |kind: Kind, resource_names: Vec<String>| DiscoveryRequest {
        node: node("b"),
        type_url: kind.type_url().into(),
        resource_names,
        ..Default::default()
    };
    let mut clusters = open::<Sotw>(&server, Service::Of(Kind::Cluster), say(Kind::Cluster, vec![])).await;
    let answer = hear(&mut clusters).await;
    let first = say(Kind::Endpoint, vec![cluster("one")]);
    let mut endpoints = open::<Sotw>(&server, Service::Of(Kind::Endpoint), first).await;
    let hosts = hear(&mut endpoints).await;
    let ack = |to: &xdslab_sim::wire::SotwResponse, resource_names| DiscoveryRequest {
        type_url: to.type_url.clone(),
        version_info: to.version_info.clone(),
        response_nonce: to.nonce.clone(),
        resource_names,
        ..Default::default()
    };
    clusters.say(ack(&answer, vec![])).await;
    endpoints.say(ack(&hosts, vec![cluster("one")])).await;
    leave(clusters).await;
    leave(endpoints).await;
    let entries = recorded(entries, 2).await;
    server.shutdown().await.expect("it ends");
    entries
}

#[tokio::test]
async fn sotw_streams_of_one_type_are_played_together() {
    let entries = sotw_session().await;
    let all = script(&entries, Choice::default());
    assert_eq!(all.roles.len(), 2);
    assert_eq!(played(&all, &["one"]).await, Outcome { requests: 4, equal: 2, difference: None });
    let difference = played(&all, &["one", "two"]).await.difference.expect("a difference");
    let told = difference.to_string();
    assert!(told.contains("only from the server: outbound|80||two"), "{told}");

    let nobody = Choice { proxy: Some("c.default".into()), ..Choice::default() };
    assert!(script(&entries, nobody).steps.is_empty());
}

#[tokio::test]
async fn more_than_was_recorded_is_a_difference_and_what_was_lost_is_not_played() {
    let mut entries = sotw_session().await;
    let heard = entries.iter().position(|entry| matches!(entry.what, What::Response(_)));
    entries.truncate(heard.expect("a response"));
    let difference = played(&script(&entries, Choice::default()), &["one"]).await.difference;
    let difference = difference.expect("a response that was not recorded");
    assert_eq!(difference.expected, None, "{difference}");

    let mut entries = sotw_session().await;
    let asked = entries.iter().position(|entry| matches!(entry.what, What::Request(_)));
    entries.remove(asked.expect("a request"));
    let script = script(&entries, Choice { proxy: Some("b.default".into()), pushes: false });
    assert_eq!((script.roles[0].cut, script.roles[1].cut), (Some(Cut::Lost(1)), None));
}

#[tokio::test]
async fn the_command_ends_with_0_1_or_2() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("t.ndjson");
    let entries = sotw_session().await;
    let lines: Vec<_> = entries.iter().map(|e| serde_json::to_string(e).expect("JSON")).collect();
    fs::write(&file, lines.join("\n") + "\n").expect("written");
    let run = async |file: std::path::PathBuf, address: String| {
        let command = move || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_sim"));
            command.arg("replay").arg(file).args(["--server", &address]).output().expect("it runs")
        };
        let output = tokio::task::spawn_blocking(command).await.expect("it ends");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    };
    let (same, other) = (server(&["one"], None).await, server(&["one", "two"], None).await);
    let (code, told) = run(file.clone(), same.grpc_addr().to_string()).await;
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("2 streams: 4 requests sent, 2 responses as recorded\nno difference"), "{told}");
    let (code, told) = run(file.clone(), other.grpc_addr().to_string()).await;
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("b.default-1, entry 3: the server differs"), "{told}");
    let (code, told) = run(folder.path().join("none"), other.grpc_addr().to_string()).await;
    assert_eq!(code, Some(2), "{told}");
    let (gone, ()) = (same.grpc_addr().to_string(), same.shutdown().await.expect("it ends"));
    let (code, told) = run(file, gone).await;
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("nobody serves xDS on"), "{told}");
}
