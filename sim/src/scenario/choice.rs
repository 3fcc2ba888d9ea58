//! Which of the pods get an Envoy.

use std::collections::BTreeSet;
use std::sync::Arc;

use xdslab_mesh::object::kubernetes::Pod;

use super::file::Envoys;
use super::lab::proxy_name;
use super::pattern::Pattern;

/// Chooses, and stays with its choice: a pod that has an Envoy keeps it as long as it lives.
#[derive(Debug)]
pub(super) struct Choice {
    watch: Pattern,
    envoys: Envoys,
    chosen: BTreeSet<String>,
}

impl Choice {
    pub(super) fn new(watch: Pattern, envoys: Envoys) -> Self {
        Self { watch, envoys, chosen: BTreeSet::new() }
    }

    /// The pattern of the watched proxy.
    pub(super) fn watched(&self) -> Pattern {
        self.watch.clone()
    }

    /// The watched one of `names`: the first that fits.
    pub(super) fn find(&self, names: &BTreeSet<String>) -> Option<String> {
        names.iter().find(|name| self.watch.is_match(name)).cloned()
    }

    /// Those of `pods` that get an Envoy; the watched one always does.
    pub(super) fn choose(&mut self, pods: &[Arc<Pod>]) -> Vec<Arc<Pod>> {
        let names: Vec<_> = pods.iter().map(|pod| proxy_name(pod)).collect();
        self.chosen.retain(|name| names.contains(name));
        let watched = names.iter().filter(|name| self.watch.is_match(name)).min();
        let mut chosen = self.chosen.clone();
        chosen.extend(watched.cloned());
        match &self.envoys {
            Envoys::All => chosen.extend(names.iter().cloned()),
            Envoys::Named(patterns) => {
                let is_named = |name: &&String| patterns.iter().any(|pattern| pattern.is_match(name));
                chosen.extend(names.iter().filter(is_named).cloned());
            }
            Envoys::Count(count) => {
                let mut more = names.iter();
                while chosen.len() < *count
                    && let Some(name) = more.next()
                {
                    chosen.insert(name.clone());
                }
            }
        }
        self.chosen = chosen;
        let is_chosen = |(pod, name): (&Arc<Pod>, &String)| self.chosen.contains(name).then(|| pod.clone());
        pods.iter().zip(&names).filter_map(is_chosen).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(choice: &mut Choice, names: &str) -> String {
        let pods: Vec<_> = names
            .split(' ')
            .map(|name| {
                let mut pod = Pod::default();
                pod.metadata.name = name.into();
                pod.metadata.namespace = "n".into();
                Arc::new(pod)
            })
            .collect();
        choice.choose(&pods).iter().map(|pod| pod.metadata.name.to_string()).collect::<Vec<_>>().join(" ")
    }

    fn pattern(text: &str) -> Pattern {
        Pattern::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn a_pod_keeps_its_envoy() {
        let mut choice = Choice::new(pattern("w-*.n"), Envoys::Count(3));
        assert_eq!(choose(&mut choice, "b c d w-1 w-2"), "b c w-1");
        assert_eq!(choose(&mut choice, "a b c d w-1 w-2"), "b c w-1");
        assert_eq!(choose(&mut choice, "a c d w-2"), "a c w-2");
    }

    #[test]
    fn named_ones_and_the_watched_one_are_chosen() {
        let mut choice = Choice::new(pattern("w.n"), Envoys::Named(vec![pattern("a*.n")]));
        assert_eq!(choose(&mut choice, "a1 a2 b w"), "a1 a2 w");
        let mut choice = Choice::new(pattern("w.n"), Envoys::All);
        assert_eq!(choose(&mut choice, "a b"), "a b");
    }
}
