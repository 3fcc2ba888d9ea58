//! Order between types, and warming: R30 to R34.

use std::collections::BTreeSet;

use prost::Message;
use xdslab_proto::route::route::Action;
use xdslab_proto::route::{RouteConfiguration, route_action::ClusterSpecifier};

use super::Result;
use crate::conformance::lab::{Lab, MISSING};
use crate::conformance::outcome::{Stop, expect, failed};
use crate::conformance::reply::Item;
use crate::conformance::session::{FENCE, Session};
use crate::wire::Kind::{self, Cluster, Endpoint, Listener, Route};

/// A client of all types that asks for `a` and, before it exists, for `n`.
async fn of_all_types(lab: &mut Lab) -> std::result::Result<Session, Stop> {
    lab.set(&["a", FENCE], &["a", FENCE]).await?;
    let mut client = lab.client();
    for (kind, is_wildcard) in [(Cluster, true), (Endpoint, false), (Listener, true), (Route, false)] {
        if is_wildcard {
            client.wildcard(kind).await;
        } else {
            client.subscribe(kind, &["a", "n"]).await;
        }
        client.gather(kind, &["a"], "what there is").await?;
    }
    client.settle().await?;
    Ok(client)
}

pub(super) async fn make_before_break(lab: &mut Lab) -> Result {
    let mut client = of_all_types(lab).await?;
    lab.set(&["a", "n", FENCE], &["a", "n", FENCE]).await?;
    let mut came: Vec<Kind> = Vec::new();
    while came.len() < Kind::ALL.len() {
        let reply = client.next_of_any("all four types, as each has something new").await?;
        client.ack(&reply).await;
        if let Some(kind) = reply.kind.filter(|kind| reply.has("n") && !came.contains(kind)) {
            came.push(kind);
        }
    }
    expect(came == Kind::ALL, "what is new in the order CDS, EDS, LDS, RDS", format!("{came:?}"))?;
    client.settle().await?;
    lab.set(&["a", FENCE], &["a", FENCE]).await?;
    let mut went: Vec<Kind> = Vec::new();
    while went.len() < 2 {
        let reply = client.next_of_any("the removal of a cluster and of a listener").await?;
        client.ack(&reply).await;
        let is_gone = if client.is_sotw() { !reply.has("n") } else { reply.has_removed("n") };
        if let Some(kind) = reply.kind.filter(|kind| is_gone && [Cluster, Listener].contains(kind))
            && !went.contains(&kind)
        {
            went.push(kind);
        }
    }
    expect(went == [Listener, Cluster], "the cluster removed after the listener", format!("{went:?}"))
}

pub(super) async fn endpoints_after_cluster(lab: &mut Lab) -> Result {
    let [a] = lab.names(Cluster)?;
    let mut client = lab.client();
    client.wildcard(Cluster).await;
    client.gather(Cluster, &[&a], "clusters").await?;
    client.subscribe(Endpoint, &[&a]).await;
    client.gather(Endpoint, &[&a], "endpoints").await?;
    client.settle().await?;
    lab.update(Cluster, &a).await?;
    client.gather(Cluster, &[&a], "the cluster that changed").await?;
    let what = "the endpoints of the cluster that changed: it warms until they come, changed or not";
    if !client.is_sotw() {
        return client.gather(Endpoint, &[&a], what).await.map(drop);
    }
    // State of the world: they may also wait until the client asks once more, as Envoy does.
    if client.settle().await?.iter().any(|reply| reply.kind == Some(Endpoint) && reply.has(&a)) {
        return Ok(());
    }
    let ask = client.whole(Endpoint);
    client.ask(ask).await;
    client.gather(Endpoint, &[&a], what).await.map(drop)
}

pub(super) async fn unknown_cluster(lab: &mut Lab) -> Result {
    let mut client = lab.client();
    client.subscribe(Endpoint, &[MISSING]).await;
    let reply = client.next(Endpoint, "some answer about endpoints of an unknown cluster").await?;
    let told = client.is_sotw() || reply.has(MISSING) || reply.has_removed(MISSING);
    expect(told, format!("{MISSING} as empty or as removed"), reply.line())
}

pub(super) async fn routes_of_new_listeners(lab: &mut Lab) -> Result {
    let [a] = lab.names(Listener)?;
    let mut client = lab.client();
    client.wildcard(Listener).await;
    client.gather(Listener, &[&a], "listeners").await?;
    client.subscribe(Route, &[&a]).await;
    client.gather(Route, &[&a], "routes").await?;
    lab.set(&["a", FENCE], &["a", "n", FENCE]).await?;
    client.gather(Listener, &["n"], "the new listener").await?;
    client.settle().await?;
    client.subscribe(Route, &["n"]).await;
    client.gather(Route, &["n"], "the routes of the new listener: it waits for them").await.map(drop)
}

pub(super) async fn routes_to_present_clusters(lab: &mut Lab) -> Result {
    let mut client = of_all_types(lab).await?;
    lab.set(&["a", "n", FENCE], &["a", "n", FENCE]).await?;
    let mut clusters: BTreeSet<String> = ["a", FENCE].map(str::to_owned).into();
    loop {
        let reply = client.next_of_any("new clusters and routes").await?;
        client.ack(&reply).await;
        match reply.kind {
            Some(Cluster) if client.is_sotw() => clusters = reply.names().map(str::to_owned).collect(),
            Some(Cluster) => {
                clusters.retain(|name| !reply.has_removed(name));
                clusters.extend(reply.names().map(str::to_owned));
            }
            Some(Route) => {
                for item in &reply.items {
                    let absent: Vec<_> =
                        targets(item)?.into_iter().filter(|to| !clusters.contains(to)).collect();
                    let seen = format!("{} points to {absent:?}, which were not sent", item.name);
                    expect(absent.is_empty(), "routes to clusters that were sent before", seen)?;
                }
                if reply.has("n") {
                    return Ok(());
                }
            }
            _ => {}
        }
    }
}

/// The clusters that a route configuration names.
fn targets(item: &Item) -> std::result::Result<BTreeSet<String>, Stop> {
    let config = RouteConfiguration::decode(item.body.clone());
    let config =
        config.map_err(|error| failed("routes that can be read", format!("{}: {error}", item.name)))?;
    let routes = config.virtual_hosts.into_iter().flat_map(|host| host.routes);
    let mut targets = BTreeSet::new();
    for route in routes {
        let Some(Action::Route(action)) = route.action else { continue };
        match action.cluster_specifier {
            Some(ClusterSpecifier::Cluster(name)) => drop(targets.insert(name)),
            Some(ClusterSpecifier::WeightedClusters(weighted)) => {
                targets.extend(weighted.clusters.into_iter().map(|cluster| cluster.name));
            }
            _ => {}
        }
    }
    Ok(targets)
}
