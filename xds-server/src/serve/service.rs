//! The gRPC methods: the aggregated discovery service, and one service a type.
//!
//! The generated services would copy every resource of every response into a message of their own; these take requests as
//! they do, and send shared bytes.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Response, header};
use axum::routing::post;
use envoy_types::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DiscoveryRequest};
use tokio::sync::mpsc;
use tonic::codec::BufferSettings;
use tonic::service::Routes;
use tonic::{Status, Streaming};
use tonic_prost::ProstDecoder;
use xdslab_protocol::ResourceType;

use super::drive::drive;
use super::hub::Hub;
use super::replies::Replies;
use super::wire::Wire;

/// Responses that may wait for a slow client before its stream stops generating.
const WAITING: usize = 2;
/// Largest request that is taken, as istiod's default; a bigger one ends the stream.
const MAX_REQUEST: usize = 4 << 20;
/// A request is read into a buffer of this size first, and streams keep it: most requests are small.
const BUFFER: usize = 1 << 10;

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

/// All methods over `hub`.
pub fn routes(hub: &Arc<Hub>) -> Routes {
    let mut router = Router::new().fallback(unimplemented);
    for (service, sotw, delta, only) in SERVICES {
        router = router
            .route(&format!("/{service}/{sotw}"), method::<DiscoveryRequest>(hub, only.clone()))
            .route(&format!("/{service}/{delta}"), method::<DeltaDiscoveryRequest>(hub, only));
    }
    router.into()
}

fn method<W: Wire>(hub: &Arc<Hub>, only: Option<ResourceType>) -> axum::routing::MethodRouter {
    let hub = hub.clone();
    post(async move |request: Request| {
        let decoder = ProstDecoder::<W>::new(BufferSettings::new(BUFFER, BUFFER));
        let requests = Streaming::new_request(decoder, request.into_body(), None, Some(MAX_REQUEST));
        let (out, messages) = mpsc::channel(WAITING);
        hub.streams.spawn(drive(hub.clone(), only, requests, out));
        let mut response = Response::new(Body::new(Replies::new(messages)));
        let grpc = HeaderValue::from_static("application/grpc");
        response.headers_mut().insert(header::CONTENT_TYPE, grpc);
        response
    })
}

async fn unimplemented() -> Response<Body> {
    Status::unimplemented("").into_http()
}
