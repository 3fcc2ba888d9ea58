//! `connectionSettings` of `ProxyConfig`: the parts that shape HTTP connection managers.

use serde::{Deserialize, Serialize};

use crate::object::scalar::{Duration, words};

/// Timeouts and limits of connections from clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConnectionSettings {
    pub profile: ConnectionProfile,
    pub http_idle_timeout: Option<Duration>,
    pub http_max_connection_duration: Option<Duration>,
    pub http_drain_timeout: Option<Duration>,
    pub http_request_timeout: Option<Duration>,
    pub http_request_headers_timeout: Option<Duration>,
    pub http_stream_idle_timeout: Option<Duration>,
    pub http_max_stream_duration: Option<Duration>,
    pub http_max_concurrent_streams: Option<i32>,
    #[serde(rename = "http2InitialStreamWindowSize")]
    pub http2_initial_stream_window_size: Option<i32>,
    #[serde(rename = "http2InitialConnectionWindowSize")]
    pub http2_initial_connection_window_size: Option<i32>,
    pub http_headers_with_underscores_action: Underscores,
    pub http_merge_slashes: Option<bool>,
    pub http_path_with_escaped_slashes_action: EscapedSlashes,
}

words! {
    /// Which defaults hold.
    ConnectionProfile { Sidecar = "SIDECAR" => 0, Edge = "EDGE" => 1 }
}

words! {
    /// What becomes of headers whose names have underscores.
    Underscores {
        Unspecified = "HEADERS_WITH_UNDERSCORES_UNSPECIFIED" => 0,
        Allow = "HEADERS_WITH_UNDERSCORES_ALLOW" => 1,
        RejectRequest = "HEADERS_WITH_UNDERSCORES_REJECT_REQUEST" => 2,
        DropHeader = "HEADERS_WITH_UNDERSCORES_DROP_HEADER" => 3,
    }
}

words! {
    /// What becomes of `%2F` in paths.
    EscapedSlashes {
        Unspecified = "PATH_WITH_ESCAPED_SLASHES_UNSPECIFIED" => 0,
        KeepUnchanged = "KEEP_UNCHANGED" => 1,
        RejectRequest = "REJECT_REQUEST" => 2,
        UnescapeAndRedirect = "UNESCAPE_AND_REDIRECT" => 3,
        UnescapeAndForward = "UNESCAPE_AND_FORWARD" => 4,
    }
}

impl ConnectionSettings {
    /// With the defaults that the profile `EDGE` gives to gateways, as Envoy advises for proxies that face the
    /// internet (istiod: `applyEdgeProfileDefaults` in `pilot/pkg/networking/core/connection_settings.go`).
    #[must_use]
    pub fn of_gateway(mut self) -> Self {
        if self.profile != ConnectionProfile::Edge {
            return self;
        }
        let default = |seconds| Some(Duration::from_secs(seconds));
        self.http_idle_timeout = self.http_idle_timeout.or(default(3600));
        self.http_stream_idle_timeout = self.http_stream_idle_timeout.or(default(300));
        self.http_request_timeout = self.http_request_timeout.or(default(300));
        self.http_request_headers_timeout = self.http_request_headers_timeout.or(default(60));
        self.http_max_concurrent_streams = self.http_max_concurrent_streams.or(Some(100));
        self.http2_initial_stream_window_size = self.http2_initial_stream_window_size.or(Some(1 << 16));
        self.http2_initial_connection_window_size =
            self.http2_initial_connection_window_size.or(Some(1 << 20));
        self.http_merge_slashes = self.http_merge_slashes.or(Some(true));
        if self.http_headers_with_underscores_action == Underscores::Unspecified {
            self.http_headers_with_underscores_action = Underscores::RejectRequest;
        }
        if self.http_path_with_escaped_slashes_action == EscapedSlashes::Unspecified {
            self.http_path_with_escaped_slashes_action = EscapedSlashes::UnescapeAndRedirect;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_goes_before_the_profile() {
        let given = ConnectionSettings {
            profile: ConnectionProfile::Edge,
            http_idle_timeout: Some(Duration::from_secs(7)),
            http_merge_slashes: Some(false),
            ..ConnectionSettings::default()
        };
        let edge = given.of_gateway();
        assert_eq!(edge.http_idle_timeout, Some(Duration::from_secs(7)));
        assert_eq!((edge.http_merge_slashes, edge.http_max_concurrent_streams), (Some(false), Some(100)));
        let plain = ConnectionSettings { profile: ConnectionProfile::Sidecar, ..given };
        assert_eq!(plain.of_gateway(), plain);
    }
}
