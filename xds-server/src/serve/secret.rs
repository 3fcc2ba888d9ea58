//! Secrets as Envoy's messages (Envoy docs: `configuration/security/secret`).

use std::path::Path;

use xdslab_proto::core::{DataSource, data_source::Specifier};
use xdslab_proto::tls::{CertificateValidationContext, TlsCertificate, secret::Type};

use crate::identity::Certificate;

/// The files in which systems keep the roots that they trust (Istio: `pkg/security/security.go`, `GetOSRootFilePath`).
const SYSTEM_ROOTS: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// A workload's certificate and key.
pub(super) fn own(certificate: &Certificate) -> Type {
    pair(inline(&certificate.chain), inline(&certificate.key))
}

/// What peers are verified by, PEM.
pub(super) fn roots(pem: &[u8]) -> Type {
    validation(inline(pem))
}

/// What `file-cert:CHAIN~KEY`, `file-root:FILE` and `file-root:system` name (Istio: `pkg/security/security.go`,
/// `SdsCertificateConfigFromResourceName`): the paths, for the proxy to read its own files, and watch them. `None` for other names,
/// for paths that are not absolute, and where `exists` says that a file is not there: a proxy would refuse it.
pub(super) fn of_files(name: &str, exists: impl Fn(&Path) -> bool) -> Option<Type> {
    let file = |path: &str| {
        let is_there = path.starts_with('/') && exists(Path::new(path));
        is_there.then(|| source(Specifier::Filename(path.to_owned())))
    };
    if let Some((chain, key)) = name.strip_prefix("file-cert:").and_then(|paths| paths.split_once('~')) {
        return Some(pair(file(chain)?, file(key)?));
    }
    match name.strip_prefix("file-root:")? {
        "system" => SYSTEM_ROOTS.into_iter().find_map(file).map(validation),
        path => file(path).map(validation),
    }
}

fn pair(chain: DataSource, key: DataSource) -> Type {
    Type::TlsCertificate(TlsCertificate {
        certificate_chain: Some(chain),
        private_key: Some(key),
        ..Default::default()
    })
}

fn validation(roots: DataSource) -> Type {
    Type::ValidationContext(CertificateValidationContext { trusted_ca: Some(roots), ..Default::default() })
}

fn inline(content: &[u8]) -> DataSource {
    source(Specifier::InlineBytes(content.to_vec()))
}

fn source(specifier: Specifier) -> DataSource {
    DataSource { specifier: Some(specifier), ..Default::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files() {
        let there = |path: &Path| ["/c", "/k", "/r~1", SYSTEM_ROOTS[1]].iter().any(|p| path == Path::new(p));
        let paths = |name: &str| {
            let path = |source: Option<DataSource>| match source?.specifier? {
                Specifier::Filename(path) => Some(path),
                other => panic!("{other:?}"),
            };
            match of_files(name, there)? {
                Type::TlsCertificate(pair) => {
                    Some(vec![path(pair.certificate_chain)?, path(pair.private_key)?])
                }
                Type::ValidationContext(context) => Some(vec![path(context.trusted_ca)?]),
                other => panic!("{other:?}"),
            }
        };
        for (name, want) in [
            ("file-cert:/c~/k", Some(vec!["/c", "/k"])),
            ("file-root:/r~1", Some(vec!["/r~1"])),
            ("file-root:system", Some(vec![SYSTEM_ROOTS[1]])),
            ("file-cert:/c~/missing", None),
            ("file-cert:/c", None),
            ("file-cert:c~k", None),
            ("file-root:", None),
            ("kubernetes://c", None),
            ("/c", None),
        ] {
            assert_eq!(
                paths(name),
                want.map(|paths| paths.into_iter().map(str::to_owned).collect()),
                "{name}"
            );
        }
    }
}
