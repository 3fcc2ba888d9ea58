//! Istio's rules, indexed so that a scope can pick the ones that concern it.
//!
//! Every index is built once per change of its kind, in O(n log n), and never changes.

mod by_namespace;
mod delegate;
mod destination_rule;
mod host_map;
mod key;
mod peer_authentication;
mod short_names;
mod sidecar;
mod virtual_service;

use arcstr::ArcStr;

pub use by_namespace::ByNamespace;
pub(crate) use destination_rule::Rules;
pub use destination_rule::{DestinationRuleIndex, MergedRule};
pub(crate) use host_map::HostMap;
pub use key::{ConfigKey, ConfigKind};
pub use peer_authentication::PeerAuthenticationIndex;
pub use sidecar::{SelectedSidecar, SidecarIndex};
pub(crate) use virtual_service::MESH;
pub use virtual_service::{VirtualServiceIndex, VirtualServiceRule};

use crate::object::{Labels, Meta, Timestamp};
use crate::service::ExportTo;

/// istiod's order of configuration: creation, then name, then namespace.
fn age(meta: &Meta) -> (Timestamp, &ArcStr, &ArcStr) {
    (meta.creation_timestamp, &meta.name, &meta.namespace)
}

/// Whether all labels of the selector are among `labels`.
pub(crate) fn selects(selector: &Labels, labels: &Labels) -> bool {
    selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}

/// The mesh's default for `exportTo`; an empty list counts as none given.
fn default_export_to(listed: &[ArcStr]) -> ExportTo {
    if listed.is_empty() {
        ExportTo::new([arcstr::literal!("*")])
    } else {
        ExportTo::new(listed.iter().cloned())
    }
}
