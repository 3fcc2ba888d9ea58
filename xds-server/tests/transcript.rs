//! Transcripts over real gRPC: what each message is recorded as, and the rule behind it.

use std::time::Duration;

use envoy_types::pb::envoy::config::core::v3::Node;
use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient;
use envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
};
use envoy_types::pb::google::rpc::Status as RpcStatus;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use xdslab_mesh::object::{Reading, read};
use xdslab_mesh::{Change, ChangeSet};
use xdslab_server::observe::transcript::{Act, Dialect, Entry, Recorder, What, line, page};
use xdslab_server::{Config, Server};

const CDS: &str = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
const EDS: &str = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";
const DEADLINE: Duration = Duration::from_secs(10);

fn service(name: &str) -> ChangeSet {
    let value = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "default"},
        "spec": {"clusterIP": "10.1.0.1", "ports": [{"name": "http", "port": 80}]}});
    match read(value) {
        Ok(Reading::Object(object, _)) => [Change::Apply(object)].into_iter().collect(),
        other => panic!("a good object, not {other:?}"),
    }
}

fn node() -> Option<Node> {
    Some(Node { id: "sidecar~10.0.0.9~a.default~default.svc.cluster.local".into(), ..Node::default() })
}

/// The next entry that is none of silence.
async fn next(entries: &mut mpsc::Receiver<Entry>) -> Entry {
    loop {
        let entry = timeout(DEADLINE, entries.recv()).await.expect("in time").expect("still recording");
        if !matches!(entry.what, What::Silent { .. }) {
            return entry;
        }
    }
}

async fn hear<S>(responses: &mut Streaming<S>) -> S {
    timeout(DEADLINE, responses.message()).await.expect("in time").expect("no error").expect("an answer")
}

/// An entry in a few words: what, type, names, rules.
fn brief(entry: &Entry) -> String {
    match &entry.what {
        What::Connected { variant, .. } => format!("connected {variant:?}"),
        What::Request(r) => {
            let rules: Vec<_> = r.rules.iter().map(|rule| rule.number.as_str()).collect();
            let error = r.error.as_deref().unwrap_or_default();
            format!("{:?} {} +{:?} -{:?} {error} {}", r.act, r.kind, r.added, r.removed, rules.join(","))
        }
        What::Response(r) => {
            format!("{} {} -{} {} {}", r.kind, r.added.len(), r.removed.len(), r.cause, r.rule.number)
        }
        other => format!("{other:?}"),
    }
}

#[tokio::test]
async fn a_delta_stream_from_beginning_to_end() {
    let (recorder, mut entries) = Recorder::new(1024);
    let server =
        Server::start(Config { transcript: Some(recorder), ..Config::default() }).await.expect("it starts");
    server.apply(service("one")).await;
    server.synced().await;
    let address = format!("http://{}", server.grpc_addr());
    let mut client = AggregatedDiscoveryServiceClient::connect(address).await.expect("it listens");
    let (requests, stream) = mpsc::channel(8);
    let answers = client.delta_aggregated_resources(ReceiverStream::new(stream)).await.expect("a stream");
    let mut answers: Streaming<DeltaDiscoveryResponse> = answers.into_inner();
    let say = async |request: DeltaDiscoveryRequest| requests.send(request).await.expect("open");
    let ack = |answer: &DeltaDiscoveryResponse| DeltaDiscoveryRequest {
        type_url: answer.type_url.clone(),
        response_nonce: answer.nonce.clone(),
        ..Default::default()
    };

    say(DeltaDiscoveryRequest { node: node(), type_url: CDS.into(), ..Default::default() }).await;
    let first = hear(&mut answers).await;
    let connected = next(&mut entries).await;
    assert_eq!(connected.proxy, "a.default");
    assert!(
        matches!(&connected.what, What::Connected { variant: Dialect::Delta, node, .. } if node.id.starts_with("sidecar~"))
    );
    let asked = next(&mut entries).await;
    assert_eq!(brief(&asked), r#"First CDS +["*"] -[]  R12"#);
    let answered = next(&mut entries).await;
    let What::Response(response) = &answered.what else { panic!("{answered:?}") };
    assert!(response.added.contains(&"outbound|80||one.default.svc.cluster.local".to_owned()));
    assert_eq!((response.nonce.as_str(), response.cause.as_str()), (first.nonce.as_str(), "request"));

    say(ack(&first)).await;
    assert_eq!(brief(&next(&mut entries).await), "Ack CDS +[] -[]  R5");

    let name = "outbound|80||one.default.svc.cluster.local".to_owned();
    let subscribe = vec![name.clone()];
    say(DeltaDiscoveryRequest {
        type_url: EDS.into(),
        resource_names_subscribe: subscribe,
        ..Default::default()
    })
    .await;
    let endpoints = hear(&mut answers).await;
    let asked = next(&mut entries).await;
    assert!(
        matches!(&asked.what, What::Request(r) if r.act == Act::First && r.added == [name.clone()]),
        "{asked:?}"
    );
    next(&mut entries).await;
    let refusal = RpcStatus { code: 3, message: "no such thing".into(), ..Default::default() };
    say(DeltaDiscoveryRequest { error_detail: Some(refusal), ..ack(&endpoints) }).await;
    let refused = next(&mut entries).await;
    assert_eq!(brief(&refused), "Nack EDS +[] -[] no such thing R6");
    say(DeltaDiscoveryRequest { response_nonce: "old".into(), ..ack(&endpoints) }).await;
    assert!(matches!(next(&mut entries).await.what, What::Request(r) if r.act == Act::Stale));
    say(DeltaDiscoveryRequest {
        type_url: EDS.into(),
        resource_names_unsubscribe: vec![name.clone()],
        ..Default::default()
    })
    .await;
    assert!(
        matches!(next(&mut entries).await.what, What::Request(r) if r.act == Act::Change && r.removed == [name])
    );

    server.apply(service("two")).await;
    hear(&mut answers).await;
    let pushed = next(&mut entries).await;
    let What::Response(response) = &pushed.what else { panic!("{pushed:?}") };
    assert_eq!(response.cause, "push");
    assert_eq!(response.because, ["service", "ServiceEntry/default/two.default.svc.cluster.local"]);

    drop(requests);
    assert_eq!(brief(&next(&mut entries).await), "Disconnected");
    for entry in [&connected, &asked, &answered, &refused, &pushed] {
        let text = serde_json::to_string(entry).expect("JSON");
        assert_eq!(&serde_json::from_str::<Entry>(&text).expect("an entry"), entry, "{text}");
    }
    assert!(line(&refused).contains("-> EDS  NACK  \"no such thing\""), "{}", line(&refused));
    assert!(line(&pushed).contains("<- CDS"), "{}", line(&pushed));
    let page = page(&[connected, refused]).expect("a page");
    assert!(page.contains("no such thing") && !page.contains("http://127"), "it fetches nothing");
    server.shutdown().await.expect("it ends");
}

#[tokio::test]
async fn a_sotw_request_says_what_changed() {
    let (recorder, mut entries) = Recorder::new(1024);
    let server =
        Server::start(Config { transcript: Some(recorder), ..Config::default() }).await.expect("it starts");
    let address = format!("http://{}", server.grpc_addr());
    let mut client = AggregatedDiscoveryServiceClient::connect(address).await.expect("it listens");
    let (requests, stream) = mpsc::channel(8);
    let answers = client.stream_aggregated_resources(ReceiverStream::new(stream)).await.expect("a stream");
    let mut answers: Streaming<DiscoveryResponse> = answers.into_inner();
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let first = DiscoveryRequest {
        node: node(),
        type_url: EDS.into(),
        resource_names: names(&["a", "b"]),
        ..Default::default()
    };
    requests.send(first).await.expect("open");
    let answer = hear(&mut answers).await;
    next(&mut entries).await;
    assert!(
        matches!(next(&mut entries).await.what, What::Request(r) if r.act == Act::First && r.names == ["a", "b"])
    );
    next(&mut entries).await;
    let later = DiscoveryRequest {
        type_url: EDS.into(),
        resource_names: names(&["b", "c"]),
        version_info: answer.version_info.clone(),
        response_nonce: answer.nonce.clone(),
        ..Default::default()
    };
    requests.send(later).await.expect("open");
    let What::Request(changed) = next(&mut entries).await.what else { panic!("a request") };
    assert_eq!((changed.act, changed.added, changed.removed), (Act::Ack, names(&["c"]), names(&["a"])));
    assert_eq!(changed.version, answer.version_info);
    server.shutdown().await.expect("it ends");
}
