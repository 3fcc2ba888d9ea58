//! HTTP beside gRPC: `/ready`, `/metrics`, `/version`, and the pages under `/debug`.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;

use super::debug::{self, Page, Query};
use super::hub::Hub;
use crate::identity::Visitor;

/// The pages.
pub fn router(hub: Arc<Hub>) -> Router {
    Router::new()
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .route("/version", get(version))
        .route("/debug", get(async || debug::index()))
        .route("/debug/{page}", get(page))
        .with_state(hub)
}

/// 200 once there is a mesh to serve.
async fn ready(State(hub): State<Arc<Hub>>) -> impl IntoResponse {
    if hub.is_ready() {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "no mesh yet\n")
    }
}

async fn metrics(State(hub): State<Arc<Hub>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], hub.metrics())
}

async fn version() -> &'static str {
    concat!("xdslab ", env!("CARGO_PKG_VERSION"), "\n")
}

async fn page(
    State(hub): State<Arc<Hub>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Page {
    let visitor = Visitor { peer: Some(peer), authorization: Visitor::authorization(&headers) };
    let caller = debug::caller(&hub, &visitor);
    debug::answer(&hub, &name, Query::read(&query.unwrap_or_default()), caller).await
}
