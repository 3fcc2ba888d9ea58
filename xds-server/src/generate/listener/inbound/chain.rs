//! Filter chains by protocol and mode of mutual TLS (istiod: `getFilterChainMatchOptions` in
//! `pilot/pkg/networking/core/filterchain_options.go`).

use xdslab_mesh::object::istio::MutualTlsMode;
use xdslab_mesh::service::Protocol;
use xdslab_proto::core::TransportSocket;
use xdslab_proto::listener::{Filter, FilterChain, FilterChainMatch};

use super::port::ChainPort;
use super::{route, tls};
use crate::generate::cluster::name;
use crate::generate::cluster::stats::Subject;
use crate::generate::cluster::wire::uint32;
use crate::generate::filter::{Class, Filters, HttpConnection, Routes, TcpConnection};
use crate::generate::origin;

/// Application protocols of Istio's mutual TLS.
const ISTIO: [&str; 5] = ["istio", "istio-peer-exchange", "istio-http/1.0", "istio-http/1.1", "istio-h2"];
/// Those with HTTP inside.
const ISTIO_HTTP: [&str; 3] = ["istio-http/1.0", "istio-http/1.1", "istio-h2"];
/// Those with anything else inside.
const ISTIO_TCP: [&str; 2] = ["istio-peer-exchange", "istio"];
/// HTTP in plaintext, as the inspector finds it.
pub(super) const PLAIN_HTTP: [&str; 2] = ["http/1.1", "h2c"];

/// The cluster of connections to ports that no service leads to.
const PASSTHROUGH: &str = "InboundPassthroughCluster";

/// What a chain treats a connection as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speech {
    Http,
    Tcp,
}

/// One chain of a group: what it takes, whether it ends mutual TLS, what it treats it as.
type Taken = (&'static str, &'static [&'static str], bool, Speech);

/// The chains for a class of protocols under a mode, in order.
fn options(protocol: Protocol, mode: MutualTlsMode) -> &'static [Taken] {
    use MutualTlsMode::{Disable, Strict};
    use Speech::{Http, Tcp};
    let (http, sniffed) = (protocol.is_http(), protocol.is_sniffed());
    match (http, sniffed, mode) {
        (true, _, Strict) => &[("tls", &[], true, Http)],
        (true, _, Disable) => &[("raw_buffer", &[], false, Http)],
        (true, ..) => &[("tls", &ISTIO, true, Http), ("raw_buffer", &[], false, Http)],
        (_, true, Strict) => &[("tls", &ISTIO_HTTP, true, Http), ("tls", &[], true, Tcp)],
        (_, true, Disable) => &[("raw_buffer", &PLAIN_HTTP, false, Http), ("raw_buffer", &[], false, Tcp)],
        (_, true, _) => &[
            ("tls", &ISTIO_HTTP, true, Http),
            ("raw_buffer", &PLAIN_HTTP, false, Http),
            ("tls", &ISTIO_TCP, true, Tcp),
            ("raw_buffer", &[], false, Tcp),
            ("tls", &[], false, Tcp),
        ],
        (_, _, Strict) => &[("tls", &[], true, Tcp)],
        (_, _, Disable) => &[("raw_buffer", &[], false, Tcp)],
        _ => &[("tls", &ISTIO, true, Tcp), ("tls", &[], false, Tcp), ("raw_buffer", &[], false, Tcp)],
    }
}

/// Makes the chains of one proxy.
pub(super) struct Chains<'a> {
    /// Makes filters.
    pub filters: &'a Filters<'a>,
    /// Ends mutual TLS with HTTP inside.
    http: TransportSocket,
    /// Ends mutual TLS with anything else inside.
    tcp: TransportSocket,
}

impl<'a> Chains<'a> {
    /// Those of the filters' proxy.
    pub fn new(filters: &'a Filters<'a>) -> Self {
        let view = filters.view();
        Self { filters, http: tls::socket(view, false), tcp: tls::socket(view, true) }
    }

    /// The chain for connections to the listener itself: nobody may make them.
    pub fn black_hole(&self, port: u32) -> FilterChain {
        let cluster = "BlackHoleCluster".to_owned();
        let connection = TcpConnection {
            stat_prefix: cluster.clone(),
            clusters: vec![(cluster, 0)],
            black_hole: true,
            ..TcpConnection::default()
        };
        FilterChain {
            name: "virtualInbound-blackhole".to_owned(),
            filter_chain_match: Some(FilterChainMatch {
                destination_port: uint32(port),
                ..Default::default()
            }),
            filters: self.filters.tcp(Class::Inbound, connection),
            ..Default::default()
        }
    }

    /// The chains for ports that no service leads to: all of them, or one that has a mode of its own.
    pub fn passthrough(&self, mode: MutualTlsMode, port: Option<u32>) -> Vec<FilterChain> {
        let mesh = self.filters.view().snapshot.mesh_config();
        let subject = Subject {
            host: "",
            kubernetes: None,
            port: 0,
            port_name: "virtualInbound",
            subset: "",
            target_port: None,
        };
        let stat_prefix = subject.filled(&mesh.inbound_cluster_stat_name);
        let chain = |(transport, alpn, ends_tls, speech): &Taken| {
            let (name, filters) = match speech {
                Speech::Http => {
                    let routes = route::configuration(PASSTHROUGH, "", 0, Protocol::Unsupported);
                    let connection = HttpConnection {
                        stat_prefix: format!("{PASSTHROUGH};"),
                        routes: Routes::Inline(Box::new(routes)),
                        ..HttpConnection::default()
                    };
                    ("virtualInbound-catchall-http", self.filters.http(Class::Inbound, connection))
                }
                Speech::Tcp => {
                    let stat_prefix = stat_prefix.clone().unwrap_or_else(|| PASSTHROUGH.to_owned());
                    ("virtualInbound", self.tcp(PASSTHROUGH.to_owned(), stat_prefix, false))
                }
            };
            self.chain(name.to_owned(), matching(transport, alpn, port), *ends_tls, *speech, filters)
        };
        options(Protocol::Unsupported, mode).iter().map(chain).collect()
    }

    /// The chains of one port.
    pub fn of_port(&self, port: &ChainPort<'_>, mode: MutualTlsMode) -> Vec<FilterChain> {
        let scope = &self.filters.view().scope;
        let chain = |(transport, alpn, ends_tls, speech): &Taken| {
            let filters = match speech {
                Speech::Http => self.http_filters(port),
                Speech::Tcp => self.tcp_filters(port),
            };
            let matched = matching(transport, alpn, Some(port.number));
            let mut chain = self.chain(port.name(), matched, *ends_tls, *speech, filters);
            chain.metadata =
                port.declared.then(|| origin::metadata("sidecar", scope.namespace(), scope.name()));
            chain
        };
        options(port.protocol, mode).iter().map(chain).collect()
    }

    fn http_filters(&self, port: &ChainPort<'_>) -> Vec<Filter> {
        let cluster = name::inbound(port.number);
        let routes = route::configuration(&cluster, &port.host, port.service_port, port.protocol);
        let connection = HttpConnection {
            stat_prefix: format!("inbound_{};", port.name()),
            routes: Routes::Inline(Box::new(routes)),
            http2: port.protocol.is_http2(),
            grpc_web: port.protocol == Protocol::GrpcWeb,
            ..HttpConnection::default()
        };
        self.filters.http(Class::Inbound, connection)
    }

    fn tcp_filters(&self, port: &ChainPort<'_>) -> Vec<Filter> {
        let cluster = name::inbound(port.number).to_string();
        let pattern = &self.filters.view().snapshot.mesh_config().inbound_cluster_stat_name;
        let stat_prefix = port.subject().filled(pattern).unwrap_or_else(|| cluster.clone());
        self.tcp(cluster, stat_prefix, port.protocol == Protocol::Mongo)
    }

    fn tcp(&self, cluster: String, stat_prefix: String, mongo: bool) -> Vec<Filter> {
        let connection =
            TcpConnection { stat_prefix, clusters: vec![(cluster, 0)], mongo, ..TcpConnection::default() };
        self.filters.tcp(Class::Inbound, connection)
    }

    fn chain(
        &self,
        name: String,
        matched: FilterChainMatch,
        ends_tls: bool,
        speech: Speech,
        filters: Vec<Filter>,
    ) -> FilterChain {
        let socket = match speech {
            Speech::Http => &self.http,
            Speech::Tcp => &self.tcp,
        };
        FilterChain {
            name,
            filter_chain_match: Some(matched),
            filters,
            transport_socket: ends_tls.then(|| socket.clone()),
            ..Default::default()
        }
    }
}

fn matching(transport: &str, alpn: &[&str], port: Option<u32>) -> FilterChainMatch {
    FilterChainMatch {
        destination_port: port.and_then(uint32),
        transport_protocol: transport.to_owned(),
        application_protocols: alpn.iter().map(|&protocol| protocol.to_owned()).collect(),
        ..Default::default()
    }
}
