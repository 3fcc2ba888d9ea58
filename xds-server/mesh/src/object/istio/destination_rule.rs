//! `DestinationRule`.

use arcstr::ArcStr;
use serde::{Deserialize, Deserializer, Serialize};

use super::{PolicySelector, TrafficPolicy, WorkloadSelector};
use crate::object::meta::Labels;

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DestinationRule {
    pub host: ArcStr,
    pub traffic_policy: Option<TrafficPolicy>,
    pub subsets: Vec<Subset>,
    pub export_to: Vec<ArcStr>,
    /// Written with `matchLabels`, unlike the `workloadSelector` of other kinds.
    #[serde(deserialize_with = "match_labels")]
    pub workload_selector: Option<WorkloadSelector>,
}

fn match_labels<'de, D: Deserializer<'de>>(d: D) -> Result<Option<WorkloadSelector>, D::Error> {
    let selector = Option::<PolicySelector>::deserialize(d)?;
    Ok(selector.map(|s| WorkloadSelector { labels: s.match_labels }))
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Subset {
    pub name: ArcStr,
    pub labels: Labels,
    pub traffic_policy: Option<TrafficPolicy>,
}
