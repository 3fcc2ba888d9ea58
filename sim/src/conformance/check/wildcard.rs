//! Everything, with and without `*`: R12 to R14.

use super::Result;
use crate::conformance::ask::Ask;
use crate::conformance::lab::Lab;
use crate::conformance::outcome::expect;
use crate::conformance::reply::Reply;
use crate::wire::Kind::{Cluster, Listener};

pub(super) async fn legacy(lab: &mut Lab) -> Result {
    for kind in [Cluster, Listener] {
        lab.names::<1>(kind)?;
        let all = lab.all(kind);
        let mut client = lab.client();
        client.wildcard(kind).await;
        client.gather(kind, &refs(&all), &format!("all of {kind}, as no name was given")).await?;
    }
    Ok(())
}

pub(super) async fn empty_after_names(lab: &mut Lab) -> Result {
    let [a, b] = lab.names(Cluster)?;
    let mut client = lab.client();
    if lab.is_sotw() {
        client.wildcard(Cluster).await;
        let all = lab.all(Cluster);
        client.gather(Cluster, &refs(&all), "everything, as no name was given").await?;
        client.subscribe(Cluster, &["*", &a]).await;
        client.gather(Cluster, &refs(&all), "everything, and a name").await?;
        client.unsubscribe(Cluster, &["*"]).await;
        client.settle().await?;
        if lab.has_adapter() {
            lab.update(Cluster, &a).await?;
            client.gather(Cluster, &[&a], "the name alone, when it changes").await?;
        }
        client.unsubscribe(Cluster, &[&a]).await;
    } else {
        client.subscribe(Cluster, &[&a]).await;
        client.gather(Cluster, &[&a], "the name").await?;
        // A request without any word, that is no ACK.
        client.ask(Ask::of(Cluster)).await;
    }
    let what = "nothing: no names after names do not mean everything";
    let replies = client.settle().await?;
    let brought = replies.iter().find(|reply| reply.has(&b) || (lab.is_sotw() && reply.has(&a)));
    expect(brought.is_none(), what, brought.map(Reply::line).unwrap_or_default())?;
    if !lab.has_adapter() {
        return Ok(());
    }
    lab.update(Cluster, &b).await?;
    client.quiet(Cluster, "nothing when something changes that was not asked for").await
}

pub(super) async fn explicit(lab: &mut Lab) -> Result {
    let [a, b] = lab.names(Cluster)?;
    let all = lab.all(Cluster);
    let mut client = lab.client();
    client.subscribe(Cluster, &["*"]).await;
    client.gather(Cluster, &refs(&all), "everything, as * asks for it").await?;
    client.subscribe(Cluster, &[&a]).await;
    client.gather(Cluster, &[&a], "the name that comes beside *").await?;
    client.unsubscribe(Cluster, &["*"]).await;
    client.settle().await?;
    if !lab.has_adapter() {
        return Ok(());
    }
    lab.update(Cluster, &b).await?;
    client.quiet(Cluster, "nothing when something changes that only * had asked for").await?;
    lab.update(Cluster, &a).await?;
    client.gather(Cluster, &[&a], "the name, which stays when * goes").await.map(drop)
}

pub(super) fn refs(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}
