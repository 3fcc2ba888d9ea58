//! Listeners of one proxy (istiod: `pilot/pkg/networking/core/listener.go`).

pub(crate) mod address;
mod inbound;
mod lab;
pub(crate) mod listener_filters;
mod outbound;
mod reserved;

pub(crate) use inbound::conflicts as inbound_conflicts;
pub(crate) use outbound::destination;
use xdslab_proto::listener::Listener;
use xdslab_proto::listener::listener::ConnectionBalanceConfig;
use xdslab_proto::listener::listener::connection_balance_config::{BalanceType, ExactBalance};

use super::conflict::Conflict;
use super::filter::Filters;
use super::gateway;
pub(crate) use outbound::vip;

/// Connections by turns, where the proxy asks for it.
pub(crate) fn balance(exact: bool) -> Option<ConnectionBalanceConfig> {
    let balance_type = Some(BalanceType::ExactBalance(ExactBalance {}));
    exact.then_some(ConnectionBalanceConfig { balance_type })
}

/// The listeners of a sidecar for what its application sends, and what was left out of them.
pub(crate) fn outbound(filters: &Filters<'_>) -> (Vec<Listener>, Vec<Conflict>) {
    let (listeners, conflicts) = outbound::listeners(filters);
    (placed(filters, listeners), conflicts)
}

/// The listeners of a sidecar for what its application is sent.
pub(crate) fn inbound(filters: &Filters<'_>) -> Vec<Listener> {
    placed(filters, inbound::listeners(filters))
}

/// All listeners of a gateway.
pub(crate) fn of_gateway(filters: &Filters<'_>) -> Vec<Listener> {
    placed(filters, gateway::listeners(filters))
}

/// Where the lab asks for it, at addresses of its own.
fn placed(filters: &Filters<'_>, mut listeners: Vec<Listener>) -> Vec<Listener> {
    if let Some(bind) = filters.view().proxy.metadata.lab.bind {
        listeners.iter_mut().for_each(|listener| lab::relocate(listener, bind));
    }
    listeners
}
