//! Changes of headers (istiod: `TranslateHeadersOperations` in `core/route/route.go`).

use arcstr::ArcStr;
use xdslab_mesh::object::istio::{HeaderOperations, Headers};
use xdslab_proto::core::header_value_option::HeaderAppendAction;
use xdslab_proto::core::{HeaderValue, HeaderValueOption};

/// Changes in Envoy's form.
#[derive(Clone, Debug, Default)]
pub(super) struct Changes {
    /// Of requests: added or set, taken away.
    pub request: (Vec<HeaderValueOption>, Vec<String>),
    /// Of responses.
    pub response: (Vec<HeaderValueOption>, Vec<String>),
    /// The host that requests are sent to, if it is changed.
    pub host: Option<String>,
}

impl Changes {
    /// Reads what is written for a route or a destination.
    pub fn of(headers: Option<&Headers>) -> Self {
        let request = headers.and_then(|h| h.request.as_ref());
        let response = headers.and_then(|h| h.response.as_ref());
        Self { request: changes(request), response: changes(response), host: request.and_then(host) }
    }

    /// Appends those of the only destination.
    pub fn extend(&mut self, other: Self) {
        self.request.0.extend(other.request.0);
        self.request.1.extend(other.request.1);
        self.response.0.extend(other.response.0);
        self.response.1.extend(other.response.1);
        self.host = self.host.take().or(other.host);
    }
}

fn is_host(name: &str) -> bool {
    name.eq_ignore_ascii_case("host") || name.eq_ignore_ascii_case(":authority")
}

/// Pseudo-headers are not changed in this way, the host in a way of its own.
fn is_plain(name: &str) -> bool {
    !name.starts_with(':') && !is_host(name)
}

fn host(operations: &HeaderOperations) -> Option<String> {
    let of = |map: &indexmap::IndexMap<ArcStr, ArcStr>| {
        let mut hosts: Vec<_> = map.iter().filter(|(name, _)| is_host(name)).collect();
        hosts.sort();
        hosts.first().map(|(_, value)| value.to_string())
    };
    of(&operations.set).or_else(|| of(&operations.add))
}

fn changes(operations: Option<&HeaderOperations>) -> (Vec<HeaderValueOption>, Vec<String>) {
    let Some(operations) = operations else { return Default::default() };
    let options = |map: &indexmap::IndexMap<ArcStr, ArcStr>, action: HeaderAppendAction| {
        let mut all: Vec<_> = map.iter().filter(|(name, _)| is_plain(name)).collect();
        all.sort();
        let option = |(key, value): (&ArcStr, &ArcStr)| HeaderValueOption {
            header: Some(HeaderValue {
                key: key.to_string(),
                value: value.to_string(),
                ..Default::default()
            }),
            append_action: action.into(),
            ..Default::default()
        };
        all.into_iter().map(option).collect::<Vec<_>>()
    };
    let mut added = options(&operations.set, HeaderAppendAction::OverwriteIfExistsOrAdd);
    added.extend(options(&operations.add, HeaderAppendAction::AppendIfExistsOrAdd));
    let removed = operations.remove.iter().filter(|name| is_plain(name)).map(ToString::to_string);
    (added, removed.collect())
}
