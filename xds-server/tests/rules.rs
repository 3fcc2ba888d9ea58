//! Rules of the xDS protocol that the transport obeys, over real gRPC. The others are scripts
//! (`xds-server/protocol/tests/scripts`); `docs/PROTOCOL.md` has the numbers.

mod common;

use common::{CDS, CLUSTER, Client, DEADLINE, EDS, LDS, apply, get, node, server, server_of};
use envoy_types::pb::envoy::service::cluster::v3::cluster_discovery_service_client::ClusterDiscoveryServiceClient;
use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient;
use envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
};
use prost::Message;
use serde_json::{Value, json};
use tokio::sync::broadcast::Receiver;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};
use xdslab_protocol::{ResourceType, Semantics};
use xdslab_server::observe::{Event, Happening};
use xdslab_server::{Config, Server};

const MIB: usize = 1024 * 1024;

async fn channel(server: &Server) -> Channel {
    let address = format!("http://{}", server.grpc_addr());
    Channel::from_shared(address).expect("an address").connect().await.expect("the server listens")
}

async fn next<S>(responses: &mut Streaming<S>) -> Result<S, Status> {
    let message = timeout(DEADLINE, responses.message()).await.expect("an answer in time")?;
    message.ok_or_else(|| Status::ok("end"))
}

/// The one answer to a first request, of a stream of a type's own or an aggregated one, SotW or delta.
struct Ways(Channel);

impl Ways {
    async fn aggregated_sotw(&self, request: DiscoveryRequest) -> Result<DiscoveryResponse, Status> {
        let mut client =
            AggregatedDiscoveryServiceClient::new(self.0.clone()).max_decoding_message_size(64 * MIB);
        let (said, stream) = mpsc::channel(1);
        said.send(request).await.expect("room");
        let mut heard = client.stream_aggregated_resources(ReceiverStream::new(stream)).await?.into_inner();
        next(&mut heard).await
    }

    async fn aggregated_delta(
        &self,
        request: DeltaDiscoveryRequest,
    ) -> Result<DeltaDiscoveryResponse, Status> {
        let mut client =
            AggregatedDiscoveryServiceClient::new(self.0.clone()).max_decoding_message_size(64 * MIB);
        let (said, stream) = mpsc::channel(1);
        said.send(request).await.expect("room");
        let mut heard = client.delta_aggregated_resources(ReceiverStream::new(stream)).await?.into_inner();
        next(&mut heard).await
    }

    async fn clusters_sotw(&self, request: DiscoveryRequest) -> Result<DiscoveryResponse, Status> {
        let mut client = ClusterDiscoveryServiceClient::new(self.0.clone());
        let (said, stream) = mpsc::channel(1);
        said.send(request).await.expect("room");
        let mut heard = client.stream_clusters(ReceiverStream::new(stream)).await?.into_inner();
        next(&mut heard).await
    }

    async fn clusters_delta(&self, request: DeltaDiscoveryRequest) -> Result<DeltaDiscoveryResponse, Status> {
        let mut client = ClusterDiscoveryServiceClient::new(self.0.clone());
        let (said, stream) = mpsc::channel(1);
        said.send(request).await.expect("room");
        let mut heard = client.delta_clusters(ReceiverStream::new(stream)).await?.into_inner();
        next(&mut heard).await
    }
}

fn sotw(type_url: &str) -> DiscoveryRequest {
    DiscoveryRequest { node: node(), type_url: type_url.into(), ..Default::default() }
}

fn delta(type_url: &str) -> DeltaDiscoveryRequest {
    DeltaDiscoveryRequest { node: node(), type_url: type_url.into(), ..Default::default() }
}

fn names(response: &DeltaDiscoveryResponse) -> Vec<&str> {
    response.resources.iter().map(|r| r.name.as_str()).collect()
}

async fn until(events: &mut Receiver<Event>, what: impl Fn(&Happening) -> bool) {
    let seen = async { while !what(&events.recv().await.expect("events").what) {} };
    timeout(DEADLINE, seen).await.expect("it happens in time");
}

async fn nobody(server: &Server) {
    let gone = async {
        while !server.connections().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, gone).await.expect("every connection is forgotten");
}

#[tokio::test]
async fn r01_only_the_first_request_carries_the_node() {
    let server = server().await;
    let mut client = Client::connect(&server).await;
    let clusters = client.ask(CDS, &[]).await;
    client.ack(&clusters, &[]).await;
    let plain = |url: &str, names: Vec<String>| DiscoveryRequest {
        type_url: url.into(),
        resource_names: names,
        ..Default::default()
    };
    client.say(plain(EDS, vec![CLUSTER.into()])).await;
    let endpoints = client.hear().await.expect("endpoints for a request without a node");
    assert_eq!((endpoints.type_url.as_str(), endpoints.resources.len()), (EDS, 1));
    client.ack(&endpoints, &[CLUSTER]).await;
    client.say(plain(LDS, Vec::new())).await;
    let listeners = client.hear().await.expect("listeners for a request without a node");
    assert_eq!(listeners.type_url, LDS);
    server.shutdown().await.expect("it ends");
}

#[tokio::test]
async fn r01_a_first_request_without_a_node_is_refused() {
    let server = server().await;
    let ways = Ways(channel(&server).await);
    let refused = ways.aggregated_sotw(DiscoveryRequest { node: None, ..sotw(CDS) }).await;
    assert_eq!(refused.expect_err("refused").code(), Code::InvalidArgument);
    let refused = ways.aggregated_delta(DeltaDiscoveryRequest { node: None, ..delta(CDS) }).await;
    assert_eq!(refused.expect_err("refused").code(), Code::InvalidArgument);
    nobody(&server).await;
    server.shutdown().await.expect("it ends");
}

#[tokio::test]
async fn r03_an_aggregated_stream_needs_types() {
    let server = server().await;
    let ways = Ways(channel(&server).await);
    for status in [
        ways.aggregated_sotw(sotw("")).await.expect_err("refused"),
        ways.aggregated_delta(delta("")).await.expect_err("refused"),
        ways.clusters_sotw(sotw(EDS)).await.expect_err("another type"),
        ways.clusters_delta(delta(EDS)).await.expect_err("another type"),
    ] {
        assert_eq!(status.code(), Code::InvalidArgument, "{}", status.message());
    }
    let clusters = ways.clusters_sotw(sotw("")).await.expect("the service knows its type");
    assert_eq!(clusters.type_url, CDS);
    let clusters = ways.clusters_delta(delta("")).await.expect("the service knows its type");
    assert_eq!(clusters.type_url, CDS);
    server.shutdown().await.expect("it ends");
}

#[tokio::test]
async fn r04_four_variants_say_the_same() {
    for semantics in [Semantics::Istiod, Semantics::Spec] {
        let server = server_of(Config { semantics, ..Config::default() }).await;
        let ways = Ways(channel(&server).await);
        let bodies = |response: DiscoveryResponse| {
            assert!(response.resource_errors.is_empty(), "R37");
            let mut bodies: Vec<_> = response.resources.into_iter().map(|any| any.value).collect();
            bodies.sort();
            bodies
        };
        let delta_bodies = |response: DeltaDiscoveryResponse| {
            assert!(response.resource_errors.is_empty(), "R37");
            let body = |r: envoy_types::pb::envoy::service::discovery::v3::Resource| {
                r.resource.expect("a body").value
            };
            let mut bodies: Vec<_> = response.resources.into_iter().map(body).collect();
            bodies.sort();
            bodies
        };
        let one = bodies(ways.aggregated_sotw(sotw(CDS)).await.expect("clusters"));
        assert!(!one.is_empty());
        assert_eq!(one, bodies(ways.clusters_sotw(sotw(CDS)).await.expect("clusters")));
        assert_eq!(one, delta_bodies(ways.aggregated_delta(delta(CDS)).await.expect("clusters")));
        assert_eq!(one, delta_bodies(ways.clusters_delta(delta(CDS)).await.expect("clusters")));
        server.shutdown().await.expect("it ends");
    }
}

#[tokio::test]
async fn r21_r25_versions_and_missing_names_on_the_wire() {
    let server = server_of(Config { semantics: Semantics::Spec, ..Config::default() }).await;
    let ways = Ways(channel(&server).await);
    let subscribe = vec!["outbound|80||missing.default.svc.cluster.local".to_owned()];
    let request = DeltaDiscoveryRequest { resource_names_subscribe: subscribe.clone(), ..delta(CDS) };
    let answer = ways.aggregated_delta(request).await.expect("an answer at once");
    assert_eq!((answer.resources.len(), answer.removed_resources), (0, subscribe));
    let clusters = ways.aggregated_delta(delta(CDS)).await.expect("clusters");
    assert!(clusters.resources.iter().all(|r| r.version.len() == 16 && !r.name.is_empty()));
    server.shutdown().await.expect("it ends");
}

#[tokio::test]
async fn r36_what_a_client_found_wrong_is_kept_until_it_accepts() {
    let server = server_of(Config { semantics: Semantics::Spec, ..Config::default() }).await;
    let mut events = server.events();
    let mut client = Client::connect(&server).await;
    let clusters = client.ask(CDS, &[]).await;
    let error = envoy_types::pb::google::rpc::Status {
        code: 13,
        message: "no such thing".into(),
        details: Vec::new(),
    };
    let nack = DiscoveryRequest {
        type_url: CDS.into(),
        response_nonce: clusters.nonce.clone(),
        error_detail: Some(error),
        ..Default::default()
    };
    client.say(nack).await;
    until(&mut events, |what| matches!(what, Happening::Nacked { nonce, .. } if *nonce == clusters.nonce))
        .await;
    // The same nonce without an error, as Envoy sends it when its names change: it accepts nothing.
    let named = vec!["*".to_owned(), CLUSTER.to_owned()];
    client
        .say(DiscoveryRequest {
            type_url: CDS.into(),
            response_nonce: clusters.nonce,
            resource_names: named,
            ..Default::default()
        })
        .await;
    let again = client.hear().await.expect("the new name is answered");
    let error = |server: &Server| server.connections()[0].types[&ResourceType::Cluster].error.clone();
    assert_eq!(error(&server).as_deref(), Some("no such thing"));
    let (_, page) = get(&server, "/debug/syncz").await;
    assert!(!page.is_empty());
    client.ack(&again, &["*", CLUSTER]).await;
    until(&mut events, |what| matches!(what, Happening::Acked { .. })).await;
    assert_eq!(error(&server), None);
    server.shutdown().await.expect("it ends");
}

/// A rule that makes the cluster of a service about a mebibyte long.
fn weighty(name: &str) -> Value {
    let names: Vec<String> = (0..5000).map(|n| format!("{n:0>200}.example.com")).collect();
    json!({"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
           "metadata": {"name": name, "namespace": "default"},
           "spec": {"host": name, "trafficPolicy": {"tls": {"mode": "SIMPLE", "subjectAltNames": names}}}})
}

#[tokio::test]
async fn r39_ten_mebibytes_in_one_response() {
    let server = server().await;
    let service = |name: &str| {
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "default"},
               "spec": {"clusterIP": "10.1.0.2", "ports": [{"name": "http", "port": 80}]}})
    };
    let hosts: Vec<String> = (0..11).map(|n| format!("big-{n}")).collect();
    server.apply(apply(hosts.iter().flat_map(|name| [service(name), weighty(name)]))).await;
    timeout(DEADLINE, server.synced()).await.expect("in sync in time");
    let ways = Ways(channel(&server).await);
    let whole = ways.aggregated_sotw(sotw(CDS)).await.expect("clusters");
    assert!(whole.encoded_len() > 10 * MIB, "{}", whole.encoded_len());
    let whole = ways.aggregated_delta(delta(CDS)).await.expect("clusters");
    assert!(whole.encoded_len() > 10 * MIB, "{}", whole.encoded_len());
    assert_eq!(names(&whole).iter().filter(|name| name.contains("||big-")).count(), hosts.len());
    // gRPC's own limit is the client's: it sees an error, and the server goes on.
    let mut small = Client::connect(&server).await;
    small.say(sotw(CDS)).await;
    assert_eq!(small.hear().await.expect_err("more than 4 MiB").code(), Code::OutOfRange);
    drop(small);
    assert!(ways.aggregated_sotw(sotw(CDS)).await.is_ok());
    server.shutdown().await.expect("it ends");
}

#[tokio::test]
async fn r40_a_half_closed_stream_ends_and_is_forgotten() {
    let server = server().await;
    let mut events = server.events();
    let mut client = AggregatedDiscoveryServiceClient::new(channel(&server).await);
    let (said, stream) = mpsc::channel(1);
    said.send(sotw(CDS)).await.expect("room");
    let heard = client.stream_aggregated_resources(ReceiverStream::new(stream)).await.expect("a stream");
    let mut heard = heard.into_inner();
    next(&mut heard).await.expect("clusters");
    drop(said);
    until(&mut events, |what| matches!(what, Happening::Disconnected { .. })).await;
    assert_eq!(next(&mut heard).await.expect_err("the end").code(), Code::Ok);
    nobody(&server).await;
    server.shutdown().await.expect("it ends");
}

#[tokio::test]
async fn r40_reset_streams_leave_nothing_behind() {
    let server = server().await;
    let channel = channel(&server).await;
    for _ in 0..3 {
        let mut storm = Vec::new();
        for _ in 0..30 {
            let mut client = AggregatedDiscoveryServiceClient::new(channel.clone());
            let (said, stream) = mpsc::channel(1);
            said.send(delta(CDS)).await.expect("room");
            let heard =
                client.delta_aggregated_resources(ReceiverStream::new(stream)).await.expect("a stream");
            let mut heard = heard.into_inner();
            next(&mut heard).await.expect("clusters");
            storm.push((said, heard));
        }
        assert_eq!(server.connections().len(), 30);
        drop(storm);
        nobody(&server).await;
    }
    let mut client = Client::connect(&server).await;
    assert!(!client.ask(CDS, &[]).await.resources.is_empty(), "it serves on");
    server.shutdown().await.expect("it ends");
}
