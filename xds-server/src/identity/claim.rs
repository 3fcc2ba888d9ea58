//! Who may claim which identity.

use std::net::SocketAddr;
use std::time::SystemTime;

use arcstr::{ArcStr, literal};
use tonic::{Code, Status};
use xdslab_mesh::Proxy;

use super::account::{Account, AccountError};
use super::token::{TokenError, Tokens};

/// Who knocks: what is known before the first message.
#[derive(Clone, Debug, Default)]
pub struct Visitor {
    /// The address that it connects from, where that is known.
    pub peer: Option<SocketAddr>,
    /// The `authorization` of its stream, if any.
    pub authorization: Option<String>,
}

impl Visitor {
    /// What the headers say in `authorization`. One that is no text proves nothing, but is not nothing.
    pub fn authorization(headers: &http::HeaderMap) -> Option<String> {
        let value = headers.get(http::header::AUTHORIZATION)?;
        Some(value.to_str().unwrap_or_default().to_owned())
    }

    /// Whether it is on this host: it connects over the loopback.
    pub fn is_local(&self) -> bool {
        self.peer.is_some_and(|peer| peer.ip().to_canonical().is_loopback())
    }
}

/// What a client's node says of its identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeClaim {
    /// Namespace, of the node's id.
    pub namespace: ArcStr,
    /// Name, of the node's id.
    pub name: ArcStr,
    /// `NAMESPACE` of its metadata, if given.
    pub told_namespace: Option<ArcStr>,
    /// `SERVICE_ACCOUNT` of its metadata; empty if not given.
    pub told_account: ArcStr,
}

impl NodeClaim {
    /// What `proxy` says; a node id without namespace has an empty one.
    pub fn of(proxy: &Proxy) -> Self {
        let namespace = proxy.id.rsplit_once('.').map_or_else(ArcStr::new, |(_, namespace)| namespace.into());
        Self {
            namespace,
            name: proxy.name().into(),
            told_namespace: proxy.metadata.namespace.clone(),
            told_account: proxy.metadata.service_account.clone(),
        }
    }

    /// The account that it claims: its Pod's, if the mesh has that Pod; else what its metadata says, or `default`.
    fn account(&self, of_pod: Option<ArcStr>) -> Result<Account, Refusal> {
        let Self { namespace, name, told_namespace, told_account } = self;
        if let Some(told) = told_namespace.as_ref().filter(|told| *told != namespace) {
            return Err(Refusal::Namespaces { told: told.clone(), id: namespace.clone() });
        }
        let account = match of_pod {
            Some(has) if !told_account.is_empty() && has != *told_account => {
                let pod = arcstr::format!("{namespace}/{name}");
                return Err(Refusal::Pod { pod, has, told: told_account.clone() });
            }
            Some(has) => has,
            None if told_account.is_empty() => literal!("default"),
            None => told_account.clone(),
        };
        Ok(Account::new(namespace, &account)?)
    }
}

/// Why a client gets no identity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Its id or metadata name no service account.
    #[error("the node claims no identity: {0}")]
    Account(#[from] AccountError),
    /// Its id and its metadata do not agree.
    #[error("the node's id is of namespace {id:?}, its metadata NAMESPACE says {told:?}")]
    Namespaces {
        /// `NAMESPACE`.
        told: ArcStr,
        /// The id's.
        id: ArcStr,
    },
    /// Its Pod has another service account.
    #[error("pod {pod} runs as service account {has:?}, its proxy claims {told:?}")]
    Pod {
        /// Namespace and name.
        pod: ArcStr,
        /// The Pod's.
        has: ArcStr,
        /// `SERVICE_ACCOUNT`.
        told: ArcStr,
    },
    /// Its token is no good.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// Its token is for another identity.
    #[error("the token is for {token}, the node claims {claimed}")]
    Other {
        /// The token's.
        token: Account,
        /// The node's.
        claimed: Account,
    },
    /// It must bring a token.
    #[error(
        "{claimed} cannot be claimed from {from} without a token: send one made with xds-server token as `authorization: Bearer TOKEN`"
    )]
    NoToken {
        /// The node's.
        claimed: Account,
        /// Its address.
        from: String,
    },
}

impl From<Refusal> for Status {
    /// `UNAUTHENTICATED` for a token that is no good, `PERMISSION_DENIED` for the rest.
    fn from(refusal: Refusal) -> Self {
        let code = match refusal {
            Refusal::Token(_) => Code::Unauthenticated,
            _ => Code::PermissionDenied,
        };
        Self::new(code, refusal.to_string())
    }
}

/// Decides who a client is.
///
/// On the loopback its word is taken: whoever can connect there runs on this host, and a lab's host has one owner. From
/// elsewhere a token says who it is. A node never gets another identity than it claims, nor than its Pod's.
#[derive(Debug)]
pub struct Claims {
    tokens: Tokens,
    require_tokens: bool,
}

impl Claims {
    /// Claims that these tokens prove. `require_tokens`: nobody's word is taken.
    pub fn new(tokens: Tokens, require_tokens: bool) -> Self {
        Self { tokens, require_tokens }
    }

    /// The tokens that are taken.
    pub fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// Who looks at pages: whoever a token is for; nobody in particular on the loopback, where none is asked for.
    ///
    /// # Errors
    /// When a token is needed, and there is none that is good.
    pub fn visiting(&self, visitor: &Visitor, now: SystemTime) -> Result<Option<Account>, TokenError> {
        if visitor.is_local() && !self.require_tokens {
            return Ok(None);
        }
        let bearer = visitor.authorization.as_deref().and_then(|text| text.strip_prefix("Bearer "));
        self.tokens.verify(bearer.ok_or(TokenError::Form)?.trim(), now).map(Some)
    }

    /// Who the client is. `of_pod` is the service account of the Pod that it says it is, if the mesh has that Pod.
    ///
    /// # Errors
    /// When it may not be who it says that it is.
    pub fn admit(
        &self,
        visitor: &Visitor,
        node: &NodeClaim,
        of_pod: Option<ArcStr>,
        now: SystemTime,
    ) -> Result<Account, Refusal> {
        let token =
            visitor.authorization.as_deref().map(|text| text.strip_prefix("Bearer ").ok_or(TokenError::Form));
        let proven = token.transpose()?.map(|token| self.tokens.verify(token.trim(), now)).transpose()?;
        let claimed = node.account(of_pod)?;
        match proven {
            Some(token) if token == claimed => Ok(claimed),
            Some(token) => Err(Refusal::Other { token, claimed }),
            None if visitor.is_local() && !self.require_tokens => Ok(claimed),
            None => {
                let from = visitor
                    .peer
                    .map_or_else(|| "an unknown address".to_owned(), |peer| peer.ip().to_string());
                Err(Refusal::NoToken { claimed, from })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn node(namespace: &str, told: Option<&str>, account: &str) -> NodeClaim {
        NodeClaim {
            namespace: namespace.into(),
            name: "sleep-1".into(),
            told_namespace: told.map(ArcStr::from),
            told_account: account.into(),
        }
    }

    fn admit(require: bool, peer: &str, token: Option<&str>, node: &NodeClaim, pod: Option<&str>) -> String {
        let (tokens, now) = (Tokens::of_key(b"key"), SystemTime::now());
        let issue = |account: &str| tokens.issue(&account.parse().unwrap(), now, Duration::from_secs(9));
        let authorization = token.map(|account| match account.strip_prefix('!') {
            Some(raw) => raw.to_owned(),
            None => format!("Bearer {}", issue(account)),
        });
        let peer = peer.parse().ok().map(|ip: std::net::IpAddr| (ip, 0).into());
        let visitor = Visitor { peer, authorization };
        let claims = Claims::new(tokens.clone(), require);
        match claims.admit(&visitor, node, pod.map(ArcStr::from), now) {
            Ok(account) => account.to_string(),
            Err(refusal) => format!("{:?}", Status::from(refusal).code()),
        }
    }

    #[test]
    fn who_may_claim_what() {
        let sleep = node("front", Some("front"), "sleep");
        for (require, peer, token, pod, want) in [
            (false, "127.0.0.1", None, None, "front/sleep"),
            (false, "127.3.4.5", None, Some("sleep"), "front/sleep"),
            (false, "::1", None, None, "front/sleep"),
            (false, "::ffff:127.0.0.1", None, None, "front/sleep"),
            (false, "127.0.0.1", None, Some("other"), "PermissionDenied"),
            (true, "127.0.0.1", None, None, "PermissionDenied"),
            (true, "127.0.0.1", Some("front/sleep"), None, "front/sleep"),
            (false, "10.0.0.1", None, None, "PermissionDenied"),
            (false, "unknown", None, None, "PermissionDenied"),
            (false, "10.0.0.1", Some("front/sleep"), None, "front/sleep"),
            (false, "10.0.0.1", Some("front/sleep"), Some("sleep"), "front/sleep"),
            (false, "10.0.0.1", Some("front/sleep"), Some("other"), "PermissionDenied"),
            (false, "10.0.0.1", Some("front/other"), None, "PermissionDenied"),
            (false, "10.0.0.1", Some("back/sleep"), None, "PermissionDenied"),
            (false, "10.0.0.1", Some("!Bearer front/sleep~1~00"), None, "Unauthenticated"),
            (false, "127.0.0.1", Some("!Basic abc"), None, "Unauthenticated"),
        ] {
            let got = admit(require, peer, token, &sleep, pod);
            assert_eq!(got, want, "require {require}, from {peer}, token {token:?}, pod {pod:?}");
        }
    }

    #[test]
    fn what_a_node_says() {
        for (namespace, told, account, pod, want) in [
            ("front", None, "", None, "front/default"),
            ("front", None, "", Some("sleep"), "front/sleep"),
            ("front", None, "sleep", None, "front/sleep"),
            ("front", Some("back"), "sleep", None, "PermissionDenied"),
            ("", None, "sleep", None, "PermissionDenied"),
            ("front", None, "sleep/../x", None, "PermissionDenied"),
        ] {
            let node = node(namespace, told, account);
            assert_eq!(admit(false, "127.0.0.1", None, &node, pod), want, "{node:?}, pod {pod:?}");
        }
    }
}
