//! Clusters, endpoints, listeners and routes of a story.

use prost::Message;
use xdslab_proto::cluster::Cluster;
use xdslab_proto::cluster::cluster::{
    ClusterDiscoveryType, CustomClusterType, DiscoveryType, EdsClusterConfig,
};
use xdslab_proto::core::config_source::ConfigSourceSpecifier;
use xdslab_proto::core::socket_address::PortSpecifier;
use xdslab_proto::core::{Address, AggregatedConfigSource, ApiVersion, ConfigSource, SocketAddress, address};
use xdslab_proto::endpoint::ClusterLoadAssignment;
use xdslab_proto::filter::http::router::Router;
use xdslab_proto::filter::network::http_connection_manager::http_connection_manager::RouteSpecifier;
use xdslab_proto::filter::network::http_connection_manager::http_filter;
use xdslab_proto::filter::network::http_connection_manager::{HttpConnectionManager, HttpFilter, Rds};
use xdslab_proto::listener::filter::ConfigType;
use xdslab_proto::listener::{Filter, FilterChain, Listener};
use xdslab_proto::protobuf::{Any, BoolValue, Duration};
use xdslab_proto::route::RouteConfiguration;

/// A cluster by what it is and its name: `eds:a`, `static:s`, `bad:x` (one that Envoy refuses, and nothing else with it).
/// What comes after an `@` makes it another cluster of the same name: a time-out in seconds.
pub(super) fn cluster(text: &str) -> (String, Vec<u8>) {
    let (what, rest) = text.split_once(':').unwrap();
    let (name, seconds) = rest.split_once('@').unwrap_or((rest, "1"));
    let mut cluster = Cluster {
        name: name.into(),
        connect_timeout: Some(Duration { seconds: seconds.parse().unwrap(), nanos: 0 }),
        ..Cluster::default()
    };
    let discovery = match what {
        "eds" => {
            let config = EdsClusterConfig { eds_config: Some(ads()), service_name: format!("{name}.eds") };
            cluster.eds_cluster_config = Some(config);
            ClusterDiscoveryType::Type(DiscoveryType::Eds.into())
        }
        "static" => ClusterDiscoveryType::Type(DiscoveryType::Static.into()),
        "bad" => {
            let unknown = CustomClusterType { name: "envoy.x.unknown".into(), typed_config: None };
            ClusterDiscoveryType::ClusterType(unknown)
        }
        _ => panic!("{what}"),
    };
    cluster.cluster_discovery_type = Some(discovery);
    (name.into(), cluster.encode_to_vec())
}

/// An endpoint set without endpoints, by its name.
pub(super) fn endpoints(name: &str) -> (String, Vec<u8>) {
    let set = ClusterLoadAssignment { cluster_name: name.into(), ..ClusterLoadAssignment::default() };
    (name.into(), set.encode_to_vec())
}

/// A listener by its name, and after a `:` the routes that its filter chains name, the last one in the default chain.
/// What comes after an `@` makes it another one: the prefix of its statistics.
pub(super) fn listener(text: &str) -> (String, Vec<u8>) {
    let (text, prefix) = text.split_once('@').unwrap_or((text, "one"));
    let (name, routes) = text.split_once(':').unwrap_or((text, ""));
    let chains = routes.split('+').filter(|route| !route.is_empty());
    let mut chains: Vec<_> = chains.map(|route| chain(route, prefix)).collect();
    let port = name.bytes().fold(1000, |port, byte| port * 3 % 20_000 + u32::from(byte));
    let address = SocketAddress {
        address: "127.0.0.1".into(),
        port_specifier: Some(PortSpecifier::PortValue(port)),
        ..SocketAddress::default()
    };
    let default_filter_chain = chains.pop().or_else(|| Some(FilterChain::default()));
    for (at, chain) in chains.iter_mut().enumerate() {
        let port = u32::try_from(at).unwrap() + 1;
        chain.filter_chain_match = Some(xdslab_proto::listener::FilterChainMatch {
            destination_port: Some(xdslab_proto::protobuf::UInt32Value { value: port }),
            ..xdslab_proto::listener::FilterChainMatch::default()
        });
    }
    let listener = Listener {
        name: name.into(),
        address: Some(Address { address: Some(address::Address::SocketAddress(address)) }),
        bind_to_port: Some(BoolValue { value: false }),
        filter_chains: chains,
        default_filter_chain,
        stat_prefix: prefix.into(),
        ..Listener::default()
    };
    (name.into(), listener.encode_to_vec())
}

/// A route configuration without hosts, by its name.
pub(super) fn route(name: &str) -> (String, Vec<u8>) {
    let routes = RouteConfiguration { name: name.into(), ..RouteConfiguration::default() };
    (name.into(), routes.encode_to_vec())
}

fn chain(route: &str, prefix: &str) -> FilterChain {
    let rds = Rds { config_source: Some(ads()), route_config_name: route.into() };
    let router = HttpFilter {
        name: "envoy.filters.http.router".into(),
        config_type: Some(http_filter::ConfigType::TypedConfig(any(
            "envoy.extensions.filters.http.router.v3.Router",
            &Router::default(),
        ))),
        ..HttpFilter::default()
    };
    let manager = HttpConnectionManager {
        stat_prefix: prefix.into(),
        route_specifier: Some(RouteSpecifier::Rds(rds)),
        http_filters: vec![router],
        ..HttpConnectionManager::default()
    };
    let url = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
    let filter = Filter {
        name: "envoy.filters.network.http_connection_manager".into(),
        config_type: Some(ConfigType::TypedConfig(any(url, &manager))),
    };
    FilterChain { filters: vec![filter], ..FilterChain::default() }
}

fn ads() -> ConfigSource {
    ConfigSource {
        config_source_specifier: Some(ConfigSourceSpecifier::Ads(AggregatedConfigSource {})),
        resource_api_version: ApiVersion::V3.into(),
        // None, as in Istio: a cluster waits for its endpoints as long as it takes.
        initial_fetch_timeout: Some(Duration::default()),
        ..ConfigSource::default()
    }
}

fn any(name: &str, message: &impl Message) -> Any {
    Any { type_url: format!("type.googleapis.com/{name}"), value: message.encode_to_vec() }
}
