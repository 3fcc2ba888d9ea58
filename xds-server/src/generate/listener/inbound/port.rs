//! The ports of the application beside the proxy: those of its Sidecar's ingress, else one for each port that a
//! service leads to (istiod: `buildInboundChainConfigs` in `listener_inbound.go`).

use std::collections::BTreeMap;
use std::net::IpAddr;

use xdslab_mesh::object::Config;
use xdslab_mesh::object::istio::{CaptureMode, Sidecar};
use xdslab_mesh::service::Protocol;
use xdslab_mesh::{Interception, ServiceTarget};

use crate::generate::listener::address;
use crate::generate::view::View;

/// One port of the application.
#[derive(Debug)]
pub(super) struct InboundPort<'v> {
    /// The application's port.
    pub number: u32,
    /// What is spoken on it.
    pub protocol: Protocol,
    /// The address in the names of its chains.
    pub bind: String,
    /// The service's port; an ingress listener's own.
    pub service_port: u32,
    /// Who is called, as traces show it: the service, or the Sidecar's `name.namespace`.
    pub host: String,
    /// The first service that leads to it.
    pub target: Option<&'v ServiceTarget>,
    /// The Sidecar that declares it.
    pub sidecar: Option<&'v Config<Sidecar>>,
    /// Whether it has a listener of its own, that nothing leads to.
    pub binds: bool,
}

impl InboundPort<'_> {
    /// Name of its chains, and of its own listener.
    pub fn name(&self) -> String {
        format!("{}_{}", self.bind, self.number)
    }
}

/// All of them, by number.
pub(super) fn of(view: &View) -> Vec<InboundPort<'_>> {
    let unled = view.proxy.metadata.interception == Interception::None;
    let sidecar = view.scope.sidecar().filter(|s| !s.spec.ingress.is_empty());
    let mut ports: Vec<_> = match sidecar {
        Some(sidecar) => of_ingress(view, sidecar, unled),
        None if unled => Vec::new(),
        None => of_targets(view),
    };
    ports.sort_by_key(|port| port.number);
    ports
}

fn of_targets(view: &View) -> Vec<InboundPort<'_>> {
    let mut first: BTreeMap<u32, &ServiceTarget> = BTreeMap::new();
    for target in &view.workload.targets {
        first.entry(target.target_port).or_insert(target);
    }
    let wildcard = address::wildcard(view.proxy.ip_mode());
    first
        .into_iter()
        .map(|(number, target)| InboundPort {
            number,
            protocol: target.port.protocol,
            bind: wildcard.to_owned(),
            service_port: target.port.number,
            host: target.service.hostname.to_string(),
            target: Some(target),
            sidecar: None,
            binds: false,
        })
        .collect()
}

fn of_ingress<'v>(view: &'v View, sidecar: &'v Config<Sidecar>, unled: bool) -> Vec<InboundPort<'v>> {
    let meta = &sidecar.meta;
    let listeners = sidecar.spec.ingress.iter().filter_map(|l| Some((l, l.port.as_ref()?)));
    listeners
        .map(|(listener, port)| InboundPort {
            number: port.number,
            protocol: Protocol::from_word(&port.protocol),
            bind: if listener.bind.is_empty() { own_address(view) } else { listener.bind.to_string() },
            service_port: port.number,
            host: format!("{}.{}", meta.name, meta.namespace),
            target: view.workload.targets.iter().find(|t| t.target_port == port.number),
            sidecar: Some(sidecar),
            binds: unled || listener.capture_mode == CaptureMode::None,
        })
        .collect()
}

/// The proxy's first address that others can reach, else its first.
fn own_address(view: &View) -> String {
    let addresses = &view.proxy.addresses;
    let is_global = |ip: &&IpAddr| match ip {
        IpAddr::V4(ip) => {
            !ip.is_loopback() && !ip.is_link_local() && !ip.is_multicast() && !ip.is_unspecified()
        }
        IpAddr::V6(ip) => {
            !ip.is_loopback() && !ip.is_unicast_link_local() && !ip.is_multicast() && !ip.is_unspecified()
        }
    };
    addresses.iter().find(is_global).or(addresses.first()).map(IpAddr::to_string).unwrap_or_default()
}
