//! Listeners for what a sidecar's application receives (istiod:
//! `pilot/pkg/networking/core/{listener_builder,listener_inbound}.go`).

mod chain;
mod inspect;
mod port;
mod route;
#[cfg(test)]
mod tests;
mod tls;

use std::collections::BTreeSet;

use xdslab_mesh::object::istio::MutualTlsMode;
use xdslab_mesh::{Interception, ServiceTarget};
use xdslab_proto::core::TrafficDirection;
use xdslab_proto::listener::{FilterChain, Listener};
use xdslab_proto::protobuf::BoolValue;

use super::{address, balance};
use crate::generate::cluster::wire::{duration, uint32};
use crate::generate::conflict::{Conflict, ConflictKind};
use crate::generate::filter::{Class, Filters};
use crate::generate::inbound_port;
use crate::generate::view::View;
use chain::Chains;
use port::ChainPort;

/// The listener that iptables lead to, and those of the Sidecar's ingress that bind on their own.
///
/// O(ports of the application).
pub(super) fn listeners(filters: &Filters<'_>) -> Vec<Listener> {
    let view = filters.view();
    let (chains, ports) = (Chains::new(filters), inbound_port::of(view));
    let mut chained: Vec<_> = ports.iter().filter_map(|port| ChainPort::new(view, port)).collect();
    chained.sort_by_key(|port| port.number);
    let (own, captured): (Vec<_>, Vec<_>) = chained.into_iter().partition(|port| port.binds);
    let mut all = Vec::new();
    if view.proxy.metadata.interception != Interception::None {
        let known = ports.iter().map(|port| port.number).collect();
        all.push(virtual_inbound(&chains, &captured, &known));
    }
    all.extend(own.iter().map(|port| binding(&chains, port)));
    all
}

/// Services that lead to one port of the application with different protocols: the oldest is served (istiod:
/// `reportInboundConflict`).
pub(crate) fn conflicts(view: &View) -> Vec<Conflict> {
    let mut found = Vec::new();
    for port in inbound_port::of(view).iter().filter(|port| ChainPort::new(view, port).is_some()) {
        let Some((first, others)) = port.targets.split_first() else { continue };
        let differs = |other: &&&ServiceTarget| {
            other.port.protocol != first.port.protocol && other.service.hostname != first.service.hostname
        };
        found.extend(others.iter().filter(differs).map(|other| Conflict {
            kind: ConflictKind::InboundListener,
            name: view.proxy.id.to_string(),
            message: format!(
                "Conflicting inbound listener:{}. existing: {}, incoming: {}",
                port.number, first.service.hostname, other.service.hostname
            ),
        }));
    }
    found
}

/// What both kinds of inbound listeners have.
fn listener(chains: &Chains<'_>, filter_chains: Vec<FilterChain>) -> Listener {
    let (view, mesh) = (chains.filters.view(), chains.filters.view().snapshot.mesh_config());
    Listener {
        traffic_direction: TrafficDirection::Inbound.into(),
        continue_on_listener_filters_timeout: true,
        max_connections_to_accept_per_socket_event: uint32(1),
        listener_filters_timeout: duration(mesh.protocol_detection_timeout),
        listener_filters: inspect::inspectors(&filter_chains),
        connection_balance_config: balance(view.proxy.metadata.flag("INBOUND_LISTENER_EXACT_BALANCE")),
        access_log: chains.filters.listener_access_log(Class::Inbound),
        filter_chains,
        ..Default::default()
    }
}

/// `known`: all ports of the application, those too that have no chain here. To the other ports connections are passed
/// on as they come, under the mode of the workload, or of the port where it has one of its own.
fn virtual_inbound(chains: &Chains<'_>, ports: &[ChainPort<'_>], known: &BTreeSet<u32>) -> Listener {
    let view = chains.filters.view();
    let own = u32::try_from(view.snapshot.mesh_config().proxy_inbound_listen_port).unwrap_or_default();
    let mut filter_chains = vec![chains.black_hole(own)];
    filter_chains.extend(chains.passthrough(mode(view, 0), None));
    let moded =
        view.snapshot.peer_authentications().ports(&view.proxy.config_namespace, &view.workload.labels);
    for port in moded.filter(|port| !known.contains(port)) {
        filter_chains.extend(chains.passthrough(mode(view, port), Some(port)));
    }
    for port in ports {
        filter_chains.extend(chains.of_port(port, mode(view, port.number)));
    }
    let transparent = view.proxy.metadata.interception == Interception::Tproxy;
    let mut listener = listener(chains, filter_chains);
    listener.name = "virtualInbound".to_owned();
    listener.address = Some(address::socket(address::wildcard(view.proxy.ip_mode()), own));
    listener.transparent = transparent.then_some(BoolValue { value: true });
    let first = inspect::first(transparent);
    listener.listener_filters.splice(0..0, first);
    listener
}

/// A listener of its own for an ingress port that nothing leads to.
fn binding(chains: &Chains<'_>, port: &ChainPort<'_>) -> Listener {
    let mode = mode(chains.filters.view(), port.number);
    Listener {
        name: port.name(),
        address: Some(address::socket(&port.bind, port.number)),
        ..listener(chains, chains.of_port(port, mode))
    }
}

/// The mode of mutual TLS of a port of the workload, 0 for those of which nothing is said.
fn mode(view: &View, port: u32) -> MutualTlsMode {
    let authentications = view.snapshot.peer_authentications();
    authentications.effective(&view.proxy.config_namespace, &view.workload.labels, port)
}
