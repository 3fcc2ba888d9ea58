//! Listeners for what a sidecar's application receives (istiod:
//! `pilot/pkg/networking/core/{listener_builder,listener_inbound}.go`).

mod chain;
mod inspect;
mod port;
mod route;
mod tls;

use xdslab_mesh::object::istio::MutualTlsMode;
use xdslab_mesh::{Interception, IpMode};
use xdslab_proto::core::TrafficDirection;
use xdslab_proto::listener::{FilterChain, Listener};
use xdslab_proto::protobuf::BoolValue;

use super::address::{self, is_privileged};
use super::balance;
use crate::generate::cluster::wire::{duration, uint32};
use crate::generate::filter::{Class, Filters};
use chain::Chains;
use port::InboundPort;

/// The listener that iptables lead to, and those of the Sidecar's ingress that bind on their own.
///
/// O(ports of the application).
pub(super) fn listeners(filters: &Filters<'_>) -> Vec<Listener> {
    let chains = Chains::new(filters);
    let (own, captured): (Vec<_>, Vec<_>) = port::of(filters.view()).into_iter().partition(|port| port.binds);
    let mut all = Vec::new();
    if filters.view().proxy.metadata.interception != Interception::None {
        all.push(virtual_inbound(&chains, &captured));
    }
    let unprivileged = filters.view().proxy.metadata.flag("UNPRIVILEGED_POD");
    let allowed = own.iter().filter(|port| !unprivileged || !is_privileged(port.number));
    all.extend(allowed.map(|port| binding(&chains, port)));
    all
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
        filter_chains,
        ..Default::default()
    }
}

fn virtual_inbound(chains: &Chains<'_>, ports: &[InboundPort<'_>]) -> Listener {
    let view = chains.filters.view();
    let own = u32::try_from(view.snapshot.mesh_config().proxy_inbound_listen_port).unwrap_or_default();
    let authentications = view.snapshot.peer_authentications();
    let (namespace, labels) = (&view.proxy.config_namespace, &view.workload.labels);
    let mode = |port| authentications.effective(namespace, labels, port);
    let mut filter_chains = vec![chains.black_hole(own)];
    filter_chains.extend(chains.passthrough(mode(0), None));
    let declared = |port: &u32| ports.iter().any(|p| p.number == *port);
    for port in authentications.ports(namespace, labels).filter(|port| !declared(port)) {
        filter_chains.extend(chains.passthrough(mode(port), Some(port)));
    }
    for port in ports {
        filter_chains.extend(chains.of_port(port, mode(port.number)));
    }
    let transparent = view.proxy.metadata.interception == Interception::Tproxy;
    let mut listener = listener(chains, filter_chains);
    listener.name = "virtualInbound".to_owned();
    listener.address = Some(address::socket(address::wildcard(view.proxy.ip_mode()), own));
    listener.transparent = transparent.then_some(BoolValue { value: true });
    let first = inspect::first(transparent);
    listener.listener_filters.splice(0..0, first);
    listener.access_log = chains.filters.listener_access_log(Class::Inbound);
    listener
}

/// A listener of its own for an ingress port that nothing leads to.
fn binding(chains: &Chains<'_>, port: &InboundPort<'_>) -> Listener {
    let view = chains.filters.view();
    let mode: MutualTlsMode = view.snapshot.peer_authentications().effective(
        &view.proxy.config_namespace,
        &view.workload.labels,
        port.number,
    );
    let mut listener = listener(chains, chains.of_port(port, mode));
    listener.name = port.name();
    listener.address = Some(address::socket(&port.bind, port.number));
    if view.proxy.ip_mode() == IpMode::Dual && port.bind == "127.0.0.1" {
        listener.additional_addresses = address::Bind::loopback(IpMode::Dual).additional(port.number);
    }
    listener
}
