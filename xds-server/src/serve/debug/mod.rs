//! The pages under `/debug`, with istiod's names, texts and JSON shapes (istiod: `pilot/pkg/xds/debug.go`).
//!
//! A page reads what connections have left behind for it. What must be generated is generated for the page alone, from the
//! connection's own view of the mesh: no stream waits for a page.

mod amiss;
mod caller;
mod config_dump;
mod configs;
mod connected;
mod index;
mod model;
mod page;
mod query;
mod registry;
mod sidecar;
mod sync;

use std::sync::Arc;

use tokio::sync::oneshot;

pub(super) use caller::{Caller, caller};
pub(super) use config_dump::dump;
pub(super) use page::Page;
pub(super) use query::Query;
pub(super) use sync::sync_status;

use super::ask::Ask;
use super::client::Client;
use super::hub::Hub;

/// One look at a page.
pub(super) struct Visit<'h> {
    pub hub: &'h Hub,
    pub query: Query,
    pub caller: Caller,
}

/// The page of this name, the part of its path after `/debug/`.
pub(super) async fn answer(hub: &Arc<Hub>, name: &str, query: Query, caller: Caller) -> Page {
    let visit = Visit { hub, query, caller };
    if !index::PAGES.iter().any(|(page, _)| page.split('?').next() == Some(name)) {
        return Page::not_found();
    }
    if let Some(refusal) = visit.caller.refusal(name) {
        return refusal;
    }
    match name {
        "adsz" if visit.query.has("push") => push(hub).await,
        "adsz" => connected::adsz(&visit),
        "config_dump" => config_dump::page(&visit),
        "configz" => configs::page(&visit).await,
        "connections" => connected::connections(&visit),
        "ecdsz" => config_dump::of_type(&visit, "ecds"),
        "edsz" => config_dump::of_type(&visit, "eds"),
        "endpointShardz" | "endpointz" => registry::shards(&visit),
        "instancesz" => connected::instances(&visit),
        "list" => index::list(&visit),
        "mesh" => configs::mesh(&visit),
        "ndsz" => config_dump::of_type(&visit, "nds"),
        "push_status" => amiss::page(&visit),
        "registryz" => registry::services(&visit),
        "resourcesz" => configs::resources(&visit),
        "sidecarz" => sidecar::page(&visit),
        "syncz" => sync::page(&visit),
        _ => Page::not_found(),
    }
}

/// `/debug` itself.
pub(super) fn index() -> Page {
    index::html()
}

/// Pushes the mesh as it is to every connection.
async fn push(hub: &Hub) -> Page {
    let (reply, answer) = oneshot::channel();
    let asked = hub.asks.send(Ask::Push(reply)).await;
    match (asked, answer.await) {
        (Ok(()), Ok(clients)) => Page::text(200, format!("Pushed to {clients} servers\n")),
        _ => Page::text(503, "the server is shutting down\n"),
    }
}

impl Visit<'_> {
    /// The first connection whose id contains `proxyID`, of those that the caller may look at; else what istiod says.
    fn client(&self) -> Result<Client, Page> {
        match self.named() {
            None => Err(Page::text(400, "You must provide a proxyID in the query string\n")),
            Some(client) => client,
        }
    }

    /// As [`Self::client`]; `None` where no `proxyID` is given.
    fn named(&self) -> Option<Result<Client, Page>> {
        let wanted = self.query.get("proxyID").filter(|wanted| !wanted.is_empty())?;
        let found = self.hub.clients().into_iter().find(|client| client.status.id.contains(wanted));
        let found = found.filter(|client| self.caller.may_see(client));
        let gone = "Proxy not connected to this Pilot instance. It may be connected to another instance.\n";
        Some(found.ok_or_else(|| Page::text(404, gone)))
    }

    /// Every connection, by cluster, namespace and id.
    fn clients(&self) -> Vec<Client> {
        let mut clients = self.hub.clients();
        clients.sort_by(|a, b| {
            let key = |client: &Client| {
                let proxy = &client.seen.view.proxy;
                let cluster = proxy.metadata.cluster_id.clone();
                (cluster, proxy.config_namespace.clone(), client.status.id.clone())
            };
            key(a).cmp(&key(b))
        });
        clients
    }

    fn json(&self, value: &serde_json::Value) -> Page {
        Page::json(value, self.query.has("pretty"))
    }
}
