//! Filters that authorize and authenticate: `AuthorizationPolicy`, `RequestAuthentication`.

use xdslab_proto::filter::network::http_connection_manager::HttpFilter;
use xdslab_proto::listener::Filter;

use super::view::View;

/// The filters that policies put into the chains of one workload. A sidecar's outbound chains have none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Policies {
    /// HTTP filters in order: custom authorization, token authentication, audit, deny, allow.
    pub http: Vec<HttpFilter>,
    /// Network filters of chains without HTTP, in order.
    pub tcp: Vec<Filter>,
}

impl Policies {
    /// The filters of the proxy's workload.
    pub fn of(_view: &View) -> Self {
        Self::default()
    }
}
