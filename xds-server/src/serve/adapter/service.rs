//! The gRPC methods: of the adapter, and of xDS over what the adapter sets.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::routing::{MethodRouter, post};
use envoy_types::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DiscoveryRequest};
use tonic::Status;
use tonic::server::Grpc;
use tonic::service::Routes;
use tonic_prost::ProstCodec;
use tower::service_fn;
use xdslab_proto::Message;
use xdslab_proto::adapter::{
    ADD_RESOURCE, CLEAR_STATE, ClearStateRequest, ClearStateResponse, Done, REMOVE_RESOURCE, ResourceRequest,
    SET_STATE, SetStateRequest, UPDATE_RESOURCE,
};
use xdslab_protocol::ResourceType;

use super::state::{Edit, Refusal, State, States};
use super::stream::drive;
use crate::serve::Hub;
use crate::serve::service::{SERVICES, method, unimplemented};
use crate::serve::wire::Wire;

/// Largest state that is taken: a test of large responses sets a large one.
const MAX_STATE: usize = 64 << 20;

/// The adapter's methods.
pub fn adapter(states: &Arc<States>) -> Routes {
    let edits = |edit| {
        let states = states.clone();
        unary(move |request: ResourceRequest| {
            let ResourceRequest { node, type_url, resource_name, version } = request;
            let edit = |state: &State| {
                let mut next = state.clone();
                Ok((next.edit(edit, &type_url, &resource_name, &version)?, next))
            };
            states.change(&node, edit).map(|success| Done { success })
        })
    };
    let set = {
        let states = states.clone();
        unary(move |request: SetStateRequest| {
            let next = State::set(&request.version, &request.resources)?;
            states.change(&request.node, |_| Ok(((), next)))?;
            Ok(Done { success: true })
        })
    };
    let clear = {
        let states = states.clone();
        unary(move |request: ClearStateRequest| {
            states.clear(&request.node);
            Ok(ClearStateResponse { response: "cleared".to_owned() })
        })
    };
    let router = Router::new()
        .route(SET_STATE, set)
        .route(CLEAR_STATE, clear)
        .route(ADD_RESOURCE, edits(Edit::Add))
        .route(UPDATE_RESOURCE, edits(Edit::Update))
        .route(REMOVE_RESOURCE, edits(Edit::Remove));
    router.fallback(unimplemented).into()
}

/// The discovery services over what the adapter has set.
pub fn stated(hub: &Arc<Hub>, states: &Arc<States>) -> Routes {
    let mut router = Router::new().fallback(unimplemented);
    for (service, sotw, delta, only) in SERVICES {
        router = router
            .route(&format!("/{service}/{sotw}"), resources::<DiscoveryRequest>(hub, states, only.clone()))
            .route(&format!("/{service}/{delta}"), resources::<DeltaDiscoveryRequest>(hub, states, only));
    }
    router.into()
}

fn resources<W: Wire>(hub: &Arc<Hub>, states: &Arc<States>, only: Option<ResourceType>) -> MethodRouter {
    let (hub, states) = (hub.clone(), states.clone());
    method(move |request, _, out| {
        hub.streams.spawn(drive::<W>(hub.clone(), states.clone(), only.clone(), request, out));
    })
}

fn unary<Q, A>(answer: impl Fn(Q) -> Result<A, Refusal> + Clone + Send + Sync + 'static) -> MethodRouter
where
    Q: Message + Default + 'static,
    A: Message + Default + 'static,
{
    post(async move |request: Request| {
        let service = service_fn(move |request: tonic::Request<Q>| {
            let answered = answer(request.into_inner()).map(tonic::Response::new);
            std::future::ready(answered.map_err(|refusal| Status::invalid_argument(refusal.to_string())))
        });
        let codec: ProstCodec<A, Q> = ProstCodec::default();
        Grpc::new(codec).max_decoding_message_size(MAX_STATE).unary(service, request).await
    })
}
