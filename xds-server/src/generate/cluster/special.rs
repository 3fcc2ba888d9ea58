//! Clusters that every proxy has: where traffic goes that no service takes
//! (istiod: `buildBlackHoleCluster`, `buildDefaultPassthroughCluster`, `buildInboundPassthroughCluster`).

use xdslab_mesh::object::istio::{ClientTlsMode, MeshConfig, OutboundTrafficPolicyMode};
use xdslab_mesh::{IpMode, Proxy};
use xdslab_proto::cluster::Cluster;
use xdslab_proto::cluster::cluster::{
    ClusterDiscoveryType, CustomClusterType, DiscoveryType, DnsLookupFamily, LbPolicy,
};
use xdslab_proto::core::{BindConfig, ExtraSourceAddress};
use xdslab_proto::dynamic_forward_proxy::DnsCacheConfig;
use xdslab_proto::dynamic_forward_proxy_cluster::{
    ClusterConfig, cluster_config::ClusterImplementationSpecifier,
};
use xdslab_proto::pack_any;

use super::protocol::{Options, Speaks};
use super::wire::{duration, socket_address, uint32};
use super::{pool, tls};

/// The alternative name of a cluster's statistics: a `;` tells where it ends.
pub fn stat_name(name: &str) -> String {
    format!("{name};")
}

/// Where forbidden traffic ends.
pub fn black_hole(mesh: &MeshConfig) -> Cluster {
    Cluster {
        name: "BlackHoleCluster".to_owned(),
        alt_stat_name: stat_name("BlackHoleCluster"),
        connect_timeout: duration(mesh.connect_timeout),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::Static.into())),
        ..Default::default()
    }
}

/// Where traffic to unknown destinations goes.
pub fn passthrough(mesh: &MeshConfig, proxy: &Proxy, preserve_case: bool) -> Cluster {
    let mut cluster = unknown_destination(mesh, preserve_case);
    cluster.name = "PassthroughCluster".to_owned();
    cluster.filters = tls::exchange_filters(proxy.istio_extensions);
    cluster
}

/// Where inbound traffic to unknown ports goes. Its statistics carry the outbound cluster's name, as istiod's do.
pub fn inbound_passthrough(mesh: &MeshConfig, proxy: &Proxy, preserve_case: bool) -> Cluster {
    let mut cluster = unknown_destination(mesh, preserve_case);
    cluster.name = "InboundPassthroughCluster".to_owned();
    let mut bind = source_address(proxy.ip_mode());
    if proxy.ip_mode() == IpMode::Dual {
        let extra = ExtraSourceAddress { address: Some(socket_address("::6", 0)), ..Default::default() };
        bind.extra_source_addresses = vec![extra];
    }
    cluster.upstream_bind_config = Some(bind);
    cluster
}

/// The address that inbound traffic comes from, so that iptables tell it from the application's.
pub fn source_address(mode: IpMode) -> BindConfig {
    let address = if mode == IpMode::V6 { "::6" } else { "127.0.0.6" };
    BindConfig { source_address: Some(socket_address(address, 0)), ..Default::default() }
}

fn unknown_destination(mesh: &MeshConfig, preserve_case: bool) -> Cluster {
    let mut cluster = Cluster {
        alt_stat_name: stat_name("PassthroughCluster"),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::OriginalDst.into())),
        lb_policy: LbPolicy::ClusterProvided.into(),
        ..Default::default()
    };
    pool::apply(&mut cluster, mesh, default_pool(mesh), None);
    Options::pass_through(preserve_case).put(&mut cluster);
    cluster
}

/// The mesh's default connection pool.
pub fn default_pool(mesh: &MeshConfig) -> Option<&xdslab_mesh::object::istio::ConnectionPool> {
    mesh.default_traffic_policy.as_ref()?.connection_pool.as_ref()
}

/// Where traffic to unknown hosts goes if the mesh resolves them itself.
pub fn allow_any_dynamic_dns(mesh: &MeshConfig, proxy: &Proxy) -> Option<Cluster> {
    let policy = &mesh.outbound_traffic_policy;
    if policy.mode != OutboundTrafficPolicyMode::AllowAnyDynamicDns {
        return None;
    }
    let secure = policy.tls.as_ref().filter(|t| t.mode == ClientTlsMode::Simple);
    let cache = unknown_hosts_cache(proxy.ip_mode());
    let mut cluster = Cluster {
        name: "AllowAnyDynamicDNSCluster".to_owned(),
        alt_stat_name: stat_name("AllowAnyDynamicDNSCluster"),
        lb_policy: LbPolicy::ClusterProvided.into(),
        cluster_discovery_type: Some(dynamic_forward_proxy(cache, secure.is_none())),
        filters: tls::exchange_filters(proxy.istio_extensions),
        ..Default::default()
    };
    pool::apply(&mut cluster, mesh, None, None);
    let mut options = Options::pass_through(false);
    if let Some(settings) = secure {
        options = Options::of_port(xdslab_mesh::service::Protocol::Http, false);
        options.speaks = Speaks::Http1;
        options.auto_sni(true, true);
        cluster.transport_socket = Some(tls::to_the_outside(mesh, &settings.ca_certificates));
    }
    options.put(&mut cluster);
    Some(cluster)
}

/// The discovery type of a cluster that resolves the host that each request names.
pub fn dynamic_forward_proxy(cache: DnsCacheConfig, insecure: bool) -> ClusterDiscoveryType {
    let config = ClusterConfig {
        allow_insecure_cluster_options: insecure,
        cluster_implementation_specifier: Some(ClusterImplementationSpecifier::DnsCacheConfig(cache)),
        ..Default::default()
    };
    ClusterDiscoveryType::ClusterType(CustomClusterType {
        name: "envoy.clusters.dynamic_forward_proxy".to_owned(),
        typed_config: Some(pack_any(config)),
    })
}

/// The cache of the names of hosts that the mesh does not know.
pub fn unknown_hosts_cache(mode: IpMode) -> DnsCacheConfig {
    DnsCacheConfig {
        name: "allow_any_dfp_dns_cache".to_owned(),
        dns_lookup_family: lookup_family(mode).into(),
        max_hosts: uint32(1024),
        ..Default::default()
    }
}

/// The cache of the names that a wildcard host is resolved to: whatever uses it must describe it alike.
pub fn dns_cache(hostname: &str, mode: IpMode) -> DnsCacheConfig {
    DnsCacheConfig {
        name: format!("{hostname}_dfp_dns_cache"),
        dns_lookup_family: lookup_family(mode).into(),
        ..Default::default()
    }
}

/// Which addresses a proxy looks up.
pub fn lookup_family(mode: IpMode) -> DnsLookupFamily {
    if mode == IpMode::V6 { DnsLookupFamily::V6Only } else { DnsLookupFamily::V4Only }
}
