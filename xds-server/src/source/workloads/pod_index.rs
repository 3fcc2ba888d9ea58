//! Pods by their labels: who is selected, without a look at every Pod.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arcstr::ArcStr;
use xdslab_mesh::object::Labels;
use xdslab_mesh::object::kubernetes::{LabelSelector, Pod};

/// Pods, found by namespace and label.
pub(super) struct PodIndex {
    /// In order of namespace and name.
    pods: Vec<Arc<Pod>>,
    /// Positions in `pods`, ascending.
    by_label: HashMap<(ArcStr, ArcStr, ArcStr), Vec<usize>>,
    by_namespace: BTreeMap<ArcStr, Vec<usize>>,
}

impl PodIndex {
    /// Indexes `pods`.
    pub(super) fn new(pods: impl IntoIterator<Item = Arc<Pod>>) -> Self {
        let mut pods: Vec<_> = pods.into_iter().collect();
        pods.sort_by(|a, b| {
            let (a, b) = (&a.metadata, &b.metadata);
            (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name))
        });
        let mut by_label: HashMap<_, Vec<usize>> = HashMap::new();
        let mut by_namespace: BTreeMap<ArcStr, Vec<usize>> = BTreeMap::new();
        for (position, pod) in pods.iter().enumerate() {
            let meta = &pod.metadata;
            by_namespace.entry(meta.namespace.clone()).or_default().push(position);
            for (key, value) in meta.labels.iter() {
                by_label
                    .entry((meta.namespace.clone(), key.clone(), value.clone()))
                    .or_default()
                    .push(position);
            }
        }
        Self { pods, by_label, by_namespace }
    }

    /// The Pods of `namespace` that carry all of `labels`, by name.
    pub(super) fn with_labels<'a>(
        &'a self,
        namespace: &ArcStr,
        labels: &'a Labels,
    ) -> impl Iterator<Item = &'a Arc<Pod>> + use<'a> {
        let has_all = |pod: &&Arc<Pod>| labels.iter().all(|(k, v)| pod.metadata.labels.get(k) == Some(v));
        self.candidates(namespace, labels).iter().map(|at| &self.pods[*at]).filter(has_all)
    }

    /// Whether a Pod of `namespace` satisfies `selector`.
    pub(super) fn selects_any(&self, namespace: &ArcStr, selector: &LabelSelector) -> bool {
        let candidates = self.candidates(namespace, &selector.match_labels);
        candidates.iter().any(|at| selector.matches(&self.pods[*at].metadata.labels))
    }

    /// Those that carry the rarest of `labels`; all of the namespace if there are no labels.
    fn candidates(&self, namespace: &ArcStr, labels: &Labels) -> &[usize] {
        let of = |(k, v): (&ArcStr, &ArcStr)| {
            self.by_label.get(&(namespace.clone(), k.clone(), v.clone())).map_or(&[][..], Vec::as_slice)
        };
        let rarest = labels.iter().map(of).min_by_key(|pods| pods.len());
        rarest.unwrap_or_else(|| self.by_namespace.get(namespace).map_or(&[], Vec::as_slice))
    }
}
