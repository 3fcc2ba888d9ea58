//! Clusters of one service, whole and by subset (istiod: `buildOutboundClusters`, `cluster_builder.go`).

use std::net::SocketAddr;
use std::sync::Arc;

use arcstr::ArcStr;
use xdslab_mesh::ProxyKind;
use xdslab_mesh::endpoint::{EndpointSet, TlsMode};
use xdslab_mesh::object::istio::{MutualTlsMode, Subset};
use xdslab_mesh::scope::MergedRule;
use xdslab_mesh::service::{Port, Protocol, Resolution, Service, is_wildcard};
use xdslab_proto::cares::CaresDnsResolverConfig;
use xdslab_proto::cluster::Cluster;
use xdslab_proto::cluster::cluster::{
    ClusterDiscoveryType, DiscoveryType, DnsLookupFamily, EdsClusterConfig, LbConfig, LbPolicy,
    OriginalDstLbConfig,
};
use xdslab_proto::core::{self, TypedExtensionConfig};
use xdslab_proto::ordered::ClusterTail;
use xdslab_proto::protobuf::UInt32Value;
use xdslab_proto::{Message, pack_any};
use xdslab_protocol::Resource;

use super::metadata::Notes;
use super::policy::Policy;
use super::protocol::Options;
use super::special::{dns_cache, dynamic_forward_proxy, lookup_family};
use super::tls::{self, Upstream};
use super::wire::{address, ads, duration, socket_address, uint32};
use super::{balance, name, pool, stats};
use crate::generate::endpoint::{Assignment, LocalitySetting};
use crate::generate::view::View;

/// One service as one proxy sees it.
pub struct Outbound<'a> {
    /// The proxy.
    pub view: &'a View,
    /// The service.
    pub service: &'a Service,
    /// The rule that applies.
    pub rule: Option<&'a Arc<MergedRule>>,
    /// Its endpoints.
    pub endpoints: &'a EndpointSet,
    /// Identities of its endpoints and of the service itself.
    pub identities: Vec<ArcStr>,
}

/// What leads a connection to a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// A route.
    ByRoute,
    /// The SNI of mutual TLS that a gateway passes through (istiod: `buildOutboundSniDnatClusters`).
    BySni,
}

impl<'a> Outbound<'a> {
    /// Collects what the clusters of `service` are made of.
    pub fn new(
        view: &'a View,
        service: &'a Service,
        rule: Option<&'a Arc<MergedRule>>,
        endpoints: &'a EndpointSet,
    ) -> Self {
        let identities = identities(view, service, endpoints);
        Self { view, service, rule, endpoints, identities }
    }

    /// All clusters: for each port the whole service, then the rule's subsets.
    pub fn clusters(&self) -> Vec<Resource> {
        let mut clusters = Vec::new();
        if self.service.resolution == Resolution::Alias {
            return clusters;
        }
        for port in self.service.ports.iter().filter(|p| p.protocol != Protocol::Udp) {
            let Some(whole) = self.cluster(port, None, Found::ByRoute) else { continue };
            clusters.push(whole);
            if self.view.gateways.passes_by_sni && !self.service.mesh_external {
                let subsets = std::iter::once(None).chain(self.subsets().iter().map(Some));
                clusters.extend(subsets.filter_map(|s| self.cluster(port, s, Found::BySni)));
            }
            let subsets = self.subsets().iter();
            clusters.extend(subsets.filter_map(|s| self.cluster(port, Some(s), Found::ByRoute)));
        }
        clusters
    }

    /// The rule's subsets; a cluster that resolves any host has none.
    fn subsets(&self) -> &'a [Subset] {
        let rule = self.rule.filter(|_| !self.is_dynamic());
        rule.map_or(&[], |r| r.spec.subsets.as_slice())
    }

    fn is_router(&self) -> bool {
        self.view.proxy.kind == ProxyKind::Router
    }

    fn is_dynamic(&self) -> bool {
        self.service.resolution == Resolution::DynamicDns && is_wildcard(&self.service.hostname)
    }

    fn policy(&self, port: &Port, subset: Option<&'a Subset>) -> Policy<'a> {
        let rule = self.rule.and_then(|r| r.spec.traffic_policy.as_ref());
        Policy::of_mesh(self.view.snapshot.mesh_config())
            .overlaid(rule, port.number)
            .overlaid(subset.and_then(|s| s.traffic_policy.as_ref()), port.number)
    }

    fn cluster(&self, port: &Port, subset: Option<&'a Subset>, found: Found) -> Option<Resource> {
        let policy = self.policy(port, subset);
        let subset_name = subset.map_or("", |s| s.name.as_str());
        let name = match found {
            Found::ByRoute => name::outbound(port.number, subset_name, &self.service.hostname),
            Found::BySni => name::sni(port.number, subset_name, &self.service.hostname).into(),
        };
        let assignment = self.assignment(&name, port, subset_name, policy);
        let mut cluster = Cluster { name: name.to_string(), ..Cluster::default() };
        let mut tail = ClusterTail::default();
        let discovery = self.discover(&mut cluster, port, policy)?;
        if matches!(discovery, Some(DiscoveryType::StrictDns | DiscoveryType::LogicalDns)) {
            if !assignment.has_endpoints(self.view) {
                return None;
            }
            tail.load_assignment = Some(assignment.build(self.view));
        }
        self.fill(&mut cluster, &mut tail, port, subset, policy, discovery);
        let mut options = self.options(port, policy);
        // What is found by its SNI is TLS already, from end to end.
        if found == Found::ByRoute {
            self.secure(&mut cluster, &mut options, port, subset, policy, discovery);
        }
        options.put(&mut cluster);
        Some(encode(name, &cluster, &tail))
    }

    fn assignment<'s>(
        &'s self,
        name: &'s str,
        port: &'s Port,
        subset: &'s str,
        policy: Policy<'s>,
    ) -> Assignment<'s> {
        Assignment {
            cluster: name,
            service: self.service,
            port,
            subset,
            rule: self.rule.map(|r| &*r.spec),
            endpoints: self.endpoints,
            balancer: policy.load_balancer,
            outlier: policy.outlier_detection,
            authentications: self.view.snapshot.peer_authentications(),
            resolves_names: true,
            mutual_only: false,
        }
    }

    /// Sets how endpoints are found. The outer `None`: no cluster at all; the inner one: a custom type.
    #[allow(clippy::option_option)]
    fn discover(
        &self,
        cluster: &mut Cluster,
        port: &Port,
        policy: Policy<'_>,
    ) -> Option<Option<DiscoveryType>> {
        if self.is_dynamic() {
            let speaks =
                matches!(port.protocol, Protocol::Http | Protocol::Http2 | Protocol::Grpc | Protocol::Tls);
            return speaks.then(|| {
                cluster.cluster_discovery_type = Some(self.forward_proxy(policy));
                None
            });
        }
        // A subset is found as the whole service is, whatever it balances by (istiod: `buildSubsetCluster`).
        let by_whole = self.policy(port, None).load_balancer;
        let discovery = match self.service.resolution {
            _ if balance::passes_through(policy.load_balancer) || balance::passes_through(by_whole) => {
                DiscoveryType::OriginalDst
            }
            // A gateway's clients do not name addresses of the mesh.
            Resolution::Passthrough if self.is_router() => DiscoveryType::Eds,
            Resolution::Passthrough => DiscoveryType::OriginalDst,
            Resolution::DnsLb if !self.service.race_connect => DiscoveryType::StrictDns,
            Resolution::DnsLb | Resolution::DnsRoundRobinLb => DiscoveryType::LogicalDns,
            Resolution::ClientSideLb | Resolution::DynamicDns | Resolution::Alias => DiscoveryType::Eds,
        };
        cluster.cluster_discovery_type = Some(ClusterDiscoveryType::Type(discovery.into()));
        Some(Some(discovery))
    }

    fn forward_proxy(&self, policy: Policy<'_>) -> ClusterDiscoveryType {
        let cache = dns_cache(&self.service.hostname, self.view.proxy.ip_mode());
        // Envoy insists on checking names itself unless it is told that this may be missing.
        let tls = policy.tls.filter(|t| {
            use xdslab_mesh::object::istio::ClientTlsMode::{Mutual, Simple};
            matches!(t.mode, Simple | Mutual)
        });
        let insecure = tls.is_some_and(|t| !t.sni.is_empty() || t.insecure_skip_verify == Some(true));
        dynamic_forward_proxy(cache, insecure)
    }

    fn fill(
        &self,
        cluster: &mut Cluster,
        tail: &mut ClusterTail,
        port: &Port,
        subset: Option<&'a Subset>,
        policy: Policy<'_>,
        discovery: Option<DiscoveryType>,
    ) {
        let (view, mesh) = (self.view, self.view.snapshot.mesh_config());
        let subset_name = subset.map_or("", |s| s.name.as_str());
        cluster.alt_stat_name =
            stats::outbound(&mesh.outbound_cluster_stat_name, self.service, port, subset_name, &cluster.name);
        pool::apply(cluster, mesh, policy.connection_pool, policy.retry_budget);
        cluster.filters = tls::exchange_filters(view.proxy.istio_extensions);
        cluster.outlier_detection = policy.outlier_detection.map(pool::outlier_detection);
        match discovery {
            None => cluster.lb_policy = LbPolicy::ClusterProvided.into(),
            Some(discovery) => self.fill_by_type(cluster, port, subset.is_none(), policy, discovery),
        }
        let mut notes = self.notes(subset, discovery.is_none());
        tls::note_own(&mut notes, policy.tls);
        tail.metadata = notes.into_metadata();
    }

    /// Which protocol is spoken, and its settings.
    fn options(&self, port: &Port, policy: Policy<'_>) -> Options {
        let (mesh, preserve_case) = (self.view.snapshot.mesh_config(), self.view.preserve_case());
        // Gateways sniff nothing.
        let unknown = port.protocol.is_sniffed() && self.is_router();
        let (protocol, mut options) = if unknown {
            (Protocol::Tcp, Options::of_unknown_port(preserve_case))
        } else {
            (port.protocol, Options::of_port(port.protocol, preserve_case))
        };
        options.upgrade(policy.connection_pool.and_then(|p| p.http.as_ref()), mesh, protocol);
        options.limit(policy.connection_pool);
        options
    }

    /// TLS, and what stands around it.
    fn secure(
        &self,
        cluster: &mut Cluster,
        options: &mut Options,
        port: &Port,
        subset: Option<&Subset>,
        policy: Policy<'_>,
        discovery: Option<DiscoveryType>,
    ) {
        let mesh = self.view.snapshot.mesh_config();
        let upstream = Upstream {
            service: self.service,
            port: port.number,
            subset: subset.map_or("", |s| s.name.as_str()),
            mesh,
            settings: policy.tls,
            fetches_credentials: self.is_router()
                || self.rule.is_some_and(|r| r.spec.workload_selector.is_some()),
            detects: mesh.enable_auto_mtls && self.takes_mutual_tls(port, subset),
            original_destination: discovery == Some(DiscoveryType::OriginalDst),
            dynamic: discovery.is_none(),
            identities: &self.identities,
            client: self.view.proxy.metadata.client_certificates.as_ref(),
        };
        tls::apply(cluster, options, &upstream);
        if let Some(protocol) = policy.proxy_protocol {
            tls::wrap_in_proxy_protocol(cluster, *protocol);
        }
    }

    #[allow(deprecated)] // the DNS fields that istiod still writes
    fn fill_by_type(
        &self,
        cluster: &mut Cluster,
        port: &Port,
        whole_service: bool,
        policy: Policy<'_>,
        discovery: DiscoveryType,
    ) {
        let mesh = self.view.snapshot.mesh_config();
        balance::apply(cluster, policy.load_balancer, discovery);
        let setting = LocalitySetting::of(self.service, policy.load_balancer, mesh);
        let common = balance::common(self.service, whole_service, policy.outlier_detection, setting.as_ref());
        cluster.common_lb_config = Some(common);
        match discovery {
            DiscoveryType::Eds => {
                cluster.eds_cluster_config =
                    Some(EdsClusterConfig { service_name: cluster.name.clone(), eds_config: Some(ads()) });
            }
            DiscoveryType::StrictDns | DiscoveryType::LogicalDns => {
                let family = if self.service.race_connect && discovery == DiscoveryType::LogicalDns {
                    DnsLookupFamily::All
                } else {
                    lookup_family(self.view.proxy.ip_mode())
                };
                cluster.dns_lookup_family = family.into();
                cluster.dns_jitter = duration(xdslab_mesh::object::Duration::from_millis(100));
                cluster.dns_refresh_rate = duration(mesh.dns_refresh_rate);
                cluster.respect_dns_ttl = true;
                cluster.typed_dns_resolver_config = Some(TypedExtensionConfig {
                    name: "envoy.network.dns_resolver.cares".to_owned(),
                    typed_config: Some(pack_any(CaresDnsResolverConfig {
                        udp_max_queries: uint32(100),
                        resolvers: self.resolvers(),
                        ..Default::default()
                    })),
                });
            }
            DiscoveryType::OriginalDst if port.override_port > 0 => {
                cluster.lb_config = Some(LbConfig::OriginalDstLbConfig(OriginalDstLbConfig {
                    upstream_port_override: Some(UInt32Value { value: port.override_port }),
                    ..Default::default()
                }));
            }
            DiscoveryType::OriginalDst | DiscoveryType::Static => {}
        }
    }

    /// The only ones that an Envoy asks which shares its host with others; the system's where none is named.
    fn resolvers(&self) -> Vec<core::Address> {
        let resolver = self.view.proxy.metadata.lab.dns;
        let of = |at: SocketAddr| address(socket_address(&at.ip().to_string(), at.port().into()));
        resolver.into_iter().map(of).collect()
    }

    fn notes(&self, subset: Option<&Subset>, dynamic: bool) -> Notes {
        let mut notes = Notes::default();
        if !dynamic {
            notes.services([self.service]);
        }
        if let Some(rule) = self.rule {
            notes.config(&rule.namespace, &rule.name);
        }
        match subset {
            Some(subset) => notes.set("subset", subset.name.as_str().into()),
            None if self.service.mesh_external => notes.set("external", true.into()),
            None => {}
        }
        notes
    }

    /// Whether endpoints that offer Istio's mutual TLS get it (istiod: `BestEffortInferServiceMTLSMode`).
    ///
    /// Where connections keep their destination, it must be true of all endpoints of the port. Of a subset only what its
    /// own policy says of that counts, of a service only what the rule says for all ports.
    fn takes_mutual_tls(&self, port: &Port, subset: Option<&Subset>) -> bool {
        if self.service.mesh_external {
            return false;
        }
        let policy = match subset {
            Some(subset) => subset.traffic_policy.as_ref(),
            None => self.rule.and_then(|rule| rule.spec.traffic_policy.as_ref()),
        };
        let balancer = policy.and_then(|policy| policy.load_balancer.as_ref());
        let passes = self.service.resolution == Resolution::Passthrough || balance::passes_through(balancer);
        if passes {
            let mut of_port =
                self.endpoints.endpoints.iter().filter(|e| e.service_port_name == port.name).peekable();
            if of_port.peek().is_none() || of_port.any(|e| e.tls == TlsMode::Disabled) {
                return false;
            }
        }
        let mode = self.view.snapshot.peer_authentications().namespace_mode(&self.service.namespace);
        mode != MutualTlsMode::Disable
    }
}

/// Sorted identities of the endpoints and of the service, under every name of the trust domain.
pub fn identities(view: &View, service: &Service, endpoints: &EndpointSet) -> Vec<ArcStr> {
    let mesh = view.snapshot.mesh_config();
    let domains = || std::iter::once(&mesh.trust_domain).chain(&mesh.trust_domain_aliases);
    let own = arcstr::format!("spiffe://{}/", mesh.trust_domain);
    let accounts = endpoints
        .accounts
        .iter()
        .flat_map(|account| domains().map(move |domain| arcstr::format!("spiffe://{domain}/{account}")));
    let declared = service.identities.iter().flat_map(|identity| match identity.strip_prefix(own.as_str()) {
        Some(account) => domains().map(|domain| arcstr::format!("spiffe://{domain}/{account}")).collect(),
        None => vec![identity.clone()],
    });
    let mut all: Vec<_> = accounts.chain(declared).collect();
    all.sort();
    all.dedup();
    all
}

/// The wire form of a cluster: its own fields, then those that hold maps.
pub fn encode(name: ArcStr, cluster: &Cluster, tail: &ClusterTail) -> Resource {
    let mut body = Vec::with_capacity(cluster.encoded_len() + tail.encoded_len());
    cluster.encode_raw(&mut body);
    tail.encode_raw(&mut body);
    Resource::new(name, body)
}

/// As [`encode`], for clusters without maps.
pub fn encode_plain(cluster: &Cluster) -> Resource {
    encode(cluster.name.as_str().into(), cluster, &ClusterTail::default())
}
