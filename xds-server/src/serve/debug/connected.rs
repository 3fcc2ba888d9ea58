//! `/debug/adsz`, `/debug/connections` and `/debug/instancesz`.

use std::time::SystemTime;

use serde_json::{Map, Value, json};

use super::model;
use super::{Page, Visit};
use crate::serve::client::Client;

/// Connections with all that is known of their clients.
pub(super) fn adsz(visit: &Visit) -> Page {
    let clients = match visit.named() {
        Some(Ok(client)) => vec![client],
        Some(Err(refusal)) => return refusal,
        None => visit.clients(),
    };
    list(visit, &clients, |client| {
        let mut fields = connection(client);
        let view = &client.seen.view;
        if !view.workload.labels.is_empty() {
            fields.insert("labels".to_owned(), json!(view.workload.labels));
        }
        fields.insert("metadata".to_owned(), view.proxy.metadata.raw.clone());
        let locality = &view.workload.locality;
        let mut place = Map::new();
        for (name, part) in
            [("region", &locality.region), ("zone", &locality.zone), ("sub_zone", &locality.subzone)]
        {
            if !part.is_empty() {
                place.insert(name.to_owned(), part.as_str().into());
            }
        }
        fields.insert("locality".to_owned(), place.into());
        let watches = watches(client);
        if !watches.is_empty() {
            fields.insert("watches".to_owned(), watches.into());
        }
        fields
    })
}

/// Connections alone.
pub(super) fn connections(visit: &Visit) -> Page {
    list(visit, &visit.clients(), connection)
}

/// The services that each client stands behind.
pub(super) fn instances(visit: &Visit) -> Page {
    let clients = visit.hub.clients();
    let targets = |client: &Client| {
        let view = &client.seen.view;
        let targets: Value = view.workload.targets.iter().map(model::target).collect();
        (view.proxy.id.to_string(), targets)
    };
    visit.json(&Value::Object(clients.iter().map(targets).collect()))
}

/// Names that are subscribed to, by type; none for everything.
pub(super) fn watches(client: &Client) -> Map<String, Value> {
    let names = client.status.watches().map(|(kind, of_type)| {
        let named = of_type.names.iter().flat_map(|names| names.named().iter());
        (kind.type_url().to_owned(), named.map(|name| Value::from(name.as_str())).collect())
    });
    names.collect()
}

fn connection(client: &Client) -> Map<String, Value> {
    let address = client.seen.peer.map(|peer| peer.to_string()).unwrap_or_default();
    let mut fields = Map::new();
    fields.insert("connectionId".to_owned(), client.status.id.as_str().into());
    fields.insert("connectedAt".to_owned(), time(client.since).into());
    fields.insert("address".to_owned(), address.into());
    fields
}

fn list(visit: &Visit, clients: &[Client], form: impl Fn(&Client) -> Map<String, Value>) -> Page {
    let mut all = json!({"totalClients": clients.len()});
    if !clients.is_empty() {
        all["clients"] = clients.iter().map(form).map(Value::Object).collect();
    }
    visit.json(&all)
}

fn time(at: SystemTime) -> String {
    jiff::Timestamp::try_from(at).map(|at| at.to_string()).unwrap_or_default()
}
