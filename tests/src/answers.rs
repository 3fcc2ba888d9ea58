//! What answers name: read from their JSON form.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use arcstr::ArcStr;
use serde_json::Value;
use xdslab_proto::json::to_json;
use xdslab_protocol::{ResourceSet, ResourceType};

use crate::Resources;

/// Resources of one type in protobuf's JSON form, by name.
///
/// # Errors
/// When a resource is no message of its type.
pub fn decoded(kind: &ResourceType, set: &ResourceSet) -> Result<Resources> {
    let one = |r: &xdslab_protocol::Resource| {
        Ok((r.name.to_string(), to_json(kind.type_url(), &r.body).with_context(|| r.name.to_string())?))
    };
    set.iter().map(one).collect()
}

/// The EDS names of the clusters that get their endpoints so.
pub fn eds_names(clusters: &Resources) -> Vec<ArcStr> {
    let eds = clusters.values().filter(|c| c.get("type").is_some_and(|t| t == "EDS"));
    let service = |c: &Value| {
        let named = c["eds_cluster_config"]["service_name"].as_str().or(c["name"].as_str());
        ArcStr::from(named.unwrap_or_default())
    };
    eds.map(service).collect()
}

/// The names of all route configurations that the listeners wait for.
pub fn rds_names(listeners: &Resources) -> BTreeSet<ArcStr> {
    let mut names = BTreeSet::new();
    let mut note = |fields: &serde_json::Map<String, Value>| {
        let asked = fields.get("rds").and_then(|r| r["route_config_name"].as_str());
        names.extend(asked.map(ArcStr::from));
    };
    listeners.values().for_each(|l| walk(l, &mut note));
    names
}

/// The names of all clusters that listeners or routes send traffic to.
pub fn named_clusters<'a>(resources: impl IntoIterator<Item = &'a Value>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut note = |fields: &serde_json::Map<String, Value>| {
        names.extend(fields.get("cluster").and_then(Value::as_str).map(str::to_owned));
        let weighted = fields.get("weighted_clusters").and_then(|w| w["clusters"].as_array());
        names.extend(weighted.into_iter().flatten().filter_map(|c| c["name"].as_str()).map(str::to_owned));
    };
    resources.into_iter().for_each(|r| walk(r, &mut note));
    names
}

fn walk(value: &Value, note: &mut impl FnMut(&serde_json::Map<String, Value>)) {
    match value {
        Value::Object(fields) => {
            note(fields);
            fields.values().for_each(|v| walk(v, note));
        }
        Value::Array(items) => items.iter().for_each(|v| walk(v, note)),
        _ => {}
    }
}
