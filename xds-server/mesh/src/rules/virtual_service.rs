//! `VirtualServices` by gateway and by who sees them (istiod: `virtualservice_controller.go`, `initVirtualServices`
//! in `push_context.go`).

use std::sync::Arc;

use arcstr::ArcStr;
use hashbrown::HashMap;

use super::short_names::resolve;
use super::{ConfigKey, ConfigKind, age, default_export_to, delegate};
use crate::object::istio::{Delegate, HttpRoute, MeshConfig, VirtualService};
use crate::object::{Config, Meta};
use crate::service::ExportTo;

/// The gateway that stands for all sidecars.
pub(crate) const MESH: &str = "mesh";

const SEMANTICS: &str = "internal.istio.io/route-semantics";

/// A `VirtualService` as proxies use it.
#[derive(Clone, Debug, PartialEq)]
pub struct VirtualServiceRule {
    /// As it was written.
    pub config: Arc<Config<VirtualService>>,
    /// With full host names, with gateways as `namespace/name` (`mesh` where none is given), and with delegates in
    /// place.
    pub spec: VirtualService,
    /// Its own key, then that of every delegate that it refers to, found or not: when one changes, so does this.
    pub from: Vec<ConfigKey>,
    /// Whether it stands for a route of the Gateway API: such a one is imported as a service is, and those of the
    /// proxy's own namespace go first.
    pub gateway_semantics: bool,
}

impl VirtualServiceRule {
    /// Its metadata.
    pub fn meta(&self) -> &Meta {
        &self.config.meta
    }

    /// What names it.
    pub fn key(&self) -> &ConfigKey {
        &self.from[0]
    }
}

/// `VirtualServices` by gateway; within each list in order of creation.
#[derive(Debug, Default)]
pub struct VirtualServiceIndex {
    by_gateway: HashMap<ArcStr, Lists>,
    rules: usize,
}

type List = Vec<Arc<VirtualServiceRule>>;

#[derive(Debug, Default)]
struct Lists {
    /// Those that a namespace keeps to itself.
    private: HashMap<ArcStr, List>,
    /// Those that other namespaces export to a namespace by its name.
    exported: HashMap<ArcStr, List>,
    public: List,
}

impl VirtualServiceIndex {
    /// Indexes all `VirtualServices` of a mesh; those without hosts are delegates only.
    pub fn new(virtual_services: &[Arc<Config<VirtualService>>], mesh: &MeshConfig) -> Self {
        let default = default_export_to(&mesh.default_virtual_service_export_to);
        let mut sorted: Vec<&Arc<Config<VirtualService>>> = virtual_services.iter().collect();
        sorted.sort_by(|a, b| age(&a.meta).cmp(&age(&b.meta)));
        let delegates = Delegates::new(&sorted, &default);
        let mut index = Self::default();
        for config in sorted.into_iter().filter(|c| !c.spec.hosts.is_empty()) {
            let export_to = export_to(config, &default);
            let rule = Arc::new(delegates.rule(config));
            index.rules += 1;
            for gateway in &rule.spec.gateways {
                index.by_gateway.entry_ref(gateway).or_default().add(&rule, &export_to);
            }
        }
        index
    }

    /// How many there are; delegates, which have no hosts, do not count.
    pub fn len(&self) -> usize {
        self.rules
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rules == 0
    }

    /// The `VirtualServices` bound to a gateway (`namespace/name`, or `mesh`) that `namespace` sees, in order of
    /// precedence (istiod: `VirtualServicesForGateway`).
    pub fn of_gateway(&self, namespace: &str, gateway: &str) -> Vec<Arc<VirtualServiceRule>> {
        let [private, exported, public] = self.sources(namespace, gateway);
        let first = |r: &&Arc<VirtualServiceRule>| r.gateway_semantics && r.meta().namespace == namespace;
        let rest = public.iter().filter(|r| !first(r));
        private.iter().chain(exported).chain(public.iter().filter(first)).chain(rest).cloned().collect()
    }

    /// Private, exported to `namespace` by name, public.
    pub(crate) fn sources(&self, namespace: &str, gateway: &str) -> [&[Arc<VirtualServiceRule>]; 3] {
        let Some(lists) = self.by_gateway.get(gateway) else { return [&[]; 3] };
        let private = lists.private.get(namespace).map_or(&[][..], Vec::as_slice);
        let exported = lists.exported.get(namespace).map_or(&[][..], Vec::as_slice);
        [private, exported, &lists.public]
    }
}

impl Lists {
    fn add(&mut self, rule: &Arc<VirtualServiceRule>, export_to: &ExportTo) {
        if export_to.contains("*") {
            self.public.push(rule.clone());
        } else if !export_to.contains("~") {
            for namespace in export_to.iter() {
                let lists =
                    if *namespace == rule.meta().namespace { &mut self.private } else { &mut self.exported };
                lists.entry_ref(namespace).or_default().push(rule.clone());
            }
        }
    }
}

/// What it declares, else the mesh's default; `.` as the namespace's name.
fn export_to(config: &Config<VirtualService>, default: &ExportTo) -> ExportTo {
    let namespace = &config.meta.namespace;
    let own = |e: &ArcStr| if e == "." { namespace.clone() } else { e.clone() };
    match config.spec.export_to.as_slice() {
        [] => ExportTo::new(default.iter().map(own)),
        listed => ExportTo::new(listed.iter().map(own)),
    }
}

/// `VirtualServices` without hosts, by namespace and name.
struct Delegates<'a> {
    by_name: HashMap<(&'a str, &'a str), (Vec<HttpRoute>, ExportTo)>,
}

impl<'a> Delegates<'a> {
    fn new(all: &[&'a Arc<Config<VirtualService>>], default: &ExportTo) -> Self {
        let delegates = all.iter().filter(|c| c.spec.hosts.is_empty());
        let by_name = delegates.map(|c| {
            let routes = resolve(&c.spec, &c.meta.namespace).http;
            ((c.meta.namespace.as_str(), c.meta.name.as_str()), (routes, export_to(c, default)))
        });
        Self { by_name: by_name.collect() }
    }

    fn rule(&self, config: &Arc<Config<VirtualService>>) -> VirtualServiceRule {
        let semantics = config.meta.annotations.get(SEMANTICS).map_or("", ArcStr::as_str);
        let gateway_semantics = semantics == "gateway";
        let namespace = &config.meta.namespace;
        let mut spec = if gateway_semantics { config.spec.clone() } else { resolve(&config.spec, namespace) };
        let mut from = vec![ConfigKey::of(ConfigKind::VirtualService, &config.meta)];
        if !gateway_semantics && semantics != "ingress" && spec.http.iter().any(|r| r.delegate.is_some()) {
            spec.http = spec.http.into_iter().flat_map(|r| self.routes(r, namespace, &mut from)).collect();
        }
        if spec.gateways.is_empty() {
            spec.gateways.push(MESH.into());
        }
        VirtualServiceRule { config: config.clone(), spec, from, gateway_semantics }
    }

    /// The routes that stand for one route; none where its delegate is missing or not exported to `namespace`.
    fn routes(&self, mut route: HttpRoute, namespace: &ArcStr, keys: &mut Vec<ConfigKey>) -> Vec<HttpRoute> {
        let Some(Delegate { name, namespace: of }) = route.delegate.take() else { return vec![route] };
        let of = if of.is_empty() { namespace.clone() } else { of };
        let found = self.by_name.get(&(of.as_str(), name.as_str()));
        let visible = found.filter(|(_, to)| to.contains("*") || to.contains(namespace));
        let routes = visible.map(|(routes, _)| delegate::expand(&route, routes)).unwrap_or_default();
        let key = ConfigKey { kind: ConfigKind::VirtualService, name, namespace: of };
        if !keys.contains(&key) {
            keys.push(key);
        }
        routes
    }
}
