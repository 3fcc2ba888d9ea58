//! Reading the figures of Envoys when they are quiet.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::StreamExt;
use futures::stream;
use tokio::time::sleep;

use super::event::Gauges;
use super::figure::Figures;
use super::lab::{Probe, STATIC_CLUSTERS, Traffic};

/// Envoys that are looked at together: enough to be quick, too few to slow them down.
const TOGETHER: usize = 8;

/// Between two looks at an Envoy that is waited for.
const PAUSE: Duration = Duration::from_millis(25);

/// Between two readings of memory that are compared.
const APART: Duration = Duration::from_millis(100);

/// Readings after which memory counts as quiet anyhow.
const READINGS: usize = 30;

/// Waits until every one of `proxies` has as many clusters as it was sent, and none of them warms.
pub(super) async fn settled(
    probe: &impl Probe,
    proxies: &BTreeSet<String>,
    traffic: impl Fn() -> Option<BTreeMap<String, Traffic>>,
) {
    let mut open = proxies.clone();
    while !open.is_empty() {
        let seen = gauges(probe, &open).await;
        let traffic = traffic();
        let is_open = |name: &String| match (seen.get(name), &traffic) {
            (None, _) => probe.names().contains(name),
            (Some(gauges), None) => gauges.warming > 0 || gauges.clusters <= STATIC_CLUSTERS,
            (Some(gauges), Some(traffic)) => {
                let sent = traffic.get(name).map_or(0, |traffic| traffic.clusters);
                gauges.warming > 0 || gauges.clusters != sent + STATIC_CLUSTERS
            }
        };
        open.retain(is_open);
        if !open.is_empty() {
            sleep(PAUSE).await;
        }
    }
}

/// Waits until the memory of the proxy no longer moves: two readings that differ by less than half a percent.
pub(super) async fn quiet(probe: &impl Probe, name: Option<&str>) {
    let Some(name) = name else { return };
    let mut before = None;
    for _ in 0..READINGS {
        let now = probe.gauges(name).await.map(|gauges| gauges.allocated);
        if let Some((now, before)) = now.zip(before)
            && now.abs_diff(before) * 200 <= before
        {
            return;
        }
        before = now;
        sleep(APART).await;
    }
}

/// The gauges of those that answer.
pub(super) async fn gauges(probe: &impl Probe, names: &BTreeSet<String>) -> BTreeMap<String, Gauges> {
    stream::iter(names.clone())
        .map(|name| async move {
            let gauges = probe.gauges(&name).await;
            gauges.map(|gauges| (name, gauges))
        })
        .buffer_unordered(TOGETHER)
        .filter_map(std::future::ready)
        .collect()
        .await
}

/// Above so many clusters a page that lists them all makes the Envoy's memory grow visibly (10 MiB at 2,000).
const MANY: u64 = 500;

/// Clusters, memory and then endpoints of all; what the control plane counts is left open. An Envoy with many clusters is
/// not asked for its endpoints if `known` tells them.
pub(super) async fn figures(
    probe: &impl Probe,
    names: &BTreeSet<String>,
    known: impl Fn(&str) -> Option<u64>,
) -> BTreeMap<String, Figures> {
    let gauges = gauges(probe, names).await;
    let asked = gauges.iter().map(|(name, gauges)| {
        let known = if gauges.clusters > MANY { known(name) } else { None };
        (name.clone(), known)
    });
    let asked: Vec<_> = asked.collect();
    let endpoints: BTreeMap<_, _> = stream::iter(asked)
        .map(|(name, known)| async move {
            let endpoints = if known.is_some() { known } else { probe.endpoints(&name).await };
            (name, endpoints)
        })
        .buffer_unordered(TOGETHER)
        .collect()
        .await;
    let figures = |(name, gauges): (String, Gauges)| {
        let figures = Figures {
            lines: Some(gauges.clusters + 1),
            clusters: Some(gauges.clusters),
            endpoints: endpoints.get(&name).copied().flatten(),
            pushes: None,
            bytes: None,
            allocated: Some(gauges.allocated),
            rss: gauges.rss,
            pss: gauges.pss,
        };
        (name, figures)
    };
    gauges.into_iter().map(figures).collect()
}
