//! Listeners for what a sidecar's application sends (istiod: `buildSidecarOutboundListeners` in
//! `pilot/pkg/networking/core/listener.go`).

mod chain;
pub(crate) mod destination;
mod entry;
mod fixed;
mod offer;
mod rules;
#[cfg(test)]
mod tests;
pub(crate) mod vip;

use xdslab_mesh::endpoint::{Address, Endpoint};
use xdslab_mesh::object::istio::{CaptureMode, EgressListener};
use xdslab_mesh::scope::EgressScope;
use xdslab_mesh::service::{Port, Protocol, Registry, Resolution, Service};
use xdslab_mesh::{Interception, IpMode};
use xdslab_proto::listener::Listener;

use super::address::{self, Bind};
use super::reserved;
use crate::generate::conflict::Conflict;
use crate::generate::filter::Filters;
use crate::generate::view::View;
use chain::Scaffold;
use entry::Entries;
use offer::Offer;
use rules::Layer4Rules;

/// All of them: those of the Sidecar's egress listeners, the HTTP proxy's, and the one that takes what no other does. With
/// what was left out.
///
/// O(services x ports + endpoints of headless services).
pub(super) fn listeners(filters: &Filters<'_>) -> (Vec<Listener>, Vec<Conflict>) {
    let view = filters.view();
    let scaffold = Scaffold::new(filters);
    let mut entries = Entries::default();
    for egress in view.scope.listeners() {
        Walk::new(filters, egress).offer_all(&mut entries);
    }
    let (entries, conflicts) = entries.into_parts();
    let mut all: Vec<_> = entries.into_iter().map(|entry| entry.listener(&scaffold)).collect();
    all.extend(fixed::http_proxy(&scaffold));
    all.extend(fixed::virtual_outbound(&scaffold));
    (all, conflicts)
}

/// One egress listener, and how it binds.
struct Walk<'a> {
    filters: &'a Filters<'a>,
    view: &'a View,
    egress: &'a EgressScope,
    mode: IpMode,
    rules: Layer4Rules<'a>,
    /// Where the Sidecar says; else loopback, where nothing redirects connections; else as each service has it.
    bind: Option<Bind>,
    /// Whether the listeners take connections on their own, without redirection.
    bind_to_port: bool,
}

impl<'a> Walk<'a> {
    fn new(filters: &'a Filters<'a>, egress: &'a EgressScope) -> Self {
        let view = filters.view();
        let mode = view.proxy.ip_mode();
        let declared = egress.listener.as_ref();
        let bind_to_port =
            view.proxy.metadata.interception == Interception::None || declared.is_some_and(captures_nothing);
        let bind = match declared.filter(|d| !d.bind.is_empty()) {
            Some(declared) => Some(Bind::to(&declared.bind)),
            None => bind_to_port.then(|| Bind::loopback(mode)),
        };
        Self { filters, view, egress, mode, rules: Layer4Rules::of(view, egress), bind, bind_to_port }
    }

    /// A listener with a port offers its services there; one without locks what there is, then offers each
    /// service at each of its ports.
    fn offer_all(&self, entries: &mut Entries) {
        let declared = self.egress.listener.as_ref().and_then(|l| l.port.as_ref());
        if let Some(declared) = declared {
            let port = Port {
                number: declared.number,
                name: declared.name.clone(),
                protocol: Protocol::from_word(&declared.protocol),
                override_port: 0,
            };
            if self.may_bind(&port) {
                for service in self.egress.services.iter() {
                    self.offer(service, &port, self.bind.clone()).enter(entries);
                }
            }
            return;
        }
        entries.lock();
        for service in self.egress.services.iter() {
            for port in service.ports.iter().filter(|p| self.may_bind(p)) {
                self.offer_port(service, port, entries);
            }
        }
    }

    /// A headless service of TCP is reached at each of its endpoints: nothing else tells it from others
    /// on that port. An external one without any endpoint takes the whole port.
    fn offer_port(&self, service: &'a Service, port: &'a Port, entries: &mut Entries) {
        let is_headless = self.bind.is_none()
            && service.resolution == Resolution::Passthrough
            && vip::of(&self.view.proxy, service) == vip::UNSPECIFIED
            && (port.protocol.is_tcp() || port.protocol.is_sniffed());
        if !is_headless {
            return self.offer(service, port, self.bind.clone()).enter(entries);
        }
        let set = self.view.snapshot.endpoints(&service.hostname, &service.namespace);
        let all = set.map_or(&[][..], |s| s.endpoints.as_slice());
        let serves = |e: &&Endpoint| e.service_port_name == port.name;
        let is_plain = service.registry != Registry::Kubernetes && service.selector.is_empty();
        if is_plain && !all.iter().any(|e| serves(&e)) {
            return self.offer(service, port, None).enter(entries);
        }
        let own = self.view.proxy.addresses.first().map(ToString::to_string).unwrap_or_default();
        for endpoint in all.iter().filter(serves) {
            if let Address::Ip(ip) = &endpoint.address
                && *ip != own.as_str()
            {
                self.offer(service, port, Some(Bind::to(ip))).enter(entries);
            }
        }
    }

    fn offer<'o>(&'o self, service: &'o Service, port: &'o Port, bind: Option<Bind>) -> Offer<'o> {
        Offer::new(self.filters, &self.rules, service, port, bind, self.bind_to_port)
    }

    /// Whether a listener for `port` is allowed: no privileged port for a proxy without privileges, and on all
    /// addresses none of the ports that the proxy has for itself (istiod: `canbind`).
    fn may_bind(&self, port: &Port) -> bool {
        let (metadata, mesh) = (&self.view.proxy.metadata, self.view.snapshot.mesh_config());
        if self.bind_to_port && address::is_privileged(port.number) && metadata.flag("UNPRIVILEGED_POD") {
            return false;
        }
        let everywhere = match &self.bind {
            Some(bind) => bind.primary == address::wildcard(self.mode),
            None => port.protocol.is_http(),
        };
        !(everywhere && (reserved::by_agent(self.view, port.number) || reserved::by_proxy(mesh, port.number)))
    }
}

/// Whether connections to a declared listener are not redirected, though the proxy's are: it says so, or it is a
/// Unix socket.
fn captures_nothing(listener: &EgressListener) -> bool {
    listener.capture_mode == CaptureMode::None || address::is_unix(&listener.bind)
}
