//! Listeners of a gateway (istiod: `buildGatewayListeners`).

use std::collections::HashMap;

use arcstr::ArcStr;
use xdslab_mesh::service::Protocol;
use xdslab_proto::core::TrafficDirection;
use xdslab_proto::filter::listener::proxy_protocol::ProxyProtocol;
use xdslab_proto::listener::listener::ConnectionBalanceConfig;
use xdslab_proto::listener::listener::connection_balance_config::{BalanceType, ExactBalance};
use xdslab_proto::listener::listener_filter::ConfigType;
use xdslab_proto::listener::{Listener, ListenerFilter};
use xdslab_proto::pack_any;

use super::chain::{self, Chain};
use super::merged::{Entry, Merged};
use crate::generate::cluster::wire::uint32;
use crate::generate::filter::{Class, Filters, HttpConnection, Routes};
use crate::generate::listener::address::Bind;
use crate::generate::listener::listener_filters::TLS_INSPECTOR;

/// The first port that any process may bind; a Unix socket's 0 counts as one below it, as istiod counts.
const FREE_PORTS: u32 = 1024;

/// All listeners of a gateway: one for each address and port that has a chain, whatever number of entries it has.
pub(crate) fn listeners(filters: &Filters<'_>) -> Vec<Listener> {
    let view = filters.view();
    let merged = &*view.gateways;
    let unprivileged = view.proxy.metadata.flag("UNPRIVILEGED_POD");
    let mut places: Vec<(Bind, u32, Vec<Chain>)> = Vec::new();
    let mut by_name: HashMap<String, usize> = HashMap::new();
    let mut server_names = HashMap::new();
    for entry in &merged.entries {
        if unprivileged && entry.port < FREE_PORTS {
            continue;
        }
        let bind = match entry.bind.as_str() {
            "" => Bind { extra: None, ..Bind::wildcard(view.proxy.ip_mode()) },
            declared => Bind::to(declared),
        };
        let name = bind.name(entry.port);
        let chains = chains(filters, merged, entry, &name, server_names.entry(entry.port).or_default());
        let at = *by_name.entry(name).or_insert_with(|| {
            places.push((bind, entry.port, Vec::new()));
            places.len() - 1
        });
        places[at].2.extend(chains);
    }
    places.retain(|(_, _, chains)| !chains.is_empty());
    places.into_iter().map(|(bind, port, chains)| listener(filters, &bind, port, chains)).collect()
}

/// Plain HTTP has one chain for all servers of its port; of others each has its own, or several.
fn chains(
    filters: &Filters<'_>,
    merged: &Merged,
    entry: &Entry,
    listener: &str,
    server_names: &mut HashMap<ArcStr, ArcStr>,
) -> Vec<Chain> {
    let mesh = filters.view().snapshot.mesh_config();
    let servers = entry.servers.iter().map(|at| &merged.servers[*at]);
    let http = |stat_prefix: &str, routes: &str, protocol: Protocol| {
        let stat_prefix =
            if stat_prefix.is_empty() { format!("outbound_{listener};") } else { stat_prefix.to_owned() };
        let connection = HttpConnection {
            stat_prefix,
            routes: Routes::Named(routes.to_owned()),
            grpc_web: protocol == Protocol::GrpcWeb,
            ..HttpConnection::default()
        };
        filters.http(Class::Gateway, connection)
    };
    let mut chains = Vec::new();
    for server in servers {
        if server.protocol.is_http() {
            return vec![Chain::plain(http("", &server.routes, server.protocol))];
        }
        if server.is_https() {
            let filters = http(&server.spec().name, &server.routes, server.protocol);
            chains.push(Chain::terminating(server, filters, mesh));
        } else {
            chains.extend(chain::of_bytes(filters, merged, server, server_names));
        }
    }
    chains
}

fn listener(filters: &Filters<'_>, bind: &Bind, port: u32, chains: Vec<Chain>) -> Listener {
    let view = filters.view();
    let inspects = chains.iter().any(Chain::needs_tls_inspector);
    // An empty message switches it on.
    let proxy_protocol = view.proxy_config.gateway_topology.proxy_protocol.as_ref().map(|_| proxy_protocol());
    let inspector = inspects.then(|| TLS_INSPECTOR.clone());
    let exact = view.proxy.metadata.flag("OUTBOUND_LISTENER_EXACT_BALANCE");
    let balance_type = Some(BalanceType::ExactBalance(ExactBalance {}));
    Listener {
        name: bind.name(port),
        address: Some(bind.address(port)),
        traffic_direction: TrafficDirection::Outbound.into(),
        max_connections_to_accept_per_socket_event: uint32(1),
        listener_filters: proxy_protocol.into_iter().chain(inspector).collect(),
        filter_chains: chains.into_iter().map(Chain::into_message).collect(),
        access_log: filters.listener_access_log(Class::Gateway),
        connection_balance_config: exact.then_some(ConnectionBalanceConfig { balance_type }),
        ..Default::default()
    }
}

/// What reads the PROXY protocol header that clients begin with.
fn proxy_protocol() -> ListenerFilter {
    ListenerFilter {
        name: "envoy.filters.listener.proxy_protocol".to_owned(),
        config_type: Some(ConfigType::TypedConfig(pack_any(ProxyProtocol::default()))),
        ..Default::default()
    }
}
