//! What the operator must see: what a client asked for in vain.

use super::{Event, Happening};

/// Writes the events that somebody must act on.
pub(super) fn write(event: &Event) {
    let Event { connection, what, .. } = event;
    match what {
        Happening::Unproven { reason } => tracing::warn!("{connection}: no certificate: {reason}"),
        Happening::NoSecret { name } => {
            tracing::warn!(
                "{connection}: there is no secret {name:?} (default, ROOTCA, and files on this host there are); what needs it waits"
            );
        }
        Happening::Issued { identity, .. } => tracing::debug!("{connection}: certificate for {identity}"),
        _ => {}
    }
}
