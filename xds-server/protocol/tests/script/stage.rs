//! A stream, a mesh, and the driver between them.

use super::line::{Line, Partial};
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
    version: usize,
    nonces: Vec<String>,
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
            version: 1,
            nonces: Vec::new(),
            responses: VecDeque::new(),
            events: Vec::new(),
        }
    }

    pub fn play(&mut self, line: &Line) -> Result<(), String> {
        match line {
            Line::Server { kind, nonce, version, resources, removed } => {
                return self.expect(kind, nonce, version.as_deref(), resources, removed);
            }
            Line::Rule { number } => return self.expect_rule(number),
            Line::Status { kind, synced, error } => {
                return self.expect_status(kind, *synced, error.as_deref());
            }
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
                self.stream.handle_request(request).map_err(|violation| violation.to_string())?;
                if !hold {
                    self.drive(None);
                }
            }
            Line::Push { kinds, forced, only } => {
                self.drive(None);
                self.version += 1;
                self.stream.handle_push(&Push { types: kinds.clone(), forced: *forced });
                self.drive(only.as_ref());
            }
            Line::Reconnect => {
                self.stream =
                    Stream::new(self.variant, self.semantics).with_nonce_salt(self.version as u64 + 1);
                self.nonces.clear();
            }
            Line::Server { .. } | Line::Rule { .. } | Line::Status { .. } => {}
        }
        Ok(())
    }

    /// Nothing may be left that no line has named.
    pub fn finish(&mut self) -> Result<(), String> {
        match self.responses.pop_front() {
            None => Ok(()),
            Some(response) => Err(format!("unexpected, before this line: {}", self.show(&response))),
        }
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
        let by_name = !demand.resource_type.wildcard_capable();
        let mut resources: Vec<Resource> = all
            .iter()
            .filter(|(name, _)| !by_name || demand.names.covers(name))
            .map(|(name, body)| Resource::new(name.as_str(), body.clone()))
            .collect();
        if let (true, Names::Named(names)) = (self.fill.contains(&demand.resource_type), &demand.names) {
            let missing = names.iter().filter(|n| !all.contains_key(n.as_str()));
            resources.extend(missing.map(|n| Resource::new(n.clone(), "empty")));
        }
        let completeness = match only {
            Some(partial) if demand.cause == Cause::Push => {
                resources.retain(|r| partial.names.iter().any(|n| *n == r.name.as_str()));
                Completeness::Partial { removed: partial.removed.clone() }
            }
            _ => Completeness::Full,
        };
        let version = format!("v{}", self.version).into();
        Answer { version, resources: ResourceSet::new(resources), completeness }
    }

    fn expect(
        &mut self,
        kind: &ResourceType,
        nonce: &str,
        version: Option<&str>,
        resources: &[String],
        removed: &[String],
    ) -> Result<(), String> {
        let response = self.responses.pop_front().ok_or("nothing was sent")?;
        self.nonces.push(response.nonce.to_string());
        let got = self.show(&response);
        let mut wanted: Vec<String> = resources.to_vec();
        wanted.sort();
        let mut gone = removed.to_vec();
        gone.sort();
        let held: Vec<String> = response.resources.iter().map(show_resource).collect();
        let removed: Vec<String> = response.removed.iter().map(ToString::to_string).collect();
        let versioned = self.variant == Variant::Delta && self.semantics == Semantics::Spec;
        let right = response.resource_type == *kind
            && format!("n{}", self.nonces.len()) == nonce
            && version.is_none_or(|v| response.version_info == v)
            && (held, removed) == (wanted, gone)
            && response.versioned == versioned;
        if right { Ok(()) } else { Err(format!("was sent instead: {got}")) }
    }

    fn expect_rule(&self, number: &str) -> Result<(), String> {
        if self.events.iter().any(|e| e.rule.number() == number) {
            return Ok(());
        }
        let told: Vec<String> =
            self.events.iter().map(|e| format!("{} ({:?})", e.rule, word(&e.kind))).collect();
        Err(format!("rules that decided: {}", told.join(", ")))
    }

    fn expect_status(&self, kind: &ResourceType, synced: bool, error: Option<&str>) -> Result<(), String> {
        let status =
            self.stream.subscriptions().find(|s| s.resource_type == kind).ok_or("no subscription")?;
        let is = status.sent_nonce.is_some() && status.sent_nonce == status.acked_nonce;
        let message = status.error.map(|e| e.message.as_str());
        if (is, message) == (synced, error) { Ok(()) } else { Err(format!("status: {status:?}")) }
    }

    fn nonce(&self, word: &str) -> String {
        let number = word.strip_prefix('n').and_then(|n| n.parse::<usize>().ok());
        number.and_then(|n| self.nonces.get(n.wrapping_sub(1))).cloned().unwrap_or_else(|| word.to_owned())
    }

    fn show(&self, response: &Response) -> String {
        let resources: Vec<String> = response.resources.iter().map(show_resource).collect();
        let removed: Vec<&str> = response.removed.iter().map(arcstr::ArcStr::as_str).collect();
        let number = self.nonces.len().max(1);
        let removed =
            if removed.is_empty() { String::new() } else { format!(" removed {}", removed.join(" ")) };
        format!(
            "< {} n{number} {} {}{removed}",
            response.resource_type,
            response.version_info,
            resources.join(" ")
        )
    }
}

fn show_resource(resource: &Resource) -> String {
    format!("{}={}", resource.name, String::from_utf8_lossy(&resource.body))
}

fn word(kind: &EventKind) -> String {
    let text = format!("{kind:?}");
    text.split_whitespace().next().unwrap_or_default().to_owned()
}
