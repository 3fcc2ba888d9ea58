//! The servers of all `Gateway`s that select a proxy, put onto the ports that it listens on (istiod: `mergeGateways` in
//! `pilot/pkg/model/gateway.go`).

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use arcstr::ArcStr;
use xdslab_mesh::object::Config;
use xdslab_mesh::object::istio::{Gateway, GatewayServer, ServerTls, ServerTlsMode};
use xdslab_mesh::service::Protocol;
use xdslab_mesh::{Proxy, ProxyKind, Snapshot, VirtualServiceRule, Workload};

use super::host::ServerHost;

/// The label of a Service by which a gateway listens on the numbers that its servers name.
const NO_TRANSLATION: &str = "experimental.istio.io/disable-gateway-port-translation";

/// The merged servers of one proxy. Made once a view, used for its listeners, routes and clusters.
#[derive(Debug, Default)]
pub(crate) struct Merged {
    /// `Gateway`s that have servers here.
    pub gateways: Vec<Bound>,
    /// Servers that are not dropped, the oldest `Gateway`'s first.
    pub servers: Vec<Server>,
    /// What is listened on, in order.
    pub entries: Vec<Entry>,
    /// Whether a server passes mutual TLS through by the cluster that its SNI names.
    pub passes_by_sni: bool,
    /// Servers by the name of their routes.
    by_routes: BTreeMap<String, Vec<usize>>,
}

/// A `Gateway`, with what is bound to it.
#[derive(Debug)]
pub(crate) struct Bound {
    /// `namespace/name`.
    pub name: ArcStr,
    /// Its virtual services, in order of precedence.
    pub rules: Vec<Arc<VirtualServiceRule>>,
}

/// One server of a `Gateway`.
#[derive(Debug)]
pub(crate) struct Server {
    /// Place of its `Gateway` in [`Merged::gateways`].
    pub gateway: usize,
    /// Its hosts.
    pub hosts: Vec<ServerHost>,
    /// Name of its routes; empty where it speaks no HTTP that is seen.
    pub routes: String,
    /// The port that it names: not the one that is listened on.
    pub port: u32,
    /// What it speaks.
    pub protocol: Protocol,
    config: Arc<Config<Gateway>>,
    place: usize,
}

/// Servers of one port, protocol and bind.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The port that is listened on.
    pub port: u32,
    /// The address that is listened on; empty: all.
    pub bind: ArcStr,
    /// Places in [`Merged::servers`].
    pub servers: Vec<usize>,
    word: ArcStr,
}

impl Merged {
    /// Merges all `Gateway`s that select the proxy, the oldest first. O(servers log servers).
    pub fn of(snapshot: &Snapshot, proxy: &Proxy, workload: &Workload) -> Self {
        let mut merging = Merging::default();
        if proxy.kind != ProxyKind::Router {
            return merging.merged;
        }
        for config in snapshot.gateways().all() {
            if config.spec.selector.iter().all(|(key, value)| workload.labels.get(key) == Some(value)) {
                merging.add(config, workload);
            }
        }
        let mut merged = merging.merged;
        for gateway in &mut merged.gateways {
            gateway.rules = snapshot.virtual_services().of_gateway(&proxy.config_namespace, &gateway.name);
        }
        merged
    }

    /// The servers whose routes have this name, in order.
    pub fn servers_of(&self, routes: &str) -> impl Iterator<Item = &Server> {
        self.by_routes.get(routes).into_iter().flatten().map(|at| &self.servers[*at])
    }

    /// The `Gateway` of a server.
    pub fn gateway(&self, server: &Server) -> &Bound {
        &self.gateways[server.gateway]
    }
}

impl Server {
    /// As it was written.
    pub fn spec(&self) -> &GatewayServer {
        &self.config.spec.servers[self.place]
    }

    /// Its TLS settings.
    pub fn tls(&self) -> Option<&ServerTls> {
        self.spec().tls.as_ref()
    }

    /// Name of its port.
    pub fn port_name(&self) -> &ArcStr {
        static NONE: ArcStr = ArcStr::new();
        self.spec().port.as_ref().map_or(&NONE, |p| &p.name)
    }

    /// Its TLS settings, where it ends TLS itself.
    pub fn terminates(&self) -> Option<&ServerTls> {
        self.tls().filter(|t| !passes(t))
    }

    /// Whether plain requests for its hosts are redirected to HTTPS.
    pub fn redirects(&self) -> bool {
        self.tls().is_some_and(|t| t.https_redirect)
    }

    /// Whether it ends TLS to see HTTP.
    pub fn is_https(&self) -> bool {
        self.protocol == Protocol::Https && self.terminates().is_some()
    }

    /// Whether connections may be told apart by TLS: HTTP with TLS settings only redirects.
    fn is_plain(&self) -> bool {
        self.tls().is_none() || self.protocol.is_http()
    }
}

fn passes(tls: &ServerTls) -> bool {
    matches!(tls.mode, ServerTlsMode::Passthrough | ServerTlsMode::AutoPassthrough)
}

#[derive(Default)]
struct Merging {
    merged: Merged,
    ports: HashSet<u32>,
    /// By port the entry that plain servers of its bind join.
    plain: HashMap<u32, usize>,
    entries: HashMap<(u32, ArcStr, ArcStr), usize>,
    /// Binds of the hosts that TLS is told apart by, by port: of a host the last one counts.
    known: HashMap<u32, HashMap<ArcStr, ArcStr>>,
}

impl Merging {
    fn add(&mut self, config: &Arc<Config<Gateway>>, workload: &Workload) {
        let meta = &config.meta;
        let gateway = self.merged.gateways.len();
        let placed = self.merged.servers.len();
        for (place, spec) in config.spec.servers.iter().enumerate() {
            let Some(declared) = &spec.port else { continue };
            let port = listened(declared.number, workload);
            let protocol = Protocol::from_word(&declared.protocol);
            let mut server = Server {
                gateway,
                hosts: ServerHost::all(&spec.hosts, &meta.namespace),
                routes: String::new(),
                port: declared.number,
                protocol,
                config: config.clone(),
                place,
            };
            server.routes = routes_name(&server, port);
            self.offer(server, port, &declared.protocol);
        }
        if self.merged.servers.len() > placed {
            let name = arcstr::format!("{}/{}", meta.namespace, meta.name);
            self.merged.gateways.push(Bound { name, rules: Vec::new() });
        }
    }

    /// Places a server, unless an older one has its port or its hosts.
    fn offer(&mut self, server: Server, port: u32, word: &ArcStr) {
        let bind = server.spec().bind.clone();
        if let Some(tls) = server.tls() {
            if !claim(self.known.entry(port).or_default(), server.hosts.iter().map(|h| &h.text), &bind) {
                return;
            }
            self.merged.passes_by_sni |= tls.mode == ServerTlsMode::AutoPassthrough;
        }
        let holder = self.plain.get(&port).copied();
        if let Some(holder) = holder.filter(|h| self.merged.entries[*h].bind == bind) {
            let of_holder = Protocol::from_word(&self.merged.entries[holder].word);
            if of_holder.is_http() && server.protocol.is_http() {
                self.place(server, holder);
            }
            return;
        }
        // One name of HTTPS routes is one server's: each has a chain of its own.
        let first = self.ports.insert(port);
        if !first && holder.is_none() && self.merged.by_routes.contains_key(&server.routes) {
            return;
        }
        let plain = server.is_plain();
        let entry = self.entry(port, word, bind);
        self.place(server, entry);
        if plain {
            self.plain.insert(port, entry);
        }
    }

    fn entry(&mut self, port: u32, word: &ArcStr, bind: ArcStr) -> usize {
        let entries = &mut self.merged.entries;
        *self.entries.entry((port, word.clone(), bind.clone())).or_insert_with(|| {
            entries.push(Entry { port, bind, servers: Vec::new(), word: word.clone() });
            entries.len() - 1
        })
    }

    fn place(&mut self, server: Server, entry: usize) {
        let at = self.merged.servers.len();
        self.merged.entries[entry].servers.push(at);
        if !server.routes.is_empty() {
            self.merged.by_routes.entry(server.routes.clone()).or_default().push(at);
        }
        self.merged.servers.push(server);
    }
}

/// Takes `hosts` at `bind`, all or none: none where one of them is taken (istiod: `CheckDuplicates`).
pub(super) fn claim<'h>(
    known: &mut HashMap<ArcStr, ArcStr>,
    hosts: impl Iterator<Item = &'h ArcStr> + Clone,
    bind: &ArcStr,
) -> bool {
    let taken = hosts.clone().any(|h| known.get(h) == Some(bind));
    if !taken {
        known.extend(hosts.map(|h| (h.clone(), bind.clone())));
    }
    !taken
}

/// The port behind the first Service of the proxy that has the number as a port of its own; without one the number.
fn listened(number: u32, workload: &Workload) -> u32 {
    let mut translated = workload.targets.iter().filter(|t| !t.service.labels.contains_key(NO_TRANSLATION));
    translated.find(|t| t.port.number == number).map_or(number, |t| t.target_port)
}

/// Plain HTTP has routes for all servers of a port, HTTPS for each server (istiod: `gatewayRDSRouteName`).
fn routes_name(server: &Server, listened: u32) -> String {
    let bind = &server.spec().bind;
    let bind = if bind.is_empty() { String::new() } else { format!(".{bind}") };
    if server.protocol.is_http() {
        return format!("http.{listened}{bind}");
    }
    if !server.is_https() {
        return String::new();
    }
    let (meta, name) = (&server.config.meta, server.port_name());
    format!("https.{}.{name}.{}.{}{bind}", server.port, meta.name, meta.namespace)
}
