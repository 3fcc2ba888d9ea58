//! What requests mean to istiod (`pkg/xds/server.go` `ShouldRespond`, `pilot/pkg/xds/delta.go` `shouldRespondDelta`).

use super::naive::{Model, Names, Talk};
use super::said::{Nonce, Said, Words};
use super::{CDS, EDS, capable};

pub fn request(model: &mut Model, said: &Said) {
    if said.nack {
        return;
    }
    match &said.words {
        Words::Sotw(names) => sotw(model, said, names),
        Words::Delta { subscribe, unsubscribe, have } => {
            let claimed = have.iter().map(|(name, _)| name.clone());
            delta(model, said, subscribe.iter().cloned().chain(claimed).collect(), unsubscribe, subscribe);
        }
    }
}

fn plain(names: impl IntoIterator<Item = String>) -> Names {
    names.into_iter().filter(|name| name != "*").collect()
}

fn sotw(model: &mut Model, said: &Said, listed: &[String]) {
    let capable = capable(said.kind);
    if listed.is_empty() && !capable {
        model.talks[said.kind] = None;
        return;
    }
    // `*` is a name like others: to say it or to leave it out is a change.
    let names: Names = listed.iter().cloned().collect();
    let wildcard = capable && (listed.is_empty() || listed.iter().any(|name| name == "*"));
    let known = model.talks[said.kind].take().filter(|_| said.nonce != Nonce::None);
    let Some(mut talk) = known else {
        if said.kind == CDS
            && let Some(endpoints) = &mut model.talks[EDS]
        {
            endpoints.always = true;
        }
        let mut talk = Talk { wildcard, names, ..Talk::default() };
        // What a push owes is not forgotten with the names.
        talk.due.all = true;
        talk.due.may = true;
        model.talks[said.kind] = Some(talk);
        return;
    };
    if talk.newest.is_some_and(|newest| said.nonce == Nonce::Of(newest)) {
        let added: Names = names.difference(&talk.names).cloned().collect();
        let same = names == talk.names && wildcard == talk.wildcard;
        talk.names = names;
        talk.wildcard = wildcard;
        let kept = talk.names.clone();
        talk.due.names.retain(|name| kept.contains(name));
        talk.due.all |= std::mem::take(&mut talk.always) || (capable && !same);
        talk.due.names.extend(added);
        talk.due.may |= same && talk.again;
    }
    model.talks[said.kind] = Some(talk);
}

fn delta(model: &mut Model, said: &Said, claimed: Names, unsubscribe: &[String], subscribe: &[String]) {
    let capable = capable(said.kind);
    let star = subscribe.iter().any(|name| name == "*");
    let claimed = plain(claimed);
    let gone = plain(unsubscribe.iter().cloned());
    let wildcard = subscribe.is_empty() || star;
    let Some(talk) = &mut model.talks[said.kind] else {
        let names: Names = claimed.difference(&gone).cloned().collect();
        let mut talk = Talk { wildcard: capable && wildcard, names, ..Talk::default() };
        talk.due.all = capable || !talk.names.is_empty();
        model.talks[said.kind] = Some(talk);
        return;
    };
    if said.nonce != Nonce::None && talk.newest.is_none_or(|newest| said.nonce != Nonce::Of(newest)) {
        return;
    }
    let changes = !claimed.is_subset(&talk.names) || !talk.names.is_disjoint(&gone);
    if capable {
        // Which names istiod takes for watched depends on what it has sent; any of them may bring everything.
        talk.names = talk.names.union(&claimed).cloned().collect();
        talk.due.may |= !(claimed.is_empty() && gone.is_empty() && !star);
        return;
    }
    talk.names = talk.names.union(&claimed).filter(|name| !gone.contains(*name)).cloned().collect();
    talk.due.names.retain(|name| !gone.contains(name));
    if changes {
        talk.due.names.extend(claimed.difference(&gone).cloned());
    }
}
