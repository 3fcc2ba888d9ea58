//! One random conversation, and the script that plays it again.

use super::chance::Chance;
use super::client::Client;
use super::naive::{Model, Names};
use super::said::{Heard, Said};
use super::{KINDS, NAMES, capable, is_bad};
use crate::script::{Stage, parse};
use std::collections::{BTreeMap, BTreeSet};
use xdslab_protocol::{Response, Semantics, Variant};

/// What is tried.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    pub variant: Variant,
    pub semantics: Semantics,
}

/// A mistake made on purpose, between the server and the model, to see that it is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    /// The model never hears of resources called `b`.
    LosesB,
    /// Every response is heard twice.
    Repeats,
}

pub struct Trial {
    setting: Setting,
    fault: Fault,
    seed: u64,
    stage: Stage,
    client: Client,
    model: Model,
    /// Changed since the last push.
    dirty: BTreeMap<usize, Names>,
    nonces: BTreeSet<String>,
    /// The types of pushes that wait for the next one, or for a request.
    held: BTreeSet<usize>,
    script: Vec<String>,
}

const STEPS: u32 = 40;

impl Trial {
    /// Plays a seed. The error is the script of its shortest part that fails the same way, with the reason at its end.
    pub fn run(setting: Setting, seed: u64, fault: Fault) -> Result<String, String> {
        let mut steps: Vec<u32> = (0..STEPS).collect();
        let Err(mut failed) = Self::play(setting, seed, fault, &steps) else {
            return Ok(Self::play(setting, seed, fault, &steps).unwrap_or_default());
        };
        let mut at = 0;
        while at < steps.len() {
            let mut fewer = steps.clone();
            fewer.remove(at);
            match Self::play(setting, seed, fault, &fewer) {
                Err(still) => (steps, failed) = (fewer, still),
                Ok(_) => at += 1,
            }
        }
        Err(failed)
    }

    fn play(setting: Setting, seed: u64, fault: Fault, steps: &[u32]) -> Result<String, String> {
        let Setting { variant, semantics } = setting;
        let fill = seed.is_multiple_of(2);
        let mut trial = Self {
            setting,
            fault,
            seed,
            stage: Stage::new(variant, semantics),
            client: Client::new(variant),
            model: Model::new(variant, semantics, fill),
            dirty: BTreeMap::new(),
            nonces: BTreeSet::new(),
            held: BTreeSet::new(),
            script: Vec::new(),
        };
        let played = trial.all(steps, fill);
        let name = if semantics == Semantics::Spec { "spec" } else { "istiod" };
        let mut script = format!("== {name}: seed {seed}\n{}\n", trial.script.join("\n"));
        match played {
            Ok(()) => Ok(script),
            Err(reason) => {
                script.push_str(&format!("# {reason}\n"));
                Err(script)
            }
        }
    }

    fn all(&mut self, steps: &[u32], fill: bool) -> Result<(), String> {
        if fill {
            self.line("fill EDS".into())?;
            self.line("fill RDS".into())?;
        }
        for step in steps {
            self.step(&mut Chance::new(self.seed, *step))?;
        }
        if self.setting.semantics == Semantics::Spec { self.settle() } else { Ok(()) }
    }

    fn step(&mut self, chance: &mut Chance) -> Result<(), String> {
        let kind = chance.below(KINDS.len());
        match chance.below(20) {
            0..=3 => self.change(kind, chance),
            // A service comes or goes with all that it has.
            4 => self.change_all(chance),
            5..=8 => self.push(chance),
            9..=11 => {
                let said = self.client.ask(kind, chance);
                self.say(said, chance)
            }
            12..=17 => match self.client.read(kind, chance) {
                Some(said) => self.say(said, chance),
                None => Ok(()),
            },
            18 => match self.client.repeat(kind, chance) {
                Some(said) => self.say(said, chance),
                None => Ok(()),
            },
            _ if chance.one_in(2) => {
                self.client.reconnect();
                self.model.reconnect();
                self.held.clear();
                self.line("reconnect".into())
            }
            _ => Ok(()),
        }
    }

    fn change(&mut self, kind: usize, chance: &mut Chance) -> Result<(), String> {
        let name = *chance.pick(&NAMES);
        let bad = if chance.one_in(8) { "bad" } else { "" };
        let body = (!chance.one_in(3)).then(|| format!("{bad}{}", 1 + chance.below(4)));
        self.set(kind, name, body)
    }

    fn change_all(&mut self, chance: &mut Chance) -> Result<(), String> {
        let name = *chance.pick(&NAMES);
        let body = (!chance.one_in(2)).then(|| (1 + chance.below(4)).to_string());
        (0..KINDS.len()).try_for_each(|kind| self.set(kind, name, body.clone()))
    }

    fn set(&mut self, kind: usize, name: &str, body: Option<String>) -> Result<(), String> {
        self.dirty.entry(kind).or_default().insert(name.to_owned());
        let word = body.as_ref().map_or(format!("-{name}"), |body| format!("{name}={body}"));
        self.model.set(kind, name, body);
        self.line(format!("mesh {} {word}", KINDS[kind]))
    }

    /// What changed is pushed: everything of its types, or only that.
    fn push(&mut self, chance: &mut Chance) -> Result<(), String> {
        let kinds: Vec<usize> = self.dirty.keys().copied().collect();
        if kinds.is_empty() {
            return Ok(());
        }
        let words: Vec<&str> = kinds.iter().map(|kind| KINDS[*kind]).collect();
        if chance.one_in(6) {
            // Not `held` after requests that wait: they are answered before a push.
            if !self.model.waiting {
                self.model.pushed(&kinds, None);
                self.held.extend(kinds);
                return self.line(format!("push held {}", words.join(" ")));
            }
        }
        let mut line = format!("push {}", words.join(" "));
        let changed: Names = self.dirty.values().flatten().cloned().collect();
        let only = chance.one_in(2).then_some(changed);
        for name in only.iter().flatten() {
            line.push_str(if line.contains(" only ") { "" } else { " only" });
            line.push_str(&format!(" {name} -{name}"));
        }
        self.dirty.clear();
        self.held.clear();
        self.model.pushed(&kinds, only);
        self.line(line)?;
        self.listen()
    }

    fn say(&mut self, mut said: Said, chance: &mut Chance) -> Result<(), String> {
        // A push that is held is made when the next request is answered.
        said.hold = self.held.is_empty() && chance.one_in(6);
        for kind in std::mem::take(&mut self.held) {
            self.dirty.remove(&kind);
        }
        self.model.request(&said);
        self.line(said.to_string())?;
        if said.hold { Ok(()) } else { self.listen() }
    }

    fn line(&mut self, line: String) -> Result<(), String> {
        let parsed = parse(self.setting.variant, &line)?;
        self.script.push(line);
        self.stage.play(&parsed)
    }

    fn listen(&mut self) -> Result<(), String> {
        let mut responses = Vec::new();
        while let Some((response, number, line)) = self.stage.next_response() {
            self.script.push(line);
            if !self.nonces.insert(response.nonce.to_string()) {
                return Err(format!("the nonce {} came before", response.nonce));
            }
            let heard = heard(&response, number)?;
            self.client.hear(heard.clone());
            responses.push(heard);
        }
        match self.fault {
            Fault::None => {}
            Fault::LosesB => responses.iter_mut().for_each(|r| drop(r.resources.remove("b"))),
            Fault::Repeats => responses = responses.iter().flat_map(|r| [r.clone(), r.clone()]).collect(),
        }
        self.model.judge(&responses)
    }

    /// Nothing is bad any more, everything is pushed and read: now the client has what it wants.
    fn settle(&mut self) -> Result<(), String> {
        for kind in 0..KINDS.len() {
            let bad = self.model.mesh[kind].iter().filter(|(_, body)| is_bad(body));
            let bad: Vec<String> = bad.map(|(name, _)| name.clone()).collect();
            for name in bad {
                self.set(kind, &name, Some("good".into()))?;
            }
        }
        let mut steady = Chance::new(7, 7);
        for kind in 0..KINDS.len() {
            self.dirty.entry(kind).or_default();
        }
        while !self.dirty.is_empty() {
            self.push(&mut steady)?;
        }
        for _ in 0..1000 {
            let Some(kind) = self.client.unread() else { return self.compare() };
            if let Some(said) = self.client.accept(kind) {
                self.model.request(&said);
                self.line(said.to_string())?;
                self.listen()?;
            }
        }
        Err("they never stop talking".into())
    }

    fn compare(&self) -> Result<(), String> {
        for (kind, talk) in self.model.talks.iter().enumerate() {
            let (Some(talk), interest) = (talk, &self.client.interests[kind]) else { continue };
            if (talk.wildcard, &talk.names) != (interest.wildcard, &interest.names) {
                return Err(format!("{}: the model lost track of what is wanted", KINDS[kind]));
            }
            let can_tell = self.setting.variant == Variant::Delta || capable(kind);
            for name in NAMES.iter().filter(|name| interest.wants(name)) {
                let (has, holds) =
                    (self.model.has(kind, name), interest.holds.get(*name).map(String::as_str));
                let has = has
                    .filter(|_| interest.names.contains(*name) || self.model.mesh[kind].contains_key(*name));
                if has != holds && (has.is_some() || can_tell) {
                    return Err(format!("{}: {name} is {has:?}, and the client has {holds:?}", KINDS[kind]));
                }
            }
        }
        Ok(())
    }
}

fn heard(response: &Response, number: usize) -> Result<Heard, String> {
    let short = response.resource_type.short().to_uppercase();
    let kind = KINDS.iter().position(|kind| *kind == short).ok_or(format!("what is {short}?"))?;
    let body =
        |r: &xdslab_protocol::Resource| (r.name.to_string(), String::from_utf8_lossy(&r.body).into_owned());
    let resources: BTreeMap<String, String> = response.resources.iter().map(body).collect();
    if resources.len() != response.resources.len() {
        return Err("a name twice in one response".into());
    }
    let removed = response.removed.iter().map(ToString::to_string).collect();
    Ok(Heard { kind, number, resources, removed })
}
