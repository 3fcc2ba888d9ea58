//! TCP proxies and the network filters before them (istiod: `pilot/pkg/networking/core/networkfilter.go`).

use std::sync::LazyLock;

use xdslab_mesh::METADATA_EXCHANGE;
use xdslab_proto::common::HashPolicy;
use xdslab_proto::common::hash_policy::{PolicySpecifier, SourceIp};
use xdslab_proto::filter::network::mongo_proxy::MongoProxy;
use xdslab_proto::filter::network::tcp_proxy::TcpProxy;
use xdslab_proto::filter::network::tcp_proxy::tcp_proxy::weighted_cluster::ClusterWeight;
use xdslab_proto::filter::network::tcp_proxy::tcp_proxy::{
    ClusterSpecifier, TunnelingConfig, WeightedCluster,
};
use xdslab_proto::listener::Filter;
use xdslab_proto::protobuf::{Any, Duration};
use xdslab_proto::{Message, Name, pack_any};
use xxhash_rust::xxh3::Xxh3;

use super::telemetry::Telemetry;
use super::{Class, TcpConnection, add_all, filter, http};
use crate::generate::cluster::wire::EXCHANGE_FILTER;
use crate::generate::policy::Policies;
use crate::generate::view::View;

static EXCHANGE: LazyLock<Filter> = LazyLock::new(|| {
    let config = EXCHANGE_FILTER.typed_config.clone().unwrap_or_default();
    filter(METADATA_EXCHANGE, config)
});

/// The filter by which Istio's proxies tell each other who they are, where they do.
pub(super) fn exchange(view: &View, wanted: bool) -> Option<Filter> {
    (wanted && view.proxy.istio_extensions).then(|| EXCHANGE.clone())
}

/// What all TCP chains of a class have alike.
#[derive(Debug)]
pub(super) struct Common {
    class: Class,
    istio_extensions: bool,
    policies: Vec<Filter>,
    stats: Vec<Filter>,
    /// The field `access_log`, encoded.
    logs: Vec<u8>,
    idle_timeout: Option<Duration>,
}

impl Common {
    /// That of a proxy's class of listeners.
    pub fn new(view: &View, class: Class, policies: &Policies, telemetry: &Telemetry) -> Self {
        let logged = TcpProxy { access_log: telemetry.tcp_logs.clone(), ..Default::default() };
        Self {
            class,
            istio_extensions: view.proxy.istio_extensions,
            policies: policies.tcp.clone(),
            stats: telemetry.stats.iter().map(|(name, config)| filter(name, config.clone())).collect(),
            logs: logged.encode_to_vec(),
            idle_timeout: http::idle_timeout(view),
        }
    }

    /// Adds to a hash what is not of policies.
    pub fn add_to(&self, hasher: &mut Xxh3) {
        let Self { class, istio_extensions, policies: _, stats, logs, idle_timeout } = self;
        hasher.update(&[*class as u8, u8::from(*istio_extensions)]);
        add_all(hasher, stats);
        add_all(hasher, [logs]);
        add_all(hasher, idle_timeout);
    }

    /// The network filters of a chain.
    pub fn filters(&self, connection: TcpConnection) -> Vec<Filter> {
        let exchanges =
            self.istio_extensions && (self.class == Class::Inbound || connection.exchanges_metadata);
        let guarded = !connection.unauthorized && !connection.black_hole;
        let mut filters = Vec::with_capacity(3 + self.policies.len() + self.stats.len());
        filters.extend(exchanges.then(|| EXCHANGE.clone()));
        filters.extend(guarded.then_some(&self.policies).into_iter().flatten().cloned());
        filters.extend(self.stats.iter().cloned());
        if connection.mongo {
            let config = MongoProxy { stat_prefix: connection.stat_prefix.clone(), ..Default::default() };
            filters.push(filter("envoy.filters.network.mongo_proxy", pack_any(config)));
        }
        filters.push(self.proxy(connection));
        filters
    }

    fn proxy(&self, connection: TcpConnection) -> Filter {
        let TcpConnection { stat_prefix, clusters, policy, black_hole, .. } = connection;
        let own_idle = self.idle_timeout.filter(|_| !black_hole);
        let by_source = PolicySpecifier::SourceIp(SourceIp {});
        let hash = policy.hash_source_ip.then_some(HashPolicy { policy_specifier: Some(by_source) });
        let proxy = TcpProxy {
            stat_prefix,
            cluster_specifier: Some(specifier(clusters)),
            idle_timeout: policy.idle_timeout.or(own_idle),
            max_downstream_connection_duration: policy.longest,
            hash_policy: hash.into_iter().collect(),
            tunneling_config: policy.tunnel.map(|(hostname, use_post)| TunnelingConfig {
                hostname,
                use_post,
                ..Default::default()
            }),
            ..Default::default()
        };
        let logs: &[u8] = if black_hole { &[] } else { &self.logs };
        let mut value = Vec::with_capacity(proxy.encoded_len() + logs.len());
        proxy.encode_raw(&mut value);
        value.extend_from_slice(logs);
        filter("envoy.filters.network.tcp_proxy", Any { type_url: TcpProxy::type_url(), value })
    }
}

fn specifier(mut clusters: Vec<(String, u32)>) -> ClusterSpecifier {
    if let [(only, 0)] = &mut clusters[..] {
        return ClusterSpecifier::Cluster(std::mem::take(only));
    }
    let weight = |(name, weight)| ClusterWeight { name, weight, ..Default::default() };
    ClusterSpecifier::WeightedClusters(WeightedCluster {
        clusters: clusters.into_iter().map(weight).collect(),
    })
}
