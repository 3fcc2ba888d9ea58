//! Answers to demands, each resource made and encoded once for all who are sent the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use arcstr::ArcStr;
use xdslab_mesh::service::Resolution;
use xdslab_mesh::{ProxyKind, Scope};
use xdslab_proto::Message;
use xdslab_proto::listener::Listener;
use xdslab_protocol::{Answer, Completeness, Demand, NameSet, Names, Resource, ResourceSet, ResourceType};

use super::cluster;
use super::cluster::name::parse_outbound;
use super::cluster::policy::Policy;
use super::conflict::{Conflict, Conflicts};
use super::delta::Plan;
use super::endpoint::{self, Assignment};
use super::filter::{Class, Filters};
use super::inputs::{AssignmentKey, ListInputs, ListKey, ScopeInputs, ScopeKey, ServiceInputs, ServiceKey};
use super::memo::{Memo, address};
use super::shape::{Kept, ListenerShape, Questions, Shape, kept};
use super::touched::Touched;
use super::view::View;
use super::{gateway, grpc, listener, route};
use crate::push::PushRequest;

/// How many snapshots an unused answer outlives.
const LIFETIME: u64 = 8;
/// Shorter lists of names are not worth looking up.
const LIST_MIN: usize = 16;

/// Makes answers. Shared by all connections.
///
/// First answer of a scope: O(services). Later ones of proxies with the same scope and shape: O(1) for the outbound
/// clusters and listeners and for each route configuration, plus the proxy's own few. After a change: one look-up a service, and the changed services made anew.
#[derive(Debug, Default)]
pub struct Generator {
    services: Memo<ServiceKey, (Arc<[Resource]>, ServiceInputs)>,
    scopes: Memo<ScopeKey, (ResourceSet, ScopeInputs)>,
    assignments: Memo<AssignmentKey, (Resource, ServiceInputs)>,
    lists: Memo<ListKey, (Arc<AssignmentList>, ListInputs)>,
    questions: Memo<usize, (Questions, Arc<Scope>)>,
    listeners: Memo<ListenerShape, (ResourceSet, Arc<[Conflict]>, Kept)>,
    routes: Memo<(Arc<Shape>, ArcStr), (Resource, Arc<[Conflict]>, Kept)>,
    /// Sets by their content: scopes of different namespaces mostly see the same.
    sets: Memo<u64, ResourceSet>,
    conflicts: Conflicts,
    snapshot: AtomicUsize,
    generation: AtomicU64,
}

/// The assignments that every proxy of a scope is sent alike, and the clusters whose assignments differ.
#[derive(Debug)]
struct AssignmentList {
    shared: ResourceSet,
    own: Vec<ArcStr>,
}

impl Generator {
    /// A generator that remembers nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The resources that `demand` asks for, as `view` has them; for a push only what it changed, where that can
    /// be told.
    pub fn answer(&self, view: &View, demand: &Demand, push: Option<&PushRequest>) -> Answer {
        self.keep_pace(view);
        let full = |resources| (resources, Completeness::Full);
        let (resources, completeness) = match &demand.resource_type {
            ResourceType::Endpoint => self.endpoint_answer(view, &demand.names, push),
            kind if grpc::is_client(view) => full(grpc::answer(view, kind, &demand.subscription)),
            ResourceType::Cluster => self.cluster_answer(view, demand, push),
            ResourceType::Listener => full(named(self.listeners(view), &demand.names)),
            ResourceType::Route => full(self.routes(view, demand.names.named())),
            _ => full(ResourceSet::default()),
        };
        Answer { version: ArcStr::new(), resources, completeness }
    }

    /// What was left out of what was made for the newest mesh, each with the proxy that it was last made for.
    pub fn conflicts(&self) -> Vec<(Conflict, ArcStr)> {
        self.conflicts.all()
    }

    /// All clusters of a proxy; of a gRPC client all that it may ask for.
    pub fn clusters(&self, view: &View) -> ResourceSet {
        if grpc::is_client(view) {
            return ResourceSet::new(grpc::all_clusters(view));
        }
        let own: Vec<_> = Self::outbound_of_place(view).chain(cluster::own(view)).collect();
        self.conflicts.note(view, &cluster::conflicts(&own));
        ResourceSet::beside(&self.outbound_clusters(view), own)
    }

    /// The assignments of the given clusters; a name that stands for nothing gets an empty one.
    pub fn endpoints<'n>(&self, view: &View, names: impl IntoIterator<Item = &'n ArcStr>) -> ResourceSet {
        ResourceSet::new(names.into_iter().map(|name| self.assignment(view, name).0).collect())
    }

    /// All listeners of a proxy; of a gRPC client those of all services. What sidecars send is made once for all that
    /// are of one shape.
    pub fn listeners(&self, view: &View) -> ResourceSet {
        if grpc::is_client(view) {
            return grpc::answer(view, &ResourceType::Listener, &Names::Wildcard);
        }
        let filters = Filters::new(view);
        let encoded = |l: Listener| Resource::new(l.name.as_str(), l.encode_to_vec());
        let all = |listeners: Vec<Listener>| listeners.into_iter().map(encoded).collect::<Vec<_>>();
        if view.proxy.kind != ProxyKind::Sidecar {
            return ResourceSet::new(all(listener::of_gateway(&filters)));
        }
        let shape = ListenerShape::of(view, self.questions(view), filters.fingerprint(Class::Outbound));
        let make = || {
            let (listeners, conflicts) = listener::outbound(&filters);
            (self.shared(all(listeners)), conflicts.into(), kept(view))
        };
        let (outbound, conflicts, _) = self.listeners.get(shape, self.now(), make);
        self.conflicts.note(view, &conflicts);
        self.conflicts.note(view, &listener::inbound_conflicts(view));
        ResourceSet::beside(&outbound, all(listener::inbound(&filters)))
    }

    /// The route configurations of the given names; a name that stands for nothing gets one without virtual hosts, and
    /// a gRPC client none. Those of sidecars of one shape are made once.
    pub fn routes<'n>(&self, view: &View, names: impl IntoIterator<Item = &'n ArcStr>) -> ResourceSet {
        if grpc::is_client(view) {
            let names = Names::Named(names.into_iter().cloned().collect());
            return grpc::answer(view, &ResourceType::Route, &names);
        }
        let encoded = |name: &ArcStr, body: Vec<u8>| Resource::new(name.clone(), body);
        if view.proxy.kind != ProxyKind::Sidecar {
            let of_gateway = |name: &ArcStr| encoded(name, gateway::configuration(view, name));
            return ResourceSet::new(names.into_iter().map(of_gateway).collect());
        }
        let (shape, now) = (Arc::new(Shape::of(view, self.questions(view))), self.now());
        let of_sidecar = |name: &ArcStr| {
            let make = || {
                let (body, conflicts) = route::configuration(view, name);
                (encoded(name, body), conflicts.into(), kept(view))
            };
            let (resource, conflicts, _) = self.routes.get((shape.clone(), name.clone()), now, make);
            self.conflicts.note(view, &conflicts);
            resource
        };
        ResourceSet::new(names.into_iter().map(of_sidecar).collect())
    }

    /// The set of these resources that everybody shares.
    fn shared(&self, resources: Vec<Resource>) -> ResourceSet {
        let set = ResourceSet::new(resources);
        self.sets.get(set.content_version(), self.now(), || set.clone())
    }

    fn questions(&self, view: &View) -> Questions {
        let make = || (Questions::of(&view.scope), view.scope.clone());
        self.questions.get(address(&view.scope), self.now(), make).0
    }

    fn now(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }

    /// Counts snapshots, and forgets from time to time what none of the last ones needed.
    fn keep_pace(&self, view: &View) {
        let at = address(&view.snapshot);
        if self.snapshot.swap(at, Ordering::Relaxed) == at {
            return;
        }
        self.conflicts.clear();
        let now = self.generation.fetch_add(1, Ordering::Relaxed) + 1;
        if now.is_multiple_of(LIFETIME) {
            let then = now - LIFETIME;
            self.services.sweep(then);
            self.scopes.sweep(then);
            self.assignments.sweep(then);
            self.lists.sweep(then);
            self.questions.sweep(then);
            self.listeners.sweep(then);
            self.routes.sweep(then);
            self.sets.sweep(then);
        }
    }

    /// Outbound clusters that every proxy of the scope is sent alike.
    fn outbound_clusters(&self, view: &View) -> ResourceSet {
        let make = || {
            let mut all = Vec::new();
            for service in view.scope.services() {
                let inputs = ServiceInputs::of(view, service);
                if !inputs.depends_on_place() {
                    all.extend(self.service_clusters(view, inputs).iter().cloned());
                }
            }
            self.shared(all)
        };
        if view.scope.has_workload_rules() {
            return make();
        }
        self.scopes.get(ScopeKey::of(view), self.now(), || (make(), ScopeKey::inputs(view))).0
    }

    /// Outbound clusters that differ from place to place.
    fn outbound_of_place(view: &View) -> impl Iterator<Item = Resource> {
        let dns = view.scope.services().iter().filter(|s| s.resolution.is_dns());
        let inputs = dns.map(|s| ServiceInputs::of(view, s)).filter(ServiceInputs::depends_on_place);
        inputs.flat_map(|i| i.clusters(view).to_vec())
    }

    fn service_clusters(&self, view: &View, inputs: ServiceInputs) -> Arc<[Resource]> {
        if inputs.depends_on_place() {
            return inputs.clusters(view);
        }
        let key = ServiceKey::of(view, &inputs);
        self.services.get(key, self.now(), || (inputs.clusters(view), inputs)).0
    }

    fn cluster_answer(
        &self,
        view: &View,
        demand: &Demand,
        push: Option<&PushRequest>,
    ) -> (ResourceSet, Completeness) {
        let held = demand.held.iter().map(|(name, _)| name);
        let plan = push.filter(|_| !demand.forced).and_then(|push| Plan::of(view, push, held));
        match plan {
            None => (named(self.clusters(view), &demand.names), Completeness::Full),
            Some(plan) => {
                let built = plan.build.iter().filter_map(|host| view.scope.service(host));
                let shared =
                    built.flat_map(|s| self.service_clusters(view, ServiceInputs::of(view, s)).to_vec());
                let made = shared.chain(self.by_sni(view)).chain(cluster::own(view));
                let made = ResourceSet::new(made.collect());
                let gone = plan.doubtful.into_iter().filter(|name| made.get(name).is_none());
                (made.clone(), Completeness::Partial { removed: gone.collect() })
            }
        }
    }

    /// Clusters that a gateway finds by SNI: they are made anew with every push of clusters.
    fn by_sni(&self, view: &View) -> Vec<Resource> {
        let services = view.gateways.passes_by_sni.then(|| view.scope.services()).into_iter().flatten();
        let all = services.flat_map(|s| self.service_clusters(view, ServiceInputs::of(view, s)).to_vec());
        all.filter(|cluster| parse_outbound(&cluster.name).is_some_and(|parts| parts.by_sni)).collect()
    }

    fn endpoint_answer(
        &self,
        view: &View,
        names: &Names,
        push: Option<&PushRequest>,
    ) -> (ResourceSet, Completeness) {
        let all = names.named();
        match push.and_then(|push| Touched::of(view, push)) {
            None => (self.listed_endpoints(view, all), Completeness::Full),
            Some(touched) => {
                let picked = all.iter().filter(|name| touched.holds(view, name));
                (self.endpoints(view, picked), Completeness::Partial { removed: Vec::new() })
            }
        }
    }

    /// The assignments of a whole list of clusters, which most proxies of a scope have in common.
    fn listed_endpoints(&self, view: &View, names: &NameSet) -> ResourceSet {
        if names.len() < LIST_MIN || view.scope.has_workload_rules() || !endpoint::of_this_cluster(view) {
            return self.endpoints(view, names);
        }
        let make = || {
            let (mut shared, mut own) = (Vec::with_capacity(names.len()), Vec::new());
            for name in names {
                match self.assignment(view, name) {
                    (resource, true) => shared.push(resource),
                    (_, false) => own.push(name.clone()),
                }
            }
            (Arc::new(AssignmentList { shared: self.shared(shared), own }), ListKey::inputs(view))
        };
        let list = self.lists.get(ListKey::of(view, names), self.now(), make).0;
        ResourceSet::beside(&list.shared, list.own.iter().map(|name| self.assignment(view, name).0).collect())
    }

    /// The assignment of a cluster, and whether every proxy of the scope is sent it alike.
    fn assignment(&self, view: &View, name: &ArcStr) -> (Resource, bool) {
        let encode = |cla: xdslab_proto::ordered::ClusterLoadAssignment| {
            Resource::new(name.clone(), cla.encode_to_vec())
        };
        let nothing = || (encode(endpoint::empty(name)), true);
        let Some(parts) = parse_outbound(name) else { return nothing() };
        let Some(service) = view.scope.service(parts.hostname) else { return nothing() };
        let Some(port) = service.port(parts.port) else { return nothing() };
        if service.resolution.is_dns() || service.resolution == Resolution::Alias {
            return nothing();
        }
        let inputs = ServiceInputs::of(view, service);
        let rule = inputs.rule.as_ref().map(|r| &*r.spec);
        let subset = rule.and_then(|r| r.subsets.iter().find(|s| s.name == parts.subset));
        let policy = Policy::of_mesh(&inputs.mesh)
            .overlaid(rule.and_then(|r| r.traffic_policy.as_ref()), port.number)
            .overlaid(subset.and_then(|s| s.traffic_policy.as_ref()), port.number);
        let assignment = Assignment {
            cluster: name,
            service,
            port,
            subset: parts.subset,
            rule,
            endpoints: &inputs.endpoints,
            balancer: policy.load_balancer,
            outlier: policy.outlier_detection,
            authentications: &inputs.authentications,
            resolves_names: false,
            mutual_only: parts.by_sni,
        };
        let make = || encode(assignment.build(view));
        if assignment.depends_on_proxy(view) || !endpoint::of_this_cluster(view) {
            return (make(), false);
        }
        let key = AssignmentKey::of(&inputs, name);
        (self.assignments.get(key, self.now(), || (make(), inputs.clone())).0, true)
    }
}

/// Of a set the resources that are asked for.
fn named(all: ResourceSet, names: &Names) -> ResourceSet {
    if names.is_wildcard() {
        return all;
    }
    all.filter(|resource| names.covers(&resource.name))
}
