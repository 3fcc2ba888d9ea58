//! Make before break, as anybody sees it who reads the responses to one push in order.

use super::naive::Model;
use super::said::Heard;
use super::{CDS, EDS, KINDS};

/// Clusters come before listeners and routes, and go after them.
pub fn in_order(model: &Model, responses: &[Heard]) -> Result<(), String> {
    let Some(clusters) = &model.talks[CDS] else { return Ok(()) };
    let mut told = clusters.told.clone();
    let (mut brings, mut takes) = (Vec::new(), Vec::new());
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
    Ok(())
}
