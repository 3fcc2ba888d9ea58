//! CSDS, reflection and health over real gRPC.

mod common;

use common::{CDS, CLUSTER, Client, DEADLINE, EDS, LDS, server, server_of, with_token};
use envoy_types::pb::envoy::config::cluster::v3::Cluster;
use envoy_types::pb::envoy::service::status::v3::client_config::GenericXdsConfig;
use envoy_types::pb::envoy::service::status::v3::client_status_discovery_service_client::ClientStatusDiscoveryServiceClient;
use envoy_types::pb::envoy::service::status::v3::{ClientConfig, ClientStatusRequest, ConfigStatus};
use envoy_types::pb::envoy::r#type::matcher::v3::string_matcher::MatchPattern;
use envoy_types::pb::envoy::r#type::matcher::v3::{NodeMatcher, RegexMatcher, StringMatcher};
use prost::Message;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use xdslab_server::identity::IdentityOptions;
use xdslab_server::{Config, Server};

async fn channel(server: &Server) -> Channel {
    let address = format!("http://{}", server.grpc_addr());
    Channel::from_shared(address).expect("an address").connect().await.expect("the server listens")
}

fn of_id(pattern: MatchPattern) -> ClientStatusRequest {
    let node_id = Some(StringMatcher { match_pattern: Some(pattern), ignore_case: false });
    let node_matchers = vec![NodeMatcher { node_id, ..NodeMatcher::default() }];
    ClientStatusRequest { node_matchers, ..ClientStatusRequest::default() }
}

async fn fetch(server: &Server, request: ClientStatusRequest) -> Vec<ClientConfig> {
    let mut client = ClientStatusDiscoveryServiceClient::new(channel(server).await);
    client.fetch_client_status(request).await.expect("an answer").into_inner().config
}

fn of_type<'c>(config: &'c ClientConfig, type_url: &str) -> Vec<&'c GenericXdsConfig> {
    config.generic_xds_configs.iter().filter(|c| c.type_url == type_url).collect()
}

#[tokio::test]
async fn every_resource_and_its_state() {
    let server = server().await;
    let mut client = Client::in_sync(&server).await;
    let all = fetch(&server, ClientStatusRequest::default()).await;
    assert_eq!(all.len(), 1);
    let node = all[0].node.as_ref().expect("a node");
    assert_eq!(node.id, "sidecar~10.0.0.9~a-1.default~default.svc.cluster.local");
    assert!(node.metadata.as_ref().is_some_and(|m| m.fields.contains_key("PROXY_CONFIG")));
    let clusters = of_type(&all[0], CDS);
    assert!(clusters.iter().all(|c| c.config_status() == ConfigStatus::Synced && c.last_updated.is_some()));
    let a = clusters.iter().find(|c| c.name == CLUSTER).expect("the cluster");
    let body = a.xds_config.as_ref().expect("its contents");
    assert_eq!(Cluster::decode(&*body.value).expect("a cluster").name, CLUSTER);
    assert_eq!(of_type(&all[0], EDS).len(), 1);

    // Sent and not accepted yet.
    client.ask(LDS, &[]).await;
    let without = ClientStatusRequest { exclude_resource_contents: true, ..ClientStatusRequest::default() };
    let all = fetch(&server, without).await;
    let listeners = of_type(&all[0], LDS);
    assert!(!listeners.is_empty());
    assert!(listeners.iter().all(|l| l.config_status() == ConfigStatus::Stale && l.xds_config.is_none()));
    server.shutdown().await.expect("it ends");
}

#[tokio::test]
async fn nodes_are_matched() {
    let server = server().await;
    let _client = Client::in_sync(&server).await;
    let id = "sidecar~10.0.0.9~a-1.default~default.svc.cluster.local";
    for (pattern, found) in [
        (MatchPattern::Exact(id.into()), 1),
        (MatchPattern::Exact("a-1.default".into()), 0),
        (MatchPattern::Prefix("sidecar~10.0.0.9~".into()), 1),
        (MatchPattern::Prefix("router~".into()), 0),
        (MatchPattern::Contains("a-1".into()), 1),
    ] {
        assert_eq!(fetch(&server, of_id(pattern.clone())).await.len(), found, "{pattern:?}");
    }
    let mut client = ClientStatusDiscoveryServiceClient::new(channel(&server).await);
    let unknown = of_id(MatchPattern::SafeRegex(RegexMatcher::default()));
    let refused = client.fetch_client_status(unknown).await.expect_err("nothing is matched by chance");
    assert_eq!(refused.code(), Code::InvalidArgument);
    server.shutdown().await.expect("it ends");
}

#[tokio::test]
async fn a_stream_is_answered_request_by_request() {
    let server = server().await;
    let mut client = ClientStatusDiscoveryServiceClient::new(channel(&server).await);
    let (requests, stream) = mpsc::channel(2);
    let answers = client.stream_client_status(ReceiverStream::new(stream)).await.expect("a stream");
    let mut answers = answers.into_inner();
    for connected in [0, 1] {
        requests.send(ClientStatusRequest::default()).await.expect("open");
        let answer = timeout(DEADLINE, answers.message()).await.expect("in time").expect("no error");
        assert_eq!(answer.expect("an answer").config.len(), connected);
        if connected == 0 {
            let client = Client::in_sync(&server).await;
            // Stays connected for the second look.
            std::mem::forget(client);
        }
    }
    timeout(DEADLINE, server.shutdown()).await.expect("in time").expect("it ends, with the stream open");
}

#[tokio::test]
async fn strangers_are_refused() {
    let identity = IdentityOptions { require_tokens: true, ..IdentityOptions::default() };
    let server = server_of(Config { identity, ..Config::default() }).await;
    let _client = Client::in_sync(&server).await;
    let mut client = ClientStatusDiscoveryServiceClient::new(channel(&server).await);
    let token = |account: &str| server.token(&account.parse().expect("an account"), DEADLINE);
    for (token, found) in [
        (None, Err(Code::Unauthenticated)),
        (Some(token("other/sa")), Ok(0)),
        (Some(token("default/sa")), Ok(1)),
        (Some(token("istio-system/istiod")), Ok(1)),
    ] {
        let request = with_token(ClientStatusRequest::default(), token.as_deref());
        let answer = client.fetch_client_status(request).await;
        let seen = answer.map(|a| a.into_inner().config.len()).map_err(|status| status.code());
        assert_eq!(seen, found, "{token:?}");
    }
    server.shutdown().await.expect("it ends");
}

#[tokio::test]
async fn services_are_listed_described_and_healthy() {
    let server = server().await;
    let channel = channel(&server).await;
    let mut reflection = ServerReflectionClient::new(channel.clone());
    let ask = |message| ServerReflectionRequest { host: String::new(), message_request: Some(message) };
    let cds = "envoy.config.cluster.v3.Cluster".to_owned();
    let questions =
        [MessageRequest::ListServices(String::new()), MessageRequest::FileContainingSymbol(cds)].map(ask);
    let answers = reflection.server_reflection_info(tokio_stream::iter(questions)).await.expect("a stream");
    let mut answers = answers.into_inner();
    let mut next = async || {
        let answer = timeout(DEADLINE, answers.message()).await.expect("in time").expect("no error");
        answer.and_then(|answer| answer.message_response).expect("an answer")
    };
    let MessageResponse::ListServicesResponse(list) = next().await else { panic!("a list") };
    let services: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
    for served in [
        "envoy.service.discovery.v3.AggregatedDiscoveryService",
        "envoy.service.cluster.v3.ClusterDiscoveryService",
        "envoy.service.secret.v3.SecretDiscoveryService",
        "envoy.service.status.v3.ClientStatusDiscoveryService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
    ] {
        assert!(services.iter().any(|name| name == served), "{served} is not in {services:?}");
    }
    assert!(matches!(next().await, MessageResponse::FileDescriptorResponse(_)));
    let mut health = HealthClient::new(channel);
    for service in services.iter().filter(|name| name.starts_with("envoy.")) {
        let answer = health.check(HealthCheckRequest { service: service.clone() }).await.expect("known");
        assert_eq!(answer.into_inner().status, 1, "{service} serves");
    }
    drop((health, reflection));
    server.shutdown().await.expect("it ends");
}
