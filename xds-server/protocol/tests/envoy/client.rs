//! What Envoy does with clusters, endpoints and listeners: warming, withheld ACKs, NACKs, reconnects.

use super::world::Habits;
use arcstr::ArcStr;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use xdslab_protocol::{NackDetail, Request, RequestNames, ResourceType, Response, Variant};

/// Content of a resource that a client refuses starts so.
pub const BAD: &str = "bad";
/// Content of an assignment without endpoints.
pub const EMPTY: &str = "empty";

#[derive(Debug, Default)]
struct Cluster {
    active: Option<String>,
    warming: Option<String>,
}

/// One type's state on the wire.
#[derive(Debug, Default)]
struct Channel {
    asked: bool,
    version: String,
    nonce: String,
    /// Delta: what would go into `initial_resource_versions`.
    accepted: BTreeMap<ArcStr, ArcStr>,
}

/// An ACK or a NACK.
#[derive(Debug, Clone)]
struct Verdict {
    nonce: String,
    error: Option<NackDetail>,
}

#[derive(Debug)]
pub struct Envoy {
    variant: Variant,
    habits: Habits,
    clusters: BTreeMap<ArcStr, Cluster>,
    endpoints: BTreeMap<ArcStr, String>,
    listeners: BTreeMap<ArcStr, String>,
    cds: Channel,
    eds: Channel,
    lds: Channel,
    /// Delta: names that the server was last told.
    subscribed: BTreeSet<ArcStr>,
    /// Nothing is said about clusters while any of them warms.
    withheld: VecDeque<Verdict>,
    cds_due: bool,
    pub outbox: VecDeque<Request>,
}

impl Envoy {
    pub fn new(variant: Variant, habits: Habits) -> Self {
        let mut envoy = Self {
            variant,
            habits,
            clusters: BTreeMap::new(),
            endpoints: BTreeMap::new(),
            listeners: BTreeMap::new(),
            cds: Channel::default(),
            eds: Channel::default(),
            lds: Channel::default(),
            subscribed: BTreeSet::new(),
            withheld: VecDeque::new(),
            cds_due: true,
            outbox: VecDeque::new(),
        };
        envoy.speak_of_clusters();
        envoy
    }

    pub fn warming(&self) -> Vec<&ArcStr> {
        self.clusters.iter().filter(|(_, c)| c.warming.is_some()).map(|(name, _)| name).collect()
    }

    pub fn clusters(&self) -> BTreeMap<String, String> {
        let active = |(name, c): (&ArcStr, &Cluster)| Some((name.to_string(), c.active.clone()?));
        self.clusters.iter().filter_map(active).collect()
    }

    /// Endpoints in use: those of clusters, empty ones left out.
    pub fn endpoints(&self) -> BTreeMap<String, String> {
        let used =
            self.endpoints.iter().filter(|(name, body)| self.clusters.contains_key(*name) && *body != EMPTY);
        used.map(|(name, body)| (name.to_string(), body.clone())).collect()
    }

    pub fn listeners(&self) -> BTreeMap<String, String> {
        self.listeners.iter().map(|(name, body)| (name.to_string(), body.clone())).collect()
    }

    /// The connection broke and a new one is open. What was under way is lost; configuration stays.
    pub fn reconnect(&mut self) {
        self.outbox.clear();
        self.withheld.clear();
        for channel in [&mut self.cds, &mut self.eds, &mut self.lds] {
            channel.nonce.clear();
        }
        self.cds_due = true;
        self.speak_of_clusters();
        if self.eds.asked {
            self.subscribed.clear();
            self.ask_endpoints(true);
        }
        if self.lds.asked {
            let versions = self.lds.accepted.clone();
            self.first(&ResourceType::Listener, versions);
        }
    }

    pub fn receive(&mut self, response: &Response) {
        match response.resource_type {
            ResourceType::Cluster => self.receive_clusters(response),
            ResourceType::Endpoint => self.receive_endpoints(response),
            _ => self.receive_listeners(response),
        }
        self.speak_of_clusters();
    }

    fn receive_clusters(&mut self, response: &Response) {
        let got = bodies(response);
        let bad = got.values().any(|body| body.starts_with(BAD));
        let mut warmed_up = false;
        if !(bad && self.habits.refuse_whole) {
            for (name, body) in got.iter().filter(|(_, body)| !body.starts_with(BAD)) {
                let cluster = self.clusters.entry(name.clone()).or_default();
                if cluster.warming.as_ref().or(cluster.active.as_ref()) != Some(body) {
                    cluster.warming = Some(body.clone());
                    warmed_up = true;
                }
            }
            let gone = |name: &ArcStr| match self.variant {
                Variant::Sotw => !got.contains_key(name),
                Variant::Delta => response.removed.contains(name),
            };
            self.clusters.retain(|name, _| !gone(name));
            self.follow_clusters(warmed_up);
        }
        self.cds.judge(response, bad);
        self.withheld.push_back(verdict(response, bad));
    }

    /// Endpoints of clusters that came are asked for, those of clusters that went are given up.
    fn follow_clusters(&mut self, warmed_up: bool) {
        let names: BTreeSet<ArcStr> = self.clusters.keys().cloned().collect();
        self.endpoints.retain(|name, _| names.contains(name));
        self.eds.accepted.retain(|name, _| names.contains(name));
        let changed = names != self.subscribed;
        let again = warmed_up && self.variant == Variant::Sotw && !self.habits.unified_mux;
        if changed || again {
            self.ask_endpoints(false);
        }
    }

    fn ask_endpoints(&mut self, first: bool) {
        let names: BTreeSet<ArcStr> = self.clusters.keys().cloned().collect();
        let request = match self.variant {
            Variant::Sotw => RequestNames::Sotw(names.iter().cloned().collect()),
            Variant::Delta => RequestNames::Delta {
                subscribe: names.difference(&self.subscribed).cloned().collect(),
                unsubscribe: self.subscribed.difference(&names).cloned().collect(),
                initial_versions: if first {
                    self.eds.accepted.clone().into_iter().collect()
                } else {
                    Vec::new()
                },
            },
        };
        let nonce = if self.variant == Variant::Sotw { self.eds.nonce.clone() } else { String::new() };
        self.subscribed = names;
        self.eds.asked = true;
        self.say(ResourceType::Endpoint, nonce, None, request);
    }

    fn receive_endpoints(&mut self, response: &Response) {
        let got = bodies(response);
        let bad = got.values().any(|body| body.starts_with(BAD));
        self.eds.judge(response, bad);
        if !bad {
            for (name, body) in got {
                self.has_endpoints(&name, body);
            }
            for name in &response.removed {
                self.has_endpoints(name, EMPTY.to_owned());
            }
        }
        let names = match self.variant {
            Variant::Sotw => RequestNames::Sotw(self.subscribed.iter().cloned().collect()),
            Variant::Delta => nothing(),
        };
        let Verdict { nonce, error } = verdict(response, bad);
        self.say(ResourceType::Endpoint, nonce, error, names);
    }

    fn has_endpoints(&mut self, name: &ArcStr, body: String) {
        if let Some(cluster) = self.clusters.get_mut(name) {
            self.endpoints.insert(name.clone(), body);
            if let Some(warm) = cluster.warming.take() {
                cluster.active = Some(warm);
            }
        }
    }

    fn receive_listeners(&mut self, response: &Response) {
        let got = bodies(response);
        if self.variant == Variant::Sotw {
            self.listeners.clear();
        }
        self.listeners.extend(got);
        self.listeners.retain(|name, _| !response.removed.contains(name));
        self.lds.judge(response, false);
        let Verdict { nonce, error } = verdict(response, false);
        let names = if self.variant == Variant::Sotw { RequestNames::Sotw(Vec::new()) } else { nothing() };
        self.say(ResourceType::Listener, nonce, error, names);
    }

    /// Says what is due about clusters, unless one warms. Asks for listeners once clusters are warm.
    fn speak_of_clusters(&mut self) {
        if !self.warming().is_empty() {
            return;
        }
        if std::mem::take(&mut self.cds_due) {
            let versions = self.cds.accepted.clone();
            self.first(&ResourceType::Cluster, versions);
            self.cds.asked = true;
        }
        if self.variant == Variant::Sotw && !self.habits.unified_mux {
            // Only the newest response is ever spoken of.
            let newest = self.withheld.pop_back();
            self.withheld = newest.into_iter().collect();
        }
        for Verdict { nonce, error } in std::mem::take(&mut self.withheld) {
            let names =
                if self.variant == Variant::Sotw { RequestNames::Sotw(Vec::new()) } else { nothing() };
            self.say(ResourceType::Cluster, nonce, error, names);
        }
        if !self.cds.version.is_empty() && !self.lds.asked {
            self.lds.asked = true;
            self.first(&ResourceType::Listener, BTreeMap::new());
        }
    }

    /// The first request of a wildcard type on a stream.
    fn first(&mut self, kind: &ResourceType, accepted: BTreeMap<ArcStr, ArcStr>) {
        let initial_versions = accepted.into_iter().collect();
        let names = match self.variant {
            Variant::Sotw => RequestNames::Sotw(Vec::new()),
            Variant::Delta => {
                RequestNames::Delta { subscribe: Vec::new(), unsubscribe: Vec::new(), initial_versions }
            }
        };
        self.say(kind.clone(), String::new(), None, names);
    }

    fn say(&mut self, kind: ResourceType, nonce: String, error: Option<NackDetail>, names: RequestNames) {
        let channel = match kind {
            ResourceType::Cluster => &self.cds,
            ResourceType::Endpoint => &self.eds,
            _ => &self.lds,
        };
        let version_info =
            if self.variant == Variant::Sotw { channel.version.clone() } else { String::new() };
        self.outbox.push_back(Request {
            resource_type: kind,
            response_nonce: nonce,
            version_info,
            error,
            names,
        });
    }
}

impl Channel {
    fn judge(&mut self, response: &Response, bad: bool) {
        self.nonce = response.nonce.to_string();
        // A refused response counts for nothing, even where it was applied.
        if bad {
            return;
        }
        for resource in &response.resources {
            let version = if response.versioned { resource.version_text() } else { ArcStr::new() };
            self.accepted.insert(resource.name.clone(), version);
        }
        self.version = response.version_info.to_string();
        self.accepted.retain(|name, _| !response.removed.contains(name));
    }
}

fn bodies(response: &Response) -> BTreeMap<ArcStr, String> {
    let body = |r: &xdslab_protocol::Resource| String::from_utf8_lossy(&r.body).into_owned();
    let bodies: BTreeMap<_, _> = response.resources.iter().map(|r| (r.name.clone(), body(r))).collect();
    assert_eq!(bodies.len(), response.resources.len(), "a name twice in one response");
    bodies
}

fn verdict(response: &Response, bad: bool) -> Verdict {
    let error = bad.then(|| NackDetail { code: 13, message: "bad".to_owned() });
    Verdict { nonce: response.nonce.to_string(), error }
}

fn nothing() -> RequestNames {
    RequestNames::Delta { subscribe: Vec::new(), unsubscribe: Vec::new(), initial_versions: Vec::new() }
}
