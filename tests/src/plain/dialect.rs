//! How a plain client speaks the two variants.

use super::Names;
use crate::Resources;
use xdslab_proto::core::Node;
use xdslab_proto::discovery::{DeltaDiscoveryRequest, DiscoveryRequest};
use xdslab_proto::json::to_json;
use xdslab_sim::wire::{Delta, DeltaResponse, Kind, Sotw, SotwResponse, Variant, WireAny};

/// What an ACK says of a response.
pub type Answered<V> = <V as Dialect>::Answered;

/// A response, read.
#[derive(Debug)]
pub struct Response<A> {
    /// Type.
    pub kind: Kind,
    /// Resources by name.
    pub resources: Resources,
    /// Names that are gone.
    pub removed: Names,
    /// What an ACK says of it.
    pub answered: A,
}

/// How one variant is spoken.
pub trait Dialect: Variant {
    /// What an ACK says of a response.
    type Answered: Send;

    /// Whether a response of clusters or listeners holds all of them.
    const COMPLETE: bool;

    /// From the names `old` to `names`; `answered` is the last response.
    fn subscription(
        kind: Kind,
        old: &Names,
        names: &Names,
        answered: Option<&Self::Answered>,
    ) -> Self::Request;

    /// Accepts a response.
    fn ack(kind: Kind, names: &Names, answered: &Self::Answered) -> Self::Request;

    /// A stream's first request says who asks.
    fn with_node(request: Self::Request, node: Node) -> Self::Request;

    /// What a response says.
    fn read(response: Self::Response) -> Response<Self::Answered>;
}

/// The version and the nonce.
#[derive(Debug)]
pub struct SotwAnswered(String, String);

impl Dialect for Sotw {
    type Answered = SotwAnswered;

    const COMPLETE: bool = true;

    fn subscription(
        kind: Kind,
        _: &Names,
        names: &Names,
        answered: Option<&SotwAnswered>,
    ) -> DiscoveryRequest {
        match answered {
            Some(answered) => Self::ack(kind, names, answered),
            None => Self::ack(kind, names, &SotwAnswered(String::new(), String::new())),
        }
    }

    fn ack(kind: Kind, names: &Names, SotwAnswered(version, nonce): &SotwAnswered) -> DiscoveryRequest {
        DiscoveryRequest {
            type_url: kind.type_url().to_owned(),
            resource_names: names.iter().cloned().collect(),
            version_info: version.clone(),
            response_nonce: nonce.clone(),
            ..DiscoveryRequest::default()
        }
    }

    fn with_node(request: DiscoveryRequest, node: Node) -> DiscoveryRequest {
        DiscoveryRequest { node: Some(node), ..request }
    }

    fn read(response: SotwResponse) -> Response<SotwAnswered> {
        let kind = Kind::from_type_url(&response.type_url).expect("a type that was asked for");
        Response {
            kind,
            resources: response.resources.iter().map(|any| opened(kind, any)).collect(),
            removed: Names::new(),
            answered: SotwAnswered(response.version_info, response.nonce),
        }
    }
}

impl Dialect for Delta {
    /// The nonce.
    type Answered = String;

    const COMPLETE: bool = false;

    fn subscription(kind: Kind, old: &Names, names: &Names, _: Option<&String>) -> DeltaDiscoveryRequest {
        DeltaDiscoveryRequest {
            type_url: kind.type_url().to_owned(),
            resource_names_subscribe: names.difference(old).cloned().collect(),
            resource_names_unsubscribe: old.difference(names).cloned().collect(),
            ..DeltaDiscoveryRequest::default()
        }
    }

    fn ack(kind: Kind, _: &Names, nonce: &String) -> DeltaDiscoveryRequest {
        DeltaDiscoveryRequest {
            type_url: kind.type_url().to_owned(),
            response_nonce: nonce.clone(),
            ..DeltaDiscoveryRequest::default()
        }
    }

    fn with_node(request: DeltaDiscoveryRequest, node: Node) -> DeltaDiscoveryRequest {
        DeltaDiscoveryRequest { node: Some(node), ..request }
    }

    fn read(response: DeltaResponse) -> Response<String> {
        let kind = Kind::from_type_url(&response.type_url).expect("a type that was asked for");
        let resources = response.resources.iter().filter_map(|r| r.resource.as_ref());
        Response {
            kind,
            resources: resources.map(|any| opened(kind, any)).collect(),
            removed: response.removed_resources.into_iter().collect(),
            answered: response.nonce,
        }
    }
}

/// A resource's name and JSON form.
fn opened(kind: Kind, any: &WireAny) -> (String, serde_json::Value) {
    let json = to_json(&any.type_url, &any.value).expect("a message of its type");
    let field = if kind == Kind::Endpoint { "cluster_name" } else { "name" };
    (json[field].as_str().expect("resources have names").to_owned(), json)
}
