//! Routes of one proxy (istiod: `pilot/pkg/networking/core/httproute.go`).

mod action;
mod configuration;
mod destination;
mod domains;
mod filters;
mod hash;
mod headers;
mod matching;
mod naming;
pub(crate) mod retry;
pub(crate) mod rule;
mod table;
#[cfg(test)]
mod tests;
mod usual;

use super::view::View;

pub(crate) use configuration::{LONGEST_BODY, configuration, of_grpc_port};
pub(crate) use naming::with_port;

/// Whether upstreams are told the host that was asked for: on routes that rewrite and on the catch-all only, as istiod
/// has it.
fn forwards_host(view: &View) -> bool {
    view.proxy_config.proxy_headers.x_forwarded_host.enabled.unwrap_or_default()
}
