//! A client of the CNCF harness' adapter: through it a check sets what the server has for its node.

use http::uri::PathAndQuery;
use prost::Message;
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic::{Request, Status};
use tonic_prost::ProstCodec;
use xdslab_proto::adapter::{
    ADD_RESOURCE, Done, REMOVE_RESOURCE, ResourceRequest, SET_STATE, SetStateRequest, UPDATE_RESOURCE,
};
use xdslab_proto::cluster::Cluster;
use xdslab_proto::endpoint::ClusterLoadAssignment;
use xdslab_proto::listener::Listener;
use xdslab_proto::pack_any;
use xdslab_proto::protobuf::Any;
use xdslab_proto::route::RouteConfiguration;

use super::outcome::Stop;
use super::transcript::{Transcript, list};
use crate::wire::Kind;

/// The adapter's word about one node.
#[derive(Clone, Debug)]
pub(super) struct Adapter {
    channel: Channel,
    node: String,
    log: Transcript,
    /// The last version.
    version: u32,
}

/// What to do with one resource.
#[derive(Clone, Copy, Debug)]
pub(super) enum Edit {
    Add,
    Update,
    Remove,
}

impl Adapter {
    pub(super) fn new(channel: Channel, node: String, log: Transcript) -> Self {
        Self { channel, node, log, version: 0 }
    }

    /// Sets everything at once, at a new version.
    pub(super) async fn set(&mut self, state: &[(Kind, &[&str])]) -> Result<(), Stop> {
        let words = state.iter().map(|(kind, names)| format!("{kind} {}", list(names.iter().copied())));
        let version = self.next();
        self.log.note(format!("= at version {version}: {}", words.collect::<Vec<_>>().join(", ")));
        let resources = state.iter().flat_map(|(kind, names)| names.iter().map(|name| bare(*kind, name)));
        let request = SetStateRequest { node: self.node.clone(), version, resources: resources.collect() };
        self.call(SET_STATE, request).await
    }

    /// Adds, changes or removes one resource, at a new version.
    pub(super) async fn edit(&mut self, edit: Edit, kind: Kind, name: &str) -> Result<(), Stop> {
        let version = self.next();
        let (path, word) = match edit {
            Edit::Add => (ADD_RESOURCE, "new"),
            Edit::Update => (UPDATE_RESOURCE, "changed"),
            Edit::Remove => (REMOVE_RESOURCE, "gone"),
        };
        self.log.note(format!("= at version {version}: {kind} {name} is {word}"));
        let request = ResourceRequest {
            node: self.node.clone(),
            type_url: kind.type_url().to_owned(),
            resource_name: name.to_owned(),
            version,
        };
        self.call(path, request).await
    }

    fn next(&mut self) -> String {
        self.version += 1;
        self.version.to_string()
    }

    async fn call<Q: Message + 'static>(&self, path: &'static str, request: Q) -> Result<(), Stop> {
        let refused =
            |status: Status| Stop::Skipped(format!("the adapter says no to {path}: {}", status.message()));
        let mut grpc = Grpc::new(self.channel.clone());
        grpc.ready().await.map_err(|error| refused(Status::unavailable(error.to_string())))?;
        let codec: ProstCodec<Q, Done> = ProstCodec::default();
        let done = grpc.unary(Request::new(request), PathAndQuery::from_static(path), codec).await;
        let done = done.map_err(refused)?.into_inner().success;
        if done { Ok(()) } else { Err(Stop::Skipped(format!("the adapter could not do {path}"))) }
    }
}

/// A resource with nothing but its name: the server makes a valid one of it.
fn bare(kind: Kind, name: &str) -> Any {
    let name = name.to_owned();
    match kind {
        Kind::Cluster => pack_any(Cluster { name, ..Default::default() }),
        Kind::Endpoint => pack_any(ClusterLoadAssignment { cluster_name: name, ..Default::default() }),
        Kind::Listener => pack_any(Listener { name, ..Default::default() }),
        Kind::Route => pack_any(RouteConfiguration { name, ..Default::default() }),
    }
}
