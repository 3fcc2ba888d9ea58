//! What a server has that is told nothing: names found by asking for everything.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;
use tonic::transport::Channel;
use xdslab_proto::Name;
use xdslab_proto::cluster::Cluster;
use xdslab_proto::cluster::cluster::{ClusterDiscoveryType, DiscoveryType};
use xdslab_proto::core::Node;
use xdslab_proto::filter::network::http_connection_manager::{
    HttpConnectionManager, http_connection_manager::RouteSpecifier,
};
use xdslab_proto::listener::{Listener, filter};

use super::Options;
use crate::wire::{Kind, Service, Sotw, SotwResponse, Stream};
use xdslab_proto::discovery::DiscoveryRequest;

/// Names by type.
pub(super) type Found = BTreeMap<Kind, BTreeSet<String>>;

/// Asks for all clusters and listeners, and reads in them which endpoints and routes there are. What is not answered is
/// not found.
pub(super) async fn discover(channel: &Channel, options: &Options) -> Found {
    let mut found = Found::new();
    for item in everything(channel, options, Kind::Cluster).await {
        let Ok(cluster) = Cluster::decode(item) else { continue };
        let eds = ClusterDiscoveryType::Type(DiscoveryType::Eds.into());
        if cluster.cluster_discovery_type == Some(eds) {
            let service = cluster.eds_cluster_config.map(|eds| eds.service_name).unwrap_or_default();
            let name = if service.is_empty() { cluster.name.clone() } else { service };
            found.entry(Kind::Endpoint).or_default().insert(name);
        }
        found.entry(Kind::Cluster).or_default().insert(cluster.name);
    }
    for item in everything(channel, options, Kind::Listener).await {
        let Ok(listener) = Listener::decode(item) else { continue };
        found.entry(Kind::Route).or_default().extend(routes(&listener));
        found.entry(Kind::Listener).or_default().insert(listener.name);
    }
    found
}

async fn everything(channel: &Channel, options: &Options, kind: Kind) -> Vec<bytes::Bytes> {
    let node = Node { id: options.node.replace("{n}", "0"), ..Default::default() };
    let type_url = kind.type_url().to_owned();
    let first = DiscoveryRequest { node: Some(node), type_url, ..Default::default() };
    let answer = async {
        let mut stream = Stream::<Sotw>::open(channel.clone(), Service::Aggregated, first).await.ok()?;
        stream.hear().await.ok()?
    };
    let answer: Option<SotwResponse> = tokio::time::timeout(options.deadline, answer).await.ok().flatten();
    answer.unwrap_or_default().resources.into_iter().map(|any| any.value).collect()
}

/// Names of the route configurations that a listener asks for.
fn routes(listener: &Listener) -> Vec<String> {
    let filters = listener.filter_chains.iter().flat_map(|chain| &chain.filters);
    let managers = filters.filter_map(|filter| match &filter.config_type {
        Some(filter::ConfigType::TypedConfig(any)) if any.type_url == HttpConnectionManager::type_url() => {
            HttpConnectionManager::decode(any.value.as_slice()).ok()
        }
        _ => None,
    });
    let names = managers.filter_map(|manager| match manager.route_specifier {
        Some(RouteSpecifier::Rds(rds)) => Some(rds.route_config_name),
        _ => None,
    });
    names.collect()
}
