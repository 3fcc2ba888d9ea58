//! Make before break, as anybody sees it who reads the responses to one push in order.

use super::naive::{Model, Names};
use super::said::Heard;
use super::{CDS, EDS, KINDS};

/// Clusters come before listeners and routes, and go after them; endpoints of those that go stay as they are until then.
pub fn in_order(model: &Model, responses: &[Heard]) -> Result<(), String> {
    let Some(clusters) = &model.talks[CDS] else { return Ok(()) };
    let mut told = clusters.told.clone();
    let (mut brings, mut takes, mut leaving) = (Vec::new(), Vec::new(), Names::new());
    for (at, response) in responses.iter().enumerate().filter(|(_, r)| r.kind == CDS) {
        if response.resources.iter().any(|(name, body)| told.get(name) != Some(body)) {
            brings.push(at);
        }
        let complete = model.complete(CDS);
        let gone = |name: &String| {
            if complete { !response.resources.contains_key(name) } else { response.removed.contains(name) }
        };
        if told.keys().any(gone) {
            takes.push(at);
        }
        leaving.extend(told.keys().filter(|name| gone(name)).cloned());
        told.retain(|name, _| !gone(name));
        told.extend(response.resources.clone());
    }
    let others = || responses.iter().enumerate().filter(|(_, r)| r.kind > EDS).map(|(at, _)| at);
    let (first, last) = (others().min(), others().max());
    if let (Some(first), Some(late)) = (first, brings.iter().max())
        && first < *late
    {
        return Err(format!("{} came before clusters", KINDS[responses[first].kind]));
    }
    if let (Some(last), Some(early)) = (last, takes.iter().min())
        && *early < last
    {
        return Err(format!("clusters went before {}", KINDS[responses[last].kind]));
    }
    let early = responses.iter().take(last.unwrap_or_default()).filter(|r| r.kind == EDS);
    let spoken_of = |name: &&String| !model.cold.contains(*name);
    match early
        .flat_map(|r| r.resources.keys().chain(&r.removed))
        .filter(spoken_of)
        .find(|n| leaving.contains(*n))
    {
        Some(name) => Err(format!("the endpoints of {name} changed before {name} went")),
        None => Ok(()),
    }
}
