//! One simulated proxy: what it holds, and what it says to whatever it hears.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arcstr::ArcStr;

use super::backoff::Backoff;
use super::catalogue::Catalogue;
use super::clusters::Clusters;
use super::dice::Dice;
use super::listeners::{DRAIN, Listeners};
use super::mux::{Answer, Held, Mux, Variant};
use super::refusal::{Refusal, Verdict};
use super::request::Request;
use super::response::Response;
use super::scan::Malformed;
use crate::wire::Kind;

/// Which types a proxy asks for beside clusters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Types {
    /// Endpoints, of the clusters that get theirs over EDS.
    pub endpoints: bool,
    /// Listeners, once the first clusters are warm.
    pub listeners: bool,
    /// Routes that listeners name.
    pub routes: bool,
}

/// How closely a proxy looks at what it is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Look {
    /// At all names that matter: clusters and listeners warm as in Envoy, and ACKs wait for them.
    #[default]
    Whole,
    /// At the resources' own names only: everything is ACKed at once, and endpoints are asked for by the names of outbound
    /// clusters. The least that a client can do.
    Names,
}

/// How a proxy behaves.
#[derive(Clone, Debug)]
pub struct Config {
    /// Variant of the protocol.
    pub variant: Variant,
    /// What it asks for.
    pub types: Types,
    /// How closely it looks.
    pub look: Look,
    /// What it refuses.
    pub refusal: Arc<Refusal>,
    /// How long it waits before it connects again.
    pub backoff: Backoff,
    /// How long a listener that is replaced holds on to its routes (Envoy: `--drain-time-s`).
    pub drain: Duration,
}

impl Config {
    /// A proxy as Istio configures it, with the shorter back-off that the lab's own Envoys have.
    pub fn new(variant: Variant, types: Types) -> Self {
        Self {
            variant,
            types,
            look: Look::default(),
            refusal: Arc::default(),
            backoff: Backoff::new(Duration::from_millis(100), Duration::from_secs(1)),
            drain: DRAIN,
        }
    }
}

/// What a proxy has seen and done since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Streams opened.
    pub streams: u64,
    /// Responses.
    pub responses: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Resources in them, removed ones not counted.
    pub resources: u64,
    /// Responses accepted. Of several that wait, state of the world answers only the last.
    pub acks: u64,
    /// Responses refused.
    pub nacks: u64,
}

/// The state machine of one proxy.
///
/// Nothing happens in it but by its `handle_*`. After each, drain [`poll_request`](Self::poll_request) and wait until
/// [`poll_timeout`](Self::poll_timeout) at most. While there is no stream, [`connect_at`](Self::connect_at) says when to
/// open one.
#[derive(Debug)]
pub struct Proxy {
    config: Arc<Config>,
    catalogue: Arc<Catalogue>,
    dice: Dice,
    backoff: Backoff,
    connection: Connection,
    mux: Mux,
    clusters: Clusters,
    listeners: Listeners,
    stage: Stage,
    /// Nothing is said of clusters until they are warm.
    is_held_back: bool,
    answered: [ArcStr; 4],
    counters: Counters,
}

#[derive(Clone, Copy, Debug)]
enum Connection {
    Open,
    /// To be opened then.
    Closed(Instant),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// No clusters yet, or they warm.
    Starting,
    /// Listeners are subscribed to, if they are wanted at all.
    Running,
}

impl Proxy {
    /// A proxy that wants to connect at once. `seed` decides on chances and waits.
    pub fn new(config: Arc<Config>, catalogue: Arc<Catalogue>, seed: u64, now: Instant) -> Self {
        let mut mux = Mux::new(config.variant);
        mux.subscribe_to_all(Kind::Cluster);
        Self {
            backoff: config.backoff.clone(),
            config,
            catalogue,
            dice: Dice::new(seed),
            connection: Connection::Closed(now),
            mux,
            clusters: Clusters::default(),
            listeners: Listeners::default(),
            stage: Stage::Starting,
            is_held_back: false,
            answered: Default::default(),
            counters: Counters::default(),
        }
    }

    /// A stream is open.
    pub fn handle_connected(&mut self) {
        self.connection = Connection::Open;
        self.counters.streams += 1;
        self.mux.connected();
    }

    /// The stream is gone, or could not be opened.
    pub fn handle_disconnected(&mut self, now: Instant) {
        self.connection = Connection::Closed(now + self.backoff.next(&mut self.dice));
        self.mux.disconnected();
    }

    /// A response has come.
    ///
    /// # Errors
    /// When it is no message: the stream is of no more use.
    pub fn handle_response(&mut self, bytes: &[u8], now: Instant) -> Result<(), Malformed> {
        let response = Response::scan(self.mux.variant(), bytes)?;
        self.backoff.reset();
        self.counters.responses += 1;
        self.counters.bytes += bytes.len() as u64;
        self.counters.resources += response.resources.len() as u64;
        let Some(kind) = Kind::from_type_url(response.type_url) else { return Ok(()) };
        let answer = |error: Option<String>| Answer {
            nonce: response.nonce.into(),
            version: self.catalogue.name(response.version),
            error: error.map(ArcStr::from),
        };
        self.mux.heard(kind);
        if !self.mux.is_watched(kind) {
            let answer = answer(None);
            self.mux.pass_over(kind, answer, response.resources.is_empty());
            return Ok(());
        }
        let is_unlucky = self.dice.happens(self.config.refusal.chance);
        let verdict = self.config.refusal.judge(kind, &response, is_unlucky);
        let answer = answer(verdict.error.clone());
        let is_same_type_paused = self.mux.variant() == Variant::Sotw;
        if is_same_type_paused {
            self.mux.pause(kind);
        }
        if !verdict.is_whole {
            match kind {
                Kind::Cluster => self.take_clusters(&response, &verdict)?,
                Kind::Endpoint => self.take_endpoints(&response),
                Kind::Listener => self.take_listeners(&response, &verdict, now)?,
                Kind::Route => self.take_routes(&response, now),
            }
        }
        self.mux.answer(kind, answer);
        if is_same_type_paused {
            self.mux.resume(kind);
        }
        self.mux.share(&self.catalogue);
        self.clusters.share(&self.catalogue);
        self.listeners.share(&self.catalogue);
        Ok(())
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(interest) = self.listeners.drained(now) {
            for one in interest {
                // Each route configuration is given up by a request of its own.
                self.mux.change(Kind::Route, &vec![one]);
            }
        }
    }

    /// What to say next.
    pub fn poll_request(&mut self) -> Option<Request> {
        let request = self.mux.poll_request()?;
        let answered = &mut self.answered[request.kind as usize];
        if request.is_answer() && *answered != request.nonce {
            *answered = request.nonce.clone();
            match request.error {
                None => self.counters.acks += 1,
                Some(_) => self.counters.nacks += 1,
            }
        }
        Some(request)
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.listeners.next_drained()
    }

    /// When to open a stream; none while one is open.
    pub fn connect_at(&self) -> Option<Instant> {
        match self.connection {
            Connection::Open => None,
            Connection::Closed(until) => Some(until),
        }
    }

    /// Whether it has all that it asked for, and nothing warms.
    pub fn is_settled(&self) -> bool {
        let is_awaiting = Kind::ALL.iter().any(|kind| self.mux.is_awaiting(*kind));
        let is_warming = self.clusters.is_warming() || self.listeners.count().1 > 0;
        matches!((self.connection, self.stage), (Connection::Open, Stage::Running))
            && !is_awaiting
            && !is_warming
    }

    /// The variant that it speaks.
    pub fn variant(&self) -> Variant {
        self.mux.variant()
    }

    /// What it has seen and done.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Clusters: active ones, and those that warm.
    pub fn clusters(&self) -> (usize, usize) {
        self.clusters.count()
    }

    /// Listeners: active ones, and those that warm.
    pub fn listeners(&self) -> (usize, usize) {
        self.listeners.count()
    }

    fn take_clusters(&mut self, response: &Response<'_>, verdict: &Verdict) -> Result<(), Malformed> {
        let (is_whole, asks) = (self.config.look == Look::Whole, self.config.types.endpoints);
        let mut added = Vec::with_capacity(response.resources.len());
        for (at, resource) in response.resources.iter().enumerate() {
            if !verdict.resources.contains(&at) {
                added.push(self.catalogue.cluster(resource.name, resource.body, is_whole)?);
            }
        }
        let removed = self.gone(response, self.clusters.names());
        self.mux.pause(Kind::Endpoint);
        let interest = self.clusters.apply(added, removed, is_whole && asks);
        if asks {
            self.mux.change(Kind::Endpoint, &interest);
        }
        self.hold_back_clusters();
        self.mux.resume(Kind::Endpoint);
        self.hold_all(Kind::Cluster, response, verdict);
        self.run_when_warm();
        Ok(())
    }

    fn take_endpoints(&mut self, response: &Response<'_>) {
        self.hold_named(Kind::Endpoint, response);
        let came = response.resources.iter().map(|resource| resource.name);
        let interest = self.clusters.warm(came.chain(response.removed.iter().copied()));
        self.mux.change(Kind::Endpoint, &interest);
        self.hold_back_clusters();
        self.run_when_warm();
    }

    fn take_listeners(
        &mut self,
        response: &Response<'_>,
        verdict: &Verdict,
        now: Instant,
    ) -> Result<(), Malformed> {
        let is_whole = self.config.look == Look::Whole;
        let mut added = Vec::with_capacity(response.resources.len());
        for (at, resource) in response.resources.iter().enumerate() {
            if !verdict.resources.contains(&at) {
                added.push(self.catalogue.listener(resource.name, resource.body, is_whole)?);
            }
        }
        let removed = self.gone(response, self.listeners.names());
        self.mux.pause(Kind::Route);
        let interest = self.listeners.apply(added, removed, now + self.config.drain);
        if self.config.types.routes {
            self.mux.change(Kind::Route, &interest);
        }
        self.warm_listeners(now);
        self.mux.resume(Kind::Route);
        self.hold_all(Kind::Listener, response, verdict);
        Ok(())
    }

    fn take_routes(&mut self, response: &Response<'_>, now: Instant) {
        self.hold_named(Kind::Route, response);
        self.warm_listeners(now);
    }

    fn warm_listeners(&mut self, now: Instant) {
        let (routes, asks) = (self.mux.watches(Kind::Route), self.config.types.routes);
        let is_there =
            |name: &str| !asks || routes.get(name).is_some_and(|watch| watch.held != Held::Nothing);
        let interest = self.listeners.warm(is_there, now + self.config.drain);
        if asks {
            self.mux.change(Kind::Route, &interest);
        }
    }

    /// Clusters are paused while any of them warms: no ACK, no NACK. Not so the first ones: nothing is served yet that
    /// could be broken (`ClusterManagerImpl::updateClusterCounts`: only once all clusters are initialized).
    fn hold_back_clusters(&mut self) {
        let is_held_back = self.stage == Stage::Running && self.clusters.is_warming();
        match (self.is_held_back, is_held_back) {
            (false, true) => self.mux.pause(Kind::Cluster),
            (true, false) => self.mux.resume(Kind::Cluster),
            _ => {}
        }
        self.is_held_back = is_held_back;
    }

    /// Asks for listeners once the first clusters are warm.
    fn run_when_warm(&mut self) {
        if self.stage == Stage::Starting && !self.clusters.is_warming() {
            self.stage = Stage::Running;
            if self.config.types.listeners {
                self.mux.subscribe_to_all(Kind::Listener);
            }
        }
    }

    /// Names that a response takes away: state of the world by leaving them out.
    fn gone<'a>(&self, response: &Response<'_>, present: impl Iterator<Item = &'a ArcStr>) -> Vec<ArcStr> {
        if self.mux.variant() == Variant::Delta {
            let removed: HashSet<_> = response.removed.iter().copied().collect();
            return if removed.is_empty() {
                Vec::new()
            } else {
                present.filter(|name| removed.contains(name.as_str())).cloned().collect()
            };
        }
        let here: HashSet<_> = response.resources.iter().map(|resource| resource.name).collect();
        present.filter(|name| !here.contains(name.as_str())).cloned().collect()
    }

    /// Notes versions of what a wildcard brings. Of a response that was refused in part none counts.
    fn hold_all(&mut self, kind: Kind, response: &Response<'_>, verdict: &Verdict) {
        if self.mux.variant() == Variant::Sotw || verdict.error.is_some() {
            return;
        }
        let catalogue = &self.catalogue;
        let came = response.resources.iter().map(|resource| {
            (catalogue.name(resource.name), Some(Held::Version(catalogue.name(resource.version))))
        });
        let removed = response.removed.iter().map(|name| (catalogue.name(name), None));
        let changes = came.chain(removed).collect();
        self.mux.hold_all(kind, changes);
    }

    /// Notes what came of what is asked for by name.
    fn hold_named(&mut self, kind: Kind, response: &Response<'_>) {
        let watches = self.mux.watches(kind);
        let came = response.resources.iter().filter_map(|resource| {
            Some((watches.name(resource.name)?.clone(), Held::Version(self.catalogue.name(resource.version))))
        });
        let missing = response.removed.iter();
        let missing = missing.filter_map(|name| Some((watches.name(name)?.clone(), Held::Missing)));
        let came: Vec<_> = came.chain(missing).collect();
        self.mux.hold(kind, came);
    }
}
