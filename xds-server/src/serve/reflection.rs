//! gRPC reflection: which services there are, and their messages.

use std::convert::Infallible;
use std::sync::LazyLock;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::Response;
use axum::routing::post;
use tonic::Status;
use tonic::service::Routes;
use tonic_reflection::server::{Builder, Error};
use tower::ServiceExt;
use xdslab_proto::json::DESCRIPTORS;

use super::csds::STATUS;
use super::service::{SECRETS, SERVICES};

/// Reflection's own services, new and old.
const REFLECTIONS: [&str; 2] =
    ["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"];
const METHOD: &str = "ServerReflectionInfo";
const HEALTH: &str = "grpc.health.v1.Health";

/// The services of reflection, made when somebody first asks: their index of every message, field and enum takes some
/// milliseconds and megabytes, and most servers are never asked.
static MADE: LazyLock<Result<Router, Error>> = LazyLock::new(|| {
    let routes = Routes::new(builder().build_v1()?).add_service(builder().build_v1alpha()?);
    Ok(routes.into_axum_router())
});

/// Reflection, versions `v1` and `v1alpha`, of the services that are served.
pub fn reflection() -> Router {
    let paths = REFLECTIONS.map(|service| format!("/{service}/{METHOD}"));
    paths.iter().fold(Router::new(), |router, path| router.route(path, post(answer)))
}

async fn answer(request: Request) -> Result<Response<Body>, Infallible> {
    match &*MADE {
        Ok(router) => router.clone().oneshot(request).await,
        Err(error) => Ok(Status::internal(error.to_string()).into_http()),
    }
}

fn builder() -> Builder<'static> {
    let names = SERVICES.iter().map(|(service, ..)| *service).chain([SECRETS, STATUS, HEALTH]);
    let all = Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
    names.chain(REFLECTIONS).fold(all, Builder::with_service_name)
}
