//! Transcripts over real gRPC: what each message is recorded as, and the rule behind it.

mod common;

use common::{CDS, DEADLINE, EDS, LDS, apply, mesh, node, server_of};
use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient;
use envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
};
use envoy_types::pb::google::rpc::Status as RpcStatus;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use xdslab_server::observe::transcript::{
    Dialect, Entry, FORMAT, Lines, Recorded, Recorder, What, opening, read, row,
};
use xdslab_server::{Config, Semantics, Server};

const A: &str = common::CLUSTER;
const B: &str = "outbound|80||empty.default.svc.cluster.local";

/// A server that records, and its transcript.
async fn recording(semantics: Semantics) -> (Server, Recorded) {
    let (recorder, entries) = Recorder::new(1024);
    let server = server_of(Config { transcript: Some(recorder), semantics, ..Config::default() }).await;
    (server, entries)
}

/// One stream, and what its server records of it.
struct Session<Q, S> {
    requests: mpsc::Sender<Q>,
    responses: Streaming<S>,
    entries: Recorded,
    kept: Vec<Entry>,
}

impl<Q, S> Session<Q, S> {
    async fn hear(&mut self) -> S {
        let message = timeout(DEADLINE, self.responses.message()).await.expect("in time");
        message.expect("no error").expect("an answer")
    }

    /// The next entry, in a few words.
    async fn next(&mut self) -> String {
        let entry = timeout(DEADLINE, self.entries.next()).await.expect("in time").expect("still recording");
        let said = brief(&entry);
        self.kept.push(entry);
        said
    }

    async fn expect(&mut self, entries: &[&str]) {
        for expected in entries {
            assert_eq!(self.next().await, *expected);
        }
    }

    /// Says it, and expects these entries of it.
    async fn say(&mut self, request: Q, entries: &[&str]) {
        self.requests.send(request).await.expect("the stream is open");
        self.expect(entries).await;
    }
}

/// An entry in a few words: what, type, names, rules.
fn brief(entry: &Entry) -> String {
    let short = |names: &[arcstr::ArcStr]| {
        let names = names.iter().map(|name| match name.as_str() {
            A => "a",
            B => "empty",
            name => name,
        });
        names.collect::<Vec<_>>().join(",")
    };
    match &entry.what {
        What::Request(r) => {
            let rules: Vec<_> = r.rules.iter().map(|rule| &*rule.number).collect();
            let error = r.error.as_ref().map_or(String::new(), |error| format!(" {:?}", error.message));
            let (act, kind) = (format!("{:?}", r.act).to_lowercase(), &r.kind);
            format!(
                "-> {kind} {act}{error} +[{}] -[{}] {}",
                short(&r.added),
                short(&r.removed),
                rules.join(" ")
            )
        }
        What::Response(r) => {
            let names = if r.added.len() > 2 { "many".to_owned() } else { short(&r.added) };
            let because = r.because.join(" ");
            let number = r.rule.as_ref().map_or("none", |rule| &*rule.number);
            format!("<- {} +[{names}] -[{}] {}({because}) {number}", r.kind, short(&r.removed), r.cause)
        }
        What::Silent { kind, cause, rule } => format!("silent {kind} {cause} {}", rule.number),
        What::Begun { format, semantics, .. } => format!("begun {format} {semantics}"),
        What::Connected { variant, only, node } => {
            let variant = if *variant == Dialect::Sotw { "sotw" } else { "delta" };
            format!("connected {variant} {} {}", only.as_deref().unwrap_or("ADS"), node.metadata["NAMESPACE"])
        }
        What::Disconnected => "disconnected".to_owned(),
        What::Lost { entries } => format!("lost {entries}"),
    }
}

fn service(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "default"},
           "spec": {"clusterIP": "10.1.0.1", "ports": [{"name": "http", "port": 80}]}})
}

fn refusal() -> Option<RpcStatus> {
    Some(RpcStatus { code: 3, message: "no such thing".into(), ..Default::default() })
}

async fn sotw(server: &Server, entries: Recorded) -> Session<DiscoveryRequest, DiscoveryResponse> {
    let address = format!("http://{}", server.grpc_addr());
    let mut client = AggregatedDiscoveryServiceClient::connect(address).await.expect("it listens");
    let (requests, stream) = mpsc::channel(8);
    let answers = client.stream_aggregated_resources(ReceiverStream::new(stream)).await.expect("a stream");
    Session { requests, responses: answers.into_inner(), entries, kept: Vec::new() }
}

async fn delta(server: &Server, entries: Recorded) -> Session<DeltaDiscoveryRequest, DeltaDiscoveryResponse> {
    let address = format!("http://{}", server.grpc_addr());
    let mut client = AggregatedDiscoveryServiceClient::connect(address).await.expect("it listens");
    let (requests, stream) = mpsc::channel(8);
    let answers = client.delta_aggregated_resources(ReceiverStream::new(stream)).await.expect("a stream");
    Session { requests, responses: answers.into_inner(), entries, kept: Vec::new() }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[tokio::test]
async fn a_sotw_session() {
    let (server, entries) = recording(Semantics::Istiod).await;
    let mut client = sotw(&server, entries).await;
    let ask = |type_url: &str, of: &[&str]| DiscoveryRequest {
        type_url: type_url.into(),
        resource_names: names(of),
        ..Default::default()
    };
    let answer = |response: &DiscoveryResponse, of: &[&str]| DiscoveryRequest {
        response_nonce: response.nonce.clone(),
        version_info: response.version_info.clone(),
        ..ask(&response.type_url, of)
    };
    client.expect(&["begun 1 istiod"]).await;

    let first = DiscoveryRequest { node: node(), ..ask(CDS, &[]) };
    client.say(first, &["connected sotw ADS \"default\"", "-> CDS first +[*] -[] R12"]).await;
    client.expect(&["<- CDS +[many] -[] request() R19"]).await;
    let clusters = client.hear().await;
    client.say(answer(&clusters, &[]), &["-> CDS ack +[] -[] R5"]).await;

    client.say(ask(EDS, &[A, B]), &["-> EDS first +[a,empty] -[] R2"]).await;
    client.expect(&["<- EDS +[a,empty] -[] request() R19"]).await;
    let endpoints = client.hear().await;
    let refused = DiscoveryRequest { error_detail: refusal(), ..answer(&endpoints, &[A, B]) };
    client.say(refused, &["-> EDS nack \"no such thing\" +[] -[] R6"]).await;
    let stale = DiscoveryRequest { response_nonce: "old".into(), ..answer(&endpoints, &[A]) };
    client.say(stale, &["-> EDS stale +[] -[] R10"]).await;
    client.say(answer(&endpoints, &[B]), &["-> EDS ack +[] -[a] R5 R23"]).await;
    // Gives one name up and takes another one.
    client.say(answer(&endpoints, &[A]), &["-> EDS ack +[a] -[empty] R5 R17"]).await;
    client.expect(&["<- EDS +[a] -[] subscribe() R19"]).await;
    let endpoints = client.hear().await;
    client.say(answer(&endpoints, &[]), &["-> EDS change +[] -[a] R13"]).await;

    server.apply(apply([service("new")])).await;
    client
        .expect(&["<- CDS +[many] -[] push(service ServiceEntry/default/new.default.svc.cluster.local) R19"])
        .await;
    let clusters = client.hear().await;
    let What::Response(pushed) = &client.kept.last().expect("it is kept").what else { panic!("a response") };
    assert_eq!((pushed.nonce.as_str(), pushed.version.as_str()), (&*clusters.nonce, &*clusters.version_info));
    let bodies: usize = clusters.resources.iter().map(|any| any.value.len()).sum();
    assert_eq!((pushed.bytes, pushed.added.len()), (bodies, clusters.resources.len()));

    let Session { requests, mut entries, kept, .. } = client;
    drop(requests);
    let last = timeout(DEADLINE, entries.next()).await.expect("in time").expect("the end");
    assert_eq!(last.what, What::Disconnected);
    let numbers: Vec<_> = kept[1..].iter().map(|entry| entry.n).collect();
    assert_eq!(numbers, (1..kept.len() as u64).collect::<Vec<_>>(), "all of the stream, in order");
    assert!(kept.iter().skip(1).all(|e| e.proxy == "a-1.default" && e.connection == "a-1.default-1"));
    assert!(kept.is_sorted_by(|a, b| a.ms <= b.ms && a.at <= b.at));
    a_file_and_a_page(&kept);
    server.shutdown().await.expect("it ends");
}

/// All entries are the same again after they were in a file; a page holds no markup of anybody else.
fn a_file_and_a_page(entries: &[Entry]) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("t.ndjson");
    let json = |entry| serde_json::to_string(entry).expect("JSON");
    let lines: Vec<_> = entries.iter().map(json).collect();
    std::fs::write(&path, lines.join("\n") + "\n" + r#"{"at": "unfini"#).expect("written");
    let back: Result<Vec<_>, _> = read(&path).expect("a file").collect();
    assert_eq!(back.expect("entries"), entries, "and what is unfinished is passed over");

    std::fs::write(&path, format!("{}\nnonsense\n", lines[0])).expect("written");
    let error = read(&path).expect("a file").nth(1).expect("an item").expect_err("no entry").to_string();
    assert!(error.contains("t.ndjson:2: no entry of a transcript"), "{error}");
    let newer = lines[0].replace(&format!("\"format\":{FORMAT}"), "\"format\":99");
    std::fs::write(&path, newer + "\n").expect("written");
    let error = read(&path).expect("a file").next().expect("an item").expect_err("a newer one").to_string();
    assert!(error.contains("format 99"), "{error}");

    let nack = entries.iter().find(|entry| brief(entry).contains("nack")).expect("a NACK");
    let text = Lines::default().line(nack);
    assert!(text.contains("-> EDS  NACK") && text.contains("no such thing") && text.contains("R6"), "{text}");
    let mut evil = nack.clone();
    evil.proxy = "</script><b>".into();
    let evil = row(&evil).expect("a row");
    assert!(!evil.contains('<') && evil.contains("\\u003c/script>"), "{evil}");
    assert!(!opening().contains("http://") || !opening().contains("src="), "it fetches nothing");
}

#[tokio::test]
async fn a_delta_session() {
    let (server, entries) = recording(Semantics::Spec).await;
    let mut client = delta(&server, entries).await;
    let ask = |type_url: &str, subscribe: &[&str], unsubscribe: &[&str]| DeltaDiscoveryRequest {
        type_url: type_url.into(),
        resource_names_subscribe: names(subscribe),
        resource_names_unsubscribe: names(unsubscribe),
        ..Default::default()
    };
    let ack = |response: &DeltaDiscoveryResponse| DeltaDiscoveryRequest {
        response_nonce: response.nonce.clone(),
        ..ask(&response.type_url, &[], &[])
    };
    client.expect(&["begun 1 spec"]).await;

    let first = DeltaDiscoveryRequest { node: node(), ..ask(CDS, &["*"], &[]) };
    client.say(first, &["connected delta ADS \"default\"", "-> CDS first +[*] -[] R14"]).await;
    client.expect(&["<- CDS +[many] -[] request() R25"]).await;
    let clusters = client.hear().await;
    client.say(ack(&clusters), &["-> CDS ack +[] -[] R5"]).await;

    client.say(ask(EDS, &[A, B], &[]), &["-> EDS first +[a,empty] -[] R2"]).await;
    client.expect(&["<- EDS +[a,empty] -[] request() R25"]).await;
    let endpoints = client.hear().await;
    let refused = DeltaDiscoveryRequest { error_detail: refusal(), ..ack(&endpoints) };
    client.say(refused, &["-> EDS nack \"no such thing\" +[] -[] R6"]).await;
    let stale = DeltaDiscoveryRequest { response_nonce: "old".into(), ..ask(EDS, &[], &[B]) };
    client.say(stale, &["-> EDS stale +[] -[empty] R11 R23"]).await;
    // What was refused may be good without the name that was given up.
    client.expect(&["<- EDS +[a] -[] retry() R7"]).await;
    client.hear().await;

    let held = [("gone".to_owned(), "1".to_owned())].into();
    let listeners = DeltaDiscoveryRequest { initial_resource_versions: held, ..ask(LDS, &[], &[]) };
    client.say(listeners, &["-> LDS first +[*] -[] R12"]).await;
    let answered = client.next().await;
    assert!(answered.starts_with("<- LDS +[many] -[gone] reconnect()"), "{answered}");
    let listeners = client.hear().await;
    client.say(ack(&listeners), &["-> LDS ack +[] -[] R5"]).await;

    server.apply(apply(mesh().into_iter().skip(1).take(1).chain([service("new")]))).await;
    let clusters = client.hear().await;
    let pushed = client.next().await;
    assert!(pushed.starts_with("<- CDS +[outbound|80||new.default.svc.cluster.local] -[] push("), "{pushed}");
    client.requests.send(ack(&clusters)).await.expect("open");
    while client.next().await != "-> CDS ack +[] -[] R5" {}
    server.shutdown().await.expect("it ends");
    while client.next().await != "disconnected" {}
    let Session { mut entries, .. } = client;
    assert_eq!(timeout(DEADLINE, entries.next()).await.expect("in time"), None, "nothing records any more");
}

#[tokio::test]
async fn nothing_is_recorded_unless_asked_for() {
    let server = server_of(Config::default()).await;
    let (_recorder, entries) = Recorder::new(1);
    let mut client = sotw(&server, entries).await;
    let first = DiscoveryRequest { node: node(), type_url: CDS.into(), ..Default::default() };
    client.say(first, &[]).await;
    client.hear().await;
    assert!(client.entries.is_empty());
    server.shutdown().await.expect("it ends");
}
