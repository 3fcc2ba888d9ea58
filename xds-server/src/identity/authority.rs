//! The certificate authority: issues certificates to workloads.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use rcgen::string::Ia5String;
use rcgen::{
    CertificateParams, DistinguishedName, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, SanType,
};
use ring::rand::{SecureRandom, SystemRandom};
use time::OffsetDateTime;

use super::account::Account;
use super::certificate::{Certificate, renewal};
use super::root::{Root, RootError, SKEW};

/// Issues certificates to workloads. Nothing is kept of them: each call makes a key pair of its own, in about 0.1 ms.
#[derive(Debug)]
pub struct Authority {
    root: Root,
    roots: Bytes,
    ttl: Duration,
}

/// Why no certificate was issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The authority's own certificate has expired.
    #[error("the authority's certificate has expired")]
    Expired,
    /// The identity cannot be written into a certificate.
    #[error("{identity:?} cannot be written into a certificate")]
    Name {
        /// The SPIFFE identity.
        identity: String,
        /// Why.
        #[source]
        source: rcgen::Error,
    },
    /// It could not be made or signed.
    #[error("cannot sign a certificate")]
    Sign(#[source] rcgen::Error),
}

impl Authority {
    /// An authority whose certificates are valid for `ttl`.
    ///
    /// # Errors
    /// When that leaves no time to renew them.
    pub fn new(root: Root, ttl: Duration) -> Result<Self, RootError> {
        if ttl < Duration::from_secs(1) {
            return Err(RootError::Lifetime(ttl));
        }
        let roots = Bytes::from(root.certificate.clone());
        Ok(Self { root, roots, ttl })
    }

    /// The certificates that peers are verified by, PEM.
    pub fn roots(&self) -> &Bytes {
        &self.roots
    }

    /// A certificate for `account`, with its SPIFFE identity as only name
    /// (istiod: `security/pkg/pki/util/generate_cert.go`, `genCertTemplateFromCSR`). It ends no later than the authority.
    ///
    /// # Errors
    /// When the authority has expired, or the trust domain cannot be written into a certificate.
    pub fn issue(
        &self,
        account: &Account,
        trust_domain: &str,
        now: SystemTime,
    ) -> Result<Certificate, IssueError> {
        let Root { issuer, intermediates, not_after, .. } = &self.root;
        let not_after = (now + self.ttl).min(*not_after);
        let lifetime = not_after.duration_since(now).map_err(|_| IssueError::Expired)?;
        let identity = account.spiffe(trust_domain);
        let name =
            Ia5String::try_from(identity.as_str()).map_err(|source| IssueError::Name { identity, source })?;
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name = DistinguishedName::new();
        parameters.subject_alt_names = vec![SanType::URI(name)];
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        parameters.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        parameters.not_before = OffsetDateTime::from(now - SKEW);
        parameters.not_after = OffsetDateTime::from(not_after);
        parameters.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().map_err(IssueError::Sign)?;
        let certificate = parameters.signed_by(&key, issuer).map_err(IssueError::Sign)?;
        Ok(Certificate {
            chain: (certificate.pem() + intermediates).into(),
            key: key.serialize_pem().into(),
            not_after,
            renew_at: renewal(now, lifetime, chance()),
        })
    }
}

/// Any number; the middle where there is no randomness.
fn chance() -> u16 {
    let mut bytes = (u16::MAX / 2).to_le_bytes();
    let _ = SystemRandom::new().fill(&mut bytes);
    u16::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use x509_parser::extensions::GeneralName;
    use x509_parser::prelude::{FromDer, X509Certificate};

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn authority(now: SystemTime) -> Authority {
        Authority::new(Root::make(now).unwrap(), HOUR).unwrap()
    }

    fn check(pem: &[u8], look: impl FnOnce(&X509Certificate<'_>)) {
        let block = pem::parse(pem).unwrap();
        look(&X509Certificate::from_der(block.contents()).unwrap().1);
    }

    #[test]
    fn a_certificate_names_its_identity_and_is_signed_by_the_root() {
        let now = SystemTime::now();
        let authority = authority(now);
        let certificate = authority.issue(&"back/echo".parse().unwrap(), "mesh.example", now).unwrap();
        check(authority.roots(), |root| {
            assert!(root.is_ca());
            check(&certificate.chain, |leaf| {
                leaf.verify_signature(Some(root.public_key())).unwrap();
                assert_eq!(leaf.issuer(), root.subject());
                assert!(!leaf.is_ca() && leaf.subject().iter().next().is_none());
                let names = leaf.subject_alternative_name().unwrap().unwrap();
                assert!(names.critical, "the only name of a certificate without subject");
                let names = &names.value.general_names;
                assert_eq!(names, &[GeneralName::URI("spiffe://mesh.example/ns/back/sa/echo")]);
                let usage = leaf.extended_key_usage().unwrap().unwrap().value;
                assert!(usage.server_auth && usage.client_auth);
                let (from, to) = (leaf.validity().not_before, leaf.validity().not_after);
                assert_eq!(to.timestamp() - from.timestamp(), 3600 + 120);
            });
        });
        assert_eq!(certificate.not_after, now + HOUR);
        assert!(
            certificate.renew_at > now + HOUR.mul_f64(0.48)
                && certificate.renew_at < now + HOUR.mul_f64(0.52)
        );
        assert!(!format!("{certificate:?}").contains("PRIVATE"));
    }

    #[test]
    fn each_certificate_has_a_key_of_its_own() {
        let now = SystemTime::now();
        let authority = authority(now);
        let account = "back/echo".parse().unwrap();
        let [one, two] = [(); 2].map(|()| authority.issue(&account, "cluster.local", now).unwrap());
        assert_ne!(one.key, two.key);
    }

    #[test]
    fn none_outlives_the_authority() {
        let now = SystemTime::now();
        let mut root = Root::make(now).unwrap();
        root.not_after = now + HOUR / 2;
        let authority = Authority::new(root, HOUR).unwrap();
        let account = "back/echo".parse().unwrap();
        assert_eq!(authority.issue(&account, "cluster.local", now).unwrap().not_after, now + HOUR / 2);
        let late = authority.issue(&account, "cluster.local", now + HOUR);
        assert!(matches!(late, Err(IssueError::Expired)), "{late:?}");
    }

    #[test]
    fn a_trust_domain_that_is_no_ascii_is_an_error() {
        let now = SystemTime::now();
        let refused = authority(now).issue(&"a/b".parse().unwrap(), "näme", now);
        assert!(matches!(refused, Err(IssueError::Name { .. })), "{refused:?}");
    }
}
