//! Responses of either variant.

use bytes::Bytes;
use prost::Message;

use super::transcript::list;
use crate::wire::{DeltaResponse, Kind, SotwResponse, WireAny};

/// Type of what wraps a resource that has a TTL, in state of the world.
const WRAPPER: &str = "type.googleapis.com/envoy.service.discovery.v3.Resource";

/// A response, in words that both variants have.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub kind: Option<Kind>,
    pub version: String,
    pub nonce: String,
    pub items: Vec<Item>,
    pub removed: Vec<String>,
}

/// A resource of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    /// The name inside the resource.
    pub name: String,
    /// The name that a delta response says beside it.
    pub label: Option<String>,
    /// Version of a delta response's resource.
    pub version: Option<String>,
    pub body: Bytes,
    /// Whether it is wrapped, or has a time to live.
    pub has_ttl: bool,
}

/// All four types have their name in the first field.
#[derive(Clone, PartialEq, Message)]
struct Named {
    #[prost(string, tag = "1")]
    name: String,
}

impl Item {
    fn new(any: Option<WireAny>) -> Self {
        let any = any.unwrap_or_default();
        let name = Named::decode(any.value.clone()).map(|named| named.name).unwrap_or_default();
        let has_ttl = any.type_url == WRAPPER;
        Self { name, label: None, version: None, body: any.value, has_ttl }
    }
}

impl Reply {
    pub(super) fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.items.iter().map(|item| item.name.as_str())
    }

    pub(super) fn item(&self, name: &str) -> Option<&Item> {
        self.items.iter().find(|item| item.name == name)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.item(name).is_some()
    }

    pub(super) fn has_removed(&self, name: &str) -> bool {
        self.removed.iter().any(|removed| removed == name)
    }

    /// One line of a transcript.
    pub(super) fn line(&self) -> String {
        let Self { version, nonce, removed, .. } = self;
        let kind = self.kind.map_or("unknown type", Kind::short);
        let mut line = format!("< {kind} {} version {version} nonce {nonce}", list(self.names()));
        if !removed.is_empty() {
            line += &format!(" removed {}", list(removed.iter().map(String::as_str)));
        }
        line
    }
}

impl From<SotwResponse> for Reply {
    fn from(response: SotwResponse) -> Self {
        Self {
            kind: Kind::from_type_url(&response.type_url),
            version: response.version_info,
            nonce: response.nonce,
            items: response.resources.into_iter().map(|any| Item::new(Some(any))).collect(),
            removed: Vec::new(),
        }
    }
}

impl From<DeltaResponse> for Reply {
    fn from(response: DeltaResponse) -> Self {
        let items = response.resources.into_iter().map(|resource| Item {
            has_ttl: resource.ttl.is_some(),
            label: Some(resource.name),
            version: Some(resource.version),
            ..Item::new(resource.resource)
        });
        Self {
            kind: Kind::from_type_url(&response.type_url),
            version: response.system_version_info,
            nonce: response.nonce,
            items: items.collect(),
            removed: response.removed_resources,
        }
    }
}
