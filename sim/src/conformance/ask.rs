//! Requests of either variant.

use std::fmt::Write;

use xdslab_proto::core::Node;
use xdslab_proto::discovery::{DeltaDiscoveryRequest, DiscoveryRequest};
use xdslab_proto::rpc::Status;

use super::transcript::list;
use crate::wire::Kind;

/// A request, as far as both variants have the same words. `names` are those of state of the world; `subscribe`,
/// `unsubscribe` and `initial` those of delta.
#[derive(Clone, Debug, Default)]
pub(super) struct Ask {
    pub kind: Option<Kind>,
    pub names: Vec<String>,
    pub subscribe: Vec<String>,
    pub unsubscribe: Vec<String>,
    /// Names and versions that the client still holds.
    pub initial: Vec<(String, String)>,
    pub version: String,
    pub nonce: String,
    /// What is wrong with the response of that nonce.
    pub error: Option<String>,
}

impl Ask {
    pub(super) fn of(kind: Kind) -> Self {
        Self { kind: Some(kind), ..Self::default() }
    }

    pub(super) fn sotw(self, node: Option<Node>) -> DiscoveryRequest {
        DiscoveryRequest {
            node,
            type_url: self.type_url(),
            resource_names: self.names,
            version_info: self.version,
            response_nonce: self.nonce,
            error_detail: self.error.map(invalid),
            ..Default::default()
        }
    }

    pub(super) fn delta(self, node: Option<Node>) -> DeltaDiscoveryRequest {
        DeltaDiscoveryRequest {
            node,
            type_url: self.type_url(),
            resource_names_subscribe: self.subscribe,
            resource_names_unsubscribe: self.unsubscribe,
            initial_resource_versions: self.initial.into_iter().collect(),
            response_nonce: self.nonce,
            error_detail: self.error.map(invalid),
            ..Default::default()
        }
    }

    fn type_url(&self) -> String {
        self.kind.map(Kind::type_url).unwrap_or_default().to_owned()
    }

    /// One line of a transcript.
    pub(super) fn line(&self, is_sotw: bool, with_node: bool) -> String {
        let mut line = format!("> {}", self.kind.map_or("no type", Kind::short));
        if is_sotw {
            let _ = write!(line, " names {}", list(self.names.iter().map(String::as_str)));
        }
        for (word, names) in [("subscribe", &self.subscribe), ("unsubscribe", &self.unsubscribe)] {
            if !names.is_empty() {
                let _ = write!(line, " {word} {}", list(names.iter().map(String::as_str)));
            }
        }
        if !self.initial.is_empty() {
            let _ = write!(line, " holding {}", list(self.initial.iter().map(|(name, _)| name.as_str())));
        }
        for (word, text) in [("version", &self.version), ("nonce", &self.nonce)] {
            if !text.is_empty() {
                let _ = write!(line, " {word} {text}");
            }
        }
        if let Some(error) = &self.error {
            let _ = write!(line, " NACK {error:?}");
        }
        if with_node {
            line.push_str(" with node");
        }
        line
    }
}

/// `INVALID_ARGUMENT`.
fn invalid(message: String) -> Status {
    Status { code: 3, message, ..Default::default() }
}
