//! `/ready`.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;

use super::hub::Hub;

/// The pages.
pub fn router(hub: Arc<Hub>) -> Router {
    let ready = move || {
        let ready = hub.is_ready();
        async move { if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE } }
    };
    Router::new().route("/ready", get(ready))
}
