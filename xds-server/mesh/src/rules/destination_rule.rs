//! Destination rules, merged and looked up (istiod: `setDestinationRules`, `destinationRule` in
//! `push_context.go`, `pilot/pkg/model/destination_rule.go`).

use std::collections::BTreeMap;
use std::sync::Arc;

use arcstr::ArcStr;

use super::{ConfigKey, ConfigKind, by_age};
use crate::mesh::DOMAIN;
use crate::object::istio::{DestinationRule, MeshConfig};
use crate::object::{Config, Labels};
use crate::service::{ExportTo, Service, most_specific, qualify};

/// One rule, or several of one host in one namespace merged into one.
#[derive(Clone, Debug, PartialEq)]
pub struct MergedRule {
    /// What holds.
    pub spec: Arc<DestinationRule>,
    /// Name of the first contributor.
    pub name: ArcStr,
    /// Namespace of all contributors.
    pub namespace: ArcStr,
    /// All contributors.
    pub from: Vec<ConfigKey>,
    /// Who may use it.
    pub export_to: ExportTo,
}

/// Rules by host, exact and wildcard.
#[derive(Debug, Default)]
struct Hosts {
    exact: BTreeMap<ArcStr, Vec<Arc<MergedRule>>>,
    wildcard: BTreeMap<ArcStr, Vec<Arc<MergedRule>>>,
}

/// All destination rules, by who may use them.
#[derive(Debug, Default)]
pub struct DestinationRuleIndex {
    root: ArcStr,
    local: BTreeMap<ArcStr, Hosts>,
    exported: BTreeMap<ArcStr, Hosts>,
    root_local: Hosts,
}

impl DestinationRuleIndex {
    /// Indexes and merges rules. O(n log n).
    pub fn new(rules: &[Arc<Config<DestinationRule>>], mesh: &MeshConfig) -> Self {
        let (selecting, whole): (Vec<_>, Vec<_>) =
            by_age(rules).into_iter().partition(|r| r.spec.workload_selector.is_some());
        let mut index = Self { root: mesh.root_namespace.clone(), ..Self::default() };
        let private_by_default = mesh.default_destination_rule_export_to.iter().any(|e| e == ".");
        for rule in selecting.iter().chain(&whole) {
            index.add(rule, private_by_default);
        }
        index
    }

    fn add(&mut self, rule: &Config<DestinationRule>, private_by_default: bool) {
        let namespace = &rule.meta.namespace;
        let export_to = if rule.spec.workload_selector.is_some() {
            ExportTo::new([arcstr::literal!(".")])
        } else {
            ExportTo::new(rule.spec.export_to.iter().cloned())
        };
        let merged = MergedRule {
            spec: Arc::new(rule.spec.clone()),
            name: rule.meta.name.clone(),
            namespace: namespace.clone(),
            from: vec![ConfigKey::new(ConfigKind::DestinationRule, &rule.meta.name, namespace)],
            export_to,
        };
        let host = qualify(&rule.spec.host, namespace, DOMAIN);
        let set = &merged.export_to;
        let at_home = set.contains(".") || set.contains(namespace);
        if set.is_empty() || set.contains("*") || at_home {
            self.local.entry(namespace.clone()).or_default().merge(&host, &merged);
        }
        let private = if set.is_empty() { private_by_default } else { set.len() == 1 && at_home };
        if !private {
            self.exported.entry(namespace.clone()).or_default().merge(&host, &merged);
        } else if *namespace == self.root {
            self.root_local.merge(&host, &merged);
        }
    }

    /// The rules for `service` as proxies of `namespace` find them: their own namespace's, the service's, the root's.
    pub fn lookup(&self, namespace: &str, service: &Service) -> Vec<Arc<MergedRule>> {
        let own = if namespace == self.root {
            self.root_local.of(&service.hostname)
        } else {
            self.local.get(namespace).and_then(|hosts| hosts.of(&service.hostname))
        };
        if let Some(own) = own {
            return own.to_vec();
        }
        [&service.namespace, &self.root]
            .into_iter()
            .map(|of| self.exported_by(of, namespace, &service.hostname))
            .find(|found| !found.is_empty())
            .unwrap_or_default()
    }

    fn exported_by(&self, of: &str, to: &str, hostname: &str) -> Vec<Arc<MergedRule>> {
        let found = self.exported.get(of).and_then(|hosts| hosts.of(hostname)).unwrap_or_default();
        let usable = |r: &&Arc<MergedRule>| {
            let set = &r.export_to;
            set.is_empty() || set.contains("*") || set.contains(to)
        };
        found.iter().filter(usable).cloned().collect()
    }
}

impl Hosts {
    fn of(&self, hostname: &str) -> Option<&[Arc<MergedRule>]> {
        let table = if hostname.starts_with('*') { &self.wildcard } else { &self.exact };
        if let Some(rules) = table.get(hostname) {
            return Some(rules);
        }
        let host = most_specific(hostname, self.wildcard.keys())?;
        self.wildcard.get(host).map(Vec::as_slice)
    }

    /// Puts a rule beside those of its host, merged into the ones that it fits.
    fn merge(&mut self, host: &ArcStr, rule: &MergedRule) {
        let table = if host.starts_with('*') { &mut self.wildcard } else { &mut self.exact };
        let known = table.entry(host.clone()).or_default();
        let mut stands_alone = true;
        for existing in known.iter_mut() {
            let same_set = existing.export_to == rule.export_to;
            let within = !existing.export_to.is_empty() && existing.export_to.is_subset(&rule.export_to);
            if !same_set && !within {
                continue;
            }
            let (old, new) = (&existing.spec.workload_selector, &rule.spec.workload_selector);
            match (old, new) {
                (Some(old), Some(new)) if old != new => continue,
                (None, Some(_)) => continue,
                (Some(_), Some(_)) | (None, None) => stands_alone = false,
                (Some(_), None) => stands_alone = stands_alone && !same_set,
            }
            if (old.is_none() == new.is_none()) && !same_set {
                stands_alone = true;
            }
            absorb(Arc::make_mut(existing), rule);
        }
        if stands_alone {
            known.push(Arc::new(rule.clone()));
        }
    }
}

/// Adds subsets of new names; takes the policy only where there is none.
fn absorb(into: &mut MergedRule, rule: &MergedRule) {
    let mut spec = DestinationRule::clone(&into.spec);
    for subset in &rule.spec.subsets {
        if !spec.subsets.iter().any(|s| s.name == subset.name) {
            spec.subsets.push(subset.clone());
        }
    }
    if spec.traffic_policy.is_none() {
        spec.traffic_policy.clone_from(&rule.spec.traffic_policy);
    }
    into.spec = Arc::new(spec);
    into.from.extend(rule.from.iter().cloned());
}

/// Of the rules found for a service the one that a proxy uses: the first that selects it, else the last that
/// selects nobody in particular.
pub(crate) fn choose<'r>(
    rules: &'r [Arc<MergedRule>],
    namespace: &str,
    labels: Option<&Labels>,
) -> Option<&'r Arc<MergedRule>> {
    let selects = |r: &&Arc<MergedRule>| {
        let wanted = r.spec.workload_selector.as_ref().map(|s| &s.labels);
        let fits = |labels: &Labels| wanted.is_some_and(|w| w.iter().all(|(k, v)| labels.get(k) == Some(v)));
        r.namespace == namespace && labels.is_some_and(fits)
    };
    rules.iter().find(selects).or_else(|| rules.iter().rev().find(|r| r.spec.workload_selector.is_none()))
}
