//! What becomes of changes: R19 and R20.

use super::Result;
use super::wildcard::refs;
use crate::conformance::lab::Lab;
use crate::conformance::outcome::expect;
use crate::conformance::reply::Reply;
use crate::conformance::session::FENCE;
use crate::wire::Kind::{Cluster, Endpoint, Listener, Route};

pub(super) async fn complete_sets(lab: &mut Lab) -> Result {
    for kind in [Cluster, Listener] {
        lab.prepare().await?;
        let [a, b] = lab.names(kind)?;
        let all = lab.all(kind);
        let mut client = lab.client();
        client.wildcard(kind).await;
        let first = client.next(kind, "everything").await?;
        let whole = |reply: &Reply| all.iter().all(|name| reply.has(name));
        expect(whole(&first), format!("all of {kind} in one response"), first.line())?;
        client.ack(&first).await;
        lab.update(kind, &a).await?;
        let second = client.next(kind, "everything, as something changed").await?;
        expect(whole(&second), format!("all of {kind}, though one changed"), second.line())?;
        client.ack(&second).await;
        lab.remove(kind, &b).await?;
        let third = client.next(kind, "everything that is left").await?;
        let rest: Vec<_> = all.iter().filter(|&name| *name != b).cloned().collect();
        let left = !third.has(&b) && refs(&rest).iter().all(|name| third.has(name));
        expect(left, format!("all but {b}"), third.line())?;
        client.ack(&third).await;
        lab.set(&[], &[]).await?;
        let last = client.next(kind, "an empty response, as all is gone").await?;
        expect(last.items.is_empty(), "an empty response, as all is gone", last.line())?;
    }
    Ok(())
}

pub(super) async fn missing_remembered(lab: &mut Lab) -> Result {
    for kind in [Endpoint, Cluster, Listener, Route] {
        let [a] = lab.names(kind)?;
        let mut client = lab.client();
        client.subscribe(kind, &[&a, "late"]).await;
        client.gather(kind, &[&a], "what there is").await?;
        // Some tell of an absence, which is right.
        client.settle().await?;
        lab.add(kind, "late").await?;
        client.gather(kind, &["late"], &format!("a name of {kind} that was missing, once it exists")).await?;
        client.silent(kind, &format!("nothing more than that; {FENCE} is asked for")).await?;
    }
    Ok(())
}
