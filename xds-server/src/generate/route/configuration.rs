//! One route configuration of a sidecar (istiod: `buildSidecarOutboundHTTPRouteConfig`,
//! `BuildSidecarVirtualHostWrapper` in `core/route/route.go`).

use std::sync::Arc;

use bytes::Bytes;
use hashbrown::HashSet;
use indexmap::IndexMap;
use xdslab_mesh::VirtualServiceRule;
use xdslab_mesh::scope::EgressScope;
use xdslab_mesh::service::{Protocol, Resolution, Service, host_is_subset, host_matches, is_wildcard};
use xdslab_proto::Message;
use xdslab_proto::ordered::{RouteConfiguration, VirtualHost};
use xdslab_proto::protobuf::{BoolValue, UInt32Value};

use super::domains::{Domains, bracketed};
use super::rule::{RuleContext, routes};
use super::usual::{self, Usual};
use crate::generate::view::View;

/// The longest body that a route may answer with by itself.
pub(crate) const LONGEST_BODY: u32 = 1 << 20;
/// Name of the HTTP proxy's routes.
const HTTP_PROXY: &str = "http_proxy";
/// The port on which virtual services count that no service there is for.
const HTTP: u32 = 80;

/// One encoded route configuration of a sidecar; without virtual hosts where the name says nothing.
///
/// O(services and virtual services of the serving listener). It depends on the scope, the mesh configuration, and of
/// the proxy on its DNS domain, address families, proxy configuration, cluster and DNS capture, and on its labels
/// where a virtual service or destination rule selects by labels.
pub(crate) fn configuration(view: &View, name: &str) -> Vec<u8> {
    let validate_clusters = Some(BoolValue { value: false });
    let empty = || RouteConfiguration { name: name.to_owned(), validate_clusters, ..Default::default() };
    let Some(table) = Table::of(view, name) else { return empty().encode_to_vec() };
    RouteConfiguration {
        virtual_hosts: table.virtual_hosts(),
        max_direct_response_body_size_bytes: Some(UInt32Value { value: LONGEST_BODY }),
        ignore_port_in_host_matching: true,
        ..empty()
    }
    .encode_to_vec()
}

/// What the name of a route configuration stands for.
struct Table<'v> {
    view: &'v View,
    egress: &'v EgressScope,
    /// Port of the services; 0 for all ports.
    port: u32,
    /// The only host, where the protocol of its port is found out by looking.
    only: Option<&'v str>,
    /// Services by host as the port's routes know them.
    services: IndexMap<&'v str, Arc<Service>>,
}

/// Hosts with one list of routes, before names are shared out.
struct Wrapper {
    port: u32,
    /// Hosts that are no services.
    hosts: Vec<String>,
    services: Vec<Arc<Service>>,
    routes: Vec<Bytes>,
}

impl<'v> Table<'v> {
    fn of(view: &'v View, name: &'v str) -> Option<Self> {
        let (port, bind, only) = if name == HTTP_PROXY {
            (0, "", None)
        } else if name.starts_with("unix:") {
            (0, name, None)
        } else if let Ok(port) = name.parse::<u32>() {
            (port, "", None)
        } else {
            let (host, port) = name.rsplit_once(':')?;
            (port.parse().ok()?, "", Some(host))
        };
        let egress = view.scope.listener_of(port, bind)?;
        let declared = egress.listener.as_ref().and_then(|l| l.port.as_ref());
        let proxies = declared.is_some_and(|p| Protocol::from_word(&p.protocol) == Protocol::HttpProxy);
        let port = if proxies { 0 } else { port };
        let mut table = Self { view, egress, port, only, services: IndexMap::new() };
        for service in egress.services.iter() {
            if only.is_some_and(|host| host != service.hostname) {
                continue;
            }
            let known = if port == 0 || service.ports.len() == 1 {
                service.clone()
            } else {
                Arc::new(service.trimmed(|p| p.number == port))
            };
            if port == 0 || known.port(port).is_some() {
                table.services.insert(service.hostname.as_str(), known);
            }
        }
        Some(table)
    }

    fn virtual_hosts(&self) -> Vec<VirtualHost> {
        let wrappers = self.wrappers();
        let mut hosts = Naming::new(self, &wrappers).virtual_hosts(wrappers);
        hosts.sort_by(|a, b| a.name.cmp(&b.name));
        if self.only.is_some() {
            for host in &mut hosts {
                host.domains = vec!["*".to_owned()];
            }
            return hosts;
        }
        hosts.push(usual::catch_all(self.view));
        hosts
    }

    /// Virtual services in order, then the services that none of them tells of.
    fn wrappers(&self) -> Vec<Wrapper> {
        let mut wrappers: Vec<Wrapper> =
            self.rules().into_iter().flat_map(|rule| self.of_rule(rule)).collect();
        let told: HashSet<_> =
            wrappers.iter().flat_map(|w| &w.services).map(|s| s.hostname.clone()).collect();
        for service in self.services.values() {
            if told.contains(&service.hostname) || service.resolution == Resolution::Alias {
                continue;
            }
            for port in service.ports.iter().filter(|p| p.protocol.is_http() || p.protocol.is_sniffed()) {
                wrappers.push(Wrapper {
                    port: port.number,
                    hosts: Vec::new(),
                    services: vec![service.clone()],
                    routes: vec![Usual::new(self.view).to_service(service, port.number)],
                });
            }
        }
        wrappers
    }

    /// The virtual services that count: on other ports than 80 only those for a service of the port.
    fn rules(&self) -> Vec<&'v Arc<VirtualServiceRule>> {
        let all = self.egress.virtual_services.iter();
        if self.port == HTTP {
            return all.collect();
        }
        let is_for_a_service = |rule: &VirtualServiceRule, host: &str| {
            self.services.contains_key(host)
                || self.services.keys().any(|service| is_for(rule, host, service))
        };
        all.filter(|rule| rule.spec.hosts.iter().any(|host| is_for_a_service(rule, host))).collect()
    }

    /// The hosts of one virtual service, by the port of its services.
    fn of_rule(&self, rule: &Arc<VirtualServiceRule>) -> Vec<Wrapper> {
        let service = |host: &str| self.services.get(host);
        let context =
            RuleContext { view: self.view, gateway: "mesh", port: self.port, tls: false, service: &service };
        let routes: Vec<Bytes> = routes(&context, rule).into_iter().map(|r| r.body).collect();
        if routes.is_empty() {
            return Vec::new();
        }
        let (hosts, services) = self.hosts_of(rule);
        let mut by_port: IndexMap<u32, Vec<Arc<Service>>> = IndexMap::new();
        for service in services {
            for port in service.ports.iter().filter(|p| p.protocol.is_http() || p.protocol.is_sniffed()) {
                by_port.entry(port.number).or_default().push(service.clone());
            }
        }
        if by_port.is_empty() && self.port == HTTP {
            by_port.insert(HTTP, Vec::new());
        }
        by_port
            .into_iter()
            .map(|(port, services)| Wrapper { port, hosts: hosts.clone(), services, routes: routes.clone() })
            .collect()
    }

    /// Hosts of a virtual service that are no services of the port, and the services that it tells of: by name, or
    /// under a wildcard that no virtual service covers more closely.
    fn hosts_of(&self, rule: &Arc<VirtualServiceRule>) -> (Vec<String>, Vec<Arc<Service>>) {
        let (mut hosts, mut services) = (Vec::new(), Vec::new());
        let (wild, plain): (Vec<_>, Vec<_>) = rule.spec.hosts.iter().partition(|host| is_wildcard(host));
        for host in plain {
            match self.services.get(host.as_str()) {
                Some(service) => services.push(service.clone()),
                None => hosts.push(host.to_string()),
            }
        }
        for host in wild {
            let mut found = false;
            for (name, service) in &self.services {
                if !is_for(rule, host, name) {
                    continue;
                }
                found = true;
                if self.egress.most_specific(name).is_some_and(|most| Arc::ptr_eq(most, rule)) {
                    services.push(service.clone());
                }
            }
            if !found {
                hosts.push(host.to_string());
            }
        }
        (hosts, services)
    }
}

/// Whether a virtual service's host covers a service's.
fn is_for(rule: &VirtualServiceRule, host: &str, service: &str) -> bool {
    if !is_wildcard(host) && !is_wildcard(service) {
        return host == service;
    }
    if rule.gateway_semantics { host_is_subset(service, host) } else { host_matches(host, service) }
}

/// Gives every host its name and domains; the first that claims one has it.
struct Naming<'t, 'v> {
    table: &'t Table<'v>,
    names: HashSet<String>,
    /// In lower case.
    domains: HashSet<String>,
    /// Names that services have in full.
    full: HashSet<String>,
    counts_attempts: bool,
}

impl<'t, 'v> Naming<'t, 'v> {
    fn new(table: &'t Table<'v>, wrappers: &[Wrapper]) -> Self {
        let services = wrappers.iter().flat_map(|w| w.services.iter().map(|s| (w.port, s)));
        let full = services.flat_map(|(port, s)| [with_port(&s.hostname, port), s.hostname.to_string()]);
        Self {
            table,
            names: HashSet::new(),
            domains: HashSet::new(),
            full: full.collect(),
            counts_attempts: !table.view.proxy_config.proxy_headers.attempt_count.is_off(),
        }
    }

    fn virtual_hosts(mut self, wrappers: Vec<Wrapper>) -> Vec<VirtualHost> {
        let mut hosts = Vec::new();
        for wrapper in wrappers {
            for host in &wrapper.hosts {
                let domains = Domains { all: vec![bracketed(host)], ..Domains::default() };
                hosts.extend(self.virtual_host(host, &wrapper, domains));
            }
            for service in &wrapper.services {
                let mut domains = Domains::of(service, &self.table.view.proxy);
                if self.table.port == 0 {
                    domains.all = with_ports(domains.all, wrapper.port);
                }
                hosts.extend(self.virtual_host(&service.hostname, &wrapper, domains));
            }
        }
        hosts
    }

    fn virtual_host(&mut self, host: &str, wrapper: &Wrapper, domains: Domains) -> Option<VirtualHost> {
        let name = with_port(host, wrapper.port);
        if !self.names.insert(name.clone()) {
            return None;
        }
        let Domains { all, forms } = domains;
        let mut kept = Vec::with_capacity(all.len());
        for domain in all {
            let is_anothers = forms.contains(&domain) && self.full.contains(&domain);
            if !is_anothers && self.domains.insert(domain.to_lowercase()) {
                kept.push(domain);
            }
        }
        // On the proxy's own port a host of another port than 80 is called with its port.
        if self.table.port == 0 && wrapper.port != HTTP {
            kept.retain(|domain| domain.contains(':'));
        }
        if kept.is_empty() || (self.table.port != 0 && wrapper.port != self.table.port) {
            return None;
        }
        Some(VirtualHost {
            name,
            domains: kept,
            routes: wrapper.routes.clone(),
            include_request_attempt_count: self.counts_attempts,
            ..Default::default()
        })
    }
}

/// Every domain, each followed by itself with the port.
fn with_ports(domains: Vec<String>, port: u32) -> Vec<String> {
    domains
        .into_iter()
        .flat_map(|domain| {
            let with = format!("{domain}:{port}");
            [domain, with]
        })
        .collect()
}

/// `host:port`, an IPv6 address in brackets.
pub(crate) fn with_port(host: &str, port: u32) -> String {
    format!("{}:{port}", bracketed(host))
}
