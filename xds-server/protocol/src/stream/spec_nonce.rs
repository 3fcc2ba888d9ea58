//! ACKs and NACKs as the protocol defines them.

use super::flight::Flight;
use super::{Stream, Variant};
use crate::{EventKind, NackDetail, NameSet, Rule};
use arcstr::ArcStr;

/// What a request's nonce says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// No nonce: it answers nothing.
    Spontaneous,
    /// It accepts or refuses the last response.
    Current,
    /// It names the last response, which was accepted or refused before.
    Repeated,
    /// It names an older response, or one of another stream.
    Stale,
}

impl Stream {
    /// Keeps the books of ACKs and NACKs. Neither is ever answered.
    ///
    /// A NACK is one by `error_detail` (Envoy docs: `xds_protocol#nack`). In delta each response is accepted or refused by
    /// itself; a SotW request with an older nonce is just old.
    pub(super) fn spec_nonce(
        &mut self,
        at: usize,
        nonce: &ArcStr,
        error: Option<NackDetail>,
        each: bool,
    ) -> Standing {
        let subscription = &mut self.subscriptions[at];
        let last = subscription.last_nonce() == Some(nonce);
        let known = subscription.flights.contains(nonce);
        if let Some(detail) = error {
            let landed = subscription.flights.land(nonce);
            if let Some(refused) = landed.last() {
                // What newer responses have brought since has changed or gone: their ACK frees the rest.
                let resent = subscription.flights.retry_after(&refused.names);
                subscription.refused = subscription.refused.union(&refused.names.difference(&resent));
            }
            subscription.error = Some(detail.clone());
            subscription.nacked = Some(nonce.clone());
            let covered = |name: &&ArcStr| subscription.covers(name);
            let given_up: NameSet = subscription.refused.iter().filter(|n| !covered(n)).cloned().collect();
            self.no_longer_refused(at, &given_up);
            self.tell_at(at, Rule::NackByErrorDetail, EventKind::Nacked { nonce: nonce.clone(), detail });
            return match (nonce.is_empty(), last) {
                (true, _) => Standing::Spontaneous,
                (_, true) => Standing::Current,
                _ => Standing::Stale,
            };
        }
        if nonce.is_empty() {
            return Standing::Spontaneous;
        }
        if (each && known) || last {
            let landed = subscription.flights.land(nonce);
            if landed.iter().any(|Flight { retry, .. }| *retry) && !subscription.refused.is_empty() {
                subscription.debt.retry = true;
            }
            // Its verdict is known: a client that refused it and now changes its names does not accept it by that.
            if landed.is_empty() {
                self.tell_at(at, Rule::AckIsSilent, EventKind::Ignored);
                return if last { Standing::Repeated } else { Standing::Stale };
            }
            subscription.error = None;
            subscription.acked = Some(nonce.clone());
            self.tell_at(at, Rule::AckIsSilent, EventKind::Acked { nonce: nonce.clone() });
            return if last { Standing::Current } else { Standing::Stale };
        }
        Standing::Stale
    }

    /// The client gave these names up: what was refused among them is settled, and the rest may be tried again.
    pub(super) fn no_longer_refused(&mut self, at: usize, gone: &NameSet) {
        let subscription = &mut self.subscriptions[at];
        let rest = subscription.refused.difference(gone);
        if rest.len() < subscription.refused.len() {
            let complete = self.variant == Variant::Sotw && subscription.resource_type.wildcard_capable();
            subscription.debt.retry |= !rest.is_empty() && !complete;
            subscription.refused = rest;
        }
    }
}
