//! Names: R15 to R18, R27 to R29.

use std::collections::BTreeSet;

use super::Result;
use super::wildcard::refs;
use crate::conformance::ask::Ask;
use crate::conformance::lab::Lab;
use crate::conformance::outcome::expect;
use crate::conformance::reply::Reply;
use crate::wire::Kind::{Cluster, Endpoint, Listener, Route};

pub(super) async fn by_name(lab: &mut Lab) -> Result {
    for kind in [Cluster, Listener] {
        let [a, b] = lab.names(kind)?;
        let mut client = lab.client();
        client.subscribe(kind, &[&a]).await;
        client.gather(kind, &[&a], &format!("one of {kind} by its name")).await?;
        client.subscribe(kind, &[&b]).await;
        client.gather(kind, &[&b], &format!("another of {kind} by its name")).await?;
    }
    Ok(())
}

pub(super) async fn order_of_names(lab: &mut Lab) -> Result {
    let [a, b] = lab.names(Endpoint)?;
    let mut client = lab.client();
    let listed = vec![b.clone(), a.clone(), a.clone()];
    if lab.is_sotw() {
        client.subscribe(Endpoint, &[&a, &b]).await;
        client.gather(Endpoint, &[&a, &b], "both names").await?;
        let ask = client.whole(Endpoint);
        client.ask(Ask { names: listed, ..ask }).await;
        return client
            .silent(Endpoint, "no answer to the same names in another order, one of them twice")
            .await;
    }
    client.wants(Endpoint, &[&a, &b]);
    client.ask(Ask { subscribe: listed, ..Ask::of(Endpoint) }).await;
    let gathered = client.gather(Endpoint, &[&a, &b], "both names").await?;
    let count = gathered.replies.iter().map(|reply| reply.items.len()).sum::<usize>();
    expect(count == 2, "each name once", format!("{count} resources"))?;
    client.silent(Endpoint, "nothing more for a name that was given twice").await
}

pub(super) async fn new_names(lab: &mut Lab) -> Result {
    for kind in [Endpoint, Cluster] {
        let [a, b] = lab.names(kind)?;
        let mut client = lab.client();
        client.subscribe(kind, &[&a]).await;
        client.gather(kind, &[&a], "a name").await?;
        client.subscribe(kind, &[&b]).await;
        client.gather(kind, &[&b], "the new name, though nothing changed").await?;
        client.unsubscribe(kind, &[&b]).await;
        client.settle().await?;
        client.subscribe(kind, &[&b]).await;
        let what = format!("{b} of {kind}, given up and asked for again");
        client.gather(kind, &[&b], &what).await?;
    }
    Ok(())
}

pub(super) async fn again(lab: &mut Lab) -> Result {
    let [a] = lab.names(Endpoint)?;
    let mut client = lab.client();
    client.subscribe(Endpoint, &[&a]).await;
    client.gather(Endpoint, &[&a], "the name").await?;
    client.subscribe(Endpoint, &[&a]).await;
    client.gather(Endpoint, &[&a], "the same name again, as it is subscribed to again").await?;
    let [a] = lab.names(Cluster)?;
    let mut client = lab.client();
    client.wildcard(Cluster).await;
    client.gather(Cluster, &[&a], "everything").await?;
    client.subscribe(Cluster, &[&a]).await;
    client
        .gather(Cluster, &[&a], "a name that came with the wildcard, as it is subscribed to")
        .await
        .map(drop)
}

pub(super) async fn no_duplicates(lab: &mut Lab) -> Result {
    let [a, b] = lab.names(Endpoint)?;
    let mut client = lab.client();
    client.wants(Endpoint, &[&a, &b]);
    let listed = vec![a.clone(), a.clone(), b.clone(), b.clone()];
    client.ask(Ask { names: listed.clone(), subscribe: listed, ..Ask::of(Endpoint) }).await;
    for reply in client.gather(Endpoint, &[&a, &b], "both names").await?.replies {
        once_each(&reply)?;
    }
    for kind in [Cluster, Listener] {
        let [a] = lab.names(kind)?;
        client.subscribe(kind, &["*", &a]).await;
        let all = lab.all(kind);
        for reply in client.gather(kind, &refs(&all), "everything, and a name of it").await?.replies {
            once_each(&reply)?;
        }
    }
    Ok(())
}

fn once_each(reply: &Reply) -> Result {
    let mut names = BTreeSet::new();
    let twice = reply.names().find(|&name| !names.insert(name) || reply.has_removed(name));
    expect(twice.is_none(), "each name once in a response", format!("{twice:?} twice in {}", reply.line()))
}

pub(super) async fn newer_supersedes(lab: &mut Lab) -> Result {
    let [a, b, c] = lab.names(Endpoint)?;
    let mut client = lab.client();
    for name in [&a, &b, &c] {
        client.subscribe(Endpoint, &[name]).await;
    }
    let what = "all names of the last of three requests, sent without waiting for answers";
    let gathered = client.gather(Endpoint, &[&a, &b, &c], what).await?;
    expect(gathered.replies.len() <= 3, "three responses at most", format!("{}", gathered.replies.len()))?;
    client.silent(Endpoint, "nothing more once all has come").await
}

pub(super) async fn only_requested(lab: &mut Lab) -> Result {
    for kind in [Endpoint, Route] {
        let [a, b] = lab.names(kind)?;
        let mut client = lab.client();
        client.subscribe(kind, &[&a]).await;
        for reply in client.gather(kind, &[&a], "the name").await?.replies {
            let other = reply.names().find(|&name| name != a);
            expect(other.is_none(), format!("{a} of {kind} and nothing else"), reply.line())?;
        }
        if lab.has_adapter() {
            lab.update(kind, &b).await?;
            client.quiet(kind, "nothing when something changes that was not asked for").await?;
        }
    }
    Ok(())
}
