//! The names by which a proxy's application may call a service over HTTP (istiod: `generateVirtualHostDomains`).

use std::net::IpAddr;

use arcstr::ArcStr;
use xdslab_mesh::endpoint::CLUSTER;
use xdslab_mesh::service::{Registry, Resolution, Service};
use xdslab_mesh::{IpMode, Proxy};

use crate::generate::short_names::short_names;

/// Where nothing listens: a service without address.
const UNSPECIFIED: &str = "0.0.0.0";

/// One domain of a virtual host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Domain {
    /// The domain.
    pub text: String,
    /// Whether it is a form of the host's name and not that name: it gives way to a service of that name.
    pub is_form: bool,
}

impl Domain {
    /// The domain of a host by its own name.
    pub fn own(host: &str) -> Self {
        Self { text: bracketed(host), is_form: false }
    }

    /// The same with the port.
    pub fn with_port(&self, port: u32) -> Self {
        Self { text: format!("{}:{port}", self.text), ..*self }
    }
}

/// The domains of a service in order, without ports: its names, then for a headless one its pods' by a wildcard, then
/// addresses.
pub(super) fn of_service(service: &Service, proxy: &Proxy) -> Vec<Domain> {
    let form = |text| Domain { text, is_form: true };
    let own = |text| Domain { text, is_form: false };
    let mut all = Vec::with_capacity(8);
    let others = service.aliases.iter().map(|a| a.hostname.as_str());
    for host in std::iter::once(service.hostname.as_str()).chain(others) {
        all.push(Domain::own(host));
        if host.parse::<IpAddr>().is_err() {
            all.push(form(format!("{host}.")));
            all.extend(short_names(host, &proxy.dns_domain).into_iter().map(form));
        }
    }
    if service.resolution == Resolution::Passthrough && service.registry == Registry::Kubernetes {
        let of_pods: Vec<_> = all.iter().map(|d| own(format!("*.{}", d.text))).collect();
        all.extend(of_pods);
    }
    all.extend(addresses(service, proxy).map(|address| own(bracketed(address))));
    all
}

/// The addresses of a service in the families that the proxy has; for one that has both those of the family of the
/// first (istiod: `GetAllAddressesForProxy` in `model/service.go`). A range of addresses is of every family.
fn addresses<'s>(service: &'s Service, proxy: &Proxy) -> impl Iterator<Item = &'s ArcStr> {
    let in_cluster = service.registry == Registry::Kubernetes && proxy.metadata.cluster_id == CLUSTER;
    let own: &[ArcStr] = if in_cluster { &service.addresses } else { &[] };
    let made_up = proxy.metadata.dns_capture && service.address == UNSPECIFIED;
    let candidates = match (own, made_up) {
        ([], true) => service.auto_addresses.as_slice(),
        ([], false) => std::slice::from_ref(&service.address),
        (own, _) => own,
    };
    let is_v6 = |address: &ArcStr| address.parse::<IpAddr>().ok().map(|ip| ip.is_ipv6());
    let wanted = match proxy.ip_mode() {
        IpMode::V4 => Some(false),
        IpMode::V6 => Some(true),
        IpMode::Dual => candidates.first().and_then(is_v6),
    };
    let fits = move |a: &&ArcStr| is_v6(a).zip(wanted).is_none_or(|(of, wanted)| of == wanted);
    candidates.iter().filter(fits).filter(|a| !a.is_empty() && **a != UNSPECIFIED)
}

/// An IPv6 address in brackets, anything else as it is.
pub(super) fn bracketed(host: &str) -> String {
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V6(_)) => format!("[{host}]"),
        _ => host.to_owned(),
    }
}
