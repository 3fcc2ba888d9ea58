//! Listeners of one proxy (istiod: `pilot/pkg/networking/core/listener.go`).

pub(crate) mod address;
mod inbound;
mod lab;
pub(crate) mod listener_filters;
mod outbound;
mod reserved;

pub(crate) use outbound::destination;
use xdslab_mesh::ProxyKind;
use xdslab_proto::listener::Listener;
use xdslab_proto::listener::listener::ConnectionBalanceConfig;
use xdslab_proto::listener::listener::connection_balance_config::{BalanceType, ExactBalance};

use super::filter::Filters;
use super::gateway;
use super::view::View;
pub(crate) use outbound::vip;

/// Connections by turns, where the proxy asks for it.
pub(crate) fn balance(exact: bool) -> Option<ConnectionBalanceConfig> {
    let balance_type = Some(BalanceType::ExactBalance(ExactBalance {}));
    exact.then_some(ConnectionBalanceConfig { balance_type })
}

/// All listeners of a sidecar or a gateway.
pub(crate) fn listeners(view: &View) -> Vec<Listener> {
    let filters = Filters::new(view);
    let mut all = if view.proxy.kind == ProxyKind::Sidecar {
        let mut all = outbound::listeners(&filters);
        all.extend(inbound::listeners(&filters));
        all
    } else {
        gateway::listeners(&filters)
    };
    if let Some(bind) = view.proxy.metadata.lab.bind {
        all.iter_mut().for_each(|listener| lab::relocate(listener, bind));
    }
    all
}
