//! The names by which a proxy's application may call a service over HTTP (istiod: `generateVirtualHostDomains`).

use std::net::IpAddr;

use arcstr::ArcStr;
use hashbrown::HashSet;
use xdslab_mesh::endpoint::CLUSTER;
use xdslab_mesh::service::{Registry, Resolution, Service};
use xdslab_mesh::{IpMode, Proxy};

use crate::generate::short_names::short_names;

/// Where nothing listens: a service without address.
const UNSPECIFIED: &str = "0.0.0.0";

/// The domains of one service.
#[derive(Debug, Default)]
pub(super) struct Domains {
    /// In order, without ports.
    pub all: Vec<String>,
    /// Those that are not its own names but forms of them: they give way to a service of that name.
    pub forms: HashSet<String>,
}

impl Domains {
    /// The names, then for headless services their pods' by a wildcard, then addresses.
    pub fn of(service: &Service, proxy: &Proxy) -> Self {
        let mut domains = Self::default();
        let others = service.aliases.iter().map(|a| a.hostname.as_str());
        for host in std::iter::once(service.hostname.as_str()).chain(others) {
            if host.parse::<IpAddr>().is_ok() {
                domains.all.push(bracketed(host));
                continue;
            }
            let forms: Vec<String> =
                std::iter::once(format!("{host}.")).chain(short_names(host, &proxy.dns_domain)).collect();
            domains.all.push(host.to_owned());
            domains.all.extend(forms.iter().cloned());
            domains.forms.extend(forms);
        }
        if service.resolution == Resolution::Passthrough && service.registry == Registry::Kubernetes {
            let of_pods: Vec<_> = domains.all.iter().map(|d| format!("*.{d}")).collect();
            domains.all.extend(of_pods);
        }
        domains.all.extend(addresses(service, proxy));
        domains
    }

    /// Puts after every domain the same with the port.
    pub fn add_port(&mut self, port: u32) {
        let both = |domain: String| {
            let with = format!("{domain}:{port}");
            [domain, with]
        };
        self.all = std::mem::take(&mut self.all).into_iter().flat_map(both).collect();
        self.forms = std::mem::take(&mut self.forms).into_iter().flat_map(both).collect();
    }
}

/// The addresses of a service that a proxy can reach: of one with both families those of IPv4.
fn addresses(service: &Service, proxy: &Proxy) -> Vec<String> {
    let in_cluster = service.registry == Registry::Kubernetes && proxy.metadata.cluster_id == CLUSTER;
    let own: &[ArcStr] = if in_cluster { &service.addresses } else { &[] };
    let made_up = proxy.metadata.dns_capture && service.address == UNSPECIFIED;
    let candidates = match (own, made_up) {
        ([], true) => service.auto_addresses.as_slice(),
        ([], false) => std::slice::from_ref(&service.address),
        (own, _) => own,
    };
    let mode = proxy.ip_mode();
    let fits = |address: &&ArcStr| match (address.parse::<IpAddr>(), mode) {
        (Ok(IpAddr::V4(_)), IpMode::V6) | (Ok(IpAddr::V6(_)), IpMode::V4 | IpMode::Dual) => false,
        _ => !address.is_empty() && **address != UNSPECIFIED,
    };
    candidates.iter().filter(fits).map(|a| bracketed(a)).collect()
}

/// An IPv6 address in brackets, anything else as it is.
pub(super) fn bracketed(host: &str) -> String {
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V6(_)) => format!("[{host}]"),
        _ => host.to_owned(),
    }
}
