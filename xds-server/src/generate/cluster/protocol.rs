//! `HttpProtocolOptions`: which HTTP a cluster speaks (istiod: `setH2Options`, `applyH2Upgrade`,
//! `applyConnectionPool`).

use xdslab_mesh::object::istio::{ConnectionPool, H2Upgrade, HttpPool, MeshConfig};
use xdslab_mesh::service::Protocol;
use xdslab_proto::core::http1_protocol_options::HeaderKeyFormat;
use xdslab_proto::core::http1_protocol_options::header_key_format::HeaderFormat;
use xdslab_proto::core::{
    Http1ProtocolOptions, Http2ProtocolOptions, HttpProtocolOptions as CommonOptions, KeepaliveSettings,
    TypedExtensionConfig, UpstreamHttpProtocolOptions,
};
use xdslab_proto::preserve_case::PreserveCaseFormatterConfig;
use xdslab_proto::protobuf::Any;
use xdslab_proto::upstream_http::HttpProtocolOptions;
use xdslab_proto::upstream_http::http_protocol_options::explicit_http_config::ProtocolConfig;
use xdslab_proto::upstream_http::http_protocol_options::{
    ExplicitHttpConfig, UpstreamProtocolOptions, UseDownstreamHttpConfig,
};
use xdslab_proto::{cluster::Cluster, pack_any};

use super::wire::{duration, uint32};

/// The key of the options among a cluster's extension options.
const KEY: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// Which protocol a cluster speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// Nothing is said: HTTP/1.1 or bytes.
    Unsaid,
    /// HTTP/1.1, said.
    Http1,
    /// HTTP/2.
    Http2,
    /// What the client speaks.
    AsDownstream,
}

/// The options of one cluster before they are written.
#[derive(Clone, Debug)]
pub struct Options {
    /// Protocol.
    pub speaks: Speaks,
    common: Option<CommonOptions>,
    upstream: Option<UpstreamHttpProtocolOptions>,
    http2: Http2ProtocolOptions,
    preserve_case: bool,
}

impl Options {
    /// By the port's protocol. `preserve_case` keeps the case of headers where HTTP/1.1 is or may be spoken.
    pub fn of_port(protocol: Protocol, preserve_case: bool) -> Self {
        let preserve_case =
            preserve_case && matches!(protocol, Protocol::Http | Protocol::HttpProxy | Protocol::Unsupported);
        let speaks = match protocol {
            p if p.is_http2() => Speaks::Http2,
            Protocol::Unsupported => Speaks::AsDownstream,
            Protocol::Http | Protocol::HttpProxy if preserve_case => Speaks::Http1,
            _ => Speaks::Unsaid,
        };
        Self { speaks, common: None, upstream: None, http2: Http2ProtocolOptions::default(), preserve_case }
    }

    /// Of a port whose protocol nobody knows and that is not sniffed: bytes, but for what `preserve_case` says of HTTP/1.1.
    pub fn of_unknown_port(preserve_case: bool) -> Self {
        let speaks = if preserve_case { Speaks::Http1 } else { Speaks::Unsaid };
        Self { speaks, preserve_case, ..Self::of_port(Protocol::Tcp, false) }
    }

    /// Upgrades to HTTP/2 where the rule, else the mesh, wants it; `useClientProtocol` outdoes both.
    pub fn upgrade(&mut self, pool: Option<&HttpPool>, mesh: &MeshConfig, protocol: Protocol) {
        if self.follow_client(pool) {
            return;
        }
        // What is sniffed stays as the client speaks it, and HTTP/1.1 whose headers keep their case stays HTTP/1.1.
        if self.speaks != Speaks::Unsaid {
            return;
        }
        let upgrades = match pool.map_or(H2Upgrade::Default, |h| h.h2_upgrade_policy) {
            H2Upgrade::Upgrade => true,
            H2Upgrade::DoNotUpgrade => false,
            H2Upgrade::Default => {
                H2Upgrade::from(mesh.h2_upgrade_policy) == H2Upgrade::Upgrade && protocol.is_http()
            }
        };
        if upgrades {
            self.speaks = Speaks::Http2;
        }
    }

    /// Speaks as the client does where the rule wants it; tells whether it does.
    pub fn follow_client(&mut self, pool: Option<&HttpPool>) -> bool {
        let follows = pool.is_some_and(|h| h.use_client_protocol);
        if follows {
            self.speaks = Speaks::AsDownstream;
        }
        follows
    }

    /// Idle timeout and limits of a connection; HTTP/2's own settings where HTTP/2 is spoken.
    pub fn limit(&mut self, pool: Option<&ConnectionPool>) {
        let Some(pool) = pool else { return };
        let (http, tcp) = (pool.http.as_ref(), pool.tcp.as_ref());
        let idle_timeout = http.and_then(|h| h.idle_timeout).or(tcp.and_then(|t| t.idle_timeout));
        let most = http.map_or(0, |h| h.max_requests_per_connection);
        let longest = tcp.and_then(|t| t.max_connection_duration);
        let streams = http.and_then(|h| u32::try_from(h.max_concurrent_streams).ok()).unwrap_or_default();
        let ping = http.and_then(|h| h.http2_keep_alive);
        if idle_timeout.is_none() && most <= 0 && longest.is_none() && streams == 0 && ping.is_none() {
            return;
        }
        let common = self.common.get_or_insert_default();
        common.idle_timeout = idle_timeout.and_then(duration);
        common.max_requests_per_connection = u32::try_from(most).ok().filter(|n| *n > 0).and_then(uint32);
        common.max_connection_duration = longest.and_then(duration);
        self.http2.max_concurrent_streams = (streams > 0).then(|| uint32(streams)).flatten();
        self.http2.connection_keepalive = ping.map(|p| KeepaliveSettings {
            interval: p.interval.and_then(duration),
            timeout: p.timeout.and_then(duration),
            ..Default::default()
        });
    }

    /// Idle timeout of clusters that pass on what they know nothing of.
    pub fn pass_through(preserve_case: bool) -> Self {
        let mut options = Self::of_port(Protocol::Unsupported, preserve_case);
        let idle_timeout = duration(xdslab_mesh::object::Duration::from_secs(300));
        options.common = Some(CommonOptions { idle_timeout, ..Default::default() });
        options
    }

    /// The server name of TLS is the request's host; `validated` also checks the certificate for it.
    pub fn auto_sni(&mut self, sni: bool, validated: bool) {
        let options = UpstreamHttpProtocolOptions {
            auto_sni: sni,
            auto_san_validation: validated,
            ..Default::default()
        };
        self.upstream = Some(options);
    }

    /// Writes the options into `cluster`; nothing where nothing is to be said.
    pub fn put(mut self, cluster: &mut Cluster) {
        if self.speaks == Speaks::Unsaid {
            if self.common.is_none() && self.upstream.is_none() {
                return;
            }
            self.speaks = Speaks::Http1;
        }
        let options: Any = pack_any(self.message());
        cluster.typed_extension_protocol_options = [(KEY.to_owned(), options)].into();
    }

    fn message(self) -> HttpProtocolOptions {
        let http1 = Http1ProtocolOptions {
            header_key_format: self.preserve_case.then(preserved_case),
            ..Default::default()
        };
        let protocol = match self.speaks {
            Speaks::AsDownstream => {
                UpstreamProtocolOptions::UseDownstreamProtocolConfig(UseDownstreamHttpConfig {
                    http_protocol_options: Some(http1),
                    http2_protocol_options: Some(Http2ProtocolOptions::default()),
                    ..Default::default()
                })
            }
            Speaks::Http2 => explicit(ProtocolConfig::Http2ProtocolOptions(self.http2)),
            Speaks::Http1 | Speaks::Unsaid => explicit(ProtocolConfig::HttpProtocolOptions(http1)),
        };
        HttpProtocolOptions {
            common_http_protocol_options: self.common,
            upstream_http_protocol_options: self.upstream,
            upstream_protocol_options: Some(protocol),
            ..Default::default()
        }
    }
}

fn explicit(config: ProtocolConfig) -> UpstreamProtocolOptions {
    UpstreamProtocolOptions::ExplicitHttpConfig(ExplicitHttpConfig { protocol_config: Some(config) })
}

/// Headers keep the case in which they came.
pub fn preserved_case() -> HeaderKeyFormat {
    let formatter = TypedExtensionConfig {
        name: "preserve_case".to_owned(),
        typed_config: Some(pack_any(PreserveCaseFormatterConfig::default())),
    };
    HeaderKeyFormat { header_format: Some(HeaderFormat::StatefulFormatter(formatter)) }
}
