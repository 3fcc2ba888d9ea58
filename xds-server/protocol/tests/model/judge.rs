//! What the server said, against what was to be said.

use super::naive::{Model, Names, Pushed, Talk};
use super::order::in_order;
use super::said::Heard;
use super::{CDS, EDS, KINDS, capable};
use std::collections::BTreeMap;
use xdslab_protocol::{Semantics, Variant};

/// What a type was told since the last judgement: bodies, or that there is nothing.
type News = [BTreeMap<String, Option<String>>; KINDS.len()];

impl Model {
    /// The server has answered all that it was told; these are its responses, in order.
    pub fn judge(&mut self, responses: &[Heard]) -> Result<(), String> {
        if self.semantics == Semantics::Spec && self.push != Pushed::Nothing && !self.waiting {
            in_order(self, responses)?;
        }
        self.endpoints_follow_requests();
        let (mut news, mut heard): (News, [usize; KINDS.len()]) = Default::default();
        let mut warm = Names::new();
        for response in responses {
            let kind = response.kind;
            let talk = self.talks[kind].take().ok_or(format!("{} were not asked for", KINDS[kind]))?;
            let (talk, changed) = self.read(talk, response)?;
            self.talks[kind] = Some(talk);
            warm.extend(self.clusters_went(response, changed));
            heard[kind] += 1;
            for (name, body) in &response.resources {
                news[kind].insert(name.clone(), Some(body.clone()));
            }
            for name in &response.removed {
                news[kind].insert(name.clone(), None);
            }
            if kind == EDS {
                for name in response.resources.keys().chain(&response.removed) {
                    warm.remove(name);
                    self.warm.remove(name);
                    self.cold.remove(name);
                }
            }
        }
        self.endpoints_followed(&warm)?;
        for kind in 0..KINDS.len() {
            if let Some(mut talk) = self.talks[kind].take() {
                self.owed(kind, &mut talk, &news[kind], heard[kind])
                    .map_err(|what| format!("{}: {what}", KINDS[kind]))?;
                (talk.due, talk.pushed) = Default::default();
                self.talks[kind] = Some(talk);
            }
        }
        (self.push, self.waiting) = (Pushed::Nothing, false);
        Ok(())
    }

    /// One response: nothing wrong and nothing needless in it. Also what is new to the client.
    fn read(&self, mut talk: Talk, response: &Heard) -> Result<(Talk, Names), String> {
        let kind = response.kind;
        let before = talk.told.clone();
        let is_new = |name: &str, body: &str| before.get(name).is_none_or(|told| told != body);
        let complete = self.complete(kind);
        for (name, body) in &response.resources {
            // A cluster that goes last is still what it was.
            let leaving = complete && before.get(name) == Some(body);
            if self.has(kind, name) != Some(body) && !leaving {
                return Err(format!("{}: {name}={body} is not so", KINDS[kind]));
            }
            if !self.may_speak_of(kind, &talk, name) {
                return Err(format!("{}: {name} was not asked for", KINDS[kind]));
            }
            if !complete && !self.has_reason(kind, &mut talk, name, is_new(name, body)) {
                return Err(format!("{}: no reason to send {name}", KINDS[kind]));
            }
            talk.vanished.remove(name);
        }
        for name in &response.removed {
            if self.variant == Variant::Sotw
                || self.has(kind, name).is_some()
                || response.resources.contains_key(name)
            {
                return Err(format!("{}: {name} is not gone", KINDS[kind]));
            }
            let known = before.contains_key(name);
            if self.semantics == Semantics::Spec
                && !(talk.wants(name) && self.has_reason(kind, &mut talk, name, known))
            {
                return Err(format!("{}: no reason to speak of {name}", KINDS[kind]));
            }
            talk.told.remove(name);
        }
        if complete {
            let news = talk.pushed && (self.semantics == Semantics::Istiod || response.resources != before);
            if talk.due.is_none() && !news {
                return Err(format!("{}: no reason to send anything", KINDS[kind]));
            }
            talk.told.clear();
        }
        let changed = response.resources.iter().filter(|(name, body)| is_new(name, body));
        let changed = changed.map(|(name, _)| name.clone()).collect();
        talk.told.extend(response.resources.clone());
        talk.heard(response);
        Ok((talk, changed))
    }

    fn may_speak_of(&self, kind: usize, talk: &Talk, name: &str) -> bool {
        talk.wants(name) || (self.semantics == Semantics::Istiod && capable(kind))
    }

    /// Whether there is a reason to say something of a name: it was asked for, a push has news, its cluster warms, or
    /// something of it was refused.
    fn has_reason(&self, kind: usize, talk: &mut Talk, name: &str, is_new: bool) -> bool {
        let warms =
            kind == EDS && (self.warm.contains(name) || self.semantics == Semantics::Istiod && talk.always);
        if talk.due.calls_for(name) || warms || talk.vanished.contains(name) {
            return true;
        }
        if self.semantics == Semantics::Istiod {
            return talk.pushed;
        }
        if (talk.pushed || talk.due.catch_up) && is_new {
            return true;
        }
        match talk.refused.get_mut(name) {
            Some(times) if *times > 0 => {
                *times -= 1;
                true
            }
            _ => false,
        }
    }

    /// istiod, delta: after clusters were asked for, all endpoints follow.
    fn endpoints_follow_requests(&mut self) {
        let follow = self.semantics == Semantics::Istiod && self.variant == Variant::Delta;
        let (Some(clusters), true) = (&self.talks[CDS], follow) else { return };
        let (all, may) = (clusters.due.all, clusters.due.may);
        if let Some(endpoints) = self.talks[EDS].as_mut().filter(|endpoints| !endpoints.names.is_empty()) {
            endpoints.due.all |= all;
            endpoints.due.may |= may;
        }
    }

    /// Endpoints follow the clusters that changed.
    fn endpoints_followed(&self, warm: &Names) -> Result<(), String> {
        let Some(endpoints) = &self.talks[EDS] else { return Ok(()) };
        let asked = self.talks[CDS].as_ref().is_some_and(|clusters| !clusters.due.is_none());
        // A SotW client of istiod asks for them itself, with clusters that it asked for.
        if self.semantics == Semantics::Istiod && asked && self.variant == Variant::Sotw {
            return Ok(());
        }
        let can_be_told = |name: &&String| {
            self.has(EDS, name).is_some()
                || (self.variant, self.semantics) == (Variant::Delta, Semantics::Spec)
        };
        match warm.iter().filter(|name| endpoints.names.contains(*name)).find(can_be_told) {
            Some(name) => Err(format!("{name} warms, and its endpoints were not sent")),
            None => Ok(()),
        }
    }

    /// Whether everything was said that was to be said.
    fn owed(
        &self,
        kind: usize,
        talk: &mut Talk,
        news: &BTreeMap<String, Option<String>>,
        heard: usize,
    ) -> Result<(), String> {
        let spec = self.semantics == Semantics::Spec;
        let exists = |name: &String| self.has(kind, name).is_some();
        // istiod's clusters and listeners are all of them, whatever was named.
        let by_name = spec || !capable(kind);
        let mut all = if by_name { talk.names.clone() } else { Names::new() };
        if talk.wildcard || !by_name {
            all.extend(self.mesh[kind].keys().cloned());
        }
        let mut must: Names = if talk.due.all { all.clone() } else { talk.due.names.clone() };
        if !spec && talk.pushed {
            must.extend(all.iter().filter(|name| self.push.brings(name)).cloned());
        }
        if let Some(name) = must.iter().find(|name| exists(name) && !news.contains_key(*name)) {
            return Err(format!("{name} was due, and not sent"));
        }
        let tells = spec && self.variant == Variant::Delta;
        if tells && let Some(name) = must.iter().find(|name| talk.wants(name) && !news.contains_key(*name)) {
            return Err(format!("{name} does not exist, and that was not told"));
        }
        let answer = (talk.due.all && capable(kind)) || (self.complete(kind) && !must.is_empty());
        if spec && answer && heard == 0 {
            return Err("there was no answer".into());
        }
        let up_to_date = talk.pushed || talk.due.catch_up || (self.complete(kind) && heard > 0);
        if !(spec && up_to_date) {
            return Ok(());
        }
        if let Some(name) = all
            .iter()
            .find(|name| exists(name) && talk.told.get(*name).map(String::as_str) != self.has(kind, name))
        {
            return Err(format!("{name} changed, and that was not told"));
        }
        match talk.told.keys().find(|name| !exists(name)) {
            Some(name) if tells || self.complete(kind) => {
                Err(format!("{name} is gone, and that was not told"))
            }
            _ => Ok(()),
        }
    }
}
