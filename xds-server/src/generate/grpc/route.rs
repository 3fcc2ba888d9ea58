//! Routes of gRPC clients: of a port's virtual hosts those of one host (istiod: `grpcgen/rds.go`).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use arcstr::ArcStr;
use xdslab_mesh::service::{host_matches, is_wildcard};
use xdslab_proto::Message;
use xdslab_proto::ordered::{RouteConfiguration, VirtualHost};
use xdslab_protocol::{NameSet, Resource};

use crate::generate::cluster::name::parse_outbound;
use crate::generate::route::of_grpc_port;
use crate::generate::view::View;

/// The route configurations of these names, each that of a cluster; without virtual hosts where the host has none.
///
/// O(services of the ports + names).
pub(super) fn configurations(view: &View, names: &NameSet) -> Vec<Resource> {
    let mut ports: BTreeMap<u32, Hosts> = BTreeMap::new();
    let configuration = |name: &ArcStr| {
        let of = parse_outbound(name).filter(|p| p.port != 0 && !p.hostname.is_empty())?;
        let hosts = ports.entry(of.port).or_insert_with(|| Hosts::new(of.port, of_grpc_port(view, of.port)));
        let configuration = RouteConfiguration {
            name: name.to_string(),
            virtual_hosts: hosts.of(of.hostname).cloned().collect(),
            ..Default::default()
        };
        Some(Resource::new(name.clone(), configuration.encode_to_vec()))
    };
    names.iter().filter_map(configuration).collect()
}

/// The virtual hosts of one port, found by their domains.
struct Hosts {
    port: u32,
    all: Vec<VirtualHost>,
    /// In lower case.
    by_domain: HashMap<String, usize>,
    /// Without port.
    wildcards: Vec<(String, usize)>,
}

impl Hosts {
    fn new(port: u32, all: Vec<VirtualHost>) -> Self {
        let of = |(at, host): (usize, &VirtualHost)| {
            host.domains.iter().map(move |d| (d.to_lowercase(), at)).collect::<Vec<_>>()
        };
        let by_domain: Vec<_> = all.iter().enumerate().flat_map(of).collect();
        let covering = by_domain.iter().filter_map(|(domain, at)| {
            let (host, of_port) = domain.split_once(':').unwrap_or((domain, ""));
            let is_of_port = of_port.is_empty() || of_port.parse() == Ok(port);
            (is_wildcard(host) && is_of_port).then(|| (host.to_owned(), *at))
        });
        Self { port, wildcards: covering.collect(), by_domain: by_domain.into_iter().collect(), all }
    }

    /// Those that have the host as a domain, with port or without, or one that covers it.
    fn of(&self, host: &str) -> impl Iterator<Item = &VirtualHost> {
        let host = host.to_lowercase();
        let alone = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        let exact = [self.by_domain.get(&alone), self.by_domain.get(&format!("{alone}:{}", self.port))];
        let covering = self.wildcards.iter().filter(|(domain, _)| host_matches(domain, &host));
        let found: BTreeSet<usize> =
            exact.into_iter().flatten().chain(covering.map(|(_, at)| at)).copied().collect();
        found.into_iter().map(|at| &self.all[at])
    }
}
