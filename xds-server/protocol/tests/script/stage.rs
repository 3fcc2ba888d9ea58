//! A stream, a mesh, and the driver between them.

use super::line::{Line, Partial};
use arcstr::ArcStr;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use xdslab_protocol::{
    Answer, Cause, Completeness, Demand, Event, EventKind, NackDetail, Names, Push, Request, Resource,
    ResourceSet, ResourceType, Response, Semantics, Stream, Variant,
};

pub struct Stage {
    variant: Variant,
    semantics: Semantics,
    stream: Stream,
    mesh: BTreeMap<ResourceType, BTreeMap<String, String>>,
    fill: BTreeSet<ResourceType>,
    flood: BTreeSet<ResourceType>,
    service: Option<ResourceType>,
    features: Vec<String>,
    violation: Option<String>,
    /// A push waits to be merged with the next one.
    held: bool,
    version: usize,
    nonces: Vec<String>,
    /// How many streams there were before this one.
    streams: u64,
    responses: VecDeque<Response>,
    events: Vec<Event>,
}

impl Stage {
    pub fn new(variant: Variant, semantics: Semantics) -> Self {
        Self {
            variant,
            semantics,
            stream: Stream::new(variant, semantics),
            mesh: BTreeMap::new(),
            fill: BTreeSet::new(),
            flood: BTreeSet::new(),
            service: None,
            features: Vec::new(),
            violation: None,
            held: false,
            version: 1,
            nonces: Vec::new(),
            streams: 0,
            responses: VecDeque::new(),
            events: Vec::new(),
        }
    }

    pub fn play(&mut self, line: &Line) -> Result<(), String> {
        match line {
            Line::Server { .. } => return self.expect(line),
            Line::Rule { number } => return self.expect_rule(number),
            Line::Status { kind, synced, nonce, error } => {
                return self.expect_status(kind, *synced, nonce.as_deref(), error.as_deref());
            }
            Line::Violation { reason } => return self.expect_violation(reason),
            _ => self.finish()?,
        }
        self.events.clear();
        match line {
            Line::Mesh { kind, set, remove } => {
                let resources = self.mesh.entry(kind.clone()).or_default();
                resources.extend(set.iter().cloned());
                resources.retain(|name, _| !remove.contains(name));
            }
            Line::Fill { kind } => {
                self.fill.insert(kind.clone());
            }
            Line::Client { kind, nonce, error, names, hold } => {
                let request = Request {
                    resource_type: kind.clone(),
                    response_nonce: self.nonce(nonce),
                    version_info: String::new(),
                    error: error.clone().map(|message| NackDetail { code: 13, message }),
                    names: names.clone(),
                };
                if let Err(violation) = self.stream.handle_request(request) {
                    self.violation = Some(violation.to_string());
                } else if !hold {
                    self.drive(None);
                }
            }
            Line::Push { kinds, forced, hold, only } => {
                if self.held {
                    self.drain();
                } else {
                    self.drive(None);
                }
                self.version += 1;
                self.stream.handle_push(&Push { types: kinds.clone(), forced: *forced });
                self.held = *hold;
                if !hold {
                    self.drive(only.as_ref());
                }
            }
            Line::Beat { kind } => {
                self.stream.handle_heartbeat(kind);
                self.drain();
            }
            Line::Flood { kind } => {
                self.flood.insert(kind.clone());
            }
            Line::Service { kind } => {
                self.service = Some(kind.clone());
                self.connect();
            }
            Line::Declare { features } => {
                self.features.clone_from(features);
                self.connect();
            }
            Line::Reconnect => self.connect(),
            Line::Server { .. } | Line::Rule { .. } | Line::Status { .. } | Line::Violation { .. } => {}
        }
        Ok(())
    }

    /// Nothing may be left that no line has named.
    pub fn finish(&mut self) -> Result<(), String> {
        if let Some(reason) = self.violation.take() {
            return Err(format!("the stream ended before this line: {reason}"));
        }
        match self.next_response() {
            None => Ok(()),
            Some((_, _, shown)) => Err(format!("unexpected, before this line: {shown}")),
        }
    }

    /// What the server sent and no line has named yet, its number on its stream, and the line that names it.
    pub fn next_response(&mut self) -> Option<(Response, usize, String)> {
        let response = self.responses.pop_front()?;
        self.nonces.push(response.nonce.to_string());
        let shown = self.show(&response);
        Some((response, self.nonces.len(), shown))
    }

    fn connect(&mut self) {
        let stream = match &self.service {
            Some(kind) => Stream::of_type(self.variant, self.semantics, kind.clone()),
            None => Stream::new(self.variant, self.semantics),
        };
        self.streams += 1;
        self.stream = stream
            .with_nonce_salt(self.streams)
            .with_client_features(self.features.iter().map(String::as_str));
        self.nonces.clear();
    }

    fn drive(&mut self, only: Option<&Partial>) {
        self.drain();
        while let Some(demand) = self.stream.poll_demand() {
            let answer = self.generate(&demand, only);
            self.stream.handle_resources(demand, answer);
            self.drain();
        }
        self.drain();
    }

    fn drain(&mut self) {
        self.responses.extend(std::iter::from_fn(|| self.stream.poll_response()));
        self.events.extend(std::iter::from_fn(|| self.stream.poll_event()));
    }

    /// As istiod's: all clusters and listeners whatever the names, other types by name.
    fn generate(&self, demand: &Demand, only: Option<&Partial>) -> Answer {
        let all = self.mesh.get(&demand.resource_type).cloned().unwrap_or_default();
        let kind = &demand.resource_type;
        let by_name = !kind.wildcard_capable() && !self.flood.contains(kind);
        let mut resources: Vec<Resource> = all
            .iter()
            .filter(|(name, _)| !by_name || demand.names.covers(name))
            .map(|(name, body)| super::resource(name, body).expect("checked where it was set"))
            .collect();
        if let (true, Names::Named(names)) = (self.fill.contains(&demand.resource_type), &demand.names) {
            let missing = names.iter().filter(|n| !all.contains_key(n.as_str()));
            resources.extend(missing.map(|n| Resource::new(n.clone(), "empty")));
        }
        let completeness = match only {
            Some(partial) if demand.cause == Cause::Push => {
                resources.retain(|r| partial.names.iter().any(|n| *n == r.name.as_str()));
                let gone = |name: &&ArcStr| !all.contains_key(name.as_str());
                Completeness::Partial { removed: partial.removed.iter().filter(gone).cloned().collect() }
            }
            _ => Completeness::Full,
        };
        let version = format!("v{}", self.version).into();
        Answer { version, resources: ResourceSet::new(resources), completeness }
    }

    fn expect(&mut self, line: &Line) -> Result<(), String> {
        let Line::Server { kind, nonce, version, resources, removed, heartbeats } = line else {
            return Err("not a response".into());
        };
        let (response, number, got) = self.next_response().ok_or("nothing was sent")?;
        let sorted = |words: &[String]| -> Vec<String> {
            let mut words = words.to_vec();
            words.sort();
            words
        };
        let versioned = self.variant == Variant::Delta && self.semantics == Semantics::Spec;
        let right = response.resource_type == *kind
            && format!("n{number}") == *nonce
            && version.as_ref().is_none_or(|v| response.version_info == *v)
            && show_resources(&response) == sorted(resources)
            && show_removed(&response) == sorted(removed)
            && show_heartbeats(&response) == sorted(heartbeats)
            && response.versioned == versioned;
        if right { Ok(()) } else { Err(format!("was sent instead: {got}")) }
    }

    fn expect_violation(&mut self, reason: &str) -> Result<(), String> {
        match self.violation.take() {
            Some(violation) if violation == reason => Ok(()),
            other => Err(format!("the stream ended: {other:?}")),
        }
    }

    fn expect_rule(&self, number: &str) -> Result<(), String> {
        if self.events.iter().any(|e| e.rule.number() == number) {
            return Ok(());
        }
        let told: Vec<String> =
            self.events.iter().map(|e| format!("{} ({:?})", e.rule, word(&e.kind))).collect();
        Err(format!("rules that decided: {}", told.join(", ")))
    }

    fn expect_status(
        &self,
        kind: &ResourceType,
        synced: bool,
        nonce: Option<&str>,
        error: Option<&str>,
    ) -> Result<(), String> {
        let status =
            self.stream.subscriptions().find(|s| s.resource_type == kind).ok_or("no subscription")?;
        let is = status.sent_nonce.is_some() && status.sent_nonce == status.acked_nonce;
        let message = status.error.map(|e| e.message.as_str());
        let nonce = nonce.map(|n| self.nonce(n));
        let right =
            (is, message) == (synced, error) && nonce.is_none_or(|n| status.nacked_nonce == Some(n.as_str()));
        if right { Ok(()) } else { Err(format!("status: {status:?}")) }
    }

    fn nonce(&self, word: &str) -> String {
        let number = word.strip_prefix('n').and_then(|n| n.parse::<usize>().ok());
        number.and_then(|n| self.nonces.get(n.wrapping_sub(1))).cloned().unwrap_or_else(|| word.to_owned())
    }

    fn show(&self, response: &Response) -> String {
        let kind = response.resource_type.short().to_uppercase();
        let mut line = format!("< {kind} n{}", self.nonces.len());
        let version = std::iter::once(response.version_info.to_string());
        let removed = show_removed(response);
        let gone = if removed.is_empty() { Vec::new() } else { [vec!["removed".into()], removed].concat() };
        for word in version.chain(show_resources(response)).chain(show_heartbeats(response)).chain(gone) {
            line.push(' ');
            line.push_str(&word);
        }
        line
    }
}

fn show_resources(response: &Response) -> Vec<String> {
    let show = |r: &Resource| {
        let ttl =
            r.ttl.filter(|_| response.timed).map_or(String::new(), |ttl| format!("@{}s", ttl.as_secs()));
        format!("{}={}{ttl}", r.name, String::from_utf8_lossy(&r.body))
    };
    response.resources.iter().map(show).collect()
}

fn show_removed(response: &Response) -> Vec<String> {
    response.removed.iter().map(ToString::to_string).collect()
}

fn show_heartbeats(response: &Response) -> Vec<String> {
    response.heartbeats.iter().map(|beat| format!("{}@{}s", beat.name, beat.ttl.as_secs())).collect()
}

fn word(kind: &EventKind) -> String {
    let text = format!("{kind:?}");
    text.split_whitespace().next().unwrap_or_default().to_owned()
}
