//! `Gateway`, and the TLS settings that a server terminates with.

use arcstr::ArcStr;
use serde::{Deserialize, Serialize};

use super::SidecarPort;
use crate::object::meta::Labels;
use crate::object::scalar::words;

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Gateway {
    pub servers: Vec<GatewayServer>,
    pub selector: Labels,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GatewayServer {
    pub port: Option<SidecarPort>,
    pub bind: ArcStr,
    pub hosts: Vec<ArcStr>,
    pub tls: Option<ServerTls>,
    pub default_endpoint: ArcStr,
    pub name: ArcStr,
}

words! {
    ServerTlsMode {
        Passthrough = "PASSTHROUGH" => 0,
        Simple = "SIMPLE" => 1,
        Mutual = "MUTUAL" => 2,
        AutoPassthrough = "AUTO_PASSTHROUGH" => 3,
        IstioMutual = "ISTIO_MUTUAL" => 4,
        OptionalMutual = "OPTIONAL_MUTUAL" => 5,
    }
}

words! {
    TlsProtocol {
        Auto = "TLS_AUTO" => 0,
        V1_0 = "TLSV1_0" => 1,
        V1_1 = "TLSV1_1" => 2,
        V1_2 = "TLSV1_2" => 3,
        V1_3 = "TLSV1_3" => 4,
    }
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServerTls {
    pub https_redirect: bool,
    pub mode: ServerTlsMode,
    pub server_certificate: ArcStr,
    pub private_key: ArcStr,
    pub ca_certificates: ArcStr,
    pub ca_crl: ArcStr,
    pub credential_name: ArcStr,
    pub credential_names: Vec<ArcStr>,
    pub ca_cert_credential_name: ArcStr,
    pub tls_certificates: Vec<TlsCertificate>,
    pub subject_alt_names: Vec<ArcStr>,
    pub verify_certificate_spki: Vec<ArcStr>,
    pub verify_certificate_hash: Vec<ArcStr>,
    pub min_protocol_version: TlsProtocol,
    pub max_protocol_version: TlsProtocol,
    pub cipher_suites: Vec<ArcStr>,
    pub insecure_skip_verify: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TlsCertificate {
    pub server_certificate: ArcStr,
    pub private_key: ArcStr,
    pub ca_certificates: ArcStr,
}
