//! Which routes which hosts of a port have (istiod: `BuildSidecarVirtualHostWrapper` in `core/route/route.go`).

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use arcstr::ArcStr;
use bytes::Bytes;
use indexmap::IndexMap;
use xdslab_mesh::VirtualServiceRule;
use xdslab_mesh::scope::EgressScope;
use xdslab_mesh::service::{Port, Protocol, Resolution, Service, host_matches, is_wildcard};

use super::rule::{RuleContext, routes};
use super::usual::Usual;
use crate::generate::view::View;

/// The gateway that stands for all sidecars.
const MESH: &str = "mesh";
/// The port on which virtual services count that no service there is for.
const HTTP: u32 = 80;

/// The services and virtual services that serve one port.
pub(super) struct Table<'v> {
    /// The proxy.
    pub view: &'v View,
    /// Port of the services; 0 for all ports.
    pub port: u32,
    egress: &'v EgressScope,
    of_one_host: bool,
    /// Services by host; of several with one host the last.
    services: IndexMap<&'v str, &'v Arc<Service>>,
    /// Of those that a virtual service covers by a wildcard more closely than all others do: hosts by the address of the
    /// virtual service. Made when first asked for.
    covered: OnceLock<HashMap<usize, Vec<&'v str>>>,
}

/// Hosts with one list of routes, at one port, before names are shared out.
pub(super) struct Group<'v> {
    /// The port of the services.
    pub port: u32,
    /// Hosts that are no services.
    pub hosts: Vec<&'v str>,
    /// Services.
    pub services: Vec<&'v Arc<Service>>,
    /// Encoded routes.
    pub routes: Vec<Bytes>,
}

impl<'v> Table<'v> {
    /// What serves a port, or for port 0 what is called `bind`.
    pub fn of_port(view: &'v View, port: u32, bind: &str) -> Option<Self> {
        let mut table = Self::empty(view, port, bind)?;
        let serves = |s: &&Arc<Service>| table.port == 0 || s.port(table.port).is_some();
        let services = table.egress.services.iter().filter(serves);
        table.services = services.map(|s| (s.hostname.as_str(), s)).collect();
        Some(table)
    }

    /// What serves one host of a port.
    pub fn of_host(view: &'v View, host: &str, port: u32) -> Option<Self> {
        let mut table = Self::empty(view, port, "")?;
        table.of_one_host = true;
        let service = table.find(host);
        table.services.extend(service.map(|s| (s.hostname.as_str(), s)));
        Some(table)
    }

    fn empty(view: &'v View, port: u32, bind: &str) -> Option<Self> {
        let egress = view.scope.listener_of(port, bind)?;
        let declared = egress.listener.as_ref().and_then(|l| l.port.as_ref());
        let is_proxy = declared.is_some_and(|p| Protocol::from_word(&p.protocol) == Protocol::HttpProxy);
        let port = if is_proxy { 0 } else { port };
        let (services, covered) = (IndexMap::new(), OnceLock::new());
        Some(Self { view, port, egress, of_one_host: false, services, covered })
    }

    /// Virtual services in order, then the services that none of them tells of.
    pub fn groups(&self) -> Vec<Group<'v>> {
        let rules = self.egress.virtual_services.iter();
        let mut groups: Vec<Group<'v>> = rules.flat_map(|rule| self.of_rule(rule)).collect();
        let told: Vec<usize> =
            groups.iter().flat_map(|g| &g.services).filter_map(|s| self.place(&s.hostname)).collect();
        let mut untold = vec![true; self.services.len()];
        told.into_iter().for_each(|place| untold[place] = false);
        let usual = Usual::new(self.view);
        let rest = self.services.values().zip(untold).filter(|(_, untold)| *untold);
        groups.extend(rest.flat_map(|(service, _)| self.of_service(&usual, service)));
        groups
    }

    /// What one host has, of the table of that host: the first virtual service with routes, or the usual route.
    pub fn only_group(&self, host: &str) -> Option<Group<'v>> {
        let service = self.services.get(host)?;
        let most = self.egress.most_specific(host);
        let by_name = |r: &&Arc<VirtualServiceRule>| r.spec.hosts.iter().any(|h| h == host);
        let others = most.map(|_| self.egress.virtual_services.iter().filter(by_name));
        let rules = most.into_iter().chain(others.into_iter().flatten());
        let mut groups = rules.flat_map(|rule| self.of_rule(rule));
        let of_rule = groups.find(|group| !group.services.is_empty());
        of_rule.or_else(|| self.of_service(&Usual::new(self.view), service).next())
    }

    /// The service of a host that the port's routes know, were they those of all hosts.
    fn find(&self, host: &str) -> Option<&'v Arc<Service>> {
        let serves = |s: &&Arc<Service>| self.port == 0 || s.port(self.port).is_some();
        let services: &'v [Arc<Service>] = &self.egress.services;
        // The only listener's services are most often those of the scope, which are found by host.
        if std::ptr::eq(self.view.scope.services(), services) {
            self.view.scope.service(host).filter(serves)
        } else {
            services.iter().filter(serves).rfind(|s| s.hostname == host)
        }
    }

    /// A service that is not in this table because it is that of another host.
    fn find_beside(&self, host: &str) -> Option<&'v Arc<Service>> {
        self.of_one_host.then(|| self.find(host))?
    }

    fn place(&self, host: &str) -> Option<usize> {
        self.services.get_index_of(host)
    }

    /// The ports of a service that HTTP may be spoken on, as the table's port has them: of several with one number the
    /// first counts.
    fn ports<'s>(&self, service: &'s Service) -> impl Iterator<Item = &'s Port> + use<'s> {
        let of_table = service.port(self.port);
        let all = if self.port == 0 { service.ports.as_slice() } else { &[] };
        let speaks = |p: &&Port| p.protocol.is_http() || p.protocol.is_sniffed();
        all.iter().chain(of_table).filter(speaks)
    }

    /// A service without virtual service. Another name of a service has none: it is a domain of that service.
    fn of_service(&self, usual: &Usual<'_>, service: &'v Arc<Service>) -> impl Iterator<Item = Group<'v>> {
        let group = |port: &Port| Group {
            port: port.number,
            hosts: Vec::new(),
            services: vec![service],
            routes: vec![usual.to_service(service, port.number)],
        };
        let is_alias = service.resolution == Resolution::Alias;
        self.ports(service).filter(|_| !is_alias).map(group).collect::<Vec<_>>().into_iter()
    }

    /// The hosts of one virtual service, by the port of its services; none where it has no routes here. On port 80 it
    /// counts without services, too.
    fn of_rule(&self, rule: &'v Arc<VirtualServiceRule>) -> Vec<Group<'v>> {
        let (hosts, services) = self.hosts_of(rule);
        let mut by_port: IndexMap<u32, Vec<&'v Arc<Service>>> = IndexMap::new();
        for service in services {
            for port in self.ports(service) {
                by_port.entry(port.number).or_default().push(service);
            }
        }
        if by_port.is_empty() && self.port == HTTP {
            by_port.insert(HTTP, Vec::new());
        }
        if by_port.is_empty() {
            return Vec::new();
        }
        let service = |host: &str| self.services.get(host).copied().or_else(|| self.find_beside(host));
        let context =
            RuleContext { view: self.view, gateway: MESH, port: self.port, tls: false, service: &service };
        let routes: Vec<Bytes> = routes(&context, rule).into_iter().map(|r| r.body).collect();
        if routes.is_empty() {
            return Vec::new();
        }
        let group = |(port, services)| Group { port, hosts: hosts.clone(), services, routes: routes.clone() };
        by_port.into_iter().map(group).collect()
    }

    /// Hosts of a virtual service that are no services of the table, and the services that it tells of: by name, or
    /// under a wildcard that no virtual service covers more closely (istiod: `separateVSHostsAndServices`).
    fn hosts_of(&self, rule: &'v Arc<VirtualServiceRule>) -> (Vec<&'v str>, Vec<&'v Arc<Service>>) {
        let (mut hosts, mut services) = (Vec::new(), Vec::new());
        let all = || rule.spec.hosts.iter().map(ArcStr::as_str);
        for host in all().filter(|host| !is_wildcard(host)) {
            match self.services.get(host) {
                Some(service) => services.push(*service),
                None => hosts.push(host),
            }
        }
        for host in all().filter(|host| is_wildcard(host)) {
            let known = services.len();
            let covered = self.covered_by(rule).iter().filter(|name| host_matches(host, name));
            services.extend(covered.filter_map(|name| self.services.get(name).copied()));
            if services.len() == known && !self.services.keys().any(|name| host_matches(host, name)) {
                hosts.push(host);
            }
        }
        (hosts, services)
    }

    /// The hosts that a virtual service covers more closely than all others do.
    fn covered_by(&self, rule: &Arc<VirtualServiceRule>) -> &[&'v str] {
        let make = || {
            let mut covered: HashMap<usize, Vec<&'v str>> = HashMap::new();
            for name in self.services.keys() {
                if let Some(most) = self.egress.most_specific(name) {
                    covered.entry(address(most)).or_default().push(name);
                }
            }
            covered
        };
        self.covered.get_or_init(make).get(&address(rule)).map_or(&[], Vec::as_slice)
    }
}

fn address(rule: &Arc<VirtualServiceRule>) -> usize {
    Arc::as_ptr(rule).addr()
}
