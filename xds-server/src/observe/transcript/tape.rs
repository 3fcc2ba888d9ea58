//! One stream's part of a transcript: puts together what its state machine tells bit by bit.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use arcstr::{ArcStr, literal};
use xdslab_mesh::NodeIdentity;
use xdslab_protocol as protocol;
use xdslab_protocol::{
    Cause, EventKind, NameSet, Names, RequestNames, ResourceType, Rule, Variant, Violation,
};

use super::{Act, Dialect, Node, Place, Recorder, Refusal, Request, Response, What};
use crate::push::PushRequest;

/// Records one stream.
#[derive(Debug)]
pub(crate) struct Tape {
    recorder: Recorder,
    connection: ArcStr,
    proxy: ArcStr,
    /// Entries so far.
    entries: u64,
    /// Responses that were decided on and have not been recorded: nonce and cause.
    decided: VecDeque<(ArcStr, &'static str, Rule)>,
    /// What the push at hand is made for.
    because: Vec<ArcStr>,
}

/// A request, as it came.
#[derive(Debug)]
pub(crate) struct Said {
    request: protocol::Request,
    bytes: usize,
    /// What the client was subscribed to before, if it was.
    before: Option<Names>,
}

impl Said {
    pub fn new(request: &protocol::Request, bytes: usize, before: Option<Names>) -> Self {
        Self { request: request.clone(), bytes, before }
    }

    pub fn kind(&self) -> &ResourceType {
        &self.request.resource_type
    }

    /// The entry, without what became of the request.
    fn entry(self, act: Act) -> Request {
        let Self { request, bytes, .. } = self;
        let mut entry = Request {
            kind: short(&request.resource_type),
            type_url: request.resource_type.type_url().to_owned(),
            act,
            names: Vec::new(),
            subscribe: Vec::new(),
            unsubscribe: Vec::new(),
            held: BTreeMap::new(),
            added: Vec::new(),
            removed: Vec::new(),
            version: request.version_info,
            nonce: request.response_nonce,
            error: request.error.map(|error| Refusal { code: error.code, message: error.message }),
            bytes,
            rules: Vec::new(),
        };
        match request.names {
            RequestNames::Sotw(names) => entry.names = names,
            RequestNames::Delta { subscribe, unsubscribe, initial_versions } => {
                (entry.subscribe, entry.unsubscribe) = (subscribe, unsubscribe);
                entry.held = initial_versions.into_iter().collect();
            }
        }
        entry
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
        let mut tape = Self {
            recorder: recorder.clone(),
            connection: connection.clone(),
            proxy: proxy.clone(),
            entries: 0,
            decided: VecDeque::new(),
            because: Vec::new(),
        };
        tape.record(What::Connected {
            variant: match variant {
                Variant::Sotw => Dialect::Sotw,
                Variant::Delta => Dialect::Delta,
            },
            only: only.map(short),
            node: told(node),
        });
        tape
    }

    /// What the responses from now on are sent for.
    pub fn because(&mut self, push: Option<&PushRequest>) {
        self.because = push.map_or_else(Vec::new, |push| {
            let reasons = push.reasons.keys().map(|reason| ArcStr::from(reason.word()));
            reasons.chain(push.keys.iter().map(|key| arcstr::format!("{key}"))).collect()
        });
    }

    /// A request, what became of it, and what the client is subscribed to now.
    pub fn request(&mut self, said: Said, events: &[protocol::Event], after: Option<&Names>) {
        let before = said.before.clone();
        let (gained, lost) = change(before.as_ref(), after);
        let (mut added, mut removed) = (BTreeSet::from_iter(gained), BTreeSet::from_iter(lost));
        let mut act = if before.is_none() { Act::First } else { Act::Change };
        let (mut rules, mut own) = (Vec::<Rule>::new(), Vec::new());
        for event in events {
            match &event.kind {
                EventKind::Subscribed { names } => added.extend(all_or(names)),
                EventKind::Unsubscribed { names } => removed.extend(all_or(names)),
                EventKind::Acked { .. } => act = Act::Ack,
                EventKind::Nacked { .. } => act = Act::Nack,
                EventKind::Stale { .. } => act = Act::Stale,
                EventKind::Ignored => {}
                EventKind::Renewed { .. } | EventKind::Answered { .. } | EventKind::Silent { .. } => {
                    own.push(event);
                    continue;
                }
            }
            if !rules.contains(&event.rule) {
                rules.push(event.rule);
            }
        }
        let entry = said.entry(act);
        self.record(What::Request(Request {
            added: added.into_iter().collect(),
            removed: removed.into_iter().collect(),
            rules: rules.into_iter().map(Into::into).collect(),
            ..entry
        }));
        own.into_iter().for_each(|event| self.event(event));
    }

    /// A request that ends the stream.
    pub fn invalid(&mut self, said: Said, violation: &Violation) {
        let error = Some(Refusal { code: violation.code(), message: violation.to_string() });
        self.record(What::Request(Request { error, ..said.entry(Act::Invalid) }));
    }

    /// A request for a page.
    pub fn aside(&mut self, said: Said) {
        self.record(What::Request(said.entry(Act::Aside)));
    }

    /// A page, of this length.
    pub fn page(&mut self, kind: &ResourceType, nonce: &str, bytes: usize) {
        self.record(What::Response(Response {
            kind: short(kind),
            type_url: kind.type_url().to_owned(),
            added: Vec::new(),
            removed: Vec::new(),
            version: ArcStr::new(),
            nonce: nonce.into(),
            bytes,
            cause: "aside".into(),
            because: Vec::new(),
            rule: None,
        }));
    }

    /// What the state machine decided on its own behalf.
    pub fn event(&mut self, event: &protocol::Event) {
        match &event.kind {
            EventKind::Answered { cause, nonce, .. } => {
                self.decided.push_back((nonce.clone(), word(cause), event.rule));
            }
            EventKind::Renewed { nonce, .. } => {
                self.decided.push_back((nonce.clone(), "renewal", event.rule));
            }
            EventKind::Silent { cause } => self.record(What::Silent {
                kind: short(&event.resource_type),
                cause: word(cause).into(),
                rule: event.rule.into(),
            }),
            _ => {}
        }
    }

    /// A response goes out.
    pub fn response(&mut self, response: &protocol::Response) {
        let at = self.decided.iter().position(|(nonce, ..)| *nonce == response.nonce);
        let Some((nonce, cause, rule)) = at.and_then(|at| self.decided.remove(at)) else { return };
        let is_pushed = matches!(cause, "push" | "warming" | "retry");
        self.record(What::Response(Response {
            kind: short(&response.resource_type),
            type_url: response.resource_type.type_url().to_owned(),
            added: response.resources.names().as_slice().to_vec(),
            removed: response.removed.as_slice().to_vec(),
            version: response.version_info.clone(),
            nonce,
            bytes: response.resources.bytes(),
            cause: cause.into(),
            because: if is_pushed { self.because.clone() } else { Vec::new() },
            rule: Some(rule.into()),
        }));
    }

    fn record(&mut self, what: What) {
        self.entries += 1;
        self.recorder.record(&self.connection, &self.proxy, self.entries, what);
    }
}

impl Drop for Tape {
    fn drop(&mut self) {
        self.record(What::Disconnected);
    }
}

fn told(node: &NodeIdentity) -> Node {
    let place = &node.locality;
    let place = Place {
        region: place.region.to_string(),
        zone: place.zone.to_string(),
        subzone: place.subzone.to_string(),
    };
    Node {
        id: node.id.to_string(),
        cluster: node.cluster.to_string(),
        metadata: node.metadata.clone(),
        locality: (place != Place::default()).then_some(place),
        extensions: node.extensions.clone(),
    }
}

fn short(kind: &ResourceType) -> String {
    match kind {
        ResourceType::Other(url) => url.to_string(),
        known => known.short().to_uppercase(),
    }
}

/// Names that a subscription gained and lost, `*` for everything.
fn change(before: Option<&Names>, after: Option<&Names>) -> (Vec<ArcStr>, Vec<ArcStr>) {
    let of = |names: Option<&Names>| {
        let wildcard = names.is_some_and(Names::is_wildcard);
        (wildcard, names.map(|names| names.named().clone()).unwrap_or_default())
    };
    let ((all_before, before), (all_after, after)) = (of(before), of(after));
    let list = |wildcard: bool, names: NameSet| {
        wildcard.then(|| literal!("*")).into_iter().chain(names.iter().cloned()).collect()
    };
    let gained = list(all_after && !all_before, after.difference(&before));
    (gained, list(all_before && !all_after, before.difference(&after)))
}

/// The names, or `*` for everything.
fn all_or(names: &NameSet) -> Vec<ArcStr> {
    if names.is_empty() { vec![literal!("*")] } else { names.as_slice().to_vec() }
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
