//! Filter chains of a gateway's listeners (istiod: `createGatewayHTTPFilterChainOpts`,
//! `createGatewayTCPFilterChainOpts`).

use std::collections::HashMap;

use arcstr::ArcStr;
use xdslab_mesh::VirtualServiceRule;
use xdslab_mesh::object::istio::{L4Match, MeshConfig, RouteDestination, ServerTlsMode};
use xdslab_mesh::service::{Port, Protocol, host_is_subset};
use xdslab_proto::core::TransportSocket;
use xdslab_proto::listener::{Filter, FilterChain, FilterChainMatch};
use xdslab_proto::protobuf::Duration;

use super::host;
use super::merged::{Merged, Server, claim};
use super::tls;
use crate::generate::cluster::name;
use crate::generate::filter::{Class, Filters, TcpConnection};
use crate::generate::listener::destination;

/// How long a client may take for its TLS handshake.
const TRANSPORT_TIMEOUT: Duration = Duration { seconds: 15, nanos: 0 };

/// What Istio's proxies say by ALPN when they speak mutual TLS.
const MUTUAL: [&str; 5] = ["istio", "istio-peer-exchange", "istio-http/1.0", "istio-http/1.1", "istio-h2"];

/// One filter chain before it is written.
#[derive(Debug, Default)]
pub(super) struct Chain {
    server_names: Vec<String>,
    application_protocols: Vec<String>,
    filters: Vec<Filter>,
    socket: Option<TransportSocket>,
}

impl Chain {
    /// One that takes every connection.
    pub fn plain(filters: Vec<Filter>) -> Self {
        Self { filters, ..Self::default() }
    }

    /// One that ends the TLS of a server.
    pub fn terminating(server: &Server, filters: Vec<Filter>, mesh: &MeshConfig) -> Self {
        let server_names = host::server_names(&server.hosts).into_iter().map(str::to_owned).collect();
        Self { server_names, filters, socket: tls::socket(server, mesh), ..Self::default() }
    }

    /// Whether TLS has to be looked at before the chain is chosen, or is ended by it.
    pub fn needs_tls_inspector(&self) -> bool {
        !self.server_names.is_empty() || self.socket.is_some()
    }

    /// The message. `*` among the names takes every name, and no match is written.
    pub fn into_message(self) -> FilterChain {
        let named = !self.server_names.is_empty() && self.server_names.iter().all(|n| n != "*");
        let wanted = FilterChainMatch {
            server_names: if named { self.server_names } else { Vec::new() },
            application_protocols: self.application_protocols,
            ..Default::default()
        };
        FilterChain {
            filter_chain_match: Some(wanted).filter(|w| *w != FilterChainMatch::default()),
            filters: self.filters,
            transport_socket: self.socket,
            transport_socket_connect_timeout: Some(TRANSPORT_TIMEOUT),
            ..Default::default()
        }
    }
}

/// The chains of a server that does not look at HTTP. `taken`: names that passed-through TLS of its port is told apart
/// by, with their binds.
pub(super) fn of_bytes(
    filters: &Filters<'_>,
    merged: &Merged,
    server: &Server,
    taken: &mut HashMap<ArcStr, ArcStr>,
) -> Vec<Chain> {
    let mesh = filters.view().snapshot.mesh_config();
    match (server.tls(), server.terminates()) {
        (None, _) => to_tcp_route(filters, merged, server).map(Chain::plain).into_iter().collect(),
        (_, Some(_)) => {
            let filters = to_tcp_route(filters, merged, server);
            filters.map(|f| Chain::terminating(server, f, mesh)).into_iter().collect()
        }
        (Some(tls), None) if tls.mode == ServerTlsMode::AutoPassthrough => by_sni(filters, server),
        _ => to_tls_routes(filters, merged, server, taken),
    }
}

/// Virtual services of the server's `Gateway` that have one of its hosts.
fn rules<'m>(merged: &'m Merged, server: &'m Server) -> impl Iterator<Item = &'m VirtualServiceRule> {
    let all = merged.gateway(server).rules.iter().map(AsRef::as_ref);
    all.filter(|rule| host::overlap(&server.hosts, &rule.meta().namespace, &rule.spec.hosts))
}

/// The filters to the first TCP route that fits; the virtual services after it do not count.
fn to_tcp_route(filters: &Filters<'_>, merged: &Merged, server: &Server) -> Option<Vec<Filter>> {
    let gateway = &merged.gateway(server).name;
    rules(merged, server).find_map(|rule| {
        let fits = |matches: &[L4Match]| {
            matches.is_empty() || matches.iter().any(|m| counts(server, gateway, m.port, &m.gateways))
        };
        let route = rule.spec.tcp.iter().find(|tcp| fits(&tcp.matches) && !tcp.route.is_empty())?;
        Some(to_route(filters, server, &route.route, rule))
    })
}

/// A chain for each match of a TLS route, unless one of its names is taken.
fn to_tls_routes(
    filters: &Filters<'_>,
    merged: &Merged,
    server: &Server,
    taken: &mut HashMap<ArcStr, ArcStr>,
) -> Vec<Chain> {
    let gateway = &merged.gateway(server).name;
    let mut chains = Vec::new();
    for rule in rules(merged, server) {
        for tls in rule.spec.tls.iter().filter(|tls| !tls.route.is_empty()) {
            for wanted in tls.matches.iter().filter(|m| counts(server, gateway, m.port, &m.gateways)) {
                if !claim(taken, wanted.sni_hosts.iter(), &server.spec().bind) {
                    continue;
                }
                let mut server_names: Vec<_> = wanted.sni_hosts.iter().map(ToString::to_string).collect();
                server_names.sort_unstable();
                let filters = to_route(filters, server, &tls.route, rule);
                chains.push(Chain { server_names, filters, ..Chain::default() });
            }
        }
    }
    chains
}

/// Labels, namespaces and subnets of clients do not count at gateways.
fn counts(server: &Server, gateway: &ArcStr, port: u32, gateways: &[ArcStr]) -> bool {
    (port == 0 || port == server.port) && (gateways.is_empty() || gateways.contains(gateway))
}

fn to_route(
    filters: &Filters<'_>,
    server: &Server,
    route: &[RouteDestination],
    rule: &VirtualServiceRule,
) -> Vec<Filter> {
    let port = Port {
        number: server.port,
        name: server.port_name().clone(),
        protocol: server.protocol,
        override_port: 0,
    };
    let meta = rule.meta();
    let connection = TcpConnection {
        exchanges_metadata: server.terminates().is_some_and(|t| t.mode == ServerTlsMode::IstioMutual),
        ..destination::of_route(filters.view(), route, &port, format!("{}.{}", meta.name, meta.namespace))
    };
    filters.tcp(Class::Gateway, connection)
}

/// A chain for each cluster of the mesh's services that the hosts cover, found by the cluster's name. Only mutual TLS
/// gets in, and who may call is for the workloads to decide (istiod: `builtAutoPassthroughFilterChains`).
fn by_sni(filters: &Filters<'_>, server: &Server) -> Vec<Chain> {
    let view = filters.view();
    let hosts = host::server_names(&server.hosts);
    let mut chains = Vec::new();
    for service in view.scope.services() {
        let covered = || hosts.iter().any(|h| host_is_subset(&service.hostname, h));
        if service.mesh_external || !covered() {
            continue;
        }
        let rule = view.scope.outbound_rule(&service.hostname, &view.workload.labels);
        let subsets = rule.map_or(&[][..], |r| r.spec.subsets.as_slice());
        let subsets: Vec<&str> = std::iter::once("").chain(subsets.iter().map(|s| s.name.as_str())).collect();
        for port in service.ports.iter().filter(|p| p.protocol != Protocol::Udp) {
            for subset in &subsets {
                let cluster = name::sni(port.number, subset, &service.hostname);
                let connection = destination::of_cluster(view, service, port, subset, cluster.clone());
                let connection = TcpConnection { unauthorized: true, ..connection };
                chains.push(Chain {
                    server_names: vec![cluster],
                    application_protocols: MUTUAL.map(str::to_owned).into(),
                    filters: filters.tcp(Class::Gateway, connection),
                    socket: None,
                });
            }
        }
    }
    chains
}
