//! `DestinationRules` by who looks for them (istiod: `setDestinationRules` in `push_context.go`,
//! `mergeDestinationRule` in `destination_rule.go`).

use std::collections::BTreeMap;
use std::sync::Arc;

use arcstr::{ArcStr, literal};
use hashbrown::{HashMap, HashSet};

use super::{ConfigKey, ConfigKind, HostMap, age, default_export_to};
use crate::mesh::DOMAIN;
use crate::object::istio::{DestinationRule, MeshConfig};
use crate::object::{Config, Labels};
use crate::service::{ExportTo, Service, qualify};

/// `DestinationRules` by namespace and host; those for one host in one namespace are merged.
#[derive(Debug, Default)]
pub struct DestinationRuleIndex {
    /// What proxies of a namespace find in it.
    local: HashMap<ArcStr, HostMap<Rules>>,
    /// What a namespace exports.
    exported: HashMap<ArcStr, HostMap<Rules>>,
    /// What the root namespace keeps to itself.
    root_local: HostMap<Rules>,
    root: ArcStr,
    duplicates: BTreeMap<ArcStr, ArcStr>,
}

/// Rules for one host, in istiod's order: those with a workload selector first, then by age.
pub(crate) type Rules = Arc<[Arc<MergedRule>]>;

/// One or several `DestinationRules` of a namespace for the same host.
#[derive(Clone, Debug, PartialEq)]
pub struct MergedRule {
    /// The rule; its host is a full name. Several rules are laid together: each brings the subsets whose names are
    /// new, the first that has a traffic policy gives it.
    pub spec: Arc<DestinationRule>,
    /// Name of the first rule.
    pub name: ArcStr,
    /// Namespace of the rules.
    pub namespace: ArcStr,
    /// All rules that it is made of.
    pub from: Vec<ConfigKey>,
    /// Who may see it, as the first rule says; with a workload selector only its own namespace.
    pub export_to: ExportTo,
}

impl MergedRule {
    /// Labels of the workloads that it is for, if it is not for all.
    pub fn selector(&self) -> Option<&Labels> {
        self.spec.workload_selector.as_ref().map(|s| &s.labels)
    }
}

impl DestinationRuleIndex {
    /// Indexes all `DestinationRules` of a mesh.
    pub fn new(rules: &[Arc<Config<DestinationRule>>], mesh: &MeshConfig) -> Self {
        let mut sorted: Vec<Entry<'_>> = rules.iter().map(|r| Entry::new(r)).collect();
        let is_general = |e: &Entry<'_>| e.config.spec.workload_selector.is_none();
        sorted.sort_by(|a, b| {
            is_general(a).cmp(&is_general(b)).then_with(|| age(&a.config.meta).cmp(&age(&b.config.meta)))
        });
        let private_by_default = default_export_to(&mesh.default_destination_rule_export_to).contains(".");
        let mut drafts =
            Drafts { entries: &sorted, shared: vec![None; sorted.len()], duplicates: BTreeMap::new() };
        let (mut local, mut exported) = (HashMap::new(), HashMap::new());
        let mut root_local = HostMap::default();
        for (at, entry) in sorted.iter().enumerate() {
            let namespace = &entry.config.meta.namespace;
            if entry.is_local() {
                drafts.merge(local.entry_ref(namespace).or_default(), at);
            }
            if !entry.is_private(private_by_default) {
                drafts.merge(exported.entry_ref(namespace).or_default(), at);
            } else if *namespace == mesh.root_namespace {
                drafts.merge(&mut root_local, at);
            }
        }
        let mut finish = |map: HostMap<Vec<Draft>>| map.map(|list| drafts.finish(list));
        let root_local = finish(root_local);
        let mut finish_all = |maps: HashMap<ArcStr, HostMap<Vec<Draft>>>| {
            maps.into_iter().map(|(namespace, map)| (namespace, finish(map))).collect()
        };
        let (local, exported) = (finish_all(local), finish_all(exported));
        let duplicates = drafts.duplicates;
        Self { local, exported, root_local, root: mesh.root_namespace.clone(), duplicates }
    }

    /// Hosts whose rules have subsets of one name, each with the last such name: only the first of them holds.
    pub fn duplicate_subsets(&self) -> &BTreeMap<ArcStr, ArcStr> {
        &self.duplicates
    }

    /// Rules for a service as proxies of `namespace` get them: those of their own namespace, else of the service's,
    /// else of the root namespace.
    ///
    /// The host is matched before visibility is looked at: a more specific rule that is not exported hides a less
    /// specific one of the same namespace.
    pub fn lookup(&self, namespace: &str, service: &Service) -> Option<Arc<[Arc<MergedRule>]>> {
        let host = service.hostname.as_str();
        let own = if self.root == namespace { Some(&self.root_local) } else { self.local.get(namespace) };
        own.and_then(|rules| rules.most_specific(host))
            .cloned()
            .or_else(|| self.exported_by(&service.namespace, host, namespace))
            .or_else(|| self.exported_by(&self.root, host, namespace))
    }

    fn exported_by(&self, owner: &str, host: &str, namespace: &str) -> Option<Rules> {
        let found = self.exported.get(owner)?.most_specific(host)?;
        let is_visible = |r: &Arc<MergedRule>| {
            r.export_to.is_empty() || r.export_to.contains("*") || r.export_to.contains(namespace)
        };
        if found.iter().all(is_visible) {
            return Some(found.clone());
        }
        let visible: Rules = found.iter().filter(|r| is_visible(r)).cloned().collect();
        (!visible.is_empty()).then_some(visible)
    }
}

/// A rule before it is merged.
struct Entry<'a> {
    config: &'a Config<DestinationRule>,
    host: ArcStr,
    export_to: ExportTo,
}

impl<'a> Entry<'a> {
    fn new(config: &'a Config<DestinationRule>) -> Self {
        let Config { meta, spec, .. } = config;
        let export_to = match spec.workload_selector {
            None => ExportTo::new(spec.export_to.iter().cloned()),
            Some(_) => ExportTo::new([literal!(".")]),
        };
        Self { config, host: qualify(&spec.host, &meta.namespace, DOMAIN), export_to }
    }

    fn is_local(&self) -> bool {
        let to = &self.export_to;
        to.is_empty() || [self.config.meta.namespace.as_str(), "*", "."].iter().any(|e| to.contains(e))
    }

    fn is_private(&self, by_default: bool) -> bool {
        let to = &self.export_to;
        let only_own = to.len() == 1 && (to.contains(".") || to.contains(&self.config.meta.namespace));
        only_own || (to.is_empty() && by_default)
    }

    fn selector(&self) -> Option<&'a Labels> {
        self.config.spec.workload_selector.as_ref().map(|s| &s.labels)
    }
}

/// Rules that are merged, by their place among all; the first gives name and selector.
struct Draft {
    from: Vec<usize>,
}

struct Drafts<'a> {
    entries: &'a [Entry<'a>],
    /// Rules that stand alone: one for all indexes that hold them.
    shared: Vec<Option<Arc<MergedRule>>>,
    duplicates: BTreeMap<ArcStr, ArcStr>,
}

impl Drafts<'_> {
    /// Merges a rule into those of its host, or puts it beside them, or both.
    ///
    /// Every rule that is there decides anew whether the new one stands beside it; the last decision holds.
    /// A rule without selector is thus swallowed by one with a selector and the same `exportTo`.
    fn merge(&self, map: &mut HostMap<Vec<Draft>>, at: usize) {
        let new = &self.entries[at];
        let drafts = map.get_or_insert_with(&new.host, Vec::new);
        let mut apart = true;
        for draft in drafts.iter_mut() {
            let first = &self.entries[draft.from[0]];
            apart = new.export_to != first.export_to;
            if apart && (first.export_to.is_empty() || !first.export_to.is_subset(&new.export_to)) {
                continue;
            }
            match (first.selector(), new.selector()) {
                (Some(a), Some(b)) if a != b => {
                    apart = true;
                    continue;
                }
                (Some(_), Some(_)) | (None, None) => apart = false,
                _ => {}
            }
            draft.from.push(at);
        }
        if apart {
            drafts.push(Draft { from: vec![at] });
        }
    }

    fn finish(&mut self, drafts: Vec<Draft>) -> Rules {
        drafts.into_iter().map(|draft| self.rule(&draft.from)).collect()
    }

    fn rule(&mut self, from: &[usize]) -> Arc<MergedRule> {
        let first = from[0];
        if let ([_], Some(shared)) = (from, &self.shared[first]) {
            return shared.clone();
        }
        let rule = Arc::new(self.laid_together(from));
        if from.len() == 1 {
            self.shared[first] = Some(rule.clone());
        }
        rule
    }

    fn laid_together(&mut self, from: &[usize]) -> MergedRule {
        let first = &self.entries[from[0]];
        let mut spec = DestinationRule { host: first.host.clone(), ..first.config.spec.clone() };
        for next in from[1..].iter().map(|at| &self.entries[*at].config.spec) {
            let known: HashSet<ArcStr> = spec.subsets.iter().map(|s| s.name.clone()).collect();
            let (again, new): (Vec<_>, Vec<_>) = next.subsets.iter().partition(|s| known.contains(&s.name));
            spec.subsets.extend(new.into_iter().cloned());
            if let Some(subset) = again.last() {
                self.duplicates.insert(first.host.clone(), subset.name.clone());
            }
            if spec.traffic_policy.is_none() {
                spec.traffic_policy.clone_from(&next.traffic_policy);
            }
        }
        let meta = &first.config.meta;
        MergedRule {
            spec: Arc::new(spec),
            name: meta.name.clone(),
            namespace: meta.namespace.clone(),
            from: from
                .iter()
                .map(|at| ConfigKey::of(ConfigKind::DestinationRule, &self.entries[*at].config.meta))
                .collect(),
            export_to: first.export_to.clone(),
        }
    }
}
