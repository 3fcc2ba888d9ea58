//! The adapter service of the CNCF xDS conformance harness (ii/xds-test-harness, `api/adapter/adapter.proto`): through it
//! a test sets what the server under test has for one node. Package `adapter`, service `Adapter`.

use crate::protobuf::Any;
use prost::Message;

/// Path of `Adapter.SetState`: a [`SetStateRequest`], answered by a [`Done`].
pub const SET_STATE: &str = "/adapter.Adapter/SetState";
/// Path of `Adapter.ClearState`: a [`ClearStateRequest`], answered by a [`ClearStateResponse`].
pub const CLEAR_STATE: &str = "/adapter.Adapter/ClearState";
/// Path of `Adapter.UpdateResource`: a [`ResourceRequest`], answered by a [`Done`].
pub const UPDATE_RESOURCE: &str = "/adapter.Adapter/UpdateResource";
/// Path of `Adapter.AddResource`: a [`ResourceRequest`], answered by a [`Done`].
pub const ADD_RESOURCE: &str = "/adapter.Adapter/AddResource";
/// Path of `Adapter.RemoveResource`: a [`ResourceRequest`], answered by a [`Done`].
pub const REMOVE_RESOURCE: &str = "/adapter.Adapter/RemoveResource";

/// Replaces everything that a node has.
#[derive(Clone, PartialEq, Message)]
pub struct SetStateRequest {
    /// Id of the node.
    #[prost(string, tag = "1")]
    pub node: String,
    /// What responses must say as their version.
    #[prost(string, tag = "2")]
    pub version: String,
    /// The resources. Most hold nothing but their name: the server makes valid ones of them.
    #[prost(message, repeated, tag = "3")]
    pub resources: Vec<Any>,
}

/// Takes everything from a node.
#[derive(Clone, PartialEq, Message)]
pub struct ClearStateRequest {
    /// Id of the node.
    #[prost(string, tag = "1")]
    pub node: String,
}

/// That everything was taken.
#[derive(Clone, PartialEq, Message)]
pub struct ClearStateResponse {
    /// A few words for people.
    #[prost(string, tag = "1")]
    pub response: String,
}

/// Adds, changes or removes one resource.
#[derive(Clone, PartialEq, Message)]
pub struct ResourceRequest {
    /// Id of the node.
    #[prost(string, tag = "1")]
    pub node: String,
    /// Type URL of the resource.
    #[prost(string, tag = "2")]
    pub type_url: String,
    /// Name of the resource.
    #[prost(string, tag = "3")]
    pub resource_name: String,
    /// What responses must say as their version from now on.
    #[prost(string, tag = "4")]
    pub version: String,
}

/// The response of all other methods: their messages differ in name alone.
#[derive(Clone, PartialEq, Message)]
pub struct Done {
    /// Whether it was done.
    #[prost(bool, tag = "1")]
    pub success: bool,
}
