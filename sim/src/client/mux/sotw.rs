//! State of the world, as Envoy's `GrpcMuxImpl` speaks it.
//!
//! Every change of a subscription sends all names again, with the version and nonce of the last response: it looks like an
//! ACK, and is one. While a type is paused a request is only noted, so of many there is one in the end, which names the
//! last nonce: responses that came before it are never answered by themselves.

use std::collections::VecDeque;

use arcstr::ArcStr;

use super::{Answer, Interest, Types};
use crate::client::request::{Names, Request};
use crate::wire::Kind;

#[derive(Debug, Default)]
pub(in crate::client) struct Sotw {
    pub(super) types: Types,
    states: [State; 4],
    pub(super) out: VecDeque<Request>,
}

#[derive(Debug, Default)]
struct State {
    version: ArcStr,
    nonce: ArcStr,
    error: Option<ArcStr>,
    /// A request waits for the end of the pause.
    is_pending: bool,
}

impl Sotw {
    pub(super) fn connected(&mut self) {
        self.types.is_connected = true;
        self.types.is_node_due = true;
        for state in &mut self.states {
            state.nonce = ArcStr::new();
        }
        for at in 0..self.types.order.len() {
            self.queue(self.types.order[at]);
        }
    }

    pub(super) fn disconnected(&mut self) {
        self.types.is_connected = false;
        self.types.awaiting = [false; 4];
        self.out.clear();
    }

    pub(super) fn subscribe_to_all(&mut self, kind: Kind) {
        self.types.subscribe(kind);
        self.types.wildcard[kind as usize] = true;
        self.queue(kind);
    }

    pub(super) fn change(&mut self, kind: Kind, interest: &Interest) {
        let (new, gone) = self.types.change(kind, interest);
        self.types.awaiting[kind as usize] |= !new.is_empty();
        // Every cluster watches its endpoints for itself, and tells the server by a list that may be the same. Listeners
        // share a watch for each route configuration.
        if kind == Kind::Endpoint || !new.is_empty() || !gone.is_empty() {
            self.queue(kind);
        }
    }

    pub(super) fn resume(&mut self, kind: Kind) {
        self.types.resume(kind);
        let state = &mut self.states[kind as usize];
        if !self.types.is_paused(kind) && std::mem::take(&mut state.is_pending) {
            self.queue(kind);
        }
    }

    pub(super) fn answer(&mut self, kind: Kind, answer: Answer) {
        let state = &mut self.states[kind as usize];
        state.nonce = answer.nonce;
        if answer.error.is_none() {
            state.version = answer.version;
        }
        state.error = answer.error;
        self.queue(kind);
    }

    pub(super) fn pass_over(&mut self, kind: Kind, answer: Answer, is_empty: bool) {
        let state = &mut self.states[kind as usize];
        state.nonce = answer.nonce;
        if is_empty {
            state.version = answer.version;
        } else {
            self.queue(kind);
        }
    }

    fn queue(&mut self, kind: Kind) {
        if self.types.is_paused(kind) {
            self.states[kind as usize].is_pending = true;
            return;
        }
        if !self.types.is_connected {
            return;
        }
        let state = &mut self.states[kind as usize];
        let names = self.types.watches[kind as usize].iter().map(|(name, _)| name.clone());
        if state.version.is_empty() && state.nonce.is_empty() {
            self.types.awaiting[kind as usize] = true;
        }
        self.out.push_back(Request {
            kind,
            has_node: std::mem::take(&mut self.types.is_node_due),
            nonce: state.nonce.clone(),
            error: state.error.take(),
            names: Names::Sotw { version: state.version.clone(), names: names.collect() },
        });
    }
}
