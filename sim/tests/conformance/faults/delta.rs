//! Servers that break a rule on incremental streams.

use xdslab_sim::wire::{Delta, Variant};

use super::MISSING;
use crate::relay::{Act, Event, Memory, pass};

type Ask = <Delta as Variant>::Request;

fn again(memory: &mut Memory<Delta>, event: Event<Delta>, is: impl Fn(&Ask) -> bool) -> Vec<Act<Delta>> {
    match event {
        Event::Said(request) if is(&request) => {
            let last = memory.last.get(&request.type_url).cloned().map(Act::Tell);
            [Act::Ask(request)].into_iter().chain(last).collect()
        }
        Event::Answered(response) => {
            memory.last.insert(response.type_url.clone(), response.clone());
            vec![Act::Tell(response)]
        }
        event => pass(event),
    }
}

pub(super) fn answers_delta_acks(memory: &mut Memory<Delta>, event: Event<Delta>) -> Vec<Act<Delta>> {
    again(memory, event, |request| request.error_detail.is_none() && !request.response_nonce.is_empty())
}

pub(super) fn answers_delta_nacks(memory: &mut Memory<Delta>, event: Event<Delta>) -> Vec<Act<Delta>> {
    again(memory, event, |request| request.error_detail.is_some())
}

pub(super) fn answers_unsubscribes(memory: &mut Memory<Delta>, event: Event<Delta>) -> Vec<Act<Delta>> {
    again(memory, event, |request| !request.resource_names_unsubscribe.is_empty())
}

pub(super) fn one_delta_version(_: &mut Memory<Delta>, mut event: Event<Delta>) -> Vec<Act<Delta>> {
    if let Event::Answered(response) = &mut event {
        response.resources.iter_mut().for_each(|resource| resource.version = "1".to_owned());
    }
    pass(event)
}

pub(super) fn drops_stale(memory: &mut Memory<Delta>, event: Event<Delta>) -> Vec<Act<Delta>> {
    match &event {
        Event::Said(request) if !request.response_nonce.is_empty() => {
            let last = memory.last.get(&request.type_url);
            if last.is_some_and(|last| last.nonce != request.response_nonce) {
                return vec![];
            }
        }
        Event::Answered(response) => drop(memory.last.insert(response.type_url.clone(), response.clone())),
        _ => {}
    }
    pass(event)
}

pub(super) fn empty_delta_is_everything(_: &mut Memory<Delta>, mut event: Event<Delta>) -> Vec<Act<Delta>> {
    if let Event::Said(request) = &mut event
        && request.resource_names_subscribe.is_empty()
        && request.response_nonce.is_empty()
    {
        request.resource_names_subscribe.push("*".to_owned());
    }
    pass(event)
}

pub(super) fn drops_known_names(memory: &mut Memory<Delta>, mut event: Event<Delta>) -> Vec<Act<Delta>> {
    if let Event::Said(request) = &mut event {
        let known = memory.names.entry(request.type_url.clone()).or_default();
        request.resource_names_subscribe.retain(|name| !known.contains(name));
        known.extend(request.resource_names_subscribe.iter().cloned());
    }
    pass(event)
}

pub(super) fn forgets_missing_delta(_: &mut Memory<Delta>, mut event: Event<Delta>) -> Vec<Act<Delta>> {
    if let Event::Said(request) = &mut event {
        request.resource_names_subscribe.retain(|name| !MISSING.contains(&name.as_str()));
    }
    pass(event)
}

pub(super) fn never_removes(_: &mut Memory<Delta>, mut event: Event<Delta>) -> Vec<Act<Delta>> {
    if let Event::Answered(response) = &mut event {
        response.removed_resources.clear();
        if response.resources.is_empty() {
            return vec![];
        }
    }
    pass(event)
}

pub(super) fn removes_twice(_: &mut Memory<Delta>, event: Event<Delta>) -> Vec<Act<Delta>> {
    match event {
        Event::Answered(response) if !response.removed_resources.is_empty() => {
            vec![Act::Tell(response.clone()), Act::Tell(response)]
        }
        event => pass(event),
    }
}

pub(super) fn drops_unsubscribes(_: &mut Memory<Delta>, event: Event<Delta>) -> Vec<Act<Delta>> {
    match event {
        Event::Said(request) if !request.resource_names_unsubscribe.is_empty() => vec![],
        event => pass(event),
    }
}

pub(super) fn no_names(_: &mut Memory<Delta>, mut event: Event<Delta>) -> Vec<Act<Delta>> {
    if let Event::Answered(response) = &mut event {
        response.resources.iter_mut().for_each(|resource| resource.name.clear());
    }
    pass(event)
}

pub(super) fn no_versions(_: &mut Memory<Delta>, mut event: Event<Delta>) -> Vec<Act<Delta>> {
    if let Event::Answered(response) = &mut event {
        response.resources.iter_mut().for_each(|resource| resource.version.clear());
    }
    pass(event)
}

pub(super) fn drops_initial_versions(_: &mut Memory<Delta>, mut event: Event<Delta>) -> Vec<Act<Delta>> {
    if let Event::Said(request) = &mut event {
        request.initial_resource_versions.clear();
    }
    pass(event)
}
