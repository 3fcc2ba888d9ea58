//! `DestinationRule`.

use arcstr::ArcStr;
use serde::Deserialize;

use super::{TrafficPolicy, WorkloadSelector};
use crate::object::meta::Labels;

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DestinationRule {
    pub host: ArcStr,
    pub traffic_policy: Option<TrafficPolicy>,
    pub subsets: Vec<Subset>,
    pub export_to: Vec<ArcStr>,
    pub workload_selector: Option<WorkloadSelector>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Subset {
    pub name: ArcStr,
    pub labels: Labels,
    pub traffic_policy: Option<TrafficPolicy>,
}
