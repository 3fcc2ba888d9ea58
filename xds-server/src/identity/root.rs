//! The root of trust: made, or read from files and checked before anything is signed with it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use pem::Pem;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PublicKeyData,
};
use time::OffsetDateTime;
use x509_parser::error::X509Error;
use x509_parser::nom;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::token::Tokens;

/// Clocks may differ by so much (Istio: `security/pkg/pki/util/generate_cert.go`, `ClockSkewGracePeriod`).
pub(super) const SKEW: Duration = Duration::from_secs(2 * 60);
/// Lifetime of a root that is made (Istio: `CITADEL_SELF_SIGNED_CA_CERT_TTL`, ten years).
const LIFETIME: Duration = Duration::from_secs(3650 * 24 * 60 * 60);

/// What certificates are signed with, and what they are verified by.
#[derive(Debug)]
pub struct Root {
    pub(super) issuer: Issuer<'static, KeyPair>,
    /// What goes between a workload's certificate and the root: PEM, empty where the root itself signs.
    pub(super) intermediates: String,
    /// The root's certificate, PEM.
    pub(super) certificate: String,
    /// Nothing that it signs is valid for longer.
    pub(super) not_after: SystemTime,
}

/// Why an authority cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// No certificate in the file.
    #[error("{} holds no PEM certificate (-----BEGIN CERTIFICATE-----)", .0.display())]
    NoCertificate(PathBuf),
    /// A certificate in the file is broken.
    #[error("certificate {number} of {} cannot be read: {reason}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Its place in the file, from 1.
        number: usize,
        /// What is wrong.
        reason: String,
    },
    /// The first certificate may not sign others.
    #[error("{}: the first certificate is no authority's (CA:TRUE is missing in its basic constraints)", .0.display())]
    NoAuthority(PathBuf),
    /// A certificate does not follow from the next.
    #[error(
        "{}: certificate {number} was not issued by the one after it; order: the authority's, then up to the root", path.display()
    )]
    Order {
        /// The file.
        path: PathBuf,
        /// Its place in the file, from 1.
        number: usize,
    },
    /// Not valid now.
    #[error("certificate {number} of {} is not valid now, but from {from} to {to}", path.display())]
    Validity {
        /// The file.
        path: PathBuf,
        /// Its place in the file, from 1.
        number: usize,
        /// Its beginning.
        from: String,
        /// Its end.
        to: String,
    },
    /// The private key cannot be read.
    #[error(
        "{} holds no private key that can be used: {source}; it takes PKCS #8 in PEM (openssl pkcs8 -topk8 -nodes)", path.display()
    )]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rcgen::Error,
    },
    /// Key and certificate are of different pairs.
    #[error("{} is not the private key of {}", key.display(), certificate.display())]
    Pair {
        /// The key's file.
        key: PathBuf,
        /// The certificate's file.
        certificate: PathBuf,
    },
    /// A root could not be made.
    #[error("cannot make a root")]
    Make(#[source] rcgen::Error),
    /// A lifetime that leaves no time to renew.
    #[error("certificates valid for {0:?} cannot be renewed in time; give at least 1s")]
    Lifetime(Duration),
}

impl Root {
    /// A new self-signed root.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn make(now: SystemTime) -> Result<Self, RootError> {
        let key = KeyPair::generate().map_err(RootError::Make)?;
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name = DistinguishedName::new();
        parameters.distinguished_name.push(DnType::OrganizationName, "xdslab");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let not_after = now + LIFETIME;
        parameters.not_before = OffsetDateTime::from(now - SKEW);
        parameters.not_after = OffsetDateTime::from(not_after);
        let certificate = parameters.self_signed(&key).map_err(RootError::Make)?.pem();
        let issuer = Issuer::new(parameters, key);
        Ok(Self { issuer, intermediates: String::new(), certificate, not_after })
    }

    /// Reads `certificates`, the authority's own first and the root's last, and `key`, the authority's private key.
    ///
    /// # Errors
    /// When they do not make an authority that can sign now.
    pub fn read(certificates: &Path, key: &Path, now: SystemTime) -> Result<Self, RootError> {
        let own = || certificates.to_owned();
        let blocks = blocks(certificates)?;
        let mut parsed = Vec::new();
        for (block, number) in blocks.iter().zip(1..) {
            let broken = |e: X509Error| RootError::Certificate { path: own(), number, reason: e.to_string() };
            let (_, certificate) =
                X509Certificate::from_der(block.contents()).map_err(|e| broken(cause(e)))?;
            parsed.push(certificate);
        }
        let Some(first) = parsed.first() else { return Err(RootError::NoCertificate(own())) };
        if !first.is_ca() {
            return Err(RootError::NoAuthority(own()));
        }
        for (pair, number) in parsed.windows(2).zip(1..) {
            if pair[0].issuer().as_raw() != pair[1].subject().as_raw() {
                return Err(RootError::Order { path: own(), number });
            }
        }
        for (certificate, number) in parsed.iter().zip(1..) {
            in_force(certificate, now, certificates, number)?;
        }
        let pair = read_key(key)?;
        if pair.subject_public_key_info() != first.public_key().raw {
            return Err(RootError::Pair { key: key.to_owned(), certificate: own() });
        }
        let not_after = parsed.iter().map(|c| c.validity().not_after.to_datetime()).min();
        let not_after = not_after.map_or(now, SystemTime::from);
        let unusable =
            |e: rcgen::Error| RootError::Certificate { path: own(), number: 1, reason: e.to_string() };
        let issuer = Issuer::from_ca_cert_der(&blocks[0].contents().into(), pair).map_err(unusable)?;
        let (last, between) = blocks.split_last().ok_or_else(|| RootError::NoCertificate(own()))?;
        let intermediates = between.iter().map(pem::encode).collect();
        Ok(Self { issuer, intermediates, certificate: pem::encode(last), not_after })
    }

    /// Tokens of this authority: their key is made from its private key.
    pub fn tokens(&self) -> Tokens {
        Tokens::of_key(self.issuer.key().serialized_der())
    }
}

impl Tokens {
    /// Tokens of the authority whose private key is in this file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of_key_file(path: &Path) -> Result<Self, RootError> {
        Ok(Self::of_key(read_key(path)?.serialized_der()))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, RootError> {
    fs::read(path).map_err(|source| RootError::Read { path: path.to_owned(), source })
}

fn read_key(path: &Path) -> Result<KeyPair, RootError> {
    let text = String::from_utf8_lossy(&read(path)?).into_owned();
    KeyPair::from_pem(&text).map_err(|source| RootError::Key { path: path.to_owned(), source })
}

/// The certificates of a file.
fn blocks(path: &Path) -> Result<Vec<Pem>, RootError> {
    let blocks = pem::parse_many(read(path)?);
    let mut blocks = blocks.map_err(|_| RootError::NoCertificate(path.to_owned()))?;
    blocks.retain(|block| block.tag() == "CERTIFICATE");
    Ok(blocks)
}

fn cause(error: nom::Err<X509Error>) -> X509Error {
    match error {
        nom::Err::Error(e) | nom::Err::Failure(e) => e,
        nom::Err::Incomplete(_) => X509Error::Generic,
    }
}

fn in_force(
    certificate: &X509Certificate<'_>,
    now: SystemTime,
    path: &Path,
    number: usize,
) -> Result<(), RootError> {
    let validity = certificate.validity();
    let (from, to) = (validity.not_before.to_datetime(), validity.not_after.to_datetime());
    if (SystemTime::from(from)..SystemTime::from(to)).contains(&now) {
        return Ok(());
    }
    Err(RootError::Validity { path: path.to_owned(), number, from: from.to_string(), to: to.to_string() })
}
