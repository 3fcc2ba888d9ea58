//! Which endpoints a proxy uses first, by where it and they run
//! (istiod: `pilot/pkg/networking/core/loadbalancer/loadbalancer.go`).

use std::borrow::Cow;
use std::collections::BTreeMap;

use arcstr::literal;
use xdslab_mesh::object::Labels;
use xdslab_mesh::object::istio::{Distribute, Failover, LoadBalancer, LocalityLb, MeshConfig, ZoneAwareLb};
use xdslab_mesh::service::{Service, TrafficDistribution};
use xdslab_mesh::{Locality, REGION, SUBZONE, ZONE};

use super::Group;

const NETWORK: &str = "topology.istio.io/network";
const HOSTNAME: &str = "kubernetes.io/hostname";

/// The setting that holds for one cluster.
#[derive(Clone, Debug, PartialEq)]
pub enum LocalitySetting<'a> {
    /// Shares, or an order of failover. `forced`: also without outlier detection.
    Locality {
        /// The setting.
        setting: Cow<'a, LocalityLb>,
        /// Whether failover needs no outlier detection.
        forced: bool,
    },
    /// The proxy's zone first, by Envoy's own reckoning.
    ZoneAware(&'a ZoneAwareLb),
}

impl<'a> LocalitySetting<'a> {
    /// The first that exists: the rule's, the service's wish, the mesh's. A rule may switch all of it off.
    pub fn of(service: &Service, balancer: Option<&'a LoadBalancer>, mesh: &'a MeshConfig) -> Option<Self> {
        if let Some(zone) = balancer.and_then(|b| b.zone_aware_lb_setting.as_ref()) {
            return Some(Self::ZoneAware(zone));
        }
        if let Some(own) = balancer.and_then(|b| b.locality_lb_setting.as_ref()) {
            let on = own.enabled != Some(false);
            return on.then_some(Self::Locality { setting: Cow::Borrowed(own), forced: false });
        }
        let near = match service.traffic_distribution {
            TrafficDistribution::Any => None,
            TrafficDistribution::PreferSameZone => {
                Some(vec![literal!(NETWORK), literal!(REGION), literal!(ZONE)])
            }
            TrafficDistribution::PreferSameNode => Some(vec![
                literal!(NETWORK),
                literal!(REGION),
                literal!(ZONE),
                literal!(SUBZONE),
                literal!(HOSTNAME),
            ]),
        };
        if let Some(failover_priority) = near {
            let setting = LocalityLb { failover_priority, ..LocalityLb::default() };
            return Some(Self::Locality { setting: Cow::Owned(setting), forced: true });
        }
        if let Some(zone) = &mesh.zone_aware_lb_setting {
            return Some(Self::ZoneAware(zone));
        }
        let setting = mesh.locality_lb_setting.as_ref().filter(|s| s.enabled != Some(false))?;
        Some(Self::Locality { setting: Cow::Borrowed(setting), forced: false })
    }

    /// Whether the answer differs from proxy to proxy. `ejects`: the cluster has outlier detection.
    pub fn depends_on_proxy(&self, ejects: bool) -> bool {
        match self {
            Self::ZoneAware(zone) => zone.enabled != Some(false),
            Self::Locality { setting, forced } => !setting.distribute.is_empty() || ejects || *forced,
        }
    }

    /// Changes weights or priorities of `groups` for a proxy at `place` with `labels`.
    pub fn apply<'e>(
        &self,
        groups: Vec<Group<'e>>,
        place: &Locality,
        labels: &Labels,
        ejects: bool,
    ) -> Vec<Group<'e>> {
        match self {
            Self::ZoneAware(zone) if zone.enabled == Some(false) => groups,
            Self::ZoneAware(zone) => {
                let groups = split_by_labels(groups, &zone.failover_priority, labels);
                renumbered(groups, 3, |g| region_step(place, &g.locality, &zone.failover))
            }
            Self::Locality { setting, .. } if !setting.distribute.is_empty() => {
                distribute(groups, &setting.distribute, place)
            }
            Self::Locality { setting, forced } if ejects || *forced => {
                if setting.failover_priority.is_empty() {
                    return renumbered(groups, 5, |g| failover_step(place, &g.locality, &setting.failover));
                }
                let groups = split_by_labels(groups, &setting.failover_priority, labels);
                if setting.failover.is_empty() {
                    return renumbered(groups, 1, |_| 0);
                }
                renumbered(groups, 5, |g| failover_step(place, &g.locality, &setting.failover))
            }
            Self::Locality { .. } => groups,
        }
    }
}

/// Whether `place` fits `pattern` part by part; `*` or a missing part fits the rest.
fn fits(place: &Locality, pattern: &str) -> bool {
    let pattern = Locality::parse(pattern);
    pattern.region == "*"
        || (place.region == pattern.region
            && (matches!(pattern.zone.as_str(), "*" | "")
                || (place.zone == pattern.zone
                    && (matches!(pattern.subzone.as_str(), "*" | "") || place.subzone == pattern.subzone))))
}

/// Shares traffic out as the first fitting rule says; places that it does not name get none.
fn distribute<'e>(mut groups: Vec<Group<'e>>, rules: &[Distribute], place: &Locality) -> Vec<Group<'e>> {
    let Some(rule) = rules.iter().find(|r| fits(place, &r.from)) else { return groups };
    let mut taken = vec![false; groups.len()];
    for (pattern, share) in &rule.to {
        let picked: Vec<usize> =
            (0..groups.len()).filter(|i| !taken[*i] && fits(&groups[*i].locality, pattern)).collect();
        let total: u64 = picked.iter().map(|i| u64::from(groups[*i].weight)).sum();
        for i in picked {
            taken[i] = true;
            let weight = (u64::from(groups[i].weight) * u64::from(*share)).div_ceil(total.max(1));
            if weight > 0 {
                groups[i].weight = u32::try_from(weight).unwrap_or(u32::MAX);
            }
        }
    }
    for (group, taken) in groups.iter_mut().zip(taken) {
        if !taken {
            group.endpoints.clear();
        }
    }
    groups
}

/// 0 the same subzone, 1 the same zone, 2 the same region, 3 elsewhere, 4 elsewhere and not where failover goes.
fn failover_step(place: &Locality, at: &Locality, failover: &[Failover]) -> u32 {
    if place.region == at.region {
        return match (place.zone == at.zone, place.subzone == at.subzone) {
            (true, true) => 0,
            (true, false) => 1,
            (false, _) => 2,
        };
    }
    let rule = failover.iter().find(|f| f.from == place.region);
    if rule.is_some_and(|f| f.to != at.region) { 4 } else { 3 }
}

/// 0 the same region, 1 where failover goes, 2 elsewhere.
fn region_step(place: &Locality, at: &Locality, failover: &[Failover]) -> u32 {
    if place.region == at.region {
        return 0;
    }
    let rule = failover.iter().find(|f| f.from == place.region);
    if rule.is_some_and(|f| f.to == at.region) { 1 } else { 2 }
}

/// Gives each group the priority `old * steps + step`, then closes the gaps.
fn renumbered<'e>(
    mut groups: Vec<Group<'e>>,
    steps: u32,
    step: impl Fn(&Group<'e>) -> u32,
) -> Vec<Group<'e>> {
    for group in &mut groups {
        group.priority = group.priority * steps + step(group);
    }
    let mut used: Vec<u32> = groups.iter().map(|g| g.priority).collect();
    used.sort_unstable();
    used.dedup();
    for group in &mut groups {
        let position = used.binary_search(&group.priority).unwrap_or_default();
        group.priority = u32::try_from(position).unwrap_or(u32::MAX);
    }
    groups
}

/// Splits each group by how many of the labels, in order, its endpoints share with the proxy.
fn split_by_labels<'e>(groups: Vec<Group<'e>>, keys: &[arcstr::ArcStr], proxy: &Labels) -> Vec<Group<'e>> {
    if keys.is_empty() {
        return groups;
    }
    let mut split = Vec::with_capacity(groups.len());
    for group in groups {
        let mut by_priority: BTreeMap<u32, Vec<_>> = BTreeMap::new();
        for endpoint in group.endpoints {
            by_priority.entry(label_priority(keys, proxy, &endpoint.labels)).or_default().push(endpoint);
        }
        for (priority, endpoints) in by_priority {
            let weight = endpoints.iter().map(|e| e.weight).fold(0, u32::saturating_add);
            split.push(Group { locality: group.locality.clone(), weight, endpoints, priority });
        }
    }
    split
}

/// The number of labels that are not reached because one before them differs; all equal is 0.
///
/// A different network, if that comes first, does not end the comparison but puts all of it behind.
fn label_priority(keys: &[arcstr::ArcStr], proxy: &Labels, endpoint: &Labels) -> u32 {
    let all = u32::try_from(keys.len()).unwrap_or(u32::MAX);
    let mut behind = 0;
    for (i, key) in (0..all).zip(keys) {
        let (key, wanted) = match key.split_once('=') {
            Some((key, value)) => (key, value),
            None => (key.as_str(), proxy.get(key).map_or("", |v| v.as_str())),
        };
        let has = endpoint.get(key).map_or("", |v| v.as_str());
        if has == wanted {
            continue;
        }
        if i == 0 && key == NETWORK {
            behind = all;
            continue;
        }
        return behind + all - i;
    }
    behind
}
