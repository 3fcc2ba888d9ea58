//! Sentences that say what a run's figures mean.

use std::fmt::Write;

use super::record::Run;
use super::units::{bytes, count, time};
use crate::scenario::StepResult;

/// What is worth saying, each sentence computed from the figures.
pub(super) fn sentences(run: &Run) -> Vec<String> {
    let mut out = Vec::new();
    out.extend(growth(run));
    out.extend(relief(run));
    out.extend(kept(run));
    out.extend(speed(run));
    out
}

/// The step in which the watched proxy gets the most clusters, with the one before.
fn largest_growth(run: &Run) -> Option<(&StepResult, &StepResult)> {
    let pairs = run.steps.windows(2).filter_map(|pair| {
        let (before, after) = (pair[0].watched.clusters?, pair[1].watched.clusters?);
        (after > before).then(|| (after - before, (&pair[0], &pair[1])))
    });
    pairs.max_by_key(|(grown, _)| *grown).map(|(_, pair)| pair)
}

fn growth(run: &Run) -> Option<String> {
    let (before, after) = largest_growth(run)?;
    let clusters = after.watched.clusters? - before.watched.clusters?;
    let memory = after.watched.allocated?.checked_sub(before.watched.allocated?)?;
    let each = memory / clusters.max(1);
    let mut text = format!(
        "{} new clusters cost the watched proxy {} of allocated memory, about {} each",
        count(clusters),
        bytes(memory),
        bytes(each)
    );
    if after.envoys > 1 {
        let all = each * clusters * u64::try_from(after.envoys).ok()?;
        let _ = write!(
            text,
            "; in the {} proxies that run now the same clusters take {}",
            after.envoys,
            bytes(all)
        );
    }
    Some(text + ".")
}

/// The step in which the watched proxy loses the most clusters, with the one before, the end of the run left aside.
fn largest_relief(run: &Run) -> Option<(&StepResult, &StepResult)> {
    let pairs = run.steps.windows(2).filter(|pair| pair[1].services >= pair[0].services).filter_map(|pair| {
        let (before, after) = (pair[0].watched.clusters?, pair[1].watched.clusters?);
        (after < before).then(|| (before - after, (&pair[0], &pair[1])))
    });
    pairs.max_by_key(|(lost, _)| *lost).map(|(_, pair)| pair)
}

fn relief(run: &Run) -> Option<String> {
    let (before, after) = largest_relief(run)?;
    let (from, to) = (before.watched.clusters?, after.watched.clusters?);
    let all = before.total.clusters.zip(after.total.clusters);
    let mut text = format!(
        "“{}” takes the watched proxy from {} clusters to {} ({} % fewer)",
        after.name,
        count(from),
        count(to),
        (from - to) * 100 / from.max(1)
    );
    if let Some((from, to)) = all
        && after.envoys > 1
    {
        let _ =
            write!(text, ", and all {} proxies together from {} to {}", after.envoys, count(from), count(to));
    }
    Some(text + ", though the mesh has as many services as before.")
}

/// Memory that is free and still resident.
fn kept(run: &Run) -> Option<String> {
    let (before, after) = largest_relief(run)?;
    let freed = before.watched.allocated?.checked_sub(after.watched.allocated?)?;
    let resident = before.watched.rss?.saturating_sub(after.watched.rss?);
    let (is_given_back, freed, resident) = (resident * 2 >= freed, bytes(freed), bytes(resident));
    Some(if is_given_back {
        format!("Envoy frees {freed} of allocated memory at once, and gives {resident} back to the system.")
    } else {
        format!(
            "Envoy frees {freed} of allocated memory at once, but gives {} back to the system: its allocator keeps freed \
             pages until the process is restarted, or runs with a soft memory limit.",
            if resident == "0 B" { "nothing" } else { &resident }
        )
    })
}

fn speed(run: &Run) -> Option<String> {
    let slowest =
        run.steps.iter().filter_map(|step| step.pushed.map(|pushed| (pushed, step))).max_by_key(|p| p.0)?;
    let (pushed, step) = slowest;
    Some(format!(
        "The slowest push was “{}”: {} from the change until every running Envoy had ACKed, the debounce of 100 ms included.",
        step.name,
        time(pushed)
    ))
}
