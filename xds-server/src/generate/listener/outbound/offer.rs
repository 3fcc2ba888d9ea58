//! One service at one port of an egress listener: where it wants to be reached, and by which chains (istiod:
//! `buildSidecarOutboundTCPListenerOpts`, `buildSidecarOutboundHTTPListenerOpts` in `listener.go`, and `tls.go`).

use std::collections::HashSet;

use arcstr::ArcStr;
use xdslab_mesh::service::{Port, Protocol, Registry, Resolution, Service, is_wildcard};
use xdslab_mesh::{IpMode, VirtualServiceRule};
use xdslab_proto::listener::Filter;

use super::chain::{Chain, Content};
use super::entry::{Entries, Entry, Speech, Verdict};
use super::rules::Layer4Rules;
use super::{destination, fixed, vip};
use crate::generate::filter::Filters;
use crate::generate::listener::address::{self, Bind};
use crate::generate::short_names::short_names;

/// A service that wants to be reached at a port.
pub(super) struct Offer<'a> {
    filters: &'a Filters<'a>,
    rules: &'a Layer4Rules<'a>,
    service: &'a Service,
    /// The listener's port: the service's own, or the one that the Sidecar declares.
    port: &'a Port,
    /// Where, if that is settled.
    bind: Option<Bind>,
    bind_to_port: bool,
    mode: IpMode,
}

impl<'a> Offer<'a> {
    /// An offer; without `bind` at the service's own address.
    pub fn new(
        filters: &'a Filters<'a>,
        rules: &'a Layer4Rules<'a>,
        service: &'a Service,
        port: &'a Port,
        bind: Option<Bind>,
        bind_to_port: bool,
    ) -> Self {
        let mode = filters.view().proxy.ip_mode();
        Self { filters, rules, service, port, bind, bind_to_port, mode }
    }

    /// Makes a listener of it, or adds to the one that is there. Services under another name and UDP have none.
    pub fn enter(self, entries: &mut Entries) {
        let protocol = self.port.protocol;
        let Some(speech) = Speech::of(protocol) else { return };
        if self.service.resolution == Resolution::Alias {
            return;
        }
        let (bind, subnets) = self.place(speech);
        let verdict = entries.verdict(&bind, self.port.number, protocol, speech);
        if verdict == Verdict::Ignored {
            return;
        }
        let everywhere = bind.primary == address::wildcard(self.mode);
        let (protocol, chains) = match speech {
            // An HTTP proxy is asked for itself: all that comes is HTTP.
            Speech::Http if everywhere && protocol != Protocol::HttpProxy => {
                (Protocol::Unsupported, vec![self.sniffed(&bind)])
            }
            Speech::Http => (protocol, vec![self.http(&bind)]),
            Speech::Tcp => (protocol, self.tcp(&bind, &subnets)),
            Speech::Auto => {
                let mut chains = self.tcp(&bind, &subnets);
                chains.push(self.sniffed(&bind));
                (protocol, chains)
            }
        };
        let entry = Entry::new(bind, self.port.number, self.bind_to_port, protocol, chains);
        entries.enter(verdict, entry, &self.service.hostname);
    }

    /// Where it wants to be reached, and, if it has a range of addresses, which ones. HTTP is told apart by
    /// host names, so that all services of a port share a listener.
    fn place(&self, speech: Speech) -> (Bind, Vec<ArcStr>) {
        if let Some(bind) = &self.bind {
            return (bind.clone(), Vec::new());
        }
        if speech == Speech::Http {
            return (Bind::wildcard(self.mode), Vec::new());
        }
        let address = vip::of(&self.filters.view().proxy, self.service);
        let is_external = self.service.registry == Registry::External;
        if address.contains('/') {
            (Bind::wildcard(self.mode), vec![address.into()])
        } else if is_external && address == vip::UNSPECIFIED {
            (Bind::wildcard(self.mode), Vec::new())
        } else {
            (Bind::to(address), Vec::new())
        }
    }

    fn http(&self, bind: &Bind) -> Chain {
        let number = self.port.number;
        let shared = self.port.protocol.is_http() || bind.primary == address::wildcard(self.mode);
        let routes = match number {
            0 => bind.primary.clone(),
            _ if shared => number.to_string(),
            _ => format!("{}:{number}", self.service.hostname),
        };
        let grpc_web = self.port.protocol == Protocol::GrpcWeb;
        Chain { content: Content::Http { routes, grpc_web }, ..Chain::default() }
    }

    /// HTTP, if the connection's first bytes are.
    fn sniffed(&self, bind: &Bind) -> Chain {
        Chain { plaintext_http: true, raw_buffer: true, ..self.http(bind) }
    }

    fn tcp(&self, bind: &Bind, subnets: &[ArcStr]) -> Vec<Chain> {
        let rules = self.rules.for_host(&self.service.hostname);
        if matches!(self.port.protocol, Protocol::Tls | Protocol::Https) {
            self.tls_chains(&rules, bind, subnets)
        } else {
            self.tcp_chains(&rules, subnets)
        }
    }

    /// A chain for each match of TLS routes that is new; without any, one for the service.
    fn tls_chains(&self, rules: &[&'a VirtualServiceRule], bind: &Bind, subnets: &[ArcStr]) -> Vec<Chain> {
        let mut subnets = subnets.to_vec();
        let mut known = HashSet::new();
        let mut chains = Vec::new();
        for rule in rules {
            for route in &rule.spec.tls {
                for wanted in &route.matches {
                    if !self.rules.counts(wanted, self.port.number) {
                        continue;
                    }
                    // They stay for the matches that follow, as in istiod.
                    if !wanted.destination_subnets.is_empty() {
                        subnets.clone_from(&wanted.destination_subnets);
                    }
                    if known.insert((&wanted.sni_hosts, &wanted.destination_subnets)) {
                        chains.push(Chain {
                            server_names: wanted.sni_hosts.clone(),
                            subnets: subnets.clone(),
                            rule: Some(path(rule)),
                            content: Content::Network(self.to_route(rule, &route.route)),
                            ..Chain::default()
                        });
                    }
                }
            }
        }
        if chains.is_empty() {
            let server_names = self.server_names(bind, &subnets);
            let content = Content::Network(self.to_service());
            chains.push(Chain { server_names, subnets, content, ..Chain::default() });
        }
        chains
    }

    /// Chains of TCP routes up to the first that takes everything; without such a one, the service's own at the end.
    fn tcp_chains(&self, rules: &[&'a VirtualServiceRule], subnets: &[ArcStr]) -> Vec<Chain> {
        let mut chains = Vec::new();
        let mut is_complete = false;
        for rule in rules {
            for route in &rule.spec.tcp {
                let counts = |m: &&_| self.rules.counts(*m, self.port.number);
                let counting: Vec<_> = route.matches.iter().filter(counts).collect();
                let network = || Content::Network(self.to_route(rule, &route.route));
                // Nothing tells which address was called where a Unix socket took the connection.
                let any = self.port.number == 0 || counting.iter().any(|m| m.destination_subnets.is_empty());
                if route.matches.is_empty() || (!counting.is_empty() && any) {
                    let (subnets, rule) = (subnets.to_vec(), Some(path(rule)));
                    chains.push(Chain { subnets, rule, content: network(), ..Chain::default() });
                    return chains;
                }
                let wanted: Vec<_> =
                    counting.iter().flat_map(|m| m.destination_subnets.iter().cloned()).collect();
                if !wanted.is_empty() {
                    is_complete |= sorted(&wanted) == sorted(subnets);
                    chains.push(Chain { subnets: wanted, content: network(), ..Chain::default() });
                }
            }
        }
        if !is_complete {
            let (subnets, content) = (subnets.to_vec(), Content::Network(self.to_service()));
            chains.push(Chain { subnets, content, ..Chain::default() });
        }
        chains
    }

    /// Names of servers that tell the service from others of its listener; none where its address does.
    fn server_names(&self, bind: &Bind, subnets: &[ArcStr]) -> Vec<ArcStr> {
        let address = vip::of(&self.filters.view().proxy, self.service);
        let everywhere = bind.primary == address::wildcard(self.mode) && address == vip::UNSPECIFIED;
        // A range of addresses tells nothing where the listener has an address of its own.
        let is_range = address.contains('/');
        if subnets.is_empty() && !is_range && !everywhere && !self.is_dynamic() {
            return Vec::new();
        }
        let domain = &self.filters.view().proxy.dns_domain;
        let mut names = vec![self.service.hostname.clone()];
        for alias in &self.service.aliases {
            names.push(alias.hostname.clone());
            names.extend(short_names(&alias.hostname, domain).into_iter().map(ArcStr::from));
        }
        names
    }

    fn is_dynamic(&self) -> bool {
        self.service.resolution == Resolution::DynamicDns && is_wildcard(&self.service.hostname)
    }

    /// The service's own port if it has only one: a Sidecar's port may differ from it.
    fn to_service(&self) -> Vec<Filter> {
        let port = match self.service.ports.as_slice() {
            [only] => only.number,
            _ => self.port.number,
        };
        let mut filters = destination::to_service(self.filters, self.service, port, self.port.protocol);
        let is_tls = matches!(self.port.protocol, Protocol::Tls | Protocol::Https);
        if is_tls && self.is_dynamic() {
            let last = filters.len().saturating_sub(1);
            filters.insert(last, fixed::resolve_server_name(&self.service.hostname, port, self.mode));
        }
        filters
    }

    fn to_route(
        &self,
        rule: &VirtualServiceRule,
        routes: &[xdslab_mesh::object::istio::RouteDestination],
    ) -> Vec<Filter> {
        let meta = rule.meta();
        destination::to_route(self.filters, routes, self.port, format!("{}.{}", meta.name, meta.namespace))
    }
}

fn sorted(subnets: &[ArcStr]) -> Vec<&ArcStr> {
    let mut sorted: Vec<_> = subnets.iter().collect();
    sorted.sort_unstable();
    sorted
}

/// What Istio notes of a rule in metadata.
fn path(rule: &VirtualServiceRule) -> String {
    let meta = rule.meta();
    format!("/apis/networking.istio.io/v1/namespaces/{}/virtual-service/{}", meta.namespace, meta.name)
}
