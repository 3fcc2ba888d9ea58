//! Connection settings on an HTTP connection manager (istiod: `applyConnectionSettingsToHCM` in
//! `pilot/pkg/networking/core/connection_settings.go`).

use xdslab_mesh::object::istio::{ConnectionSettings, EscapedSlashes, Underscores};
use xdslab_proto::core::http_protocol_options::HeadersWithUnderscoresAction;
use xdslab_proto::core::{Http2ProtocolOptions, HttpProtocolOptions};
use xdslab_proto::filter::network::http_connection_manager::HttpConnectionManager;
use xdslab_proto::filter::network::http_connection_manager::http_connection_manager::PathWithEscapedSlashesAction;
use xdslab_proto::protobuf::UInt32Value;

use crate::generate::cluster::wire::{duration, uint32};

/// Lays the settings over what the mesh configuration and the node say.
pub(super) fn apply(manager: &mut HttpConnectionManager, settings: &ConnectionSettings) {
    let replace = |field: &mut _, given: Option<_>| {
        if let Some(given) = given.and_then(duration) {
            *field = Some(given);
        }
    };
    replace(&mut manager.stream_idle_timeout, settings.http_stream_idle_timeout);
    replace(&mut manager.request_timeout, settings.http_request_timeout);
    replace(&mut manager.request_headers_timeout, settings.http_request_headers_timeout);
    replace(&mut manager.drain_timeout, settings.http_drain_timeout);
    let mut common = manager.common_http_protocol_options.take().unwrap_or_default();
    replace(&mut common.idle_timeout, settings.http_idle_timeout);
    replace(&mut common.max_connection_duration, settings.http_max_connection_duration);
    replace(&mut common.max_stream_duration, settings.http_max_stream_duration);
    let underscores = match settings.http_headers_with_underscores_action {
        Underscores::Unspecified | Underscores::Allow => HeadersWithUnderscoresAction::Allow,
        Underscores::RejectRequest => HeadersWithUnderscoresAction::RejectRequest,
        Underscores::DropHeader => HeadersWithUnderscoresAction::DropHeader,
    };
    common.headers_with_underscores_action = underscores.into();
    let told = settings.http_headers_with_underscores_action != Underscores::Unspecified;
    if told || common != HttpProtocolOptions::default() {
        manager.common_http_protocol_options = Some(common);
    }
    manager.http2_protocol_options = http2(settings);
    manager.merge_slashes = settings.http_merge_slashes.unwrap_or(manager.merge_slashes);
    let slashes = match settings.http_path_with_escaped_slashes_action {
        EscapedSlashes::Unspecified => return,
        EscapedSlashes::KeepUnchanged => PathWithEscapedSlashesAction::KeepUnchanged,
        EscapedSlashes::RejectRequest => PathWithEscapedSlashesAction::RejectRequest,
        EscapedSlashes::UnescapeAndRedirect => PathWithEscapedSlashesAction::UnescapeAndRedirect,
        EscapedSlashes::UnescapeAndForward => PathWithEscapedSlashesAction::UnescapeAndForward,
    };
    manager.path_with_escaped_slashes_action = slashes.into();
}

/// Whatever limit is given makes the options be there; a negative one is none.
fn http2(settings: &ConnectionSettings) -> Option<Http2ProtocolOptions> {
    let streams = settings.http_max_concurrent_streams;
    let (stream, connection) =
        (settings.http2_initial_stream_window_size, settings.http2_initial_connection_window_size);
    [streams, stream, connection].iter().any(Option::is_some).then(|| Http2ProtocolOptions {
        max_concurrent_streams: limit(streams),
        initial_stream_window_size: limit(stream),
        initial_connection_window_size: limit(connection),
        ..Default::default()
    })
}

fn limit(given: Option<i32>) -> Option<UInt32Value> {
    given.and_then(|n| u32::try_from(n).ok()).and_then(uint32)
}

#[cfg(test)]
mod tests {
    use xdslab_mesh::object::Duration;
    use xdslab_proto::protobuf;

    use super::*;

    #[test]
    fn what_is_not_given_stays() {
        let idle = Some(protobuf::Duration { seconds: 77, nanos: 0 });
        let mut manager = HttpConnectionManager {
            common_http_protocol_options: Some(HttpProtocolOptions {
                idle_timeout: idle,
                ..Default::default()
            }),
            merge_slashes: true,
            ..Default::default()
        };
        let before = manager.clone();
        apply(&mut manager, &ConnectionSettings::default());
        assert_eq!(manager, before);
        let settings = ConnectionSettings {
            http_max_stream_duration: Some(Duration::from_secs(1)),
            http_merge_slashes: Some(false),
            http_max_concurrent_streams: Some(-1),
            ..ConnectionSettings::default()
        };
        apply(&mut manager, &settings);
        let common = manager.common_http_protocol_options.expect("options");
        assert_eq!((common.idle_timeout, common.max_stream_duration.map(|d| d.seconds)), (idle, Some(1)));
        assert!(!manager.merge_slashes);
        assert_eq!(manager.http2_protocol_options, Some(Http2ProtocolOptions::default()));
    }

    #[test]
    fn what_envoy_does_anyway_is_said_where_it_is_asked_for() {
        let mut manager = HttpConnectionManager::default();
        let settings = ConnectionSettings {
            http_headers_with_underscores_action: Underscores::Allow,
            http_path_with_escaped_slashes_action: EscapedSlashes::RejectRequest,
            ..ConnectionSettings::default()
        };
        apply(&mut manager, &settings);
        assert_eq!(manager.common_http_protocol_options, Some(HttpProtocolOptions::default()));
        assert_eq!(manager.path_with_escaped_slashes_action(), PathWithEscapedSlashesAction::RejectRequest);
    }
}
