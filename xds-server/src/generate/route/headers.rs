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
        hosts.first().map(|(_, value)| value.to_string()).filter(|host| !host.is_empty())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn operations(set: &[(&str, &str)], add: &[(&str, &str)], remove: &[&str]) -> HeaderOperations {
        let map = |all: &[(&str, &str)]| all.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        HeaderOperations {
            set: map(set),
            add: map(add),
            remove: remove.iter().map(|n| ArcStr::from(*n)).collect(),
        }
    }

    #[test]
    fn what_is_set_comes_first_and_the_host_apart() {
        let request = operations(
            &[("z", "1"), ("b", "2"), (":authority", "a.com")],
            &[("a", "3"), ("Host", "b.com"), (":path", "/")],
            &["y", "host", ":method", "x"],
        );
        let headers = Headers { request: Some(request), response: None };
        let changes = Changes::of(Some(&headers));
        let added: Vec<_> =
            changes.request.0.iter().filter_map(|o| Some(o.header.as_ref()?.key.as_str())).collect();
        assert_eq!(added, ["b", "z", "a"]);
        assert_eq!(changes.request.0[2].append_action, i32::from(HeaderAppendAction::AppendIfExistsOrAdd));
        assert_eq!(changes.request.1, ["y", "x"]);
        assert_eq!(changes.host.as_deref(), Some("a.com"));
        let empty =
            Headers { request: Some(operations(&[("host", "")], &[("host", "c")], &[])), response: None };
        assert_eq!(Changes::of(Some(&empty)).host.as_deref(), Some("c"));
    }

    #[test]
    fn the_routes_host_goes_before_the_destinations() {
        let of = |host: &str| {
            let request = Some(operations(&[("host", host)], &[], &[]));
            Changes::of(Some(&Headers { request, response: None }))
        };
        let mut both = of("route");
        both.extend(of("destination"));
        assert_eq!(both.host.as_deref(), Some("route"));
        let mut one = Changes::default();
        one.extend(of("destination"));
        assert_eq!(one.host.as_deref(), Some("destination"));
    }
}
