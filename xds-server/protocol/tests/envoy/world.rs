//! A mesh that changes, a server around one stream, and the wire between it and an Envoy.

use super::client::{BAD, EMPTY, Envoy};
use arcstr::ArcStr;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use xdslab_protocol::{
    Answer, Cause, Completeness, Demand, Names, Push, Request, Resource, ResourceSet, ResourceType, Response,
    Semantics, Stream, Variant,
};

#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// The next message arrives at the server, which answers it.
    ToServer,
    /// The next message arrives, and the server does not come to answer it yet.
    HoldToServer,
    /// The next message arrives at the client.
    ToClient,
    ChangeCluster(u8),
    RemoveCluster(u8),
    BreakCluster(u8),
    ChangeEndpoints(u8),
    RemoveEndpoints(u8),
    BreakEndpoints(u8),
    ChangeListener(u8),
    RemoveListener(u8),
    /// What changed since the last push is pushed; `partial`: the generator gives only that.
    Push {
        partial: bool,
    },
    Reconnect,
}

/// Ways in which Envoys differ.
#[derive(Debug, Clone, Copy)]
pub struct Habits {
    /// SotW: each response gets its ACK, and nothing is asked twice.
    pub unified_mux: bool,
    /// One bad cluster makes it refuse the good ones of its response too.
    pub refuse_whole: bool,
}

const TYPES: [ResourceType; 3] = [ResourceType::Cluster, ResourceType::Endpoint, ResourceType::Listener];

type Bodies = BTreeMap<String, String>;

pub struct World {
    variant: Variant,
    semantics: Semantics,
    mesh: BTreeMap<ResourceType, Bodies>,
    /// What changed since the last push.
    dirty: BTreeMap<ResourceType, BTreeSet<String>>,
    counter: u64,
    version: u64,
    stream: Stream,
    envoy: Envoy,
    to_server: VecDeque<Request>,
    to_client: VecDeque<Response>,
    nonces: BTreeSet<ArcStr>,
    /// What happened, in the words of `tests/scripts`.
    log: Option<Vec<String>>,
}

impl World {
    pub fn new(variant: Variant, semantics: Semantics, habits: Habits, log: bool) -> Self {
        Self {
            variant,
            semantics,
            mesh: TYPES.into_iter().map(|kind| (kind, Bodies::new())).collect(),
            dirty: BTreeMap::new(),
            counter: 0,
            version: 1,
            stream: Stream::new(variant, semantics),
            envoy: Envoy::new(variant, habits),
            to_server: VecDeque::new(),
            to_client: VecDeque::new(),
            nonces: BTreeSet::new(),
            log: log.then(Vec::new),
        }
    }

    pub fn step(&mut self, step: Step) {
        match step {
            Step::ToServer => self.deliver_to_server(true),
            Step::HoldToServer => self.deliver_to_server(false),
            Step::ToClient => self.deliver_to_client(),
            Step::ChangeCluster(n) => self.change(ResourceType::Cluster, n, ""),
            Step::BreakCluster(n) => self.change(ResourceType::Cluster, n, BAD),
            Step::RemoveCluster(n) => self.remove(ResourceType::Cluster, n),
            Step::ChangeEndpoints(n) => self.change(ResourceType::Endpoint, n, ""),
            Step::BreakEndpoints(n) => self.change(ResourceType::Endpoint, n, BAD),
            Step::RemoveEndpoints(n) => self.remove(ResourceType::Endpoint, n),
            Step::ChangeListener(n) => self.change(ResourceType::Listener, n, ""),
            Step::RemoveListener(n) => self.remove(ResourceType::Listener, n),
            Step::Push { partial } => self.push(partial),
            Step::Reconnect => {
                self.note(|_| "reconnect".into());
                self.to_server.clear();
                self.to_client.clear();
                self.version += 1;
                self.stream = Stream::new(self.variant, self.semantics).with_nonce_salt(self.version);
                self.envoy.reconnect();
            }
        }
        self.to_server.extend(self.envoy.outbox.drain(..));
    }

    /// Mends what is bad, pushes what was not pushed, delivers everything, and compares. istiod forgets
    /// what was refused, and what it had removed with it, until the client comes back.
    pub fn settle(&mut self, nacks: bool) -> Result<(), String> {
        let bad: Vec<(ResourceType, String)> = self
            .mesh
            .iter()
            .flat_map(|(kind, bodies)| {
                let bad = bodies.iter().filter(|(_, body)| body.starts_with(BAD));
                bad.map(|(name, _)| (kind.clone(), name.clone()))
            })
            .collect();
        for (kind, name) in bad {
            self.set(kind, name, "");
        }
        self.push(true);
        self.quiesce()?;
        if nacks && self.semantics == Semantics::Istiod {
            self.step(Step::Reconnect);
            self.quiesce()?;
        }
        self.compare().map_err(|what| format!("{what}\n{}", self.log.take().unwrap_or_default().join("\n")))
    }

    fn note(&mut self, line: impl FnOnce(&Self) -> String) {
        if self.log.is_some() {
            let line = line(self);
            self.log.get_or_insert_default().push(line);
        }
    }

    fn quiesce(&mut self) -> Result<(), String> {
        for _ in 0..10_000 {
            self.to_server.extend(self.envoy.outbox.drain(..));
            match (self.to_server.is_empty(), self.to_client.is_empty()) {
                (false, _) => self.deliver_to_server(true),
                (true, false) => self.deliver_to_client(),
                (true, true) => return Ok(()),
            }
        }
        Err("they never stop talking".into())
    }

    fn compare(&self) -> Result<(), String> {
        let warming = self.envoy.warming();
        if !warming.is_empty() {
            return Err(format!("still warming: {warming:?}"));
        }
        let clusters = &self.mesh[&ResourceType::Cluster];
        let endpoints = self.mesh[&ResourceType::Endpoint].clone();
        let used: Bodies = endpoints.into_iter().filter(|(name, _)| clusters.contains_key(name)).collect();
        same("clusters", clusters, &self.envoy.clusters())?;
        same("endpoints", &used, &self.envoy.endpoints())?;
        same("listeners", &self.mesh[&ResourceType::Listener], &self.envoy.listeners())
    }

    fn change(&mut self, kind: ResourceType, n: u8, prefix: &str) {
        self.set(kind, format!("c{n}"), prefix);
    }

    fn set(&mut self, kind: ResourceType, name: String, prefix: &str) {
        self.counter += 1;
        let body = format!("{prefix}{}", self.counter);
        self.note(|_| format!("mesh {kind} {name}={body}"));
        self.mesh.entry(kind.clone()).or_default().insert(name.clone(), body);
        self.dirty.entry(kind).or_default().insert(name);
    }

    fn remove(&mut self, kind: ResourceType, n: u8) {
        let name = format!("c{n}");
        if self.mesh.entry(kind.clone()).or_default().remove(&name).is_some() {
            self.note(|_| format!("mesh {kind} -{name}"));
            self.dirty.entry(kind).or_default().insert(name);
        }
    }

    fn push(&mut self, partial: bool) {
        self.drive(&BTreeMap::new(), false);
        let types: Vec<ResourceType> = self.dirty.keys().cloned().collect();
        if !types.is_empty() {
            self.handle_push(types, false, partial);
        }
    }

    fn handle_push(&mut self, types: Vec<ResourceType>, forced: bool, partial: bool) {
        self.version += 1;
        let dirty = std::mem::take(&mut self.dirty);
        self.note(|world| {
            format!("push v{} {types:?} forced {forced} partial {partial} {dirty:?}", world.version)
        });
        self.stream.handle_push(&Push { types, forced });
        self.drive(&dirty, partial);
    }

    fn deliver_to_server(&mut self, answer: bool) {
        if let Some(request) = self.to_server.pop_front() {
            self.note(|_| {
                let hold = if answer { ">" } else { ">>" };
                let Request { resource_type, response_nonce, error, names, .. } = &request;
                let refused = if error.is_some() { " nack" } else { "" };
                format!("{hold} {resource_type} {response_nonce:?}{refused} {names:?}")
            });
            self.stream.handle_request(request).expect("Envoy keeps to the protocol");
        }
        if answer {
            self.drive(&BTreeMap::new(), false);
        }
    }

    fn deliver_to_client(&mut self) {
        if let Some(response) = self.to_client.pop_front() {
            self.note(|_| format!("client reads {} {}", response.resource_type, response.nonce));
            self.envoy.receive(&response);
        }
    }

    fn drive(&mut self, dirty: &BTreeMap<ResourceType, BTreeSet<String>>, partial: bool) {
        self.drain();
        while let Some(demand) = self.stream.poll_demand() {
            let answer = self.generate(&demand, dirty, partial);
            self.stream.handle_resources(demand, answer);
            self.drain();
        }
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(response) = self.stream.poll_response() {
            assert!(self.nonces.insert(response.nonce.clone()), "nonce twice: {}", response.nonce);
            self.note(|_| {
                let body = |r: &Resource| format!("{}={}", r.name, String::from_utf8_lossy(&r.body));
                let bodies: Vec<String> = response.resources.iter().map(body).collect();
                let (kind, nonce, removed) = (&response.resource_type, &response.nonce, &response.removed);
                format!("< {kind} {nonce} {bodies:?} removed {removed:?}")
            });
            self.to_client.push_back(response);
        }
        while self.stream.poll_event().is_some() {}
    }

    fn generate(
        &self,
        demand: &Demand,
        dirty: &BTreeMap<ResourceType, BTreeSet<String>>,
        partial: bool,
    ) -> Answer {
        let kind = &demand.resource_type;
        let all = &self.mesh[kind];
        let mut bodies: Bodies = all.clone();
        if let Names::Named(names) = &demand.names {
            bodies.retain(|name, _| names.contains(name));
            // Whoever cannot say "does not exist" says "has no endpoints".
            if self.variant == Variant::Sotw || self.semantics == Semantics::Istiod {
                for name in names {
                    bodies.entry(name.to_string()).or_insert_with(|| EMPTY.to_owned());
                }
            }
        }
        let completeness = if partial && demand.cause == Cause::Push {
            let changed = dirty.get(kind).cloned().unwrap_or_default();
            bodies.retain(|name, _| changed.contains(name));
            let removed =
                changed.iter().filter(|name| !all.contains_key(*name) && !bodies.contains_key(*name));
            Completeness::Partial { removed: removed.map(|name| ArcStr::from(name.as_str())).collect() }
        } else {
            Completeness::Full
        };
        let resources = bodies.into_iter().map(|(name, body)| Resource::new(name, body)).collect();
        Answer {
            version: arcstr::format!("v{}", self.version),
            resources: ResourceSet::new(resources),
            completeness,
        }
    }
}

fn same(what: &str, mesh: &Bodies, client: &Bodies) -> Result<(), String> {
    if mesh == client { Ok(()) } else { Err(format!("{what}: the mesh has {mesh:?}, the client {client:?}")) }
}
