//! Load balancing by locality (istiod: `pkg/config/validation/agent/validation.go`).

use super::faults::Faults;
use crate::locality::{REGION, SUBZONE, ZONE};
use crate::object::istio::{Distribute, Failover, LocalityLb, ZoneAwareLb};

/// Refuses what is wrong with locality load balancing.
pub(super) fn locality_lb(setting: &LocalityLb, f: Faults<'_>) {
    if !setting.distribute.is_empty() && !setting.failover.is_empty() {
        return f.push("both distribute and failover are set", "leave one of them out");
    }
    if !setting.failover.is_empty() {
        topology_labels(
            &setting.failover_priority,
            f,
            "leave out the label, or failover: both order the localities",
        );
    }
    for (f, distribute) in f.each("distribute", &setting.distribute) {
        weights(distribute, f);
    }
    let mut seen = Vec::new();
    for (f, Distribute { from, .. }) in f.each("distribute", &setting.distribute) {
        pattern(from, &seen, f.at("from"));
        seen.push(from.as_str());
    }
    failover(&setting.failover, f);
}

/// Refuses what is wrong with zone-aware load balancing.
pub(super) fn zone_aware_lb(setting: &ZoneAwareLb, f: Faults<'_>) {
    topology_labels(
        &setting.failover_priority,
        f,
        "leave out the label; Envoy keeps to region and zone by itself",
    );
    failover(&setting.failover, f);
}

fn topology_labels(priority: &[arcstr::ArcStr], f: Faults<'_>, hint: &str) {
    for (f, label) in f.each("failoverPriority", priority) {
        if [REGION, ZONE, SUBZONE].contains(&label.as_str()) {
            f.push(format!("{label} may not order the failover here"), hint);
        }
    }
}

fn weights(distribute: &Distribute, f: Faults<'_>) {
    let f = f.at("to");
    for (to, weight) in &distribute.to {
        if !(1..=100).contains(weight) {
            f.key(to).push(format!("{weight} is not a weight"), "write a number from 1 to 100");
            return;
        }
    }
    let total: u32 = distribute.to.values().sum();
    if total != 100 {
        f.push(format!("the weights come to {total}"), "make them 100 in all");
    }
    // istiod looks at a map in no certain order; wildcards go first, so that what one of them covers is found.
    let mut to: Vec<&str> = distribute.to.keys().map(AsRef::as_ref).collect();
    to.sort_by_key(|to| !to.ends_with('*'));
    for (i, locality) in to.iter().enumerate() {
        pattern(locality, &to[..i], f.key(locality));
    }
}

/// Refuses a badly written locality, and one that is covered by those before it.
fn pattern(locality: &str, before: &[&str], f: Faults<'_>) {
    const HINT: &str = "write region, region/zone or region/zone/subzone, with * at most at the end";
    let stars = locality.matches('*').count();
    if stars > 1 || (stars == 1 && !locality.ends_with('*')) {
        f.push(format!("{locality:?} has a * that is not at its end"), HINT);
    } else if locality.splitn(3, '/').any(str::is_empty) {
        f.push(format!("{locality:?} has an empty region, zone or subzone"), HINT);
    } else if let Some(covering) = before.iter().find(|b| covers(b, locality)) {
        f.push(format!("{locality:?} is covered by {covering:?} before it"), "leave one of them out");
    }
}

/// Whether an earlier entry takes all that `later` stands for.
fn covers(earlier: &str, later: &str) -> bool {
    let (earlier, later): (Vec<_>, Vec<_>) =
        (earlier.splitn(3, '/').collect(), later.splitn(3, '/').collect());
    // A region, however it goes on, bars the same region without zone, and a zone the same zone without subzone.
    let same = earlier.iter().zip(&later).take_while(|(a, b)| a == b).count();
    earlier.get(same).is_none_or(|part| *part == "*" || same == later.len())
}

fn failover(list: &[Failover], f: Faults<'_>) {
    for (f, Failover { from, to }) in f.each("failover", list) {
        if from == to {
            f.push(format!("traffic of {from:?} would fail over to itself"), "name another region in to");
        }
        for (name, region) in [("from", from), ("to", to)] {
            if region.contains(['/', '*']) {
                f.at(name).push(
                    format!("{region:?} is not a region"),
                    "write a region alone, such as europe-west1",
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the last of `list` is refused after the others.
    fn refused(localities: &[&str]) -> bool {
        let (last, before) = localities.split_last().expect("not empty");
        !Faults::collect(|f| pattern(last, before, f)).is_empty()
    }

    #[test]
    fn localities_overlap() {
        for (list, bad) in [
            (&["r1"][..], false),
            (&["*"], false),
            (&["r1/*"], false),
            (&["r1/z1/s1/more"], false),
            (&["r*1"], true),
            (&["*/*"], true),
            (&["r1//s1"], true),
            (&[""], true),
            (&["r1", "r1"], true),
            (&["*", "r1"], true),
            (&["r1", "*"], false),
            (&["r1", "r1/z1"], true),
            (&["r1/z1", "r1"], true),
            (&["r1/*", "r1/z1"], true),
            (&["r1/z1", "r1/*"], false),
            (&["r1/z1", "r1/z2"], false),
            (&["r1/z1", "r1/z1"], true),
            (&["r1/z1", "r1/z1/s1"], true),
            (&["r1/z1/s1", "r1/z1"], true),
            (&["r1/z1/*", "r1/z1/s1"], true),
            (&["r1/z1/s1", "r1/z1/s2"], false),
            (&["r1/z1/s1", "r1/z1/s1"], true),
            (&["r1/*", "r1/z1/s1"], true),
            (&["r1/*/*"], true),
        ] {
            assert_eq!(refused(list), bad, "{list:?}");
        }
    }
}
