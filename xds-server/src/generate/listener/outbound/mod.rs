//! Listeners for what a sidecar's application sends.

use xdslab_proto::listener::Listener;

use crate::generate::filter::Filters;

/// All of them.
pub(super) fn listeners(_filters: &Filters<'_>) -> Vec<Listener> {
    Vec::new()
}
