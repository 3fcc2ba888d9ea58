//! Route configurations of a gateway (istiod: `buildGatewayHTTPRouteConfig`).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arcstr::ArcStr;
use xdslab_mesh::service::Service;
use xdslab_proto::Message;
use xdslab_proto::ordered::{RouteConfiguration, VirtualHost};
use xdslab_proto::protobuf::{BoolValue, UInt32Value};
use xdslab_proto::route::virtual_host::TlsRequirementType;

use super::host::{HostSet, by_specificity};
use super::merged::{Merged, Server};
use crate::generate::route::rule::{EncodedRoute, RuleContext, routes};
use crate::generate::route::{LONGEST_BODY, with_port};
use crate::generate::view::View;

/// One encoded route configuration; without virtual hosts where no server has the name: listeners that are being
/// drained still ask.
pub(crate) fn configuration(view: &View, name: &str) -> Vec<u8> {
    let mut servers = view.gateways.servers_of(name).peekable();
    let validate_clusters = Some(BoolValue { value: false });
    let name = name.to_owned();
    let Some(first) = servers.peek() else {
        return RouteConfiguration { name, validate_clusters, ..Default::default() }.encode_to_vec();
    };
    let nothing = || VirtualHost {
        name: format!("blackhole:{}", first.port),
        domains: vec!["*".to_owned()],
        ..Default::default()
    };
    let nothing = nothing();
    let mut assembly = Assembly::new(view);
    servers.for_each(|server| assembly.add(server));
    let mut virtual_hosts = assembly.virtual_hosts();
    if virtual_hosts.is_empty() {
        virtual_hosts.push(nothing);
    }
    RouteConfiguration {
        name,
        virtual_hosts,
        validate_clusters,
        max_direct_response_body_size_bytes: Some(UInt32Value { value: LONGEST_BODY }),
        ignore_port_in_host_matching: true,
    }
    .encode_to_vec()
}

/// Hosts of one name of routes, as they come together.
struct Assembly<'a> {
    view: &'a View,
    merged: &'a Merged,
    /// Routes of one virtual service for one `Gateway`, made for the first server that it serves.
    blocks: Vec<Vec<EncodedRoute>>,
    /// By places of the `Gateway` and the virtual service.
    made: HashMap<(usize, usize), usize>,
    hosts: BTreeMap<String, Host>,
    counts_attempts: bool,
}

/// One host before equal ones are put together.
struct Host {
    port: u32,
    /// Places of its blocks of routes.
    blocks: Vec<usize>,
    redirects: bool,
}

impl<'a> Assembly<'a> {
    fn new(view: &'a View) -> Self {
        Self {
            view,
            merged: &view.gateways,
            blocks: Vec::new(),
            made: HashMap::new(),
            hosts: BTreeMap::new(),
            counts_attempts: !view.proxy_config.proxy_headers.attempt_count.is_off(),
        }
    }

    fn add(&mut self, server: &Server) {
        let merged = self.merged;
        let set = HostSet::new(&server.hosts);
        for (at, rule) in merged.gateway(server).rules.iter().enumerate() {
            let shared = set.intersection(&rule.meta().namespace, &rule.spec.hosts);
            if shared.is_empty() {
                continue;
            }
            let Some(block) = self.block(server, at) else { continue };
            for name in shared {
                let host = self.host(name, server);
                host.blocks.push(block);
                host.redirects |= server.redirects();
            }
        }
        if server.redirects() {
            // Also hosts that nobody serves; their namespace stays in the name, as in istiod's.
            for host in &server.hosts {
                self.host(&host.text, server).redirects = true;
            }
        }
    }

    fn host(&mut self, name: &str, server: &Server) -> &mut Host {
        let name = name.to_lowercase();
        let fresh = || Host { port: server.port, blocks: Vec::new(), redirects: false };
        self.hosts.entry(name).or_insert_with(fresh)
    }

    /// The place of the routes of a virtual service; none where it has none for the server's port.
    fn block(&mut self, server: &Server, at: usize) -> Option<usize> {
        let key = (server.gateway, at);
        if let Some(made) = self.made.get(&key) {
            return Some(*made);
        }
        let gateway = self.merged.gateway(server);
        let rule = &gateway.rules[at];
        let service = |host: &str| service(self.view, host, &rule.meta().namespace);
        let context = RuleContext {
            view: self.view,
            gateway: &gateway.name,
            port: server.port,
            tls: server.tls().is_some(),
            service: &service,
        };
        let block = routes(&context, rule);
        if block.is_empty() {
            return None;
        }
        self.blocks.push(block);
        self.made.insert(key, self.blocks.len() - 1);
        Some(self.blocks.len() - 1)
    }

    /// Virtual hosts sorted by name. Hosts with the same routes become one, named by the most specific of them: each is
    /// held against the last one with its routes only (istiod: `collapseDuplicateRoutes`).
    fn virtual_hosts(self) -> Vec<VirtualHost> {
        let mut hosts: Vec<(&String, &Host)> = self.hosts.iter().collect();
        hosts.sort_by(|(a, _), (b, _)| by_specificity(a, b));
        let mut known: HashMap<&[usize], usize> = HashMap::new();
        let mut merged: Vec<(&Host, VirtualHost)> = Vec::new();
        for (name, host) in hosts {
            let equal = known.get(host.blocks.as_slice()).copied();
            if let Some(at) = equal.filter(|at| merged[*at].0.redirects == host.redirects) {
                merged[at].1.domains.push(name.clone());
                continue;
            }
            known.insert(&host.blocks, merged.len());
            merged.push((host, self.virtual_host(name, host)));
        }
        let mut all: Vec<_> = merged.into_iter().map(|(_, host)| host).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// Routes that catch all go last, those of older virtual services first.
    fn virtual_host(&self, name: &str, host: &Host) -> VirtualHost {
        let routes = || host.blocks.iter().flat_map(|at| &self.blocks[*at]);
        let of = |catch_all: bool| routes().filter(move |r| r.catch_all == catch_all).map(|r| r.body.clone());
        let tls = if host.redirects { TlsRequirementType::All } else { TlsRequirementType::None };
        VirtualHost {
            name: with_port(name, host.port),
            domains: vec![name.to_owned()],
            routes: of(false).chain(of(true)).collect(),
            require_tls: tls.into(),
            include_request_attempt_count: self.counts_attempts,
        }
    }
}

/// The service that a virtual service of `namespace` means by a host: its own namespace's if the gateway may see it,
/// else the one in the gateway's sight (istiod: `buildNameToServiceMapForHTTPRoutes`).
fn service<'v>(view: &'v View, host: &str, namespace: &ArcStr) -> Option<&'v Arc<Service>> {
    let own = view.snapshot.services().get(host, namespace);
    let visible = |s: &&Arc<Service>| s.export_to.is_visible(&s.namespace, &view.proxy.config_namespace);
    own.filter(visible).or_else(|| view.scope.service(host))
}
