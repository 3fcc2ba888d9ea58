//! What the adapter has set, node by node.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arcstr::ArcStr;
use tokio::sync::watch;
use xdslab_proto::Message;
use xdslab_proto::protobuf::Any;
use xdslab_protocol::{
    Answer, Cause, Completeness, Demand, Resource, ResourceSet, ResourceType, Semantics, Stream, Variant,
};

use super::body::{Body, empty_endpoints};

/// Why the adapter's word cannot be followed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("{0:?} is none of the four types: Cluster, ClusterLoadAssignment, Listener, RouteConfiguration")]
    Type(String),
    #[error("a resource of type {0} that cannot be read, or has no name")]
    Resource(String),
}

/// What one node has. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    types: BTreeMap<ResourceType, Kept>,
}

#[derive(Clone, Debug, Default)]
struct Kept {
    /// The adapter's word of the version.
    version: ArcStr,
    bodies: Arc<BTreeMap<ArcStr, Body>>,
    resources: ResourceSet,
}

impl Kept {
    fn new(version: ArcStr, bodies: BTreeMap<ArcStr, Body>) -> Self {
        let resources = bodies.iter().map(|(name, body)| Resource::new(name.clone(), body.encode()));
        let resources = ResourceSet::new(resources.collect());
        Self { version, bodies: Arc::new(bodies), resources }
    }
}

impl State {
    /// Everything at once. Types that are not among them have nothing, at the same version.
    pub(super) fn set(version: &str, given: &[Any]) -> Result<Self, Refusal> {
        let version = ArcStr::from(version);
        let mut bodies: BTreeMap<ResourceType, BTreeMap<ArcStr, Body>> = BTreeMap::new();
        for kind in
            [ResourceType::Cluster, ResourceType::Endpoint, ResourceType::Listener, ResourceType::Route]
        {
            bodies.insert(kind, BTreeMap::new());
        }
        for any in given {
            let mut of_type = kind(&any.type_url).and_then(|kind| bodies.get_mut(&kind));
            let of_type = of_type.as_mut().ok_or_else(|| Refusal::Type(any.type_url.clone()))?;
            let named = Body::given(any).filter(|(name, _)| !name.is_empty());
            let (name, body) = named.ok_or_else(|| Refusal::Resource(any.type_url.clone()))?;
            of_type.insert(name.into(), body);
        }
        let types = bodies.into_iter().map(|(kind, bodies)| (kind, Kept::new(version.clone(), bodies)));
        Ok(Self { types: types.collect() })
    }

    /// Adds, changes or removes one resource; whether there was anything to do.
    pub(super) fn edit(&mut self, edit: Edit, url: &str, name: &str, version: &str) -> Result<bool, Refusal> {
        let refused = || Refusal::Type(url.to_owned());
        let made = Body::named(url, name).ok_or_else(refused)?;
        let of_type = self.types.entry(kind(url).ok_or_else(refused)?).or_default();
        let mut bodies = BTreeMap::clone(&of_type.bodies);
        let done = match edit {
            Edit::Add if bodies.contains_key(name) || name.is_empty() => false,
            Edit::Add => bodies.insert(name.into(), made).is_none(),
            Edit::Update => bodies.get_mut(name).map(Body::change).is_some(),
            Edit::Remove => bodies.remove(name).is_some(),
        };
        if done {
            *of_type = Kept::new(version.into(), bodies);
        }
        Ok(done)
    }

    /// What a stream is given. `before` is what it was pushed last.
    pub(super) fn answer(&self, before: &Self, demand: &Demand, stream: &Stream) -> Answer {
        let resources = self.resources(demand, stream);
        let version =
            self.types.get(&demand.resource_type).map(|kept| kept.version.clone()).unwrap_or_default();
        let is_whole = stream.semantics() == Semantics::Spec || demand.resource_type.wildcard_capable();
        if is_whole || demand.cause != Cause::Push {
            return Answer { version, resources, completeness: Completeness::Full };
        }
        // istiod generates only what a push concerns.
        let then = before.resources(demand, stream);
        let is_new =
            |resource: &Resource| then.get(&resource.name).is_none_or(|old| old.version != resource.version);
        let removed = then.names().difference(resources.names()).iter().cloned().collect();
        Answer {
            version,
            resources: resources.filter(is_new),
            completeness: Completeness::Partial { removed },
        }
    }

    fn resources(&self, demand: &Demand, stream: &Stream) -> ResourceSet {
        let of_type = self.types.get(&demand.resource_type).map(|kept| kept.resources.clone());
        let mut resources = of_type.unwrap_or_default();
        if !demand.resource_type.wildcard_capable() {
            resources = resources.filter(|resource| demand.names.covers(&resource.name));
        }
        // SotW has no word for endpoints that do not exist, and a cluster would wait for them. istiod makes no difference.
        let is_told = stream.variant() == Variant::Delta && stream.semantics() == Semantics::Spec;
        if !is_told && demand.resource_type == ResourceType::Endpoint {
            let missing = demand.names.named().difference(resources.names());
            let empty =
                missing.iter().map(|name| Resource::new(name.clone(), empty_endpoints(name).encode_to_vec()));
            resources = resources.overlay(&ResourceSet::new(empty.collect()));
        }
        resources
    }

    /// The types that differ.
    pub(super) fn differences(&self, other: &Self) -> Vec<ResourceType> {
        let set =
            |state: &Self, kind| state.types.get(kind).map(|kept| kept.resources.clone()).unwrap_or_default();
        let kinds = self.types.keys().chain(other.types.keys().filter(|kind| !self.types.contains_key(kind)));
        kinds.filter(|kind| set(self, kind).versions() != set(other, kind).versions()).cloned().collect()
    }
}

/// What to do with one resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edit {
    /// Make it.
    Add,
    /// Make it different.
    Update,
    /// Take it away.
    Remove,
}

fn kind(url: &str) -> Option<ResourceType> {
    ResourceType::from_type_url(url).ok()
}

/// The states of all nodes. Streams watch those of theirs.
#[derive(Debug)]
pub struct States {
    /// How long changes are collected before they are pushed.
    pause: Duration,
    nodes: Mutex<BTreeMap<ArcStr, watch::Sender<Arc<State>>>>,
}

impl States {
    /// No node has anything. Changes are collected for `pause` before they are pushed, as those of a mesh are: a harness
    /// speaks through its adapter and as a client at once, and means that what it says first counts first.
    pub fn new(pause: Duration) -> Self {
        Self { pause, nodes: Mutex::default() }
    }

    pub(super) fn pause(&self) -> Duration {
        self.pause
    }

    /// Replaces a node's state by what `next` makes of it.
    pub(super) fn change<T>(
        &self,
        node: &str,
        next: impl FnOnce(&State) -> Result<(T, State), Refusal>,
    ) -> Result<T, Refusal> {
        let mut nodes = self.lock();
        let sender = nodes.entry(node.into()).or_default();
        let (done, state) = next(&sender.borrow())?;
        sender.send_replace(Arc::new(state));
        Ok(done)
    }

    /// Takes everything from a node. Its streams are told.
    pub(super) fn clear(&self, node: &str) {
        let mut nodes = self.lock();
        if let Some(sender) = nodes.get(node) {
            sender.send_replace(Arc::default());
            forget(&mut nodes, node);
        }
    }

    /// What a node has, now and from now on.
    pub(super) fn watch(&self, node: &str) -> watch::Receiver<Arc<State>> {
        self.lock().entry(node.into()).or_default().subscribe()
    }

    /// A stream of this node has ended.
    pub(super) fn leave(&self, node: &str) {
        forget(&mut self.lock(), node);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ArcStr, watch::Sender<Arc<State>>>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets a node that has nothing, and that nobody watches.
fn forget(nodes: &mut BTreeMap<ArcStr, watch::Sender<Arc<State>>>, node: &str) {
    if nodes.get(node).is_some_and(|sender| sender.receiver_count() == 0 && sender.borrow().types.is_empty())
    {
        nodes.remove(node);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xdslab_proto::cluster::Cluster;
    use xdslab_proto::pack_any;

    fn names(state: &State) -> Vec<String> {
        let clusters = state.types[&ResourceType::Cluster].resources.clone();
        clusters.iter().map(|r| format!("{}@{:x}", r.name, r.version)).collect()
    }

    #[test]
    fn an_edit_touches_one_resource_of_one_type() {
        let url = ResourceType::Cluster.type_url().to_owned();
        let bare = |name: &str| pack_any(Cluster { name: name.to_owned(), ..Default::default() });
        let before = State::set("1", &[bare("a"), bare("b")]).expect("good");
        let mut after = before.clone();
        assert!(after.edit(Edit::Update, &url, "a", "2").expect("good"));
        assert_eq!(before.differences(&after), [ResourceType::Cluster]);
        let (before, after) = (names(&before), names(&after));
        assert_ne!(before[0], after[0]);
        assert_eq!(before[1], after[1]);
    }

    #[test]
    fn what_cannot_be_done_is_said() {
        let mut state = State::set("1", &[]).expect("good");
        let url = ResourceType::Route.type_url().to_owned();
        assert!(!state.edit(Edit::Update, &url, "a", "2").expect("good"));
        assert!(!state.edit(Edit::Remove, &url, "a", "2").expect("good"));
        assert!(state.edit(Edit::Add, &url, "a", "2").expect("good"));
        assert!(!state.edit(Edit::Add, &url, "a", "3").expect("good"));
        assert!(state.edit(Edit::Add, "type.googleapis.com/x.Y", "a", "2").is_err());
        let nameless = pack_any(Cluster::default());
        assert!(State::set("1", &[nameless]).is_err());
    }

    #[test]
    fn what_is_more_than_a_name_is_served_as_it_is() {
        let whole = Cluster { name: "a".to_owned(), alt_stat_name: "x".to_owned(), ..Default::default() };
        let state = State::set("1", &[pack_any(whole.clone())]).expect("good");
        let kept = &state.types[&ResourceType::Cluster].resources;
        assert_eq!(kept.get("a").expect("there").body, whole.encode_to_vec());
    }
}
