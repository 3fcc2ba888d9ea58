//! Istio's rules, indexed for look-up: destination rules, virtual services, Sidecars, peer authentication.

mod destination_rule;
mod key;
mod peer_authentication;
mod sidecar;
mod virtual_service;

pub(crate) use destination_rule::choose;
pub use destination_rule::{DestinationRuleIndex, MergedRule};
pub use key::{ConfigKey, ConfigKind};
pub use peer_authentication::PeerAuthenticationIndex;
pub use sidecar::{SelectedSidecar, SidecarIndex};
pub use virtual_service::{VirtualServiceIndex, VirtualServiceRule};

use std::sync::Arc;

use crate::object::Config;

/// By creation, then name, then namespace: the order in which istiod lets rules win.
fn by_age<T>(configs: &[Arc<Config<T>>]) -> Vec<Arc<Config<T>>> {
    let mut sorted = configs.to_vec();
    sorted.sort_by(|a, b| {
        let key = |c: &Config<T>| (c.meta.creation_timestamp, c.meta.name.clone(), c.meta.namespace.clone());
        key(a).cmp(&key(b))
    });
    sorted
}
