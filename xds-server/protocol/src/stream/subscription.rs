//! What one client wants of one type, and what it was sent.

use super::Semantics;
use super::debt::Debt;
use super::flight::Flights;
use super::leaving::Leaving;
use crate::{Inventory, NackDetail, NameSet, Names, ResourceSet, ResourceType};
use arcstr::ArcStr;
use std::collections::BTreeMap;
use std::time::Duration;

/// How the wildcard stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// No name was ever given: everything.
    LegacyWildcard,
    /// `*` is subscribed to.
    Wildcard,
    /// Names only; perhaps none.
    Named,
}

#[derive(Debug)]
pub(super) struct Subscription {
    pub resource_type: ResourceType,
    pub mode: Mode,
    /// What the client named; `*` is in `mode`.
    pub names: NameSet,
    pub sent: Option<Sent>,
    pub acked: Option<ArcStr>,
    pub error: Option<NackDetail>,
    /// The nonce of the NACK that `error` is of.
    pub nacked: Option<ArcStr>,
    pub held: Inventory,
    /// SotW, wildcard types: what the client was last sent, whole.
    pub set: Option<ResourceSet>,
    pub debt: Debt,
    /// Responses that were neither accepted nor refused (spec semantics).
    pub flights: Flights,
    /// What was refused and has not been sent since (spec semantics).
    pub refused: NameSet,
    /// What is to be taken from the client when the push is over.
    pub leaving: Leaving,
    pub endpoints: Reply,
    /// Lifetimes of what the client was sent, with the versions, for clients that know of them.
    pub lifetimes: BTreeMap<ArcStr, (u64, Duration)>,
}

/// The last response.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub nonce: ArcStr,
    pub version: ArcStr,
    pub resources: usize,
    pub bytes: usize,
}

/// How to treat an endpoint request that changes nothing, on SotW streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Reply {
    /// It is an ACK.
    #[default]
    Silent,
    /// Clusters were sent: if its response was already accepted, it is no ACK.
    IfRepeated,
    /// A first cluster request was answered: answer it.
    Always,
}

impl Subscription {
    pub fn new(resource_type: ResourceType, mode: Mode, names: NameSet) -> Self {
        Self {
            resource_type,
            mode,
            names,
            sent: None,
            acked: None,
            error: None,
            nacked: None,
            held: Inventory::default(),
            set: None,
            debt: Debt::default(),
            flights: Flights::default(),
            refused: NameSet::EMPTY,
            leaving: Leaving::default(),
            endpoints: Reply::default(),
            lifetimes: BTreeMap::new(),
        }
    }

    pub fn wildcard(&self) -> bool {
        self.mode != Mode::Named
    }

    pub fn subscribed(&self) -> Names {
        match (self.mode, self.names.is_empty()) {
            (Mode::Named, _) => Names::Named(self.names.clone()),
            (_, true) => Names::Wildcard,
            (_, false) => Names::WildcardAnd(self.names.clone()),
        }
    }

    /// Whether a push has nothing to bring. istiod's wildcard types bring everything, whatever the names.
    pub fn is_idle(&self, semantics: Semantics) -> bool {
        let by_name = semantics == Semantics::Spec || !self.resource_type.wildcard_capable();
        by_name && self.mode == Mode::Named && self.names.is_empty()
    }

    pub fn covers(&self, name: &str) -> bool {
        self.wildcard() || self.names.contains(name)
    }

    /// The resources that the client subscribed to; the same shared set if that is all.
    pub fn only_subscribed(&self, resources: &ResourceSet) -> ResourceSet {
        if self.wildcard() || resources.names().is_subset(&self.names) {
            return resources.clone();
        }
        resources.filter(|r| self.names.contains(&r.name))
    }

    pub fn last_nonce(&self) -> Option<&ArcStr> {
        self.sent.as_ref().map(|sent| &sent.nonce)
    }
}
