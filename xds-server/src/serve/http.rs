//! HTTP beside gRPC: `/ready`, `/metrics`, `/version`, and `/debug/syncz`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::{Value, json};
use xdslab_protocol::ResourceType;

use super::hub::Hub;
use super::status::ConnectionStatus;

/// The pages.
pub fn router(hub: Arc<Hub>) -> Router {
    Router::new()
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .route("/version", get(version))
        .route("/debug/syncz", get(syncz))
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
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], hub.observers().metrics().text())
}

async fn version() -> &'static str {
    concat!("xdslab ", env!("CARGO_PKG_VERSION"), "\n")
}

/// One element a connected client, with the nonces that it was sent and has accepted
/// (istiod: `pilot/pkg/xds/debug.go`, `Syncz`).
async fn syncz(State(hub): State<Arc<Hub>>) -> impl IntoResponse {
    let clients: Value = hub.statuses().iter().map(client).collect();
    let text = serde_json::to_string_pretty(&clients).unwrap_or_default();
    ([(header::CONTENT_TYPE, "application/json")], text)
}

fn client(status: &ConnectionStatus) -> Value {
    let mut client = json!({"proxy": status.proxy, "connection": status.id});
    for (kind, name) in [
        (ResourceType::Cluster, "cluster"),
        (ResourceType::Endpoint, "endpoint"),
        (ResourceType::Listener, "listener"),
        (ResourceType::Route, "route"),
    ] {
        let Some(of_type) = status.types.get(&kind) else { continue };
        for (what, nonce) in [("sent", &of_type.sent), ("acked", &of_type.acked)] {
            if let Some(nonce) = nonce {
                client[format!("{name}_{what}")] = nonce.as_str().into();
            }
        }
    }
    client
}
