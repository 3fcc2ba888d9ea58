//! One entry of a transcript, as it is written: a line of JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use xdslab_protocol::Rule;

/// One entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When, in RFC 3339, UTC, to the microsecond.
    pub at: String,
    /// Milliseconds since the recording began.
    pub ms: f64,
    /// `<proxy>-<n>`: the stream. Empty for what concerns none.
    pub connection: String,
    /// `name.namespace`. Empty for what concerns none.
    pub proxy: String,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What happened on a stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum What {
    /// A client opened a stream.
    Connected {
        /// The variant of the protocol that it speaks.
        variant: Dialect,
        /// The type that the stream serves, if it is one of a service of one type.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        only: Option<String>,
        /// The node that it sent.
        node: Node,
    },
    /// The client said something.
    Request(Request),
    /// The server said something.
    Response(Response),
    /// Something was generated, and nothing of it had to be said.
    Silent {
        /// `CDS`, `EDS`, ...
        #[serde(rename = "type")]
        kind: String,
        /// Why it had been generated.
        cause: String,
        /// The rule that kept it back.
        rule: RuleText,
    },
    /// The stream ended.
    Disconnected,
    /// So many entries before this one were lost, because they were written too slowly.
    Lost {
        /// How many.
        entries: u64,
    },
}

/// A variant of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// State of the world.
    Sotw,
    /// Incremental.
    Delta,
}

/// Who a client says that it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// `type~ip~name.namespace~domain`.
    pub id: String,
    /// The name of its service.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cluster: String,
    /// Its metadata.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub metadata: Value,
    /// Extensions that it knows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<String>,
}

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Act {
    /// The first of its type on the stream.
    First,
    /// It accepts a response.
    Ack,
    /// It refuses a response.
    Nack,
    /// It answers a response that is not the last one.
    Stale,
    /// It changes its subscription and answers nothing.
    Change,
}

/// A request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// `CDS`, `EDS`, ...
    #[serde(rename = "type")]
    pub kind: String,
    /// URL of the type.
    pub type_url: String,
    /// What it does.
    pub act: Act,
    /// SotW: `resource_names`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Delta: `resource_names_subscribe`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subscribe: Vec<String>,
    /// Delta: `resource_names_unsubscribe`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsubscribe: Vec<String>,
    /// Delta: `initial_resource_versions`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub held: BTreeMap<String, String>,
    /// Names that are new to its subscription; `*` for everything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub added: Vec<String>,
    /// Names that its subscription no longer has; `*` for everything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<String>,
    /// SotW: `version_info`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// `response_nonce`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub nonce: String,
    /// What the client found wrong, in a NACK.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Length of the message.
    pub bytes: usize,
    /// The rules that decided what becomes of it.
    pub rules: Vec<RuleText>,
}

/// A response.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// `CDS`, `EDS`, ...
    #[serde(rename = "type")]
    pub kind: String,
    /// URL of the type.
    pub type_url: String,
    /// Names of its resources.
    pub added: Vec<String>,
    /// Delta: `removed_resources`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<String>,
    /// `version_info` or `system_version_info`.
    pub version: String,
    /// Its nonce.
    pub nonce: String,
    /// Sum of its resources' lengths.
    pub bytes: usize,
    /// Why: `request`, `subscribe`, `push`, `warming` and so on.
    pub cause: String,
    /// Of a push, what changed: istiod's words, and `Kind/namespace/name`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub because: Vec<String>,
    /// The rule that decided.
    pub rule: RuleText,
}

/// A rule, as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleText {
    /// `R5`.
    pub number: String,
    /// The rule in a few words.
    pub title: String,
    /// Where it is written.
    pub source: String,
}

impl From<Rule> for RuleText {
    fn from(rule: Rule) -> Self {
        Self {
            number: rule.number().to_owned(),
            title: rule.title().to_owned(),
            source: rule.source().to_owned(),
        }
    }
}
