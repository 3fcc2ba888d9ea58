//! Where something runs: region, zone, subzone.

use std::fmt;

use arcstr::ArcStr;

use crate::object::Labels;

/// Label of a region, on Nodes and proxies.
pub const REGION: &str = "topology.kubernetes.io/region";
/// Label of a zone.
pub const ZONE: &str = "topology.kubernetes.io/zone";
/// Label of a subzone.
pub const SUBZONE: &str = "topology.istio.io/subzone";

/// A place; empty parts are unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Locality {
    /// Region.
    pub region: ArcStr,
    /// Zone in the region.
    pub zone: ArcStr,
    /// Subzone in the zone.
    pub subzone: ArcStr,
}

impl Locality {
    /// Reads `region/zone/subzone`; what is missing is empty.
    pub fn parse(text: &str) -> Self {
        let mut parts = text.splitn(3, '/').map(ArcStr::from);
        let mut next = || parts.next().unwrap_or_default();
        Self { region: next(), zone: next(), subzone: next() }
    }

    /// From a Node's or a proxy's labels.
    pub fn of_labels(labels: &Labels) -> Self {
        let label = |key: &str| labels.get(key).cloned().unwrap_or_default();
        Self { region: label(REGION), zone: label(ZONE), subzone: label(SUBZONE) }
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.region.is_empty() && self.zone.is_empty() && self.subzone.is_empty()
    }
}

impl fmt::Display for Locality {
    /// `region/zone/subzone`, without the parts at the end that are empty.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.region)?;
        if !self.zone.is_empty() || !self.subzone.is_empty() {
            write!(f, "/{}", self.zone)?;
        }
        if !self.subzone.is_empty() {
            write!(f, "/{}", self.subzone)?;
        }
        Ok(())
    }
}
