//! The gRPC methods: the aggregated discovery service, and one service a type.
//!
//! The generated services would copy every resource of every response into a message of their own; these take requests as
//! they do, and send shared bytes.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Response, header};
use axum::routing::{MethodRouter, post};
use envoy_types::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DiscoveryRequest};
use tokio::sync::mpsc;
use tonic::Status;
use tonic::service::Routes;
use tonic::transport::server::TcpConnectInfo;
use xdslab_protocol::ResourceType;

use super::conversation::Out;
use super::csds::client_statuses;
use super::drive::drive;
use super::hub::Hub;
use super::reflection::reflection;
use super::replies::Replies;
use super::requests::Requests;
use super::secrets::serve_secrets;
use super::wire::Wire;
use crate::identity::Visitor;

/// Responses that may wait for a slow client before its stream stops generating.
const WAITING: usize = 2;
/// Largest request that is taken, as istiod's default; a bigger one ends the stream.
const MAX_REQUEST: usize = 4 << 20;

/// The services: name, SotW method, delta method, and the type if it is only one.
pub const SERVICES: [(&str, &str, &str, Option<ResourceType>); 5] = [
    (
        "envoy.service.discovery.v3.AggregatedDiscoveryService",
        "StreamAggregatedResources",
        "DeltaAggregatedResources",
        None,
    ),
    (
        "envoy.service.cluster.v3.ClusterDiscoveryService",
        "StreamClusters",
        "DeltaClusters",
        Some(ResourceType::Cluster),
    ),
    (
        "envoy.service.endpoint.v3.EndpointDiscoveryService",
        "StreamEndpoints",
        "DeltaEndpoints",
        Some(ResourceType::Endpoint),
    ),
    (
        "envoy.service.listener.v3.ListenerDiscoveryService",
        "StreamListeners",
        "DeltaListeners",
        Some(ResourceType::Listener),
    ),
    (
        "envoy.service.route.v3.RouteDiscoveryService",
        "StreamRoutes",
        "DeltaRoutes",
        Some(ResourceType::Route),
    ),
];

/// The service of secrets (SDS).
pub const SECRETS: &str = "envoy.service.secret.v3.SecretDiscoveryService";

/// All methods over `hub`.
pub fn routes(hub: &Arc<Hub>) -> Routes {
    let mut router = Router::new().fallback(unimplemented);
    for (service, sotw, delta, only) in SERVICES {
        router = router
            .route(&format!("/{service}/{sotw}"), resources::<DiscoveryRequest>(hub, only.clone()))
            .route(&format!("/{service}/{delta}"), resources::<DeltaDiscoveryRequest>(hub, only));
    }
    router = router
        .route(&format!("/{SECRETS}/StreamSecrets"), secrets::<DiscoveryRequest>(hub))
        .route(&format!("/{SECRETS}/DeltaSecrets"), secrets::<DeltaDiscoveryRequest>(hub));
    Routes::from(router.merge(reflection())).add_service(client_statuses(hub))
}

fn resources<W: Wire>(hub: &Arc<Hub>, only: Option<ResourceType>) -> MethodRouter {
    let hub = hub.clone();
    method(move |request: Requests<W>, visitor, out| {
        hub.streams.spawn(drive(hub.clone(), only.clone(), visitor, request, out));
    })
}

fn secrets<W: Wire>(hub: &Arc<Hub>) -> MethodRouter {
    let hub = hub.clone();
    method(move |request: Requests<W>, visitor, out| {
        hub.streams.spawn(serve_secrets(hub.clone(), visitor, request, out));
    })
}

/// A method whose streams `begin` takes on.
pub(super) fn method<W: Wire>(
    begin: impl Fn(Requests<W>, Visitor, Out) + Clone + Send + Sync + 'static,
) -> MethodRouter {
    post(async move |request: Request| {
        let visitor = visitor(&request);
        let requests = Requests::new(request.into_body(), MAX_REQUEST);
        let (out, messages) = mpsc::channel(WAITING);
        begin(requests, visitor, out);
        let mut response = Response::new(Body::new(Replies::new(messages)));
        let grpc = HeaderValue::from_static("application/grpc");
        response.headers_mut().insert(header::CONTENT_TYPE, grpc);
        response
    })
}

fn visitor(request: &Request) -> Visitor {
    let peer = request.extensions().get::<TcpConnectInfo>().and_then(TcpConnectInfo::remote_addr);
    Visitor { peer, authorization: Visitor::authorization(request.headers()) }
}

pub(super) async fn unimplemented() -> Response<Body> {
    Status::unimplemented("").into_http()
}
