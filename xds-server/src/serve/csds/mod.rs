//! CSDS: what every client was sent, and whether it has accepted it (Envoy docs: `service/status/v3/csds.proto`).
//! istiod has no such service; what its own types tell is told here too, resource by resource.

mod matcher;

use std::pin::Pin;
use std::sync::Arc;

use envoy_types::pb::envoy::admin::v3::UpdateFailureState;
use envoy_types::pb::envoy::config::core::v3::{Locality, Node};
use envoy_types::pb::envoy::service::status::v3::client_config::GenericXdsConfig;
use envoy_types::pb::envoy::service::status::v3::client_status_discovery_service_server::{
    ClientStatusDiscoveryService, ClientStatusDiscoveryServiceServer,
};
use envoy_types::pb::envoy::service::status::v3::{ClientConfig, ClientStatusRequest, ClientStatusResponse};
use futures::{Stream, StreamExt};
use tokio::task::spawn_blocking;
use tonic::transport::server::TcpConnectInfo;
use tonic::{Extensions, Request, Response, Status, Streaming};
use xdslab_mesh::ProxyKind;
use xdslab_proto::protobuf::Any;
use xdslab_proto::structure;
use xdslab_protocol::ResourceType;

use self::matcher::Matchers;
use super::client::Client;
use super::debug::{Caller, caller, sync_status};
use super::hub::Hub;
use super::internal::timestamp;
use super::status::TypeStatus;
use crate::identity::Visitor;

/// The service's name.
pub const STATUS: &str = "envoy.service.status.v3.ClientStatusDiscoveryService";

/// The service over `hub`.
#[derive(Clone, Debug)]
pub struct ClientStatuses(Arc<Hub>);

/// The service, to be added to a server's routes.
pub fn client_statuses(hub: &Arc<Hub>) -> ClientStatusDiscoveryServiceServer<ClientStatuses> {
    ClientStatusDiscoveryServiceServer::new(ClientStatuses(hub.clone()))
}

#[tonic::async_trait]
impl ClientStatusDiscoveryService for ClientStatuses {
    type StreamClientStatusStream = Pin<Box<dyn Stream<Item = Result<ClientStatusResponse, Status>> + Send>>;

    /// Each request is answered with what is so then.
    async fn stream_client_status(
        &self,
        request: Request<Streaming<ClientStatusRequest>>,
    ) -> Result<Response<Self::StreamClientStatusStream>, Status> {
        let hub = self.0.clone();
        let caller = admitted(&hub, &request.metadata().clone().into_headers(), request.extensions())?;
        let ended = hub.cancel.clone().cancelled_owned();
        let answers = request.into_inner().take_until(ended).then(move |request| {
            let (hub, caller) = (hub.clone(), caller.clone());
            async move { answer(hub, caller, request?).await }
        });
        Ok(Response::new(Box::pin(answers)))
    }

    async fn fetch_client_status(
        &self,
        request: Request<ClientStatusRequest>,
    ) -> Result<Response<ClientStatusResponse>, Status> {
        let caller = admitted(&self.0, &request.metadata().clone().into_headers(), request.extensions())?;
        answer(self.0.clone(), caller, request.into_inner()).await.map(Response::new)
    }
}

/// Who asks. On the loopback anybody may, elsewhere who brings a token.
fn admitted(hub: &Hub, headers: &http::HeaderMap, extensions: &Extensions) -> Result<Caller, Status> {
    let peer = extensions.get::<TcpConnectInfo>().and_then(TcpConnectInfo::remote_addr);
    let visitor = Visitor { peer, authorization: Visitor::authorization(headers) };
    match caller(hub, &visitor) {
        Caller::Nobody => Err(Status::unauthenticated("authentication required")),
        caller => Ok(caller),
    }
}

/// Made beside the threads that serve streams: everything of all clients takes long.
async fn answer(
    hub: Arc<Hub>,
    caller: Caller,
    request: ClientStatusRequest,
) -> Result<ClientStatusResponse, Status> {
    let made = spawn_blocking(move || statuses(&hub, &caller, &request)).await;
    made.map_err(|error| Status::internal(error.to_string()))?
}

fn statuses(
    hub: &Hub,
    caller: &Caller,
    request: &ClientStatusRequest,
) -> Result<ClientStatusResponse, Status> {
    let matchers = Matchers::read(&request.node_matchers)?;
    let with_contents = !request.exclude_resource_contents;
    let clients = hub.clients();
    let shown = clients.iter().filter(|client| caller.may_see(client));
    let matching =
        shown.filter(|client| matchers.accept(&client.seen.node, &client.seen.view.proxy.metadata.raw));
    Ok(ClientStatusResponse { config: matching.map(|client| config(hub, client, with_contents)).collect() })
}

fn config(hub: &Hub, client: &Client, with_contents: bool) -> ClientConfig {
    let proxy = &client.seen.view.proxy;
    let place = &client.seen.view.workload.locality;
    let node = Node {
        id: client.seen.node.to_string(),
        cluster: proxy.cluster.to_string(),
        metadata: proxy.metadata.raw.as_object().map(structure),
        locality: Some(Locality {
            region: place.region.to_string(),
            zone: place.zone.to_string(),
            sub_zone: place.subzone.to_string(),
        }),
        ..Node::default()
    };
    let types = client.status.watches();
    let configs = types.flat_map(|(kind, of_type)| resources(hub, client, kind, of_type, with_contents));
    ClientConfig {
        node: Some(node),
        generic_xds_configs: configs.collect(),
        client_scope: scope(proxy.kind).to_owned(),
        ..ClientConfig::default()
    }
}

/// One entry a resource. Of a type that nothing was sent of, one entry without a name says so.
fn resources(
    hub: &Hub,
    client: &Client,
    kind: &ResourceType,
    of_type: &TypeStatus,
    with_contents: bool,
) -> Vec<GenericXdsConfig> {
    let sent = of_type.sent_at.map(timestamp);
    let entry = GenericXdsConfig {
        type_url: kind.type_url().to_owned(),
        version_info: of_type.version.as_deref().unwrap_or_default().to_owned(),
        last_updated: sent,
        config_status: sync_status(of_type).into(),
        error_state: of_type.error.as_ref().map(|error| UpdateFailureState {
            last_update_attempt: sent,
            details: error.clone(),
            ..UpdateFailureState::default()
        }),
        ..GenericXdsConfig::default()
    };
    let resources = client.resources(hub, kind);
    if of_type.sent.is_none() || resources.is_empty() {
        return vec![entry];
    }
    let of_resource = |resource: &xdslab_protocol::Resource| GenericXdsConfig {
        name: resource.name.to_string(),
        xds_config: with_contents
            .then(|| Any { type_url: kind.type_url().to_owned(), value: resource.body.to_vec() }),
        ..entry.clone()
    };
    resources.iter().map(of_resource).collect()
}

fn scope(kind: ProxyKind) -> &'static str {
    match kind {
        ProxyKind::Sidecar => "sidecar",
        ProxyKind::Router => "router",
        ProxyKind::Waypoint => "waypoint",
        ProxyKind::Ztunnel => "ztunnel",
    }
}
