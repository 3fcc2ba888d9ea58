//! TLS that a gateway or a sidecar terminates.

use super::faults::Faults;
use crate::object::istio::{ServerTls, ServerTlsMode};

const ONE_WAY: &str =
    "give one of credentialName, credentialNames, tlsCertificates, or serverCertificate with privateKey";

/// Refuses certificates that lack, are given twice, or have no place.
pub(super) fn check(tls: &ServerTls, f: Faults<'_>) {
    let has_name = !tls.credential_name.is_empty();
    let (has_names, has_list) = (!tls.credential_names.is_empty(), !tls.tls_certificates.is_empty());
    if tls.mode == ServerTlsMode::IstioMutual {
        for (name, given) in [
            ("serverCertificate", !tls.server_certificate.is_empty()),
            ("privateKey", !tls.private_key.is_empty()),
            ("caCertificates", !tls.ca_certificates.is_empty()),
            ("tlsCertificates", has_list),
            ("credentialName", has_name),
            ("credentialNames", has_names),
        ] {
            if given {
                f.at(name)
                    .push("ISTIO_MUTUAL uses the workload's own certificate", format!("leave out {name}"));
            }
        }
        return;
    }
    let has_files = !tls.server_certificate.is_empty() && !tls.private_key.is_empty();
    if [has_files, has_name, has_names, has_list].into_iter().filter(|given| *given).count() > 1 {
        f.push("certificates are given in several ways", ONE_WAY);
    }
    let mutual = matches!(tls.mode, ServerTlsMode::Mutual | ServerTlsMode::OptionalMutual);
    let simple = tls.mode == ServerTlsMode::Simple;
    if (simple || mutual) && (has_name || has_names) {
        return;
    }
    if mutual && tls.ca_certificates.is_empty() {
        let hint = "give the certificates that clients' are signed by, or a credentialName";
        f.at("caCertificates").missing(format_args!("{}'s CA", tls.mode.word()), hint);
    }
    if (simple || mutual) && has_list {
        for (f, certificate) in f.each("tlsCertificates", &tls.tls_certificates) {
            pair(tls.mode, &certificate.server_certificate, &certificate.private_key, f);
        }
    } else if simple || mutual {
        pair(tls.mode, &tls.server_certificate, &tls.private_key, f);
    }
    if !tls.ca_crl.is_empty() && (has_name || simple) {
        let (what, hint) = if simple {
            ("SIMPLE asks for no client certificates, which caCrl is about", "leave out caCrl")
        } else {
            ("caCrl stands beside credentialName", "put the revocation list into the credential")
        };
        f.at("caCrl").push(what, hint);
    }
}

fn pair(mode: ServerTlsMode, certificate: &str, key: &str, f: Faults<'_>) {
    for (name, file) in [("serverCertificate", certificate), ("privateKey", key)] {
        if file.is_empty() {
            f.at(name).missing(format_args!("{}'s {name}", mode.word()), ONE_WAY);
        }
    }
}
