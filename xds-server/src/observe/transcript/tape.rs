//! One stream's part of a transcript: puts together what its state machine tells bit by bit.

use std::collections::{BTreeMap, VecDeque};

use arcstr::ArcStr;
use xdslab_mesh::NodeIdentity;
use xdslab_protocol as protocol;
use xdslab_protocol::{Cause, EventKind, NameSet, RequestNames, ResourceType, Rule, Variant};

use super::{Act, Dialect, Node, Recorder, Request, Response, What};
use crate::push::PushRequest;

/// Records one stream.
#[derive(Debug)]
pub(crate) struct Tape {
    recorder: Recorder,
    connection: ArcStr,
    proxy: ArcStr,
    /// The types that were asked for, and the names that SotW requests asked for last.
    known: BTreeMap<ResourceType, Vec<String>>,
    /// Responses that were decided on and have not been recorded.
    decided: VecDeque<(ArcStr, Cause, Rule)>,
    /// What the push at hand is made for.
    because: Vec<String>,
}

/// A request, as it came.
#[derive(Debug)]
pub(crate) struct Said {
    request: protocol::Request,
    bytes: usize,
}

impl Said {
    pub fn new(request: &protocol::Request, bytes: usize) -> Self {
        Self { request: request.clone(), bytes }
    }
}

impl Tape {
    pub fn begin(
        recorder: &Recorder,
        [connection, proxy]: [&ArcStr; 2],
        variant: Variant,
        only: Option<&ResourceType>,
        node: &NodeIdentity,
    ) -> Self {
        let tape = Self {
            recorder: recorder.clone(),
            connection: connection.clone(),
            proxy: proxy.clone(),
            known: BTreeMap::new(),
            decided: VecDeque::new(),
            because: Vec::new(),
        };
        tape.record(What::Connected {
            variant: match variant {
                Variant::Sotw => Dialect::Sotw,
                Variant::Delta => Dialect::Delta,
            },
            only: only.map(short),
            node: Node {
                id: node.id.to_string(),
                cluster: node.cluster.to_string(),
                metadata: node.metadata.clone(),
                extensions: node.extensions.iter().map(ToString::to_string).collect(),
            },
        });
        tape
    }

    /// What the responses from now on are sent for.
    pub fn because(&mut self, push: Option<&PushRequest>) {
        self.because = push.map_or_else(Vec::new, |push| {
            let reasons = push.reasons.keys().map(|reason| reason.word().to_owned());
            let keys = push.keys.iter().map(|k| format!("{}/{}/{}", k.kind.word(), k.namespace, k.name));
            reasons.chain(keys).collect()
        });
    }

    /// A request and what became of it.
    pub fn request(&mut self, said: Said, events: &[protocol::Event]) {
        let Said { request, bytes } = said;
        let before = self.known.get(&request.resource_type);
        let mut entry = Request {
            kind: short(&request.resource_type),
            type_url: request.resource_type.type_url().to_owned(),
            act: if before.is_none() { Act::First } else { Act::Change },
            names: Vec::new(),
            subscribe: Vec::new(),
            unsubscribe: Vec::new(),
            held: BTreeMap::new(),
            added: Vec::new(),
            removed: Vec::new(),
            version: request.version_info,
            nonce: request.response_nonce,
            error: request.error.map(|detail| detail.message),
            bytes,
            rules: Vec::new(),
        };
        let texts = |names: Vec<ArcStr>| names.iter().map(ToString::to_string).collect();
        match request.names {
            RequestNames::Sotw(names) => {
                entry.names = texts(names);
                let gone = |name: &&String| !entry.names.contains(name);
                entry.removed = before.into_iter().flatten().filter(gone).cloned().collect();
            }
            RequestNames::Delta { subscribe, unsubscribe, initial_versions } => {
                entry.subscribe = texts(subscribe);
                entry.unsubscribe = texts(unsubscribe);
                let held = initial_versions.iter();
                entry.held = held.map(|(name, version)| (name.to_string(), version.to_string())).collect();
            }
        }
        for event in events {
            match &event.kind {
                EventKind::Subscribed { names } => entry.added.extend(all_or(names)),
                EventKind::Unsubscribed { names } => {
                    let names = all_or(names).into_iter().filter(|name| !entry.removed.contains(name));
                    entry.removed.extend(names.collect::<Vec<_>>());
                }
                EventKind::Acked { .. } => entry.act = Act::Ack,
                EventKind::Nacked { .. } => entry.act = Act::Nack,
                EventKind::Stale { .. } => entry.act = Act::Stale,
                EventKind::Ignored
                | EventKind::Renewed { .. }
                | EventKind::Answered { .. }
                | EventKind::Silent { .. } => {}
            }
            if !entry.rules.iter().any(|rule| rule.title == event.rule.title()) {
                entry.rules.push(event.rule.into());
            }
        }
        if entry.act == Act::Stale {
            entry.removed.clear();
        } else {
            self.known.insert(request.resource_type, entry.names.clone());
        }
        self.record(What::Request(entry));
    }

    /// What the state machine decided on its own behalf.
    pub fn event(&mut self, event: &protocol::Event) {
        match &event.kind {
            EventKind::Answered { cause, nonce, .. } => {
                self.decided.push_back((nonce.clone(), cause.clone(), event.rule));
            }
            EventKind::Silent { cause } => self.record(What::Silent {
                kind: short(&event.resource_type),
                cause: word(cause).to_owned(),
                rule: event.rule.into(),
            }),
            _ => {}
        }
    }

    /// A response goes out.
    pub fn response(&mut self, response: &protocol::Response) {
        let at = self.decided.iter().position(|(nonce, ..)| *nonce == response.nonce);
        let Some((nonce, cause, rule)) = at.and_then(|at| self.decided.remove(at)) else { return };
        let is_pushed = matches!(cause, Cause::Push | Cause::Warming | Cause::Retry(_));
        self.record(What::Response(Response {
            kind: short(&response.resource_type),
            type_url: response.resource_type.type_url().to_owned(),
            added: response.resources.iter().map(|resource| resource.name.to_string()).collect(),
            removed: response.removed.iter().map(ToString::to_string).collect(),
            version: response.version_info.to_string(),
            nonce: nonce.to_string(),
            bytes: response.resources.bytes(),
            cause: word(&cause).to_owned(),
            because: if is_pushed { self.because.clone() } else { Vec::new() },
            rule: rule.into(),
        }));
    }

    fn record(&self, what: What) {
        self.recorder.record(&self.connection, &self.proxy, what);
    }
}

impl Drop for Tape {
    fn drop(&mut self) {
        self.record(What::Disconnected);
    }
}

fn short(kind: &ResourceType) -> String {
    kind.short().to_uppercase()
}

/// The names, or `*` for everything.
fn all_or(names: &NameSet) -> Vec<String> {
    if names.is_empty() { vec!["*".to_owned()] } else { names.iter().map(ToString::to_string).collect() }
}

fn word(cause: &Cause) -> &'static str {
    match cause {
        Cause::Request => "request",
        Cause::Reconnect => "reconnect",
        Cause::Subscribe(_) => "subscribe",
        Cause::Unsubscribe(_) => "unsubscribe",
        Cause::Push => "push",
        Cause::Warming => "warming",
        Cause::Retry(_) => "retry",
    }
}
