//! What every object carries: its name, labels, annotations and age.

use std::collections::BTreeMap;
use std::sync::Arc;

use arcstr::ArcStr;
use serde::Deserialize;

/// Labels or annotations, ordered by key.
pub type Labels = BTreeMap<ArcStr, ArcStr>;

/// Seconds since 1970 in UTC; Kubernetes records no finer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        text.parse::<jiff::Timestamp>()
            .map(|t| Self(t.as_second()))
            .map_err(|_| serde::de::Error::custom(format_args!("`{text}` is no RFC 3339 time")))
    }
}

/// An object's `metadata`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Meta {
    /// Name, unique in kind and namespace.
    pub name: ArcStr,
    /// Namespace; empty for kinds that have none.
    pub namespace: ArcStr,
    /// Labels.
    pub labels: Arc<Labels>,
    /// Annotations.
    pub annotations: Labels,
    /// When it was made; 0 where the file does not say.
    pub creation_timestamp: Timestamp,
    /// Who made it (a Pod's `ReplicaSet`, say).
    pub owner_references: Vec<OwnerReference>,
    /// Set while the object is being deleted.
    pub deletion_timestamp: Option<Timestamp>,
    /// The prefix from which the API server made the name.
    pub generate_name: ArcStr,
}

/// One entry of `metadata.ownerReferences`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OwnerReference {
    /// The owner's kind.
    pub kind: ArcStr,
    /// The owner's name, in the same namespace.
    pub name: ArcStr,
    /// Whether the owner manages the object; one owner at most does.
    pub controller: bool,
}
