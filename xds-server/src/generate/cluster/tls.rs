//! Client TLS of a cluster: Istio's mutual TLS, found by itself or asked for, and TLS to the outside
//! (istiod: `pilot/pkg/networking/core/cluster_tls.go`).

use arcstr::ArcStr;
use xdslab_mesh::ClientCertificates;
use xdslab_mesh::object::istio::{ClientTls, ClientTlsMode, MeshConfig, ProxyProtocol, ProxyProtocolVersion};
use xdslab_mesh::service::{Registry, Service};
use xdslab_proto::cluster::Cluster;
use xdslab_proto::cluster::cluster::TransportSocketMatch;
use xdslab_proto::core::proxy_protocol_config::Version;
use xdslab_proto::core::{self, DataSource, ProxyProtocolConfig, TransportSocket};
use xdslab_proto::matcher::{StringMatcher, string_matcher::MatchPattern};
use xdslab_proto::protobuf::{Struct, Value, value};
use xdslab_proto::proxy_protocol::ProxyProtocolUpstreamTransport;
use xdslab_proto::raw_buffer::RawBuffer;
use xdslab_proto::tls::common_tls_context::{CombinedCertificateValidationContext, ValidationContextType};
use xdslab_proto::tls::tls_parameters::TlsProtocol;
use xdslab_proto::tls::{
    CertificateValidationContext, CommonTlsContext, SdsSecretConfig, TlsParameters, UpstreamTlsContext,
};
use xdslab_proto::{cluster, pack_any};

use super::metadata::Notes;
use super::mutual;
use super::name;
use super::protocol::{Options, Speaks};
use super::secret;
use super::wire::transport_socket;

/// The socket that speaks TLS.
pub(super) const TLS: &str = "envoy.transport_sockets.tls";
const RAW_BUFFER: &str = "envoy.transport_sockets.raw_buffer";

/// What the TLS of one cluster depends on.
#[allow(clippy::struct_excessive_bools)] // four independent facts
pub struct Upstream<'a> {
    /// The service.
    pub service: &'a Service,
    /// Its port.
    pub port: u32,
    /// Subset, empty for the whole service.
    pub subset: &'a str,
    /// Mesh configuration.
    pub mesh: &'a MeshConfig,
    /// The rule's settings.
    pub settings: Option<&'a ClientTls>,
    /// Whether credentials by name count: for gateways, and where the rule selects workloads.
    pub fetches_credentials: bool,
    /// Whether the service is known to take mutual TLS where its endpoints say so.
    pub detects: bool,
    /// Whether endpoints come by the client's own destination.
    pub original_destination: bool,
    /// Whether endpoints are found per request (dynamic forward proxy).
    pub dynamic: bool,
    /// Identities of the service's endpoints.
    pub identities: &'a [ArcStr],
    /// The client's own certificate files.
    pub client: Option<&'a ClientCertificates>,
}

/// Puts sockets into `cluster`, and what goes with them into its options.
pub fn apply(cluster: &mut Cluster, options: &mut Options, upstream: &Upstream<'_>) {
    let mutual_with_files = |sans: &[ArcStr], sni: String| OneWay {
        client: upstream.client.map(|c| (c.chain.clone(), c.key.clone())),
        root: upstream.client.map_or_else(ArcStr::new, |c| c.root.clone()),
        sans: sans.to_vec(),
        names_peer: !sans.is_empty(),
        sni,
        ..OneWay::default()
    };
    match upstream.settings {
        None if upstream.detects && !upstream.dynamic => {
            let sni = name::sni(upstream.port, upstream.subset, &upstream.service.hostname);
            if upstream.client.is_some() && !upstream.original_destination {
                // istiod makes no socket of a chain without key.
                if upstream.client.is_some_and(|c| !c.key.is_empty()) {
                    cluster.transport_socket =
                        Some(mutual_with_files(upstream.identities, sni).socket(upstream, options));
                }
            } else if upstream.original_destination {
                cluster.transport_socket = Some(mutual::socket(upstream.identities, sni, options));
            } else {
                cluster.transport_socket_matches = vec![
                    socket_match(
                        "tlsMode-istio",
                        Some("istio"),
                        mutual::socket(upstream.identities, sni, options),
                    ),
                    socket_match("tlsMode-disabled", None, plain(RAW_BUFFER)),
                ];
            }
        }
        None => {}
        Some(tls) => {
            let internal = !upstream.service.mesh_external;
            match tls.mode {
                ClientTlsMode::Disable => {}
                ClientTlsMode::Mutual | ClientTlsMode::IstioMutual
                    if upstream.client.is_some() && internal =>
                {
                    let one_way = mutual_with_files(&tls.subject_alt_names, tls.sni.to_string());
                    one_way.imply_sni(upstream, options);
                    cluster.transport_socket = Some(one_way.socket(upstream, options));
                }
                ClientTlsMode::IstioMutual => {
                    let named = &tls.subject_alt_names;
                    let sans = if named.is_empty() { upstream.identities } else { named.as_slice() };
                    let sni = if tls.sni.is_empty() {
                        name::sni(upstream.port, upstream.subset, &upstream.service.hostname)
                    } else {
                        tls.sni.to_string()
                    };
                    cluster.transport_socket = Some(mutual::socket(sans, sni, options));
                }
                ClientTlsMode::Simple | ClientTlsMode::Mutual => {
                    let Some(one_way) = OneWay::of_rule(upstream, tls) else { return };
                    one_way.imply_sni(upstream, options);
                    cluster.transport_socket = Some(one_way.socket(upstream, options));
                }
            }
        }
    }
}

/// Notes that a rule's own TLS keeps the names of protocols that the client offers.
pub fn note_own(notes: &mut Notes, settings: Option<&ClientTls>) {
    if settings.is_some_and(|tls| matches!(tls.mode, ClientTlsMode::Simple | ClientTlsMode::Mutual)) {
        notes.set("alpn_override", "false".into());
    }
}

/// Wraps every socket of `cluster` so that it begins with a PROXY protocol header.
pub fn wrap_in_proxy_protocol(cluster: &mut Cluster, protocol: ProxyProtocol) {
    let version = match protocol.version {
        ProxyProtocolVersion::V1 => Version::V1,
        ProxyProtocolVersion::V2 => Version::V2,
    };
    let wrapped = |inner: TransportSocket| {
        let config = ProxyProtocolConfig { version: version.into(), ..Default::default() };
        let transport = ProxyProtocolUpstreamTransport {
            config: Some(config),
            transport_socket: Some(inner),
            ..Default::default()
        };
        transport_socket("envoy.transport_sockets.upstream_proxy_protocol", pack_any(transport))
    };
    if cluster.transport_socket_matches.is_empty() {
        let inner = cluster.transport_socket.take().unwrap_or_else(|| plain("raw_buffer"));
        cluster.transport_socket = Some(wrapped(inner));
        return;
    }
    for choice in &mut cluster.transport_socket_matches {
        choice.transport_socket = choice.transport_socket.take().map(wrapped);
    }
}

/// The socket of the mesh's own TLS to the outside (`ALLOW_ANY_DYNAMIC_DNS` with TLS).
pub fn to_the_outside(mesh: &MeshConfig, ca: &str) -> TransportSocket {
    let one_way = OneWay { root: ca.into(), ..OneWay::default() };
    one_way.context(mesh, false)
}

fn plain(name: &str) -> TransportSocket {
    transport_socket(name, pack_any(RawBuffer {}))
}

fn socket_match(name: &str, mode: Option<&str>, socket: TransportSocket) -> TransportSocketMatch {
    let value = |mode: &str| Value { kind: Some(value::Kind::StringValue(mode.to_owned())) };
    let fields = mode.map(|m| ("tlsMode".to_owned(), value(m))).into_iter().collect();
    TransportSocketMatch {
        name: name.to_owned(),
        r#match: Some(Struct { fields }),
        transport_socket: Some(socket),
    }
}

fn socket(context: UpstreamTlsContext) -> TransportSocket {
    transport_socket(TLS, pack_any(context))
}

/// The versions that Istio's own TLS speaks.
pub(super) fn versions() -> TlsParameters {
    TlsParameters {
        tls_minimum_protocol_version: TlsProtocol::TlSv12.into(),
        tls_maximum_protocol_version: TlsProtocol::TlSv13.into(),
        ..Default::default()
    }
}

/// Whom to expect by any of these names.
pub fn matching(sans: &[ArcStr]) -> CertificateValidationContext {
    let exact = |san: &ArcStr| StringMatcher {
        match_pattern: Some(MatchPattern::Exact(san.to_string())),
        ..Default::default()
    };
    #[allow(deprecated)] // the field that istiod still writes
    CertificateValidationContext {
        match_subject_alt_names: sans.iter().map(exact).collect(),
        ..Default::default()
    }
}

/// What is expected, checked against a root that is fetched.
pub fn combined(default: CertificateValidationContext, root: SdsSecretConfig) -> ValidationContextType {
    ValidationContextType::CombinedValidationContext(CombinedCertificateValidationContext {
        default_validation_context: Some(default),
        validation_context_sds_secret_config: Some(root),
        ..Default::default()
    })
}

/// TLS that checks the server, with or without a client certificate of its own.
#[derive(Clone, Debug, Default)]
struct OneWay {
    /// Files of chain and key.
    client: Option<(ArcStr, ArcStr)>,
    /// File of the root; empty for the system's.
    root: ArcStr,
    /// `kubernetes://` or `configmap://` name in place of files.
    credential: Option<ArcStr>,
    /// Whether a credential brings a client certificate too.
    mutual: bool,
    sans: Vec<ArcStr>,
    /// Whether the rule itself says whom to expect.
    names_peer: bool,
    sni: String,
    unverified: bool,
    revoked: ArcStr,
}

impl OneWay {
    /// None where the rule names a credential that a sidecar cannot get.
    fn of_rule(upstream: &Upstream<'_>, tls: &ClientTls) -> Option<Self> {
        let by_reference = tls.credential_name.starts_with("configmap://");
        let credential = (!tls.credential_name.is_empty()).then(|| tls.credential_name.clone());
        if credential.is_some() && !upstream.fetches_credentials && !by_reference {
            return None;
        }
        let mutual = tls.mode == ClientTlsMode::Mutual;
        let named = &tls.subject_alt_names;
        let own = upstream.service.registry == Registry::External && named.is_empty();
        Some(Self {
            client: mutual.then(|| (tls.client_certificate.clone(), tls.private_key.clone())),
            root: tls.ca_certificates.clone(),
            credential,
            mutual,
            sans: if own { upstream.identities.to_vec() } else { named.clone() },
            names_peer: !named.is_empty(),
            sni: tls.sni.to_string(),
            unverified: tls.insecure_skip_verify == Some(true),
            revoked: tls.ca_crl.clone(),
        })
    }

    /// Without a server name in the rule, the request's host is the server name, and is checked unless the rule
    /// names whom to expect.
    fn imply_sni(&self, upstream: &Upstream<'_>, options: &mut Options) {
        let sni = self.sni.is_empty();
        let validated = !self.unverified && (upstream.dynamic || (sni && !self.names_peer));
        if sni || validated {
            options.auto_sni(sni, validated);
        }
    }

    fn socket(&self, upstream: &Upstream<'_>, options: &Options) -> TransportSocket {
        self.context(upstream.mesh, options.speaks == Speaks::Http2)
    }

    fn context(&self, mesh: &MeshConfig, http2: bool) -> TransportSocket {
        let defaults = mesh.tls_defaults.as_ref();
        let words = |list: &[ArcStr]| list.iter().map(ToString::to_string).collect();
        let params = TlsParameters {
            cipher_suites: defaults.map(|d| words(&d.cipher_suites)).unwrap_or_default(),
            ecdh_curves: defaults.map(|d| words(&d.ecdh_curves)).unwrap_or_default(),
            ..versions()
        };
        let validation = if self.unverified {
            ValidationContextType::ValidationContext(CertificateValidationContext::default())
        } else {
            let mut expected = matching(&self.sans);
            if !self.revoked.is_empty() {
                let file = core::data_source::Specifier::Filename(self.revoked.to_string());
                expected.crl = Some(DataSource { specifier: Some(file), ..Default::default() });
            }
            combined(expected, self.root_secret())
        };
        let context = CommonTlsContext {
            tls_params: Some(params),
            alpn_protocols: if http2 { vec!["h2".to_owned()] } else { Vec::new() },
            tls_certificate_sds_secret_configs: self.client_secret().into_iter().collect(),
            validation_context_type: Some(validation),
            ..Default::default()
        };
        let sni = self.sni.clone();
        socket(UpstreamTlsContext { common_tls_context: Some(context), sni, ..Default::default() })
    }

    fn root_secret(&self) -> SdsSecretConfig {
        match &self.credential {
            Some(name) => secret::of_control_plane(&format!("{name}-cacert")),
            None if self.root.is_empty() => secret::agent("file-root:system"),
            None => secret::agent(&format!("file-root:{}", self.root)),
        }
    }

    fn client_secret(&self) -> Option<SdsSecretConfig> {
        match (&self.credential, &self.client) {
            (Some(name), _) if self.mutual => Some(secret::of_control_plane(name)),
            (None, Some((chain, key))) => Some(secret::agent(&format!("file-cert:{chain}~{key}"))),
            _ => None,
        }
    }
}

/// The filters that Istio's own build of Envoy adds to a cluster.
pub fn exchange_filters(istio_extensions: bool) -> Vec<cluster::Filter> {
    if istio_extensions { vec![super::wire::EXCHANGE_FILTER.clone()] } else { Vec::new() }
}
