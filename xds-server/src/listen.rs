//! Sockets, and what is served on them.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;

use crate::serve::{Hub, SECRETS, SERVICES, STATUS, router};
use crate::server::{RunError, StartError};

/// Between two pings on a silent connection, as istiod's default.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// How long a ping may go unanswered, as istiod's default.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// Streams on one connection, as istiod's default.
const MAX_STREAMS: u32 = 100_000;

/// Connections that wait to be accepted, as far as the kernel allows; one more has to try again after a second. A mesh's
/// proxies all come at once.
const BACKLOG: u32 = 4_096;

/// Listens, and says where.
pub(crate) fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    bind(address).map_err(|source| StartError::Listen { address, source })
}

fn bind(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A server that is started again need not wait for the connections of the last one.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    let listener = socket.listen(BACKLOG)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Serves `services` and says that all is well with them.
pub(crate) async fn serve_discovery(
    listener: TcpListener,
    services: Routes,
    cancel: CancellationToken,
) -> Result<(), RunError> {
    let (health, health_service) = tonic_health::server::health_reporter();
    for service in SERVICES.iter().map(|(service, ..)| *service).chain([SECRETS, STATUS]) {
        health.set_service_status(service, tonic_health::ServingStatus::Serving).await;
    }
    serve_grpc(listener, services.add_service(health_service), cancel).await
}

/// Serves gRPC until it is cancelled and all connections have ended.
pub(crate) async fn serve_grpc(
    listener: TcpListener,
    services: Routes,
    cancel: CancellationToken,
) -> Result<(), RunError> {
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    tonic::transport::Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .max_concurrent_streams(Some(MAX_STREAMS))
        .add_routes(services)
        .serve_with_incoming_shutdown(incoming, cancel.cancelled_owned())
        .await
        .map_err(RunError::Grpc)
}

/// Serves the pages until it is cancelled.
pub(crate) async fn serve_http(
    listener: TcpListener,
    hub: Arc<Hub>,
    cancel: CancellationToken,
) -> Result<(), RunError> {
    let pages = axum::serve(listener, router(hub).into_make_service_with_connect_info::<SocketAddr>())
        .with_graceful_shutdown(cancel.cancelled_owned());
    pages.await.map_err(RunError::Http)
}
