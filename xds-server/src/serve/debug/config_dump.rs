//! `/debug/config_dump` and the pages of one type: what a client would be sent now, in the form of Envoy's own page.

use envoy_types::pb::envoy::admin::v3::clusters_config_dump::DynamicCluster;
use envoy_types::pb::envoy::admin::v3::endpoints_config_dump::DynamicEndpointConfig;
use envoy_types::pb::envoy::admin::v3::listeners_config_dump::{DynamicListener, DynamicListenerState};
use envoy_types::pb::envoy::admin::v3::routes_config_dump::DynamicRouteConfig;
use envoy_types::pb::envoy::admin::v3::{
    BootstrapConfigDump, ClustersConfigDump, ConfigDump, EcdsConfigDump, EndpointsConfigDump,
    ListenersConfigDump, RoutesConfigDump, ScopedRoutesConfigDump, SecretsConfigDump,
};
use xdslab_proto::protobuf::Any;
use xdslab_proto::{json, pack_any};
use xdslab_protocol::{Resource, ResourceType};

use super::{Page, Visit};
use crate::serve::client::Client;
use crate::serve::hub::Hub;

/// All types of one client, or those that `types` names.
pub(super) fn page(visit: &Visit) -> Page {
    if let Some(types) = visit.query.get("types").filter(|types| !types.is_empty()) {
        return of_type(visit, types);
    }
    match visit.client() {
        Ok(client) => form(visit, dump(&visit.hub, &client, visit.query.has("include_eds"))),
        Err(refusal) => refusal,
    }
}

/// The resources of these types, by their short names with commas between.
pub(super) fn of_type(visit: &Visit, types: &str) -> Page {
    let client = match visit.client() {
        Ok(client) => client,
        Err(refusal) => return refusal,
    };
    let kinds = types.split(',').filter_map(ResourceType::from_short);
    let configs = kinds.flat_map(|kind| resources(&visit.hub, &client, &kind)).collect();
    form(visit, configs)
}

fn form(visit: &Visit, configs: Vec<Any>) -> Page {
    match json::message_to_camel_json(&ConfigDump { configs }) {
        Ok(value) => visit.json(&value),
        Err(error) => Page::text(500, error.to_string()),
    }
}

/// istiod's parts in istiod's order. Types that the client is not subscribed to are empty, and so are secrets, which go
/// over streams of their own.
pub(in crate::serve) fn dump(hub: &Hub, client: &Client, with_endpoints: bool) -> Vec<Any> {
    let version = || client.seen.version.to_string();
    let of = |kind| resources(hub, client, &kind).into_iter().map(Some);
    let clusters = ClustersConfigDump {
        version_info: version(),
        dynamic_active_clusters: of(ResourceType::Cluster)
            .map(|cluster| DynamicCluster { cluster, ..DynamicCluster::default() })
            .collect(),
        ..ClustersConfigDump::default()
    };
    let endpoints = || EndpointsConfigDump {
        dynamic_endpoint_configs: of(ResourceType::Endpoint)
            .map(|endpoint_config| DynamicEndpointConfig {
                version_info: version(),
                endpoint_config,
                ..DynamicEndpointConfig::default()
            })
            .collect(),
        ..EndpointsConfigDump::default()
    };
    let listener = |resource: &Resource| DynamicListener {
        name: resource.name.to_string(),
        active_state: Some(DynamicListenerState {
            version_info: version(),
            listener: Some(any(&ResourceType::Listener, resource)),
            ..DynamicListenerState::default()
        }),
        ..DynamicListener::default()
    };
    let listeners = ListenersConfigDump {
        version_info: version(),
        dynamic_listeners: client.resources(hub, &ResourceType::Listener).iter().map(listener).collect(),
        ..ListenersConfigDump::default()
    };
    let routes = RoutesConfigDump {
        dynamic_route_configs: of(ResourceType::Route)
            .map(|route_config| DynamicRouteConfig {
                version_info: version(),
                route_config,
                ..DynamicRouteConfig::default()
            })
            .collect(),
        ..RoutesConfigDump::default()
    };
    let mut configs = vec![pack_any(BootstrapConfigDump::default()), pack_any(clusters)];
    if with_endpoints {
        configs.push(pack_any(endpoints()));
    }
    configs.extend([
        pack_any(listeners),
        pack_any(ScopedRoutesConfigDump::default()),
        pack_any(routes),
        pack_any(SecretsConfigDump::default()),
        pack_any(EcdsConfigDump::default()),
    ]);
    configs
}

fn resources(hub: &Hub, client: &Client, kind: &ResourceType) -> Vec<Any> {
    client.resources(hub, kind).iter().map(|resource| any(kind, resource)).collect()
}

fn any(kind: &ResourceType, resource: &Resource) -> Any {
    Any { type_url: kind.type_url().to_owned(), value: resource.body.to_vec() }
}
