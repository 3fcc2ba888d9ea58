//! What a gateway gets for the `Gateway` resources that select it (istiod: `pilot/pkg/networking/core/gateway.go`).

mod chain;
mod host;
mod listener;
mod merged;
mod routes;
#[cfg(test)]
mod tests;
mod tls;

pub(crate) use listener::listeners;
pub(crate) use merged::Merged;
pub(crate) use routes::configuration;
