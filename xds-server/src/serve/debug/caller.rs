//! Who looks at pages, and which ones (istiod: `allowAuthenticatedOrLocalhost` and `AuthorizeDebugRequest` in `debug.go`).

use std::time::SystemTime;

use arcstr::ArcStr;

use super::Page;
use crate::identity::Visitor;
use crate::serve::client::Client;
use crate::serve::hub::Hub;

/// Pages that concern one proxy, and that its namespace may look at.
const OF_A_NAMESPACE: [&str; 3] = ["config_dump", "ndsz", "edsz"];

/// Who looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::serve) enum Caller {
    /// Somebody on this host, or of the mesh's root namespace.
    Owner,
    /// A service account of this namespace.
    Namespace(ArcStr),
    /// Somebody who has not said who.
    Nobody,
}

/// Who a visitor is: on the loopback an owner, else whoever the token is for.
pub(in crate::serve) fn caller(hub: &Hub, visitor: &Visitor) -> Caller {
    let claims = &hub.identities.claims;
    match claims.visiting(visitor, SystemTime::now()) {
        Ok(None) => Caller::Owner,
        Ok(Some(account)) if hub.root_namespace().is_some_and(|root| root == account.namespace()) => {
            Caller::Owner
        }
        Ok(Some(account)) => Caller::Namespace(account.namespace().into()),
        Err(refusal) => {
            tracing::warn!("a debug page was refused: {refusal}");
            Caller::Nobody
        }
    }
}

impl Caller {
    /// What is said to a caller who may not see this page: 401 to strangers, 403 to namespaces.
    pub(super) fn refusal(&self, page: &str) -> Option<Page> {
        match self {
            Self::Owner => None,
            Self::Namespace(_) if OF_A_NAMESPACE.contains(&page) => None,
            Self::Namespace(_) => Some(Page::text(403, "")),
            Self::Nobody => Some(Page::text(401, "")),
        }
    }

    /// Whether this client's pages are for the caller.
    pub(in crate::serve) fn may_see(&self, client: &Client) -> bool {
        match self {
            Self::Owner => true,
            Self::Namespace(namespace) => client.seen.view.proxy.config_namespace == *namespace,
            Self::Nobody => false,
        }
    }
}
