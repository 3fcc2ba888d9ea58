//! Delta, as Envoy's `NewGrpcMuxImpl` speaks it.
//!
//! Responses are answered one by one and in order; answers go before changes of subscriptions, which go in the order in
//! which the types were first subscribed to (`whoWantsToSendDiscoveryRequest`). An answer carries the changes of its type
//! that wait.

use std::collections::{BTreeSet, VecDeque};

use arcstr::ArcStr;

use super::{Answer, Held, Interest, Types};
use crate::client::catalogue::Catalogue;
use crate::client::request::{Names, Request};
use crate::client::table::{Changes, Table};
use crate::wire::Kind;

#[derive(Debug, Default)]
pub(in crate::client) struct Delta {
    pub(super) types: Types,
    states: [State; 4],
    /// Answers that wait for the end of a pause. As many as the server sends before it is answered.
    answers: VecDeque<(Kind, Answer)>,
    pub(super) out: VecDeque<Request>,
}

#[derive(Debug, Default)]
struct State {
    /// A request of this type was sent on this stream.
    is_open: bool,
    added: BTreeSet<ArcStr>,
    removed: BTreeSet<ArcStr>,
    /// Versions of what a wildcard has brought.
    held: Table<Held>,
}

impl Delta {
    pub(super) fn connected(&mut self) {
        self.types.is_connected = true;
        self.types.is_node_due = true;
        self.answers.clear();
        for state in &mut self.states {
            state.is_open = false;
        }
        self.send();
    }

    pub(super) fn disconnected(&mut self) {
        self.types.is_connected = false;
        self.types.awaiting = [false; 4];
        self.out.clear();
    }

    pub(super) fn subscribe_to_all(&mut self, kind: Kind) {
        self.types.subscribe(kind);
        self.types.wildcard[kind as usize] = true;
        self.send();
    }

    pub(super) fn change(&mut self, kind: Kind, interest: &Interest) {
        let (new, gone) = self.types.change(kind, interest);
        let state = &mut self.states[kind as usize];
        for name in new {
            state.removed.remove(&name);
            state.added.insert(name);
        }
        for name in gone {
            state.added.remove(&name);
            // Also if it was added only now: that a name was there before and taken away in between cannot be told.
            state.removed.insert(name);
        }
        self.send();
    }

    pub(super) fn hold_all(&mut self, kind: Kind, changes: Changes<Held>) {
        self.states[kind as usize].held.change(changes);
    }

    pub(super) fn resume(&mut self, kind: Kind) {
        self.types.resume(kind);
        self.send();
    }

    pub(super) fn answer(&mut self, kind: Kind, answer: Answer) {
        self.answers.push_back((kind, answer));
        self.send();
    }

    pub(super) fn share(&mut self, catalogue: &Catalogue) {
        for state in &mut self.states {
            catalogue.share_held(&mut state.held);
        }
    }

    /// Says all that may be said now.
    fn send(&mut self) {
        while self.types.is_connected {
            let answer = self.answers.iter().position(|(kind, _)| !self.types.is_paused(*kind));
            if let Some((kind, answer)) = answer.and_then(|at| self.answers.remove(at)) {
                self.request(kind, Some(answer));
                continue;
            }
            let mut order = self.types.order.iter().copied();
            let Some(kind) = order.find(|kind| !self.types.is_paused(*kind) && self.is_due(*kind)) else {
                return;
            };
            self.request(kind, None);
        }
    }

    fn is_due(&self, kind: Kind) -> bool {
        let state = &self.states[kind as usize];
        let is_changed = !state.added.is_empty() || !state.removed.is_empty();
        is_changed || (!state.is_open && self.types.is_watched(kind))
    }

    fn request(&mut self, kind: Kind, answer: Option<Answer>) {
        let state = &mut self.states[kind as usize];
        let watches = &self.types.watches[kind as usize];
        let added = std::mem::take(&mut state.added);
        let removed = std::mem::take(&mut state.removed);
        let names = if std::mem::replace(&mut state.is_open, true) {
            self.types.awaiting[kind as usize] |= !added.is_empty();
            let (subscribe, unsubscribe) = (added.into_iter().collect(), removed.into_iter().collect());
            Names::Delta { subscribe, unsubscribe, initial_versions: Vec::new() }
        } else {
            // The first of a stream: all names, and what there is of them.
            let held = state.held.iter().chain(watches.iter().map(|(name, watch)| (name, &watch.held)));
            let version = |(name, held): (&ArcStr, &Held)| match held {
                Held::Version(version) => Some((name.clone(), version.clone())),
                Held::Nothing | Held::Missing => None,
            };
            let initial_versions: Vec<_> = held.filter_map(version).collect();
            self.types.awaiting[kind as usize] |= initial_versions.is_empty();
            let subscribe = watches.iter().map(|(name, _)| name.clone()).collect();
            Names::Delta { subscribe, unsubscribe: Vec::new(), initial_versions }
        };
        let (nonce, error) = answer.map_or_else(Default::default, |answer| (answer.nonce, answer.error));
        let has_node = std::mem::take(&mut self.types.is_node_due);
        self.out.push_back(Request { kind, has_node, nonce, error, names });
    }
}
