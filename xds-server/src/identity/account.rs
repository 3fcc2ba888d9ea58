//! A service account: what an identity is made of.

use std::fmt;
use std::str::FromStr;

use arcstr::ArcStr;

/// A service account, by namespace and name, both such as Kubernetes takes them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Account {
    namespace: ArcStr,
    name: ArcStr,
}

/// What is no service account.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no service account: write NAMESPACE/NAME, small letters, digits, `-`, and in the name `.`")]
pub struct AccountError(String);

impl Account {
    /// The account of that name.
    ///
    /// # Errors
    /// When namespace or name is empty, too long, or has other characters than Kubernetes allows: an identity is read by
    /// its parts, so none may hold a slash.
    pub fn new(namespace: &str, name: &str) -> Result<Self, AccountError> {
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let is_namespace = !namespace.is_empty() && namespace.len() <= 63 && namespace.chars().all(is_plain);
        let is_name = !name.is_empty() && name.len() <= 253 && name.chars().all(|c| is_plain(c) || c == '.');
        if is_namespace && is_name {
            Ok(Self { namespace: namespace.into(), name: name.into() })
        } else {
            Err(AccountError(format!("{namespace}/{name}")))
        }
    }

    /// Its namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Its SPIFFE identity (Istio: `pkg/spiffe/spiffe.go`, `genSpiffeURI`).
    pub fn spiffe(&self, trust_domain: &str) -> String {
        format!("spiffe://{trust_domain}/ns/{}/sa/{}", self.namespace, self.name)
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

impl FromStr for Account {
    type Err = AccountError;

    fn from_str(text: &str) -> Result<Self, AccountError> {
        let (namespace, name) = text.split_once('/').ok_or_else(|| AccountError(text.to_owned()))?;
        Self::new(namespace, name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_be_taken_for_another_are_refused() {
        for text in ["a", "a/", "/b", "a/b/c", "a/b sa", "A/b", "a.b/c", "a/b\n", "a/../c", "ä/b"] {
            assert_eq!(text.parse::<Account>(), Err(AccountError(text.to_owned())), "{text:?}");
        }
        let account: Account = "back-1/echo.v1".parse().unwrap();
        assert_eq!(account.to_string(), "back-1/echo.v1");
        assert_eq!(account.spiffe("cluster.local"), "spiffe://cluster.local/ns/back-1/sa/echo.v1");
    }
}
