//! `ServiceEntry` and `WorkloadEntry`.

use std::collections::BTreeMap;

use arcstr::ArcStr;
use serde::{Deserialize, Serialize};

use super::WorkloadSelector;
use crate::object::meta::Labels;
use crate::object::scalar::words;

words! {
    Location { MeshExternal = "MESH_EXTERNAL" => 0, MeshInternal = "MESH_INTERNAL" => 1 }
}

words! {
    Resolution {
        None = "NONE" => 0,
        Static = "STATIC" => 1,
        Dns = "DNS" => 2,
        DnsRoundRobin = "DNS_ROUND_ROBIN" => 3,
        DynamicDns = "DYNAMIC_DNS" => 4,
    }
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceEntry {
    pub hosts: Vec<ArcStr>,
    pub addresses: Vec<ArcStr>,
    pub ports: Vec<ServiceEntryPort>,
    pub location: Location,
    pub resolution: Resolution,
    pub endpoints: Vec<WorkloadEntry>,
    pub workload_selector: Option<WorkloadSelector>,
    pub export_to: Vec<ArcStr>,
    pub subject_alt_names: Vec<ArcStr>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceEntryPort {
    pub number: u32,
    pub protocol: ArcStr,
    pub name: ArcStr,
    pub target_port: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkloadEntry {
    pub address: ArcStr,
    pub ports: BTreeMap<ArcStr, u32>,
    pub labels: Labels,
    pub network: ArcStr,
    pub locality: ArcStr,
    pub weight: u32,
    pub service_account: ArcStr,
}
