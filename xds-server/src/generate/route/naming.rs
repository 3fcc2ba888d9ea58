//! The names of virtual hosts and their domains, each of which only one of them can have (istiod:
//! `BuildSidecarOutboundVirtualHosts`, `dedupeDomains`).

use std::borrow::Cow;
use std::collections::HashSet;

use xdslab_mesh::service::Service;
use xdslab_proto::ordered::VirtualHost;

use super::domains::{Domain, bracketed, of_service};
use super::table::{Group, Table};
use crate::generate::conflict::{Conflict, ConflictKind};
use crate::generate::grpc;

/// The port whose hosts are called without port.
const HTTP: u32 = 80;

/// All virtual hosts of a table but the one that takes the rest, in order of name. Of several that claim a name or
/// a domain the first has it; the others are among what was left out.
pub(super) fn virtual_hosts(table: &Table<'_>) -> (Vec<VirtualHost>, Vec<Conflict>) {
    let groups = table.groups();
    let drafts = Drafts::of(table, &groups);
    let kept = drafts.kept();
    let mut conflicts = drafts.nameless;
    let counts_attempts = counts_attempts(table);
    let mut hosts = Vec::with_capacity(drafts.all.len());
    for (draft, kept) in drafts.all.into_iter().zip(kept) {
        if kept.contains(&false) {
            conflicts.push(draft.conflict());
        }
        let domains = draft.domains.into_iter().zip(kept).filter(|(_, kept)| *kept).map(|(d, _)| d.text);
        // On the proxy's own port a host of another port than 80 is called with its port.
        let is_reachable = |d: &String| table.port != 0 || draft.group.port == HTTP || d.contains(':');
        let domains: Vec<String> = domains.filter(is_reachable).collect();
        if !domains.is_empty() {
            hosts.push(VirtualHost {
                name: with_port(draft.host, draft.group.port),
                domains,
                routes: draft.group.routes.clone(),
                include_request_attempt_count: counts_attempts,
                ..Default::default()
            });
        }
    }
    hosts.sort_by(|a, b| a.name.cmp(&b.name));
    (hosts, conflicts)
}

/// The only virtual host of a table of one host: it takes every request, for the connection has told which host is meant.
pub(super) fn only(table: &Table<'_>, host: &str) -> Option<VirtualHost> {
    let group = table.only_group(host)?;
    Some(VirtualHost {
        name: with_port(host, group.port),
        domains: vec!["*".to_owned()],
        routes: group.routes,
        include_request_attempt_count: counts_attempts(table),
        ..Default::default()
    })
}

fn counts_attempts(table: &Table<'_>) -> bool {
    !table.view.proxy_config.proxy_headers.attempt_count.is_off()
}

/// One host with all domains that it would have.
struct Draft<'g> {
    host: &'g str,
    group: &'g Group<'g>,
    is_service: bool,
    domains: Vec<Domain>,
}

impl Draft<'_> {
    /// Another host has its name, or a domain of it.
    fn conflict(&self) -> Conflict {
        let name = with_port(self.host, self.group.port);
        let whose = if self.is_service { "service" } else { "virtual service" };
        let message = format!("duplicate domain from {whose}: {name}");
        Conflict { kind: ConflictKind::Domain, name, message }
    }
}

struct Drafts<'g> {
    all: Vec<Draft<'g>>,
    /// Names that services have in full, as domains show them.
    full: HashSet<Cow<'g, str>>,
    /// Hosts whose names others have.
    nameless: Vec<Conflict>,
}

impl<'g> Drafts<'g> {
    fn of(table: &Table<'_>, groups: &'g [Group<'g>]) -> Self {
        // gRPC compares a request's host with its port.
        let is_grpc = grpc::is_client(table.view);
        let shows_ports = table.port == 0 || is_grpc;
        let domains = |all: Vec<Domain>, port: u32, shows_port: bool| {
            if !shows_port {
                return all;
            }
            let both = |domain: Domain| {
                let with = domain.with_port(port);
                [domain, with]
            };
            all.into_iter().flat_map(both).collect()
        };
        let (mut names, mut full) = (HashSet::new(), HashSet::new());
        let mut all = Vec::with_capacity(groups.len());
        let mut nameless = Vec::new();
        for group in groups {
            let port = group.port;
            for host in &group.hosts {
                let mut draft = Draft { host, group, is_service: false, domains: Vec::new() };
                if names.insert((*host, port)) {
                    draft.domains = domains(vec![Domain::own(host)], port, is_grpc);
                    all.push(draft);
                } else {
                    nameless.push(draft.conflict());
                }
            }
            for service in &group.services {
                let service: &'g Service = service;
                let host = service.hostname.as_str();
                full.insert(Cow::Borrowed(host));
                if shows_ports {
                    full.insert(Cow::Owned(with_port(host, port)));
                }
                let mut draft = Draft { host, group, is_service: true, domains: Vec::new() };
                if names.insert((host, port)) {
                    draft.domains = domains(of_service(service, &table.view.proxy), port, shows_ports);
                    all.push(draft);
                } else {
                    nameless.push(draft.conflict());
                }
            }
        }
        Self { all, full, nameless }
    }

    /// Of each domain of each host whether it keeps it: no host before has it (case does not count), and it is no form
    /// of a name that is another service's in full.
    fn kept(&self) -> Vec<Vec<bool>> {
        let mut taken = HashSet::with_capacity(self.all.len() * 8);
        let mut kept = Vec::with_capacity(self.all.len());
        for draft in &self.all {
            let is_anothers = |domain: &Domain| domain.is_form && self.full.contains(domain.text.as_str());
            let flags = draft.domains.iter().map(|d| !is_anothers(d) && taken.insert(lower_case(&d.text)));
            kept.push(flags.collect());
        }
        kept
    }
}

fn lower_case(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|b| b.is_ascii_uppercase()) { text.to_lowercase().into() } else { text.into() }
}

/// `host:port`, an IPv6 address in brackets.
pub(crate) fn with_port(host: &str, port: u32) -> String {
    format!("{}:{port}", bracketed(host))
}
