//! Servers that break a rule on state-of-the-world streams.

use std::collections::BTreeSet;

use prost::Message;
use tonic::Status;
use xdslab_sim::wire::{Kind, Sotw, Variant, WireAny};

use super::MISSING;
use crate::relay::{Act, Event, Memory, pass};

type Ask = <Sotw as Variant>::Request;

pub(super) fn node_every_time(_: &mut Memory<Sotw>, event: Event<Sotw>) -> Vec<Act<Sotw>> {
    match event {
        Event::Said(request) if request.node.is_none() => vec![],
        event => pass(event),
    }
}

pub(super) fn one_nonce(memory: &mut Memory<Sotw>, mut event: Event<Sotw>) -> Vec<Act<Sotw>> {
    match &mut event {
        Event::Said(request) if request.response_nonce == "n" => {
            request.response_nonce.clone_from(&memory.note);
        }
        Event::Answered(response) => memory.note = std::mem::replace(&mut response.nonce, "n".to_owned()),
        _ => {}
    }
    pass(event)
}

pub(super) fn guesses_type(_: &mut Memory<Sotw>, mut event: Event<Sotw>) -> Vec<Act<Sotw>> {
    if let Event::Said(request) = &mut event
        && request.type_url.is_empty()
    {
        request.type_url = Kind::Listener.type_url().to_owned();
    }
    pass(event)
}

pub(super) fn nack_stops_all(memory: &mut Memory<Sotw>, event: Event<Sotw>) -> Vec<Act<Sotw>> {
    if let Event::Said(request) = &event {
        if request.error_detail.is_some() {
            memory.note = "refused".to_owned();
        } else if !memory.note.is_empty() {
            return vec![];
        }
    }
    pass(event)
}

/// Says the last response again where `is` it, beside what must be done.
fn again(
    memory: &mut Memory<Sotw>,
    event: Event<Sotw>,
    is: impl Fn(&Memory<Sotw>, &Ask) -> bool,
) -> Vec<Act<Sotw>> {
    match event {
        Event::Said(request) if is(memory, &request) => {
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

pub(super) fn answers_acks(memory: &mut Memory<Sotw>, event: Event<Sotw>) -> Vec<Act<Sotw>> {
    again(memory, event, |_, request| request.error_detail.is_none() && !request.response_nonce.is_empty())
}

pub(super) fn nack_by_version(memory: &mut Memory<Sotw>, event: Event<Sotw>) -> Vec<Act<Sotw>> {
    again(memory, event, |memory, request| {
        memory.last.get(&request.type_url).is_some_and(|last| last.version_info != request.version_info)
    })
}

pub(super) fn answers_nacks(memory: &mut Memory<Sotw>, event: Event<Sotw>) -> Vec<Act<Sotw>> {
    again(memory, event, |_, request| request.error_detail.is_some())
}

pub(super) fn drops_nacks(_: &mut Memory<Sotw>, event: Event<Sotw>) -> Vec<Act<Sotw>> {
    match event {
        Event::Said(request) if request.error_detail.is_some() => vec![],
        event => pass(event),
    }
}

pub(super) fn one_version(_: &mut Memory<Sotw>, mut event: Event<Sotw>) -> Vec<Act<Sotw>> {
    if let Event::Answered(response) = &mut event {
        response.version_info = "1".to_owned();
    }
    pass(event)
}

pub(super) fn honours_stale(memory: &mut Memory<Sotw>, mut event: Event<Sotw>) -> Vec<Act<Sotw>> {
    match &mut event {
        Event::Said(request) if !request.response_nonce.is_empty() => {
            if let Some(last) = memory.last.get(&request.type_url) {
                request.response_nonce.clone_from(&last.nonce);
            }
        }
        Event::Answered(response) => drop(memory.last.insert(response.type_url.clone(), response.clone())),
        _ => {}
    }
    pass(event)
}

pub(super) fn wildcard_is_a(_: &mut Memory<Sotw>, mut event: Event<Sotw>) -> Vec<Act<Sotw>> {
    if let Event::Said(request) = &mut event
        && request.resource_names.is_empty()
    {
        request.resource_names.push("a".to_owned());
    }
    pass(event)
}

pub(super) fn empty_is_everything(_: &mut Memory<Sotw>, mut event: Event<Sotw>) -> Vec<Act<Sotw>> {
    if let Event::Said(request) = &mut event
        && request.resource_names.is_empty()
    {
        request.resource_names.push("*".to_owned());
    }
    pass(event)
}

pub(super) fn star_stays(memory: &mut Memory<Sotw>, mut event: Event<Sotw>) -> Vec<Act<Sotw>> {
    if let Event::Said(request) = &mut event {
        if request.resource_names.iter().any(|name| name == "*") {
            memory.note = "*".to_owned();
        } else if !memory.note.is_empty() {
            request.resource_names.push("*".to_owned());
        }
    }
    pass(event)
}

pub(super) fn no_named_clusters(_: &mut Memory<Sotw>, event: Event<Sotw>) -> Vec<Act<Sotw>> {
    match event {
        Event::Said(request)
            if request.type_url == Kind::Cluster.type_url() && !request.resource_names.is_empty() =>
        {
            vec![]
        }
        event => pass(event),
    }
}

pub(super) fn compares_lists(memory: &mut Memory<Sotw>, mut event: Event<Sotw>) -> Vec<Act<Sotw>> {
    let mut other = false;
    if let Event::Said(request) = &mut event {
        let before = memory.names.insert(request.type_url.clone(), request.resource_names.clone());
        let set = |names: &[String]| names.iter().cloned().collect::<BTreeSet<_>>();
        other = before.is_some_and(|names| {
            names != request.resource_names && set(&names) == set(&request.resource_names)
        });
    }
    again(memory, event, |_, _| other)
}

/// The name is the first field of all four types.
#[derive(Clone, PartialEq, Message)]
struct Named {
    #[prost(string, tag = "1")]
    name: String,
}

/// What has been sent once is not sent again before it changes.
pub(super) fn never_twice(memory: &mut Memory<Sotw>, mut event: Event<Sotw>) -> Vec<Act<Sotw>> {
    if let Event::Answered(response) = &mut event {
        let url = response.type_url.clone();
        response.resources.retain(|any| {
            let name = Named::decode(any.value.clone()).expect("a resource").name;
            memory.bodies.insert((url.clone(), name), any.value.clone()).as_ref() != Some(&any.value)
        });
        if response.resources.is_empty() {
            return vec![];
        }
    }
    pass(event)
}

pub(super) fn forgets_missing(_: &mut Memory<Sotw>, mut event: Event<Sotw>) -> Vec<Act<Sotw>> {
    if let Event::Said(request) = &mut event {
        request.resource_names.retain(|name| !MISSING.contains(&name.as_str()));
    }
    pass(event)
}

pub(super) fn everything_twice(_: &mut Memory<Sotw>, mut event: Event<Sotw>) -> Vec<Act<Sotw>> {
    if let Event::Answered(response) = &mut event {
        response.resources.extend_from_within(..);
    }
    pass(event)
}

pub(super) fn first_request_only(memory: &mut Memory<Sotw>, event: Event<Sotw>) -> Vec<Act<Sotw>> {
    match event {
        Event::Said(request)
            if request.response_nonce.is_empty()
                && memory.names.insert(request.type_url.clone(), vec![]).is_some() =>
        {
            vec![]
        }
        // Nor does an ACK bring what was dropped.
        Event::Said(request) if !request.response_nonce.is_empty() => vec![],
        event => pass(event),
    }
}

pub(super) fn unrequested(_: &mut Memory<Sotw>, mut event: Event<Sotw>) -> Vec<Act<Sotw>> {
    if let Event::Answered(response) = &mut event {
        let value = Named { name: "b".to_owned() }.encode_to_vec().into();
        response.resources.push(WireAny { type_url: response.type_url.clone(), value });
    }
    pass(event)
}

/// From the second on, clusters wait for routes.
pub(super) fn clusters_last(memory: &mut Memory<Sotw>, event: Event<Sotw>) -> Vec<Act<Sotw>> {
    match event {
        Event::Answered(response) if response.type_url == Kind::Cluster.type_url() => {
            if memory.note.is_empty() {
                memory.note = "sent".to_owned();
                return vec![Act::Tell(response)];
            }
            memory.held.push(response);
            vec![]
        }
        Event::Answered(response) if response.type_url == Kind::Route.type_url() => {
            [Act::Tell(response)].into_iter().chain(memory.held.drain(..).map(Act::Tell)).collect()
        }
        event => pass(event),
    }
}

pub(super) fn no_new_routes(_: &mut Memory<Sotw>, mut event: Event<Sotw>) -> Vec<Act<Sotw>> {
    if let Event::Said(request) = &mut event
        && request.type_url == Kind::Route.type_url()
    {
        request.resource_names.retain(|name| name != "n");
    }
    pass(event)
}

pub(super) fn wraps(_: &mut Memory<Sotw>, mut event: Event<Sotw>) -> Vec<Act<Sotw>> {
    if let Event::Answered(response) = &mut event {
        let wrapper = "type.googleapis.com/envoy.service.discovery.v3.Resource";
        response.resources.iter_mut().for_each(|any| any.type_url = wrapper.to_owned());
    }
    pass(event)
}

/// What comes before the ACK of the last is lost.
pub(super) fn one_at_a_time(memory: &mut Memory<Sotw>, event: Event<Sotw>) -> Vec<Act<Sotw>> {
    match &event {
        Event::Said(request) if !request.response_nonce.is_empty() => memory.note.clear(),
        Event::Answered(_) if !memory.note.is_empty() => return vec![],
        Event::Answered(_) => memory.note = "waits".to_owned(),
        _ => {}
    }
    pass(event)
}

pub(super) fn four_mebibytes(_: &mut Memory<Sotw>, event: Event<Sotw>) -> Vec<Act<Sotw>> {
    match event {
        Event::Answered(response) if response.encoded_len() > 4 << 20 => {
            vec![Act::End(Status::resource_exhausted("larger than 4 MiB"))]
        }
        event => pass(event),
    }
}

pub(super) fn ignores_half_close(_: &mut Memory<Sotw>, event: Event<Sotw>) -> Vec<Act<Sotw>> {
    match event {
        Event::Closed => vec![],
        event => pass(event),
    }
}

/// A stream that begins with a nonce or a version is taken for an old one.
pub(super) fn knows_nonces_of_all(_: &mut Memory<Sotw>, event: Event<Sotw>) -> Vec<Act<Sotw>> {
    match event {
        Event::Said(request) if request.node.is_some() && !request.response_nonce.is_empty() => vec![],
        event => pass(event),
    }
}

pub(super) fn knows_versions(_: &mut Memory<Sotw>, event: Event<Sotw>) -> Vec<Act<Sotw>> {
    match event {
        Event::Said(request) if request.node.is_some() && !request.version_info.is_empty() => vec![],
        event => pass(event),
    }
}

pub(super) fn gives_up_after_nack(memory: &mut Memory<Sotw>, event: Event<Sotw>) -> Vec<Act<Sotw>> {
    match &event {
        Event::Said(request) if request.error_detail.is_some() => memory.note.clone_from(&request.type_url),
        Event::Answered(response) if response.type_url == memory.note => return vec![],
        _ => {}
    }
    pass(event)
}

/// The names of a stale request are taken for known ones, though nothing is sent for them.
pub(super) fn loses_stale_names(memory: &mut Memory<Sotw>, mut event: Event<Sotw>) -> Vec<Act<Sotw>> {
    match &mut event {
        Event::Said(request) => {
            let last = memory.last.get(&request.type_url).map(|last| last.nonce.clone());
            let answered = memory.names.entry(request.type_url.clone()).or_default();
            if last.is_some_and(|last| last != request.response_nonce) {
                memory.note = "stale".to_owned();
            } else if memory.note.is_empty() {
                answered.clone_from(&request.resource_names);
            } else {
                request.resource_names.clone_from(answered);
            }
        }
        Event::Answered(response) => drop(memory.last.insert(response.type_url.clone(), response.clone())),
        Event::Closed => {}
    }
    pass(event)
}
