//! What only delta can say: R21 to R26.

use super::Result;
use super::wildcard::refs;
use crate::conformance::ask::Ask;
use crate::conformance::lab::{Lab, MISSING};
use crate::conformance::outcome::expect;
use crate::conformance::reply::Reply;
use crate::wire::Kind::{Cluster, Endpoint};

pub(super) async fn missing_told(lab: &mut Lab) -> Result {
    for kind in [Endpoint, Cluster] {
        let mut client = lab.client();
        client.subscribe(kind, &[MISSING]).await;
        let what = format!("{MISSING} of {kind} among the removed");
        let reply = client.next(kind, &what).await?;
        // Endpoints of any cluster may be said to exist, and to be none.
        let is_empty = kind == Endpoint && reply.has(MISSING);
        expect(is_empty || reply.has_removed(MISSING), what, reply.line())?;
    }
    Ok(())
}

pub(super) async fn deletions(lab: &mut Lab) -> Result {
    let [a, b, c] = lab.names(Endpoint)?;
    let (mut named, mut other) = (lab.client(), lab.client());
    named.subscribe(Endpoint, &[&a, &b]).await;
    named.gather(Endpoint, &[&a, &b], "an answer").await?;
    other.subscribe(Endpoint, &[&a]).await;
    other.gather(Endpoint, &[&a], "an answer").await?;
    lab.remove(Endpoint, &b).await?;
    let gone = named.next(Endpoint, "what is gone, among the removed").await?;
    expect(
        gone.removed == [b.clone()] && gone.items.is_empty(),
        format!("{b} removed, and no more"),
        gone.line(),
    )?;
    named.ack(&gone).await;
    lab.update(Endpoint, &c).await?;
    named.quiet(Endpoint, "the removal told once").await?;
    other.quiet(Endpoint, "no removal of what was not subscribed to").await?;
    let [a] = lab.names(Cluster)?;
    let mut all = lab.client();
    all.wildcard(Cluster).await;
    all.gather(Cluster, &refs(&lab.all(Cluster)), "everything").await?;
    lab.remove(Cluster, &a).await?;
    let gone = all.next(Cluster, "what is gone, among the removed").await?;
    expect(gone.removed == [a.clone()], format!("{a} removed, under a wildcard too"), gone.line())
}

pub(super) async fn unsubscribe_is_silent(lab: &mut Lab) -> Result {
    let [a, b] = lab.names(Endpoint)?;
    let mut client = lab.client();
    client.subscribe(Endpoint, &[&a, &b]).await;
    client.gather(Endpoint, &[&a, &b], "an answer").await?;
    client.unsubscribe(Endpoint, &[&b]).await;
    client.unsubscribe(Endpoint, &[MISSING]).await;
    if lab.has_adapter() {
        client.quiet(Endpoint, "no answer to unsubscribing").await?;
        lab.update(Endpoint, &b).await?;
        return client.quiet(Endpoint, "nothing about what was given up, though it changed").await;
    }
    client.silent(Endpoint, "nothing about what was given up, or was never asked for").await
}

pub(super) async fn given_up_under_wildcard(lab: &mut Lab) -> Result {
    let [a] = lab.names(Cluster)?;
    let mut client = lab.client();
    client.wildcard(Cluster).await;
    client.gather(Cluster, &[&a], "everything").await?;
    client.subscribe(Cluster, &[&a, MISSING]).await;
    client.settle().await?;
    client.unsubscribe(Cluster, &[&a]).await;
    let what = "the resource whose name was given up: the wildcard still covers it";
    client.gather(Cluster, &[&a], what).await?;
    client.unsubscribe(Cluster, &[MISSING]).await;
    let what = "the name that was given up among the removed: the wildcard does not cover it";
    let reply = client.next(Cluster, what).await?;
    expect(reply.has_removed(MISSING), what, reply.line())
}

pub(super) async fn only_what_changed(lab: &mut Lab) -> Result {
    for kind in [Cluster, Endpoint] {
        let [a, b] = lab.names(kind)?;
        let mut client = lab.client();
        match kind {
            Cluster => client.wildcard(kind).await,
            _ => client.subscribe(kind, &[&a, &b]).await,
        }
        let first = client.gather(kind, &[&a, &b], "an answer").await?;
        for (name, item) in &first.items {
            let seen = format!("{:?} beside {name}", item.label);
            expect(item.label.as_ref() == Some(name), "the name beside every resource", seen)?;
            let has_version = item.version.as_ref().is_some_and(|version| !version.is_empty());
            expect(has_version, "a version beside every resource", format!("none beside {name}"))?;
        }
        if lab.has_adapter() {
            lab.update(kind, &a).await?;
            let changed = client.next(kind, "what changed").await?;
            expect(changed.names().eq([a.as_str()]), format!("{a} of {kind} alone"), changed.line())?;
        }
    }
    Ok(())
}

pub(super) async fn initial_versions(lab: &mut Lab) -> Result {
    let [a, b] = lab.names(Cluster)?;
    let mut before = lab.client();
    before.wildcard(Cluster).await;
    let first = before.gather(Cluster, &refs(&lab.all(Cluster)), "everything").await?;
    drop(before);
    let initial: Vec<_> =
        first.items.into_iter().map(|(name, item)| (name, item.version.unwrap_or_default())).collect();
    let mut client = lab.client();
    client.ask(Ask { initial: initial.clone(), ..Ask::of(Cluster) }).await;
    let replies = client.settle().await?;
    let again = replies.iter().find(|reply| !reply.items.is_empty());
    let what = "nothing again that the client holds at its last version";
    expect(again.is_none(), what, again.map(Reply::line).unwrap_or_default())?;
    drop(client);
    if !lab.has_adapter() {
        return Ok(());
    }
    lab.update(Cluster, &a).await?;
    lab.remove(Cluster, &b).await?;
    let mut client = lab.client();
    client.ask(Ask { initial, ..Ask::of(Cluster) }).await;
    let replies = client.settle().await?;
    let what = format!("{a}, which changed, and {b} among the removed, and no more");
    let brought: Vec<_> = replies.iter().flat_map(Reply::names).collect();
    let removed: Vec<_> = replies.iter().flat_map(|reply| &reply.removed).collect();
    let seen = format!("{brought:?}, removed {removed:?}");
    expect(brought == [a.as_str()] && removed == [b.as_str()], what, seen)
}
