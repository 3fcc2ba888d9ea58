//! A client that wants anything at any time, and keeps to the protocol.

use super::chance::Chance;
use super::said::{Heard, Nonce, Said, Words};
use super::{KINDS, NAMES, capable, is_bad};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use xdslab_protocol::Variant;

/// What it wants of one type, and what it has.
#[derive(Default)]
pub struct Interest {
    asked: bool,
    /// `*`, or nothing was ever named.
    pub wildcard: bool,
    legacy: bool,
    pub names: BTreeSet<String>,
    pub unread: VecDeque<Heard>,
    /// The last response that was read on this stream.
    nonce: Option<usize>,
    pub holds: BTreeMap<String, String>,
}

impl Interest {
    pub fn wants(&self, name: &str) -> bool {
        self.wildcard || self.names.contains(name)
    }

    fn list(&self) -> Vec<String> {
        let star = (self.wildcard && !self.legacy).then(|| "*".to_owned());
        self.names.iter().cloned().chain(star).collect()
    }

    /// SotW has to say `*` to keep the wildcard once there are names.
    fn end_legacy(&mut self) {
        self.legacy = false;
    }
}

pub struct Client {
    variant: Variant,
    pub interests: [Interest; KINDS.len()],
}

impl Client {
    pub fn new(variant: Variant) -> Self {
        Self { variant, interests: Default::default() }
    }

    pub fn hear(&mut self, heard: Heard) {
        self.interests[heard.kind].unread.push_back(heard);
    }

    pub fn unread(&self) -> Option<usize> {
        (0..KINDS.len()).find(|kind| !self.interests[*kind].unread.is_empty())
    }

    /// The stream broke; what was under way is lost.
    pub fn reconnect(&mut self) {
        for interest in &mut self.interests {
            interest.asked = false;
            interest.unread.clear();
            interest.nonce = None;
        }
    }

    /// Changes its mind about a type, or asks for it.
    pub fn ask(&mut self, kind: usize, chance: &mut Chance) -> Said {
        if self.interests[kind].asked {
            self.change(kind, Nonce::None, chance)
        } else {
            self.first(kind, chance)
        }
    }

    fn first(&mut self, kind: usize, chance: &mut Chance) -> Said {
        let variant = self.variant;
        let interest = &mut self.interests[kind];
        interest.asked = true;
        let was_there = interest.wildcard || !interest.names.is_empty();
        if !was_there {
            if capable(kind) && !chance.one_in(3) {
                (interest.wildcard, interest.legacy) = (true, !chance.one_in(3));
            }
            if !interest.legacy {
                interest.names = some_names(chance);
            }
        }
        let nonce = if chance.one_in(8) { Nonce::Foreign } else { Nonce::None };
        let words = if variant == Variant::Sotw {
            Words::Sotw(interest.list())
        } else {
            let have = interest.holds.clone().into_iter().collect();
            Words::Delta { subscribe: interest.list(), unsubscribe: Vec::new(), have }
        };
        // A list without anything in it is the legacy wildcard again.
        if capable(kind) && interest.list().is_empty() {
            (interest.wildcard, interest.legacy) = (true, true);
        }
        Said { kind, nonce, nack: false, hold: false, words }
    }

    fn change(&mut self, kind: usize, nonce: Nonce, chance: &mut Chance) -> Said {
        let variant = self.variant;
        let interest = &mut self.interests[kind];
        let (mut subscribe, mut unsubscribe) = (Vec::new(), Vec::new());
        for _ in 0..=chance.below(2) {
            let name = (*chance.pick(&NAMES)).to_owned();
            if subscribe.contains(&name) || unsubscribe.contains(&name) {
                continue;
            }
            if chance.one_in(2) { subscribe.push(name) } else { unsubscribe.push(name) }
        }
        if capable(kind) && chance.one_in(4) {
            if interest.wildcard { unsubscribe.push("*".into()) } else { subscribe.push("*".into()) }
        }
        // Nothing is named any more, and nothing ever was: SotW cannot say that apart from the legacy wildcard.
        if !subscribe.is_empty() {
            interest.end_legacy();
        }
        for name in &subscribe {
            if name == "*" {
                interest.wildcard = true;
            } else {
                interest.names.insert(name.clone());
            }
        }
        for name in &unsubscribe {
            if name != "*" {
                interest.names.remove(name);
            } else if !(variant == Variant::Sotw && interest.legacy && interest.names.is_empty()) {
                (interest.wildcard, interest.legacy) = (false, false);
            }
        }
        if variant == Variant::Delta {
            let (wildcard, names) = (interest.wildcard, interest.names.clone());
            interest.holds.retain(|name, _| wildcard || names.contains(name));
        }
        let nonce = match (variant, nonce) {
            (Variant::Sotw, Nonce::None) => interest.nonce.map_or(Nonce::None, Nonce::Of),
            (_, nonce) => nonce,
        };
        let words = match variant {
            Variant::Sotw => Words::Sotw(interest.list()),
            Variant::Delta => Words::Delta { subscribe, unsubscribe, have: Vec::new() },
        };
        Said { kind, nonce, nack: false, hold: false, words }
    }

    /// Reads the next response of a type and accepts or refuses it, sometimes with other names.
    pub fn read(&mut self, kind: usize, chance: &mut Chance) -> Option<Said> {
        let plain = self.accept(kind)?;
        if !chance.one_in(6) {
            return Some(plain);
        }
        Some(Said { nack: plain.nack, ..self.change(kind, plain.nonce, chance) })
    }

    /// Reads the next response of a type, and accepts or refuses it.
    pub fn accept(&mut self, kind: usize) -> Option<Said> {
        let interest = &mut self.interests[kind];
        let heard = interest.unread.pop_front()?;
        let nack = heard.resources.values().any(|body| is_bad(body));
        interest.nonce = Some(heard.number);
        if !nack {
            interest.apply(self.variant, &heard);
        }
        let words = match self.variant {
            Variant::Sotw => Words::Sotw(interest.list()),
            Variant::Delta => nothing(),
        };
        Some(Said { kind, nonce: Nonce::Of(heard.number), nack, hold: false, words })
    }

    /// Says again what it said, with a nonce that is not the newest.
    pub fn repeat(&mut self, kind: usize, chance: &mut Chance) -> Option<Said> {
        let interest = &self.interests[kind];
        let newest = interest.nonce.filter(|_| interest.asked)?;
        let nonce = match chance.below(3) {
            0 => Nonce::Foreign,
            _ => Nonce::Of(1 + chance.below(newest)),
        };
        let words = match self.variant {
            Variant::Sotw => Words::Sotw(interest.list()),
            Variant::Delta => nothing(),
        };
        Some(Said { kind, nonce, nack: false, hold: false, words })
    }
}

impl Interest {
    fn apply(&mut self, variant: Variant, heard: &Heard) {
        if variant == Variant::Sotw && capable(heard.kind) {
            self.holds = heard.resources.clone();
            return;
        }
        for (name, body) in &heard.resources {
            // A SotW client cannot know whether the server has heard of what it gave up.
            if variant == Variant::Sotw || self.wants(name) {
                self.holds.insert(name.clone(), body.clone());
            }
        }
        for name in &heard.removed {
            self.holds.remove(name);
        }
    }
}

fn nothing() -> Words {
    Words::Delta { subscribe: Vec::new(), unsubscribe: Vec::new(), have: Vec::new() }
}

fn some_names(chance: &mut Chance) -> BTreeSet<String> {
    (0..=chance.below(NAMES.len())).map(|_| (*chance.pick(&NAMES)).to_owned()).collect()
}
