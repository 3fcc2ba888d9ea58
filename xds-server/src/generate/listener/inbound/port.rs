//! What the chains of one port of the application say of it (istiod: `inboundChainConfig` in `listener_inbound.go`).

use std::net::IpAddr;

use xdslab_mesh::object::istio::{CaptureMode, IngressListener};
use xdslab_mesh::service::Protocol;
use xdslab_mesh::{Interception, IpMode};

use crate::generate::cluster::stats::Subject;
use crate::generate::inbound_port::InboundPort;
use crate::generate::listener::{address, reserved};
use crate::generate::view::View;

/// One port of the application that has chains.
#[derive(Debug)]
pub(super) struct ChainPort<'v> {
    /// The application's port.
    pub number: u32,
    /// What is spoken on it.
    pub protocol: Protocol,
    /// The address in the names of its chains, and of its own listener.
    pub bind: String,
    /// Who is called, as traces show it: the service, or the Sidecar's `name.namespace`.
    pub host: String,
    /// The service's port; an ingress listener's own.
    pub service_port: u32,
    /// Whether an ingress listener declares it.
    pub declared: bool,
    /// Whether it has a listener of its own, that nothing leads to.
    pub binds: bool,
    port_name: &'v str,
    kubernetes: Option<(&'v str, &'v str)>,
}

impl<'v> ChainPort<'v> {
    /// None where the port is not for the application: the proxy, or the agent beside it, has it for itself, or it
    /// takes privileges to bind that the proxy does not have.
    pub fn new(view: &'v View, port: &InboundPort<'v>) -> Option<Self> {
        match port.ingress {
            Some(ingress) => Self::declared(view, port, ingress),
            None => Self::led_to(view, port),
        }
    }

    fn led_to(view: &'v View, port: &InboundPort<'v>) -> Option<Self> {
        let mesh = view.snapshot.mesh_config();
        if reserved::by_agent(view, port.number) || reserved::by_proxy(mesh, port.number) {
            return None;
        }
        let target = port.targets.first()?;
        let subject = Subject::of(&target.service, target.port.number, &target.port.name, "");
        Some(Self {
            number: port.number,
            protocol: port.protocol,
            bind: address::wildcard(view.proxy.ip_mode()).to_owned(),
            host: subject.host.to_owned(),
            service_port: subject.port,
            declared: false,
            binds: false,
            port_name: subject.port_name,
            kubernetes: subject.kubernetes,
        })
    }

    fn declared(view: &'v View, port: &InboundPort<'v>, ingress: &'v IngressListener) -> Option<Self> {
        let mode = view.proxy.ip_mode();
        let binds = match ingress.capture_mode {
            CaptureMode::Default => view.proxy.metadata.interception == Interception::None,
            CaptureMode::Iptables => false,
            CaptureMode::None => true,
        };
        let everywhere = match ingress.bind.as_str() {
            "" => port.protocol.is_http(),
            bind => bind == address::wildcard(mode),
        };
        let unprivileged = binds && view.proxy.metadata.flag("UNPRIVILEGED_POD");
        if (unprivileged && address::is_privileged(port.number))
            || (everywhere && reserved::by_agent(view, port.number))
        {
            return None;
        }
        let bind = match ingress.bind.as_str() {
            "" => own_address(&view.proxy.addresses, mode),
            bind => bind.to_owned(),
        };
        Some(Self {
            number: port.number,
            protocol: port.protocol,
            bind,
            host: format!("{}.{}", view.scope.name(), view.scope.namespace()),
            service_port: port.number,
            declared: true,
            binds,
            port_name: ingress.port.as_ref().map_or("", |p| &p.name),
            kubernetes: None,
        })
    }

    /// Name of its chains, and of its own listener.
    pub fn name(&self) -> String {
        format!("{}_{}", self.bind, self.number)
    }

    /// What its statistics are about. istiod does not know the application's port there.
    pub fn subject(&self) -> Subject<'_> {
        Subject {
            host: &self.host,
            kubernetes: self.kubernetes,
            port: self.service_port,
            port_name: self.port_name,
            subset: "",
            target_port: None,
        }
    }
}

/// The proxy's first address that others can reach, else all addresses (istiod: `getSidecarInboundBindIPs`).
fn own_address(addresses: &[IpAddr], mode: IpMode) -> String {
    let reachable = addresses.iter().find(|ip| is_global_unicast(**ip));
    reachable.map_or_else(|| address::wildcard(mode).to_owned(), IpAddr::to_string)
}

/// As Go's `netip.Addr.IsGlobalUnicast` has it: private addresses too.
fn is_global_unicast(ip: IpAddr) -> bool {
    let special = ip.is_loopback() || ip.is_multicast() || ip.is_unspecified();
    let local = match ip {
        IpAddr::V4(ip) => ip.is_link_local() || ip.is_broadcast(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    !special && !local
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_address_that_others_reach() {
        for (addresses, mode, want) in [
            (&["127.0.0.1", "169.254.1.1", "10.0.0.1", "10.0.0.2"][..], IpMode::V4, "10.0.0.1"),
            (&["fe80::1", "fd00::1"], IpMode::V6, "fd00::1"),
            (&["224.0.0.1", "255.255.255.255"], IpMode::V4, "0.0.0.0"),
            (&["::1"], IpMode::V6, "::"),
        ] {
            let parsed: Vec<IpAddr> = addresses.iter().map(|a| a.parse().unwrap()).collect();
            assert_eq!(own_address(&parsed, mode), want, "{addresses:?}");
        }
    }
}
