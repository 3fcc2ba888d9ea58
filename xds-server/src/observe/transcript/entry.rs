//! One entry of a transcript, as it is written: a line of JSON.

use std::borrow::Cow;
use std::collections::BTreeMap;

use arcstr::ArcStr;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use xdslab_protocol::Rule;

/// Version of the format. A reader refuses others.
pub const FORMAT: u32 = 1;

/// One entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When, in RFC 3339, UTC, to the microsecond.
    pub at: String,
    /// Milliseconds since the recording began.
    pub ms: f64,
    /// `<proxy>-<n>`: the stream. Empty for what concerns none.
    #[serde(default, skip_serializing_if = "ArcStr::is_empty")]
    pub connection: ArcStr,
    /// `name.namespace`. Empty for what concerns none.
    #[serde(default, skip_serializing_if = "ArcStr::is_empty")]
    pub proxy: ArcStr,
    /// Its place among the entries of its stream, from 1; 0 for what concerns none. Where a number is missing, entries
    /// were lost.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub n: u64,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What happened on a stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum What {
    /// The server began to serve, and to record.
    Begun {
        /// Version of this format: [`FORMAT`].
        format: u32,
        /// The server and its version.
        server: String,
        /// Whose reading of the protocol its streams follow: `istiod` or `spec`.
        semantics: String,
    },
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
        cause: Cow<'static, str>,
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
    /// Where it says that it is; absent where it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locality: Option<Place>,
    /// Extensions that it knows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<ArcStr>,
}

/// A locality.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Region.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub region: String,
    /// Zone.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub zone: String,
    /// Subzone.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subzone: String,
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
    /// It changes its subscription, or repeats it, and answers nothing.
    Change,
    /// It asks for a page of the server, and subscribes to nothing.
    Aside,
    /// It breaks the protocol, and ends the stream.
    Invalid,
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
    pub names: Vec<ArcStr>,
    /// Delta: `resource_names_subscribe`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subscribe: Vec<ArcStr>,
    /// Delta: `resource_names_unsubscribe`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsubscribe: Vec<ArcStr>,
    /// Delta: `initial_resource_versions`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub held: BTreeMap<ArcStr, ArcStr>,
    /// Names that are new to its subscription; `*` for everything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub added: Vec<ArcStr>,
    /// Names that its subscription no longer has; `*` for everything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<ArcStr>,
    /// SotW: `version_info`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// `response_nonce`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub nonce: String,
    /// What the client found wrong, in a NACK; what the server did, in a request that breaks the protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Refusal>,
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
    pub added: Vec<ArcStr>,
    /// Delta: `removed_resources`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<ArcStr>,
    /// `version_info` or `system_version_info`.
    pub version: ArcStr,
    /// Its nonce.
    pub nonce: ArcStr,
    /// Sum of its resources' lengths.
    pub bytes: usize,
    /// Why: `request`, `reconnect`, `subscribe`, `unsubscribe`, `push`, `warming`, `retry`, `renewal` or `aside`.
    pub cause: Cow<'static, str>,
    /// What a push was made for: istiod's words, and what changed as `Kind/namespace/name`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub because: Vec<ArcStr>,
    /// The rule that decided; none for an aside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleText>,
}

/// Why something was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// gRPC status code.
    pub code: i32,
    /// What is wrong.
    pub message: String,
}

/// A rule, as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleText {
    /// `R5`.
    pub number: Cow<'static, str>,
    /// The rule in a few words.
    pub title: Cow<'static, str>,
    /// Where it is written: a section of Envoy's documentation, or istiod's function.
    pub source: Cow<'static, str>,
}

impl From<Rule> for RuleText {
    fn from(rule: Rule) -> Self {
        Self { number: rule.number().into(), title: rule.title().into(), source: rule.source().into() }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}
