//! One route configuration of a sidecar (istiod: `buildSidecarOutboundHTTPRouteConfig`).

use xdslab_proto::Message;
use xdslab_proto::ordered::{RouteConfiguration, VirtualHost};
use xdslab_proto::protobuf::{BoolValue, UInt32Value};

use super::naming::{self, virtual_hosts};
use super::table::Table;
use super::usual;
use crate::generate::conflict::Conflict;
use crate::generate::grpc;
use crate::generate::view::View;

/// The longest body in bytes that a route may answer with by itself.
pub(crate) const LONGEST_BODY: u32 = 1 << 20;
/// Name of the HTTP proxy's routes.
const HTTP_PROXY: &str = "http_proxy";
/// What the name of the routes of a Unix socket begins with.
const UNIX: &str = "unix://";

/// One encoded route configuration of a sidecar, without virtual hosts where the name says nothing; and what was left
/// out of it.
///
/// O(services and virtual services of the serving listener); for the name of one host O(1), but where the listener's
/// services are not those of the scope. It depends on the scope and the mesh configuration, and of the proxy on its DNS
/// domain, address families, cluster, DNS capture, proxy configuration, and, where a virtual service or destination rule
/// asks for them, its labels and namespace.
pub(crate) fn configuration(view: &View, name: &str) -> (Vec<u8>, Vec<Conflict>) {
    let validate_clusters = Some(BoolValue { value: false });
    let empty = || RouteConfiguration { name: name.to_owned(), validate_clusters, ..Default::default() };
    let Some((virtual_hosts, conflicts)) = Wanted::read(name).map(|wanted| wanted.virtual_hosts(view)) else {
        return (empty().encode_to_vec(), Vec::new());
    };
    let configuration = RouteConfiguration {
        virtual_hosts,
        max_direct_response_body_size_bytes: Some(UInt32Value { value: LONGEST_BODY }),
        ignore_port_in_host_matching: true,
        ..empty()
    };
    (configuration.encode_to_vec(), conflicts)
}

/// The virtual hosts of a port for gRPC clients, in order of name: every domain also with the port, and none that takes
/// what no other does.
///
/// As [`configuration`] in cost and dependencies.
pub(crate) fn of_grpc_port(view: &View, port: u32) -> Vec<VirtualHost> {
    debug_assert!(grpc::is_client(view), "others compare hosts without ports");
    Table::of_port(view, port, "").map(|table| virtual_hosts(&table).0).unwrap_or_default()
}

/// What the name of a route configuration asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted<'n> {
    /// All hosts of a port; 0 with the name of what is not a port.
    Port(u32, &'n str),
    /// The one host that a connection is known to be for, before its protocol is.
    Host(&'n str, u32),
}

impl<'n> Wanted<'n> {
    /// None for a name that no listener has (istiod: `extractListenerPort`).
    fn read(name: &'n str) -> Option<Self> {
        if name == HTTP_PROXY || name.starts_with(UNIX) {
            return Some(Self::Port(0, name));
        }
        match name.rsplit_once(':') {
            Some((host, port)) => Some(Self::Host(host, port.parse().ok()?)),
            None => Some(Self::Port(name.parse().ok()?, name)),
        }
    }

    fn virtual_hosts(self, view: &View) -> (Vec<VirtualHost>, Vec<Conflict>) {
        match self {
            Self::Port(port, bind) => {
                let table = Table::of_port(view, port, bind);
                let (mut hosts, conflicts) = table.map(|table| virtual_hosts(&table)).unwrap_or_default();
                hosts.push(usual::catch_all(view));
                (hosts, conflicts)
            }
            Self::Host(host, port) => {
                let table = Table::of_host(view, host, port);
                let only = table.and_then(|table| naming::only(&table, host));
                (only.into_iter().collect(), Vec::new())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (name, want) in [
            ("80", Some(Wanted::Port(80, "80"))),
            ("a.b:80", Some(Wanted::Host("a.b", 80))),
            ("fd00::1:80", Some(Wanted::Host("fd00::1", 80))),
            ("http_proxy", Some(Wanted::Port(0, "http_proxy"))),
            ("unix:///run/a.sock", Some(Wanted::Port(0, "unix:///run/a.sock"))),
            ("a.b:", None),
            ("a.b:x", None),
            ("-1", None),
            ("", None),
            ("outbound|80||a.b", None),
        ] {
            assert_eq!(Wanted::read(name), want, "{name}");
        }
    }
}
