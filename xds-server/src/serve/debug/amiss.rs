//! `/debug/push_status`.

use super::{Page, Visit};

/// What is amiss in the mesh; always indented, as istiod's.
pub(super) fn page(visit: &Visit) -> Page {
    Page::json(&serde_json::to_value(visit.hub.push_status()).unwrap_or_default(), true)
}
