//! Valid resources from a name: the adapter of a conformance test gives no more.

use bytes::Bytes;
use xdslab_proto::cluster::cluster::{ClusterDiscoveryType, DiscoveryType, EdsClusterConfig};
use xdslab_proto::cluster::{self, Cluster};
use xdslab_proto::core::config_source::ConfigSourceSpecifier;
use xdslab_proto::core::socket_address::PortSpecifier;
use xdslab_proto::core::{self, AggregatedConfigSource, ApiVersion, ConfigSource, SocketAddress};
use xdslab_proto::endpoint::cluster_load_assignment::Policy;
use xdslab_proto::endpoint::{
    ClusterLoadAssignment, Endpoint, LbEndpoint, LocalityLbEndpoints, lb_endpoint::HostIdentifier,
};
use xdslab_proto::filter::http::router::Router;
use xdslab_proto::filter::network::http_connection_manager::{
    HttpConnectionManager, HttpFilter, Rds, http_connection_manager::RouteSpecifier, http_filter,
};
use xdslab_proto::listener::{Filter, FilterChain, Listener, filter};
use xdslab_proto::protobuf::{Any, Duration, UInt32Value};
use xdslab_proto::route::{
    Route, RouteAction, RouteConfiguration, RouteMatch, VirtualHost, route::Action, route_action,
    route_match::PathSpecifier,
};
use xdslab_proto::{Message, Name, pack_any};

/// Where every endpoint listens.
const PORT: u32 = 10_000;

/// A resource of one of the four types, of which there can be versions that differ in nothing that matters.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Body {
    Cluster(Box<Cluster>),
    Endpoint(Box<ClusterLoadAssignment>),
    Listener(Box<Listener>),
    Route(Box<RouteConfiguration>),
}

impl Body {
    /// The resource of this type and name as the adapter makes it; `None` for other types.
    pub(super) fn named(type_url: &str, name: &str) -> Option<Self> {
        let name = name.to_owned();
        Some(match type_url {
            url if url == Cluster::type_url() => Self::Cluster(Box::new(cluster(name))),
            url if url == ClusterLoadAssignment::type_url() => Self::Endpoint(Box::new(endpoints(name))),
            url if url == Listener::type_url() => Self::Listener(Box::new(listener(name))),
            url if url == RouteConfiguration::type_url() => Self::Route(Box::new(routes(name))),
            _ => return None,
        })
    }

    /// A resource with its name, made from no more than that if it holds no more; `None` for other types and for what
    /// cannot be read.
    pub(super) fn given(any: &Any) -> Option<(String, Self)> {
        let value = any.value.as_slice();
        let (name, body, bare) = match any.type_url.as_str() {
            url if url == Cluster::type_url() => {
                let it = Cluster::decode(value).ok()?;
                let bare = Cluster { name: it.name.clone(), ..Default::default() };
                (it.name.clone(), Self::Cluster(Box::new(it)), Self::Cluster(Box::new(bare)))
            }
            url if url == ClusterLoadAssignment::type_url() => {
                let it = ClusterLoadAssignment::decode(value).ok()?;
                let bare = empty_endpoints(&it.cluster_name);
                (it.cluster_name.clone(), Self::Endpoint(Box::new(it)), Self::Endpoint(Box::new(bare)))
            }
            url if url == Listener::type_url() => {
                let it = Listener::decode(value).ok()?;
                let bare = Listener { name: it.name.clone(), ..Default::default() };
                (it.name.clone(), Self::Listener(Box::new(it)), Self::Listener(Box::new(bare)))
            }
            url if url == RouteConfiguration::type_url() => {
                let it = RouteConfiguration::decode(value).ok()?;
                let bare = RouteConfiguration { name: it.name.clone(), ..Default::default() };
                (it.name.clone(), Self::Route(Box::new(it)), Self::Route(Box::new(bare)))
            }
            _ => return None,
        };
        let body = if body == bare { Self::named(&any.type_url, &name)? } else { body };
        Some((name, body))
    }

    /// Another version of it.
    pub(super) fn change(&mut self) {
        match self {
            Self::Cluster(it) => {
                let timeout = it.connect_timeout.get_or_insert(Duration { seconds: 5, nanos: 0 });
                timeout.seconds = timeout.seconds % 3600 + 1;
            }
            Self::Endpoint(it) => {
                let policy = it.policy.get_or_insert_with(Policy::default);
                let factor = policy.overprovisioning_factor.get_or_insert(UInt32Value { value: 140 });
                factor.value = factor.value % 10_000 + 1;
            }
            Self::Listener(it) => {
                let backlog = it.tcp_backlog_size.get_or_insert(UInt32Value { value: 128 });
                backlog.value = backlog.value % 4096 + 1;
            }
            Self::Route(it) => {
                let n = it.internal_only_headers.len();
                it.internal_only_headers.push(format!("x-conformance-{n}"));
            }
        }
    }

    pub(super) fn encode(&self) -> Bytes {
        match self {
            Self::Cluster(it) => it.encode_to_vec(),
            Self::Endpoint(it) => it.encode_to_vec(),
            Self::Listener(it) => it.encode_to_vec(),
            Self::Route(it) => it.encode_to_vec(),
        }
        .into()
    }
}

/// What a client of the SotW variant is told of a cluster without endpoints.
pub(super) fn empty_endpoints(cluster: &str) -> ClusterLoadAssignment {
    ClusterLoadAssignment { cluster_name: cluster.to_owned(), ..Default::default() }
}

fn cluster(name: String) -> Cluster {
    Cluster {
        name,
        connect_timeout: Some(Duration { seconds: 5, nanos: 0 }),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::Eds.into())),
        eds_cluster_config: Some(EdsClusterConfig { eds_config: Some(ads()), ..Default::default() }),
        lb_policy: cluster::cluster::LbPolicy::RoundRobin.into(),
        ..Default::default()
    }
}

fn endpoints(cluster_name: String) -> ClusterLoadAssignment {
    let endpoint = Endpoint { address: Some(loopback(PORT)), ..Default::default() };
    let host = LbEndpoint { host_identifier: Some(HostIdentifier::Endpoint(endpoint)), ..Default::default() };
    let locality = LocalityLbEndpoints { lb_endpoints: vec![host], ..Default::default() };
    ClusterLoadAssignment { cluster_name, endpoints: vec![locality], ..Default::default() }
}

/// On any port, with the routes of its own name.
fn listener(name: String) -> Listener {
    let router = HttpFilter {
        name: "envoy.filters.http.router".to_owned(),
        config_type: Some(http_filter::ConfigType::TypedConfig(pack_any(Router::default()))),
        ..Default::default()
    };
    let manager = HttpConnectionManager {
        stat_prefix: name.clone(),
        route_specifier: Some(RouteSpecifier::Rds(Rds {
            config_source: Some(ads()),
            route_config_name: name.clone(),
        })),
        http_filters: vec![router],
        ..Default::default()
    };
    let filter = Filter {
        name: "envoy.filters.network.http_connection_manager".to_owned(),
        config_type: Some(filter::ConfigType::TypedConfig(pack_any(manager))),
    };
    Listener {
        name,
        address: Some(loopback(0)),
        filter_chains: vec![FilterChain { filters: vec![filter], ..Default::default() }],
        ..Default::default()
    }
}

/// Everything to the cluster of its own name.
fn routes(name: String) -> RouteConfiguration {
    let route = Route {
        r#match: Some(RouteMatch {
            path_specifier: Some(PathSpecifier::Prefix("/".to_owned())),
            ..Default::default()
        }),
        action: Some(Action::Route(RouteAction {
            cluster_specifier: Some(route_action::ClusterSpecifier::Cluster(name.clone())),
            ..Default::default()
        })),
        ..Default::default()
    };
    let host = VirtualHost {
        name: name.clone(),
        domains: vec!["*".to_owned()],
        routes: vec![route],
        ..Default::default()
    };
    RouteConfiguration { name, virtual_hosts: vec![host], ..Default::default() }
}

fn ads() -> ConfigSource {
    ConfigSource {
        resource_api_version: ApiVersion::V3.into(),
        config_source_specifier: Some(ConfigSourceSpecifier::Ads(AggregatedConfigSource::default())),
        ..Default::default()
    }
}

fn loopback(port: u32) -> core::Address {
    let socket = SocketAddress {
        address: "127.0.0.1".to_owned(),
        port_specifier: Some(PortSpecifier::PortValue(port)),
        ..Default::default()
    };
    core::Address { address: Some(core::address::Address::SocketAddress(socket)) }
}
