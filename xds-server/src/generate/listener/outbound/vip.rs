//! The address at which a proxy's application calls a service (istiod: `GetAddressForProxy` in
//! `pilot/pkg/model/service.go`).

use std::net::IpAddr;

use arcstr::ArcStr;
use xdslab_mesh::endpoint::CLUSTER;
use xdslab_mesh::service::{Registry, Service};
use xdslab_mesh::{IpMode, Proxy};

/// The address of services that have none.
pub(crate) const UNSPECIFIED: &str = "0.0.0.0";

/// The first of the service's addresses in a family that the proxy has; else its default address, whatever that is.
pub(crate) fn of<'s>(proxy: &Proxy, service: &'s Service) -> &'s str {
    all(proxy, service).next().unwrap_or(&service.address)
}

/// The service's further addresses in the families that the proxy has (istiod: `GetExtraAddressesForProxy`).
pub(crate) fn rest<'s>(proxy: &Proxy, service: &'s Service) -> impl Iterator<Item = &'s str> {
    all(proxy, service).skip(1)
}

/// Addresses that the cluster made up count for proxies that capture DNS, those of a Kubernetes Service for proxies
/// of this cluster.
fn all<'s>(proxy: &Proxy, service: &'s Service) -> impl Iterator<Item = &'s str> {
    let mode = proxy.ip_mode();
    let fits = move |address: &&ArcStr| {
        address.parse::<IpAddr>().is_ok_and(|ip| match mode {
            IpMode::V4 => ip.is_ipv4(),
            IpMode::V6 => ip.is_ipv6(),
            IpMode::Dual => true,
        })
    };
    let in_cluster = service.registry == Registry::Kubernetes && proxy.metadata.cluster_id == CLUSTER;
    let own = if in_cluster { service.addresses.as_slice() } else { &[] };
    let made_up = proxy.metadata.dns_capture && service.address == UNSPECIFIED;
    let made_up = if made_up { service.auto_addresses.as_slice() } else { &[] };
    let list = if own.iter().any(|a| fits(&a)) { own } else { made_up };
    list.iter().filter(fits).map(ArcStr::as_str)
}
