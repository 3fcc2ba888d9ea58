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
use tokio::task::spawn_blocking;

pub(super) use caller::{Caller, caller};
pub(super) use config_dump::dump;
pub(super) use page::Page;
pub(super) use query::Query;
pub(super) use sync::sync_status;

use index::Make;

use super::ask::Ask;
use super::client::Client;
use super::hub::Hub;

/// One look at a page.
pub(super) struct Visit {
    pub hub: Arc<Hub>,
    pub query: Query,
    pub caller: Caller,
}

/// The page of this name, the part of its path after `/debug/`. It is made beside the threads that serve streams: that of
/// a large mesh takes long.
pub(super) async fn answer(hub: &Arc<Hub>, name: &str, query: Query, caller: Caller) -> Page {
    let Some(page) = index::PAGES.iter().find(|page| page.name == name) else { return Page::not_found() };
    let visit = Visit { hub: hub.clone(), query, caller };
    if let Some(refusal) = visit.caller.refusal(name) {
        return refusal;
    }
    match page.make {
        Make::Page(make) => aside(move || make(&visit)).await,
        Make::Adsz if visit.query.has("push") => push(hub).await,
        Make::Adsz => aside(move || connected::adsz(&visit)).await,
        Make::Configz => match configs::objects(hub).await {
            Ok(objects) => aside(move || configs::page(&visit, &objects)).await,
            Err(page) => page,
        },
    }
}

async fn aside(make: impl FnOnce() -> Page + Send + 'static) -> Page {
    let page = spawn_blocking(make).await;
    page.unwrap_or_else(|error| Page::text(500, format!("the page was not made: {error}\n")))
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

impl Visit {
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
