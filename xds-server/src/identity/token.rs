//! Tokens: what a client that is not on the loopback shows to claim an identity.
//!
//! `NAMESPACE/NAME~EXPIRY~MAC`: the service account, the end in seconds since 1970, and an HMAC-SHA256 over both in
//! hexadecimal digits. The key is made from the authority's private key, so that whoever can issue tokens could sign
//! certificates anyway, and nothing more has to be kept.

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use ring::hmac;

use super::account::Account;

/// What the key is made for: another use of the same private key gives another key.
const PURPOSE: &[u8] = b"xdslab identity token v1";

/// Issues and verifies tokens.
#[derive(Clone, Debug)]
pub struct Tokens(hmac::Key);

/// Why a token proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not of this form.
    #[error("the token is not of the form NAMESPACE/NAME~EXPIRY~MAC (make one with xds-server token)")]
    Form,
    /// Not of this authority, or changed.
    #[error("the token was not issued with this authority's key")]
    Mac,
    /// Too old.
    #[error("the token has expired")]
    Expired,
}

impl Tokens {
    /// Tokens of the authority with this private key.
    pub(super) fn of_key(private_key: &[u8]) -> Self {
        let derived = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, private_key), PURPOSE);
        Self(hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()))
    }

    /// A token for `account`, good from `now` for `ttl`.
    pub fn issue(&self, account: &Account, now: SystemTime, ttl: Duration) -> String {
        let claim = format!("{account}~{}", seconds(now + ttl));
        let mac = hmac::sign(&self.0, claim.as_bytes());
        format!("{claim}~{}", hex(mac.as_ref()))
    }

    /// The account that a token is for.
    ///
    /// # Errors
    /// When it is none of this authority's, or has expired.
    pub fn verify(&self, token: &str, now: SystemTime) -> Result<Account, TokenError> {
        let (claim, mac) = token.rsplit_once('~').ok_or(TokenError::Form)?;
        let mac = bytes(mac).ok_or(TokenError::Form)?;
        hmac::verify(&self.0, claim.as_bytes(), &mac).map_err(|_| TokenError::Mac)?;
        let (account, expiry) = claim.split_once('~').ok_or(TokenError::Form)?;
        let expiry: u64 = expiry.parse().map_err(|_| TokenError::Form)?;
        if expiry <= seconds(now) {
            return Err(TokenError::Expired);
        }
        account.parse().map_err(|_| TokenError::Form)
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        hex.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    let (pairs, []) = digits.as_deref()?.as_chunks::<2>() else { return None };
    Some(pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(60);

    #[test]
    fn a_token_is_good_for_its_account_its_time_and_its_key() {
        let (tokens, now) = (Tokens::of_key(b"key"), SystemTime::now());
        let account: Account = "front/sleep.v1".parse().unwrap();
        let token = tokens.issue(&account, now, TTL);
        assert_eq!(tokens.verify(&token, now), Ok(account));
        assert_eq!(tokens.verify(&token, now + TTL), Err(TokenError::Expired));
        assert_eq!(Tokens::of_key(b"other").verify(&token, now), Err(TokenError::Mac));
    }

    #[test]
    fn a_token_that_was_changed_is_refused() {
        let (tokens, now) = (Tokens::of_key(b"key"), SystemTime::now());
        let token = tokens.issue(&"front/sleep".parse().unwrap(), now, TTL);
        for (from, to) in [("front", "back"), ("sleep", "echo"), ("~", "~1")] {
            assert_eq!(
                tokens.verify(&token.replacen(from, to, 1), now),
                Err(TokenError::Mac),
                "{from} -> {to}"
            );
        }
        assert_eq!(tokens.verify(&token[..token.len() - 2], now), Err(TokenError::Mac), "a shorter MAC");
        for text in ["", "front/sleep", "front/sleep~1", "~~", "front/sleep~1~xyz"] {
            let refused = tokens.verify(text, now);
            assert!(matches!(refused, Err(TokenError::Form | TokenError::Mac)), "{text:?}: {refused:?}");
        }
    }
}
