//! What anybody would note down who listens to a conversation: who asked for what, what was said, what is still to be said.

use super::said::{Heard, Nonce, Said};
use super::{CDS, EDS, KINDS, capable, istiod, spec};
use std::collections::{BTreeMap, BTreeSet};
use xdslab_protocol::{Semantics, Variant};

pub type Names = BTreeSet<String>;

/// What the generators give for a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pushed {
    Nothing,
    Everything,
    Only(Names),
}

impl Pushed {
    pub fn brings(&self, name: &str) -> bool {
        match self {
            Pushed::Only(names) => names.contains(name),
            Pushed::Nothing | Pushed::Everything => true,
        }
    }
}

/// One type of one stream.
#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools)] // Notes, not states.
pub struct Talk {
    pub wildcard: bool,
    /// The wildcard is there because nothing was ever named.
    pub legacy: bool,
    pub names: Names,
    /// What the client was last told of each name that it asks for.
    pub told: BTreeMap<String, String>,
    /// Number of the newest response.
    pub newest: Option<usize>,
    /// The names in each response.
    pub contents: BTreeMap<usize, Names>,
    /// Responses that were accepted or refused.
    pub judged: BTreeSet<usize>,
    /// How often a name was refused, and not sent again because of that.
    pub refused: BTreeMap<String, usize>,
    /// Names that did not exist at some time since they were sent.
    pub vanished: Names,
    pub due: Due,
    /// A push concerns the type.
    pub pushed: bool,
    /// istiod: the next request for endpoints is answered.
    pub always: bool,
    /// istiod: clusters were sent, so a request for endpoints that changes nothing may be answered.
    pub again: bool,
}

/// What is owed because of requests.
#[derive(Debug, Default)]
pub struct Due {
    /// Everything that is asked for.
    pub all: bool,
    pub names: Names,
    /// Nothing must be said that the client has; everything else must.
    pub catch_up: bool,
    /// Nothing must be said, and anything may be.
    pub may: bool,
}

impl Due {
    pub fn is_none(&self) -> bool {
        !(self.all || self.catch_up || self.may) && self.names.is_empty()
    }

    pub fn calls_for(&self, name: &str) -> bool {
        self.all || self.may || self.names.contains(name)
    }
}

impl Talk {
    pub fn wants(&self, name: &str) -> bool {
        self.wildcard || self.names.contains(name)
    }

    pub fn wants_nothing(&self) -> bool {
        !self.wildcard && self.names.is_empty()
    }

    /// The client refused a response.
    pub fn refuse(&mut self, nonce: Nonce) {
        let Nonce::Of(number) = nonce else { return };
        for name in self.contents.get(&number).into_iter().flatten() {
            *self.refused.entry(name.clone()).or_default() += 1;
        }
    }

    pub fn keep_only_wanted(&mut self) {
        let (wildcard, names) = (self.wildcard, self.names.clone());
        self.told.retain(|name, _| wildcard || names.contains(name));
        self.due.names.retain(|name| wildcard || names.contains(name));
    }

    pub fn heard(&mut self, heard: &Heard) {
        self.newest = Some(heard.number);
        let names = heard.resources.keys().chain(&heard.removed).cloned().collect();
        self.contents.insert(heard.number, names);
    }
}

pub struct Model {
    pub variant: Variant,
    pub semantics: Semantics,
    /// Names without endpoints or routes have empty ones.
    pub fill: bool,
    pub mesh: [BTreeMap<String, String>; KINDS.len()],
    pub talks: [Option<Talk>; KINDS.len()],
    /// Clusters that were sent since their endpoints were.
    pub warm: Names,
    /// Clusters that changed since their endpoints were sent.
    pub cold: Names,
    pub push: Pushed,
    /// Requests wait to be answered: what comes next answers more than one thing.
    pub waiting: bool,
}

impl Model {
    pub fn new(variant: Variant, semantics: Semantics, fill: bool) -> Self {
        Self {
            variant,
            semantics,
            fill,
            mesh: Default::default(),
            talks: Default::default(),
            warm: Names::new(),
            cold: Names::new(),
            push: Pushed::Nothing,
            waiting: false,
        }
    }

    /// What a generator has for a name.
    pub fn has(&self, kind: usize, name: &str) -> Option<&str> {
        let body = self.mesh[kind].get(name).map(String::as_str);
        body.or((self.fill && !capable(kind)).then_some("empty"))
    }

    /// A SotW response of this type holds all that there is.
    pub fn complete(&self, kind: usize) -> bool {
        self.variant == Variant::Sotw && capable(kind)
    }

    pub fn set(&mut self, kind: usize, name: &str, body: Option<String>) {
        if let Some(body) = body {
            self.mesh[kind].insert(name.to_owned(), body);
            return;
        }
        self.mesh[kind].remove(name);
        if let Some(talk) = &mut self.talks[kind] {
            talk.vanished.insert(name.to_owned());
        }
    }

    pub fn request(&mut self, said: &Said) {
        self.waiting = true;
        match self.semantics {
            Semantics::Spec => spec::request(self, said),
            Semantics::Istiod => istiod::request(self, said),
        }
    }

    pub fn pushed(&mut self, kinds: &[usize], only: Option<Names>) {
        let listens = |talk: &Talk, kind| match self.semantics {
            Semantics::Spec => !talk.wants_nothing(),
            Semantics::Istiod => capable(kind) || !talk.names.is_empty(),
        };
        for kind in kinds {
            if let Some(talk) = &mut self.talks[*kind] {
                talk.pushed |= listens(talk, *kind);
            }
        }
        self.push = only.map_or(Pushed::Everything, Pushed::Only);
    }

    pub fn reconnect(&mut self) {
        self.talks = Default::default();
        self.warm.clear();
        self.cold.clear();
        (self.push, self.waiting) = (Pushed::Nothing, false);
    }

    /// Clusters go out: their endpoints may, and if the clusters changed, must follow.
    pub fn clusters_went(&mut self, heard: &Heard, changed: Names) -> Names {
        if heard.kind != CDS {
            return Names::new();
        }
        self.warm.extend(heard.resources.keys().cloned());
        self.cold.extend(changed.iter().cloned());
        if let Some(endpoints) = &mut self.talks[EDS] {
            endpoints.again = true;
        }
        let endpoints = self.talks[EDS].as_ref();
        changed.into_iter().filter(|name| endpoints.is_some_and(|e| e.names.contains(name))).collect()
    }
}
