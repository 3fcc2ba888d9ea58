//! What requests mean, as Envoy's documentation says.

use super::naive::{Due, Model, Names, Talk};
use super::said::{Nonce, Said, Words};
use super::{EDS, capable};

pub fn request(model: &mut Model, said: &Said) {
    let capable = capable(said.kind);
    let talk = model.talks[said.kind].take();
    model.talks[said.kind] = Some(match (&said.words, talk) {
        (Words::Sotw(names), None) => sotw_first(names, capable),
        (Words::Sotw(names), Some(talk)) => sotw(talk, said, names, capable),
        (Words::Delta { subscribe, unsubscribe, have }, None) => {
            delta_first(subscribe, unsubscribe, have, said.kind)
        }
        (Words::Delta { subscribe, unsubscribe, .. }, Some(talk)) => {
            delta(talk, said, subscribe, unsubscribe, capable)
        }
    });
}

fn plain(names: &[String], capable: bool) -> Names {
    names.iter().filter(|name| !(capable && *name == "*")).cloned().collect()
}

fn star(names: &[String], capable: bool) -> bool {
    capable && names.iter().any(|name| name == "*")
}

fn sotw_first(listed: &[String], capable: bool) -> Talk {
    let legacy = capable && listed.is_empty();
    let mut talk = Talk {
        wildcard: legacy || star(listed, capable),
        legacy,
        names: plain(listed, capable),
        ..Talk::default()
    };
    talk.due.all = !talk.wants_nothing();
    talk
}

fn sotw(mut talk: Talk, said: &Said, listed: &[String], capable: bool) -> Talk {
    if said.nack {
        talk.refuse(said.nonce);
    }
    let stale = talk
        .newest
        .is_some_and(|newest| !matches!(said.nonce, Nonce::None) && said.nonce != Nonce::Of(newest));
    if stale {
        talk.legacy &= listed.is_empty();
        return talk;
    }
    let repeated = matches!(said.nonce, Nonce::Of(n) if !talk.judged.insert(n));
    let (wildcard, names) = (talk.wildcard, talk.names.clone());
    talk.legacy &= listed.is_empty();
    talk.wildcard = talk.legacy || star(listed, capable);
    talk.names = plain(listed, capable);
    talk.keep_only_wanted();
    let added: Names = talk.names.difference(&names).cloned().collect();
    let lost = names.difference(&talk.names).next().is_some();
    let same = added.is_empty() && !lost && wildcard == talk.wildcard;
    talk.due.all |= talk.wildcard && !wildcard;
    let asked = talk.names.clone();
    talk.due.names.retain(|name| asked.contains(name));
    talk.due.names.extend(added);
    talk.due.may |= lost && talk.wildcard;
    // Without what is no longer wanted, a set that was refused is another one.
    talk.due.may |= talk.refused.keys().any(|name| !talk.wants(name));
    if same && said.nonce == Nonce::None {
        talk.due.all = true;
        talk.told.clear();
    }
    talk.due.may |= same && repeated && said.kind == EDS;
    if talk.wants_nothing() {
        talk.due = Due::default();
    }
    talk
}

fn delta_first(subscribe: &[String], unsubscribe: &[String], have: &[(String, String)], kind: usize) -> Talk {
    let capable = capable(kind);
    let gone = plain(unsubscribe, capable);
    let legacy = capable && subscribe.is_empty() && !star(unsubscribe, capable);
    let mut talk = Talk {
        wildcard: legacy || (star(subscribe, capable) && !star(unsubscribe, capable)),
        legacy,
        names: plain(subscribe, capable).difference(&gone).cloned().collect(),
        ..Talk::default()
    };
    talk.told = have.iter().cloned().collect();
    talk.keep_only_wanted();
    if talk.wants_nothing() {
        return talk;
    }
    if talk.told.is_empty() {
        talk.due.all = true;
    } else {
        talk.due.catch_up = true;
        talk.due.names = talk.names.iter().filter(|name| !talk.told.contains_key(*name)).cloned().collect();
        // A client that warms clusters asks for their endpoints first, and needs those that it says it has.
        talk.due.may = kind == EDS;
    }
    talk
}

fn delta(mut talk: Talk, said: &Said, subscribe: &[String], unsubscribe: &[String], capable: bool) -> Talk {
    if said.nack {
        talk.refuse(said.nonce);
    }
    let gone = plain(unsubscribe, capable);
    let new: Names = plain(subscribe, capable).difference(&gone).cloned().collect();
    let given_up: Names = talk.names.intersection(&gone).cloned().collect();
    talk.names = talk.names.difference(&gone).cloned().collect();
    let everything = star(subscribe, capable) && !star(unsubscribe, capable);
    talk.wildcard = everything || (talk.wildcard && !star(unsubscribe, capable));
    talk.keep_only_wanted();
    let wildcard = talk.wildcard;
    talk.due.names.retain(|name| wildcard || !gone.contains(name));
    if talk.wildcard {
        talk.due.names.extend(given_up);
    }
    if talk.wants_nothing() {
        talk.due = Due::default();
    }
    talk.due.all |= everything;
    talk.names.extend(new.iter().cloned());
    talk.due.names.extend(new);
    talk
}
