//! Virtual services, by who may use them (istiod: `pilot/pkg/model/virtualservice.go`, `initVirtualServices`).

use std::collections::BTreeMap;
use std::sync::Arc;

use arcstr::{ArcStr, literal};

use super::{ConfigKey, ConfigKind, by_age};
use crate::mesh::DOMAIN;
use crate::object::Config;
use crate::object::istio::{Destination, HttpMatch, HttpRoute, MeshConfig, VirtualService};
use crate::service::{ExportTo, qualify};

/// A virtual service with full host names and its delegates filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct VirtualServiceRule {
    /// Name, namespace, age.
    pub config: Arc<Config<VirtualService>>,
    /// What holds.
    pub spec: VirtualService,
    /// The object itself, then its delegates.
    pub from: Vec<ConfigKey>,
    /// Whether hosts match as those of a Gateway API route: only what they name exactly.
    pub gateway_semantics: bool,
}

impl VirtualServiceRule {
    /// Whether it is bound to that gateway; `mesh` stands for all sidecars.
    pub fn is_bound_to(&self, gateway: &str) -> bool {
        self.spec.gateways.iter().any(|g| g == gateway)
    }
}

/// All virtual services, each list oldest first.
#[derive(Debug, Default)]
pub struct VirtualServiceIndex {
    private: BTreeMap<ArcStr, Vec<Arc<VirtualServiceRule>>>,
    exported: BTreeMap<ArcStr, Vec<Arc<VirtualServiceRule>>>,
    public: Vec<Arc<VirtualServiceRule>>,
}

impl VirtualServiceIndex {
    /// Expands and indexes virtual services. O(n log n).
    pub fn new(configs: &[Arc<Config<VirtualService>>], mesh: &MeshConfig) -> Self {
        let sorted = by_age(configs);
        let export_to = |c: &Config<VirtualService>| {
            let own = &c.spec.export_to;
            let set = if own.is_empty() { &mesh.default_virtual_service_export_to } else { own };
            ExportTo::new(set.iter().cloned())
        };
        let delegates: BTreeMap<(ArcStr, ArcStr), _> = sorted
            .iter()
            .filter(|c| c.spec.hosts.is_empty())
            .map(|c| ((c.meta.namespace.clone(), c.meta.name.clone()), (c, export_to(c))))
            .collect();
        let mut index = Self::default();
        for config in sorted.iter().filter(|c| !c.spec.hosts.is_empty()) {
            let find = |namespace: &ArcStr, name: &ArcStr| {
                let (delegate, set) = delegates.get(&(namespace.clone(), name.clone()))?;
                set.is_visible(namespace, &config.meta.namespace).then_some(*delegate)
            };
            index.add(Arc::new(expanded(config, find)), &export_to(config));
        }
        index
    }

    fn add(&mut self, rule: Arc<VirtualServiceRule>, export_to: &ExportTo) {
        let namespace = &rule.config.meta.namespace;
        if export_to.contains("*") {
            self.public.push(rule);
            return;
        }
        if export_to.contains("~") {
            return;
        }
        for entry in export_to.iter() {
            if entry == "." || entry == namespace {
                self.private.entry(namespace.clone()).or_default().push(rule.clone());
            } else {
                self.exported.entry(entry.clone()).or_default().push(rule.clone());
            }
        }
    }

    /// Those that proxies of `namespace` may use, in order of precedence: private ones, exported ones, public ones;
    /// of each list those with gateway semantics of the namespace itself first.
    pub fn visible_to<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = &'a Arc<VirtualServiceRule>> {
        let list = |map: &'a BTreeMap<ArcStr, Vec<_>>| map.get(namespace).map_or(&[][..], Vec::as_slice);
        [list(&self.private), list(&self.exported), &self.public].into_iter().flat_map(move |list| {
            let first = move |r: &&Arc<VirtualServiceRule>| {
                r.gateway_semantics && r.config.meta.namespace == namespace
            };
            list.iter().filter(first).chain(list.iter().filter(move |r| !first(r)))
        })
    }
}

fn expanded<'a>(
    config: &Arc<Config<VirtualService>>,
    delegate: impl Fn(&ArcStr, &ArcStr) -> Option<&'a Arc<Config<VirtualService>>>,
) -> VirtualServiceRule {
    let meta = &config.meta;
    let mut from = vec![ConfigKey::new(ConfigKind::VirtualService, &meta.name, &meta.namespace)];
    let mut spec = config.spec.clone();
    qualify_hosts(&mut spec, &meta.namespace);
    let mut http = Vec::with_capacity(spec.http.len());
    for route in spec.http {
        let Some(to) = &route.delegate else {
            http.push(route);
            continue;
        };
        let namespace = if to.namespace.is_empty() { &meta.namespace } else { &to.namespace };
        from.push(ConfigKey::new(ConfigKind::VirtualService, &to.name, namespace));
        let Some(delegate) = delegate(namespace, &to.name) else { continue };
        let mut spec = delegate.spec.clone();
        qualify_hosts(&mut spec, namespace);
        http.extend(spec.http.into_iter().filter_map(|inner| combined(&route, inner)));
    }
    spec.http = http;
    if spec.gateways.is_empty() {
        spec.gateways = vec![literal!("mesh")];
    }
    let semantics = meta.annotations.get("internal.istio.io/route-semantics");
    VirtualServiceRule {
        config: config.clone(),
        spec,
        from,
        gateway_semantics: semantics.is_some_and(|s| s == "gateway"),
    }
}

fn qualify_hosts(spec: &mut VirtualService, namespace: &str) {
    for host in &mut spec.hosts {
        *host = qualify(host, namespace, DOMAIN);
    }
    destinations(spec, |d| d.host = qualify(&d.host, namespace, DOMAIN));
}

fn destinations(spec: &mut VirtualService, mut each: impl FnMut(&mut Destination)) {
    for route in &mut spec.http {
        route.route.iter_mut().filter_map(|r| r.destination.as_mut()).for_each(&mut each);
        route.mirror.iter_mut().for_each(&mut each);
        route.mirrors.iter_mut().filter_map(|m| m.destination.as_mut()).for_each(&mut each);
    }
    spec.tcp.iter_mut().flat_map(|r| &mut r.route).filter_map(|r| r.destination.as_mut()).for_each(&mut each);
    spec.tls.iter_mut().flat_map(|r| &mut r.route).filter_map(|r| r.destination.as_mut()).for_each(&mut each);
}

/// A delegate's route under the conditions of the route that delegates to it; none where they exclude each other.
fn combined(root: &HttpRoute, mut inner: HttpRoute) -> Option<HttpRoute> {
    if root.matches.is_empty() {
        return Some(inherited(root, inner));
    }
    if inner.matches.is_empty() {
        inner.matches.clone_from(&root.matches);
        return Some(inherited(root, inner));
    }
    let pairs = inner.matches.iter().flat_map(|i| root.matches.iter().filter_map(|r| both(r, i)));
    let matches: Vec<_> = pairs.collect();
    inner.matches = matches;
    (!inner.matches.is_empty()).then(|| inherited(root, inner))
}

fn both(root: &HttpMatch, inner: &HttpMatch) -> Option<HttpMatch> {
    let mut out = inner.clone();
    if !root.source_namespace.is_empty() {
        if !inner.source_namespace.is_empty() && inner.source_namespace != root.source_namespace {
            return None;
        }
        out.source_namespace = root.source_namespace.clone();
    }
    Some(out)
}

fn inherited(root: &HttpRoute, mut inner: HttpRoute) -> HttpRoute {
    if inner.mirror.is_none() && inner.mirrors.is_empty() {
        inner.mirror.clone_from(&root.mirror);
        inner.mirrors.clone_from(&root.mirrors);
    }
    inner
}
