//! Who a workload is, and how it proves it: service accounts, the lab's certificate authority, and who may claim what.

mod account;
mod authority;
mod certificate;
mod claim;
mod root;
mod token;

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

pub use account::{Account, AccountError};
pub use authority::{Authority, IssueError};
pub use certificate::Certificate;
pub use claim::{Claims, NodeClaim, Refusal, Visitor};
pub use root::{Root, RootError};
pub use token::{TokenError, Tokens};

/// How workloads get their identities.
#[derive(Clone, Debug)]
pub struct IdentityOptions {
    /// Certificate and private key of the authority, PEM files; none: a root is made at the start, and is gone at the end.
    pub authority: Option<(PathBuf, PathBuf)>,
    /// How long a workload's certificate is valid.
    pub ttl: Duration,
    /// Whether clients on the loopback must bring a token too.
    pub require_tokens: bool,
}

impl Default for IdentityOptions {
    /// A root made at the start, certificates for 24 hours (Istio: `pilot/pkg/features/security.go`,
    /// `DEFAULT_WORKLOAD_CERT_TTL`), no tokens on the loopback.
    fn default() -> Self {
        Self { authority: None, ttl: Duration::from_secs(24 * 60 * 60), require_tokens: false }
    }
}

/// The authority, and who may ask it for what.
#[derive(Debug)]
pub struct Identities {
    /// Issues certificates.
    pub authority: Authority,
    /// Decides who a client is.
    pub claims: Claims,
}

impl Identities {
    /// Reads or makes the root.
    ///
    /// # Errors
    /// When the files cannot be used, or the lifetime is too short.
    pub fn new(options: &IdentityOptions, now: SystemTime) -> Result<Self, RootError> {
        let root = match &options.authority {
            Some((certificate, key)) => Root::read(certificate, key, now)?,
            None => Root::make(now)?,
        };
        let claims = Claims::new(root.tokens(), options.require_tokens);
        Ok(Self { authority: Authority::new(root, options.ttl)?, claims })
    }
}
