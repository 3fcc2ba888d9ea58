//! The types of `istio.io/debug`, which `istioctl` asks for over xDS: answered at once and never subscribed to
//! (istiod: `pilot/pkg/xds/{debuggen,statusgen}.go`).

use std::sync::Arc;
use std::time::SystemTime;

use bytes::{BufMut, BytesMut};
use envoy_types::pb::envoy::admin::v3::UpdateFailureState;
use envoy_types::pb::envoy::config::core::v3::{ControlPlane, Node};
use envoy_types::pb::envoy::service::discovery::v3::{DeltaDiscoveryResponse, DiscoveryResponse, Resource};
use envoy_types::pb::envoy::service::status::v3::ClientConfig;
use envoy_types::pb::envoy::service::status::v3::client_config::GenericXdsConfig;
use envoy_types::pb::google::protobuf::{Any, Timestamp};
use prost::Message;
use serde_json::{Map, Value, json};
use tokio::task::spawn_blocking;
use tonic::Status;
use xdslab_mesh::ProxyKind;
use xdslab_proto::{pack_any, structure};
use xdslab_protocol::{Request, RequestNames, ResourceType, Variant};

use super::client::Client;
use super::debug::{self, Caller, Query};
use super::encode::Pieces;
use super::hub::Hub;

const PAGE: &str = "istio.io/debug";
const SYNC: &str = "istio.io/debug/syncz";
const DUMP: &str = "istio.io/debug/config_dump";

/// Whether requests of this type are for these answers.
pub(super) fn is_internal(kind: &ResourceType) -> bool {
    matches!(kind.type_url(), PAGE | SYNC | DUMP)
}

/// The message that answers a request. Clients on the loopback need no identity here, which istiod would ask them for.
///
/// # Errors
/// As istiod: when the client must prove who it is, may not look, or does not ask for exactly one page.
pub(super) async fn answer(
    hub: &Arc<Hub>,
    caller: Caller,
    request: &Request,
    variant: Variant,
    nonce: String,
) -> Result<Pieces, Status> {
    if caller == Caller::Nobody {
        return Err(Status::unauthenticated("authentication required"));
    }
    let names: Vec<&str> = match &request.names {
        RequestNames::Sotw(names) | RequestNames::Delta { subscribe: names, .. } => {
            names.iter().map(arcstr::ArcStr::as_str).collect()
        }
    };
    let type_url = request.resource_type.type_url();
    let resources = match (type_url, &names[..]) {
        (PAGE, [name]) => vec![page(hub, name, caller).await?],
        (PAGE, _) => return Err(Status::invalid_argument("exactly one debug request is required")),
        (SYNC, _) => sync(hub, &caller),
        (_, [proxy]) => {
            let (hub, proxy) = (hub.clone(), (*proxy).to_owned());
            let dumped = spawn_blocking(move || dump(&hub, &proxy, &caller)).await;
            dumped.map_err(|error| Status::internal(error.to_string()))?
        }
        _ => Vec::new(),
    };
    let control_plane = (type_url == SYNC).then(|| ControlPlane { identifier: identifier() });
    let version = hub.version().to_string();
    let type_url = type_url.to_owned();
    let bytes = match variant {
        Variant::Sotw => DiscoveryResponse {
            version_info: version,
            resources: resources.into_iter().filter_map(|resource| resource.resource).collect(),
            type_url,
            nonce,
            control_plane,
            ..DiscoveryResponse::default()
        }
        .encode_to_vec(),
        Variant::Delta => DeltaDiscoveryResponse {
            system_version_info: version,
            resources,
            type_url,
            nonce,
            control_plane,
            ..DeltaDiscoveryResponse::default()
        }
        .encode_to_vec(),
    };
    framed(&bytes)
}

/// The body of the page of this name, `?` and query included.
async fn page(hub: &Arc<Hub>, name: &str, caller: Caller) -> Result<Resource, Status> {
    let (path, query) = name.split_once('?').unwrap_or((name, ""));
    let page = debug::answer(hub, path, Query::read(query), caller).await;
    if page.status == 403 {
        return Err(Status::permission_denied("the debug info is not available for current identity"));
    }
    // istiod writes the status of what is not found before its text.
    let head = if page.status == 200 {
        String::new()
    } else {
        json!({"statusCode": page.status.to_string()}).to_string()
    };
    let value = (head + &page.body).into_bytes();
    let resource = Some(Any { type_url: PAGE.to_owned(), value });
    Ok(Resource { name: name.to_owned(), resource, ..Resource::default() })
}

fn sync(hub: &Hub, caller: &Caller) -> Vec<Resource> {
    let clients = hub.clients();
    // Clients without a proxy's configuration are no proxies: `istioctl` itself, say.
    let is_proxy = |client: &&Client| {
        let proxy = &client.seen.view.proxy;
        proxy.metadata.proxy_config.is_some() || proxy.kind == ProxyKind::Ztunnel
    };
    let shown = clients.iter().filter(|client| caller.may_see(client)).filter(is_proxy);
    let resource = |client: &Client| {
        let config = client_config(client);
        let name = client.seen.view.proxy.id.to_string();
        Resource { name, resource: Some(pack_any(config)), ..Resource::default() }
    };
    shown.map(resource).collect()
}

/// One status a type, in order of the types' URLs.
fn client_config(client: &Client) -> ClientConfig {
    let proxy = &client.seen.view.proxy;
    let mut types: Vec<_> = client.status.watches().collect();
    types.sort_by_key(|(kind, _)| kind.type_url().to_owned());
    let status = types.into_iter().map(|(kind, of_type)| {
        let sent = of_type.sent_at.map(timestamp);
        GenericXdsConfig {
            type_url: kind.type_url().to_owned(),
            config_status: debug::sync_status(of_type).into(),
            last_updated: sent,
            error_state: of_type.error.as_ref().map(|error| UpdateFailureState {
                last_update_attempt: sent,
                details: error.clone(),
                ..UpdateFailureState::default()
            }),
            ..GenericXdsConfig::default()
        }
    });
    let known = [
        ("CLUSTER_ID", &*proxy.metadata.cluster_id),
        ("NAMESPACE", proxy.metadata.namespace.as_deref().unwrap_or_default()),
        ("ISTIO_VERSION", &*proxy.metadata.istio_version),
    ];
    let metadata: Map<String, Value> = known
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(key, value)| (key.to_owned(), value.into()))
        .collect();
    let node = Node { id: proxy.id.to_string(), metadata: Some(structure(&metadata)), ..Node::default() };
    ClientConfig { node: Some(node), generic_xds_configs: status.collect(), ..ClientConfig::default() }
}

fn dump(hub: &Hub, proxy: &str, caller: &Caller) -> Vec<Resource> {
    let client = hub.clients().into_iter().find(|client| client.status.id.contains(proxy));
    let Some(client) = client.filter(|client| caller.may_see(client)) else { return Vec::new() };
    let parts = debug::dump(hub, &client, false).into_iter();
    parts.map(|any| Resource { resource: Some(any), ..Resource::default() }).collect()
}

/// What `istioctl proxy-status` shows as the control plane's name and version.
fn identifier() -> String {
    let version = concat!("xdslab-", env!("CARGO_PKG_VERSION"));
    json!({"Component": "istiod", "ID": "xdslab", "Info": {"version": version, "tag": version}}).to_string()
}

/// Wall-clock time as protobuf has it.
pub(super) fn timestamp(at: SystemTime) -> Timestamp {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let nanos = i32::try_from(since.subsec_nanos()).unwrap_or_default();
    Timestamp { seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX), nanos }
}

/// A message with gRPC's prefix.
fn framed(message: &[u8]) -> Result<Pieces, Status> {
    let length = u32::try_from(message.len()).map_err(|_| Status::internal("the answer is too long"))?;
    let mut bytes = BytesMut::with_capacity(message.len() + 5);
    bytes.put_u8(0);
    bytes.put_u32(length);
    bytes.put_slice(message);
    Ok(Pieces::from([bytes.freeze()]))
}
