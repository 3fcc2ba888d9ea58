//! The aggregated discovery service.

use std::sync::Arc;

use envoy_types::pb::envoy::service::discovery::v3 as pb;
use pb::aggregated_discovery_service_server::AggregatedDiscoveryService;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::drive::drive;
use super::hub::Hub;
use super::wire::{Delta, Sotw, Wire};

/// Responses that may wait for a slow client before its stream stops generating.
const WAITING: usize = 2;

/// The aggregated discovery service.
pub struct Ads(Arc<Hub>);

impl Ads {
    /// A service over `hub`.
    pub fn new(hub: Arc<Hub>) -> Self {
        Self(hub)
    }

    fn serve<W: Wire>(&self, requests: Streaming<W::Request>) -> Response<Responses<W::Response>> {
        let (out, responses) = mpsc::channel(WAITING);
        tokio::spawn(drive::<W>(self.0.clone(), requests, out));
        Response::new(ReceiverStream::new(responses))
    }
}

type Responses<T> = ReceiverStream<Result<T, Status>>;

#[tonic::async_trait]
impl AggregatedDiscoveryService for Ads {
    type StreamAggregatedResourcesStream = Responses<pb::DiscoveryResponse>;
    type DeltaAggregatedResourcesStream = Responses<pb::DeltaDiscoveryResponse>;

    async fn stream_aggregated_resources(
        &self,
        request: Request<Streaming<pb::DiscoveryRequest>>,
    ) -> Result<Response<Self::StreamAggregatedResourcesStream>, Status> {
        Ok(self.serve::<Sotw>(request.into_inner()))
    }

    async fn delta_aggregated_resources(
        &self,
        request: Request<Streaming<pb::DeltaDiscoveryRequest>>,
    ) -> Result<Response<Self::DeltaAggregatedResourcesStream>, Status> {
        Ok(self.serve::<Delta>(request.into_inner()))
    }
}
