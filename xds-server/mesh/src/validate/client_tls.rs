//! TLS that a proxy originates.

use super::faults::Faults;
use crate::object::istio::{ClientTls, ClientTlsMode};

const CONFIG_MAP: &str = "configmap://";

/// Refuses what is wrong with the settings of an object in `namespace`, which is empty for the mesh's own settings.
pub(super) fn check(tls: &ClientTls, namespace: &str, f: Faults<'_>) {
    if let Some(name) = tls.credential_name.strip_prefix(CONFIG_MAP) {
        config_map(name, namespace, f.at("credentialName"));
    }
    let (simple, mutual) = (tls.mode == ClientTlsMode::Simple, tls.mode == ClientTlsMode::Mutual);
    if tls.insecure_skip_verify == Some(true) && (simple || mutual) {
        let verified = !tls.ca_certificates.is_empty() || !tls.subject_alt_names.is_empty();
        if verified || (simple && !tls.credential_name.is_empty()) {
            let what = "the server is not to be verified, but what to verify it with is given";
            let hint = "leave out insecureSkipVerify, or caCertificates, subjectAltNames (and credentialName with SIMPLE)";
            f.at("insecureSkipVerify").push(what, hint);
        }
    }
    let files = [
        ("clientCertificate", &tls.client_certificate),
        ("privateKey", &tls.private_key),
        ("caCertificates", &tls.ca_certificates),
        ("caCrl", &tls.ca_crl),
    ];
    if (simple || mutual) && !tls.credential_name.is_empty() {
        for (name, _) in files.iter().filter(|(_, file)| !file.is_empty()) {
            f.at(name).push(format!("{name} stands beside credentialName"), "leave one of them out");
        }
    } else if mutual {
        for (name, _) in files.iter().take(2).filter(|(_, file)| file.is_empty()) {
            f.at(name).missing(name, "MUTUAL needs clientCertificate and privateKey, or a credentialName");
        }
    }
}

fn config_map(name: &str, namespace: &str, f: Faults<'_>) {
    let hint = format!("write {CONFIG_MAP}{namespace}/name");
    let mut parts = name.split('/');
    let (of, name) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    if of.is_empty() || name.is_empty() {
        f.push("a ConfigMap is named by namespace and name", hint);
    } else if of != namespace {
        f.push(format!("the ConfigMap is in another namespace, {of}"), hint);
    }
}
