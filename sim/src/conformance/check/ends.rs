//! Slow clients, large responses, ends of streams: R38 to R40.

use super::Result;
use super::wildcard::refs;
use crate::conformance::lab::Lab;
use crate::conformance::outcome::expect;
use crate::wire::Kind::{Cluster, Endpoint, Listener, Route};

/// Clusters of the large state, and the length of each one's name: 5 MB of names alone, and little work to make.
const LARGE: (usize, usize) = (2_500, 2_000);
/// Streams that come and go.
const STREAMS: usize = 20;

pub(super) async fn slow_client(lab: &mut Lab) -> Result {
    let [a, b] = lab.names(Cluster)?;
    let (mut slow, mut quick) = (lab.client(), lab.client());
    slow.wildcard(Cluster).await;
    let unanswered = slow.next(Cluster, "an answer").await?;
    quick.wildcard(Cluster).await;
    quick.gather(Cluster, &[&a, &b], "an answer").await?;
    for name in [&a, &b] {
        lab.update(Cluster, name).await?;
        let what = "what changed, though another client has not accepted anything yet";
        quick.gather(Cluster, &[name], what).await?;
    }
    // What the slow client has not been sent yet comes with its ACK.
    slow.ack(&unanswered).await;
    let late = slow.gather(Cluster, &[&a, &b], "what changed meanwhile, once it reads on").await?;
    let mut late = late.items;
    for reply in slow.settle().await? {
        late.extend(reply.items.into_iter().map(|item| (item.name.clone(), item)));
    }
    let mut fresh = lab.client();
    fresh.wildcard(Cluster).await;
    let now = fresh.gather(Cluster, &[&a, &b], "an answer").await?;
    let same = |name: &str| late.get(name).map(|i| &i.body) == now.items.get(name).map(|i| &i.body);
    expect(same(&a) && same(&b), "the last versions at last", format!("an older {a} or {b}"))
}

pub(super) async fn large_response(lab: &mut Lab) -> Result {
    let (count, length) = LARGE;
    let names: Vec<String> = (0..count).map(|n| format!("{n:0length$}")).collect();
    lab.set_types(&[(Cluster, &refs(&names)), (Endpoint, &[]), (Listener, &[]), (Route, &[])]).await?;
    let mut client = lab.client();
    client.wildcard(Cluster).await;
    let first = client.next(Cluster, "clusters of more than 5 MB").await?;
    let (mut had, mut bytes) = (first.items.len(), first.items.iter().map(|i| i.body.len()).sum::<usize>());
    client.ack(&first).await;
    while !client.is_sotw() && had < count {
        let more = client.next(Cluster, "the rest: delta may be cut into parts").await?;
        client.ack(&more).await;
        had += more.items.len();
        bytes += more.items.iter().map(|i| i.body.len()).sum::<usize>();
    }
    expect(had == count && bytes > 4 << 20, format!("{count} clusters"), format!("{had}, {bytes} bytes"))
}

pub(super) async fn end_of_stream(lab: &mut Lab) -> Result {
    let [a] = lab.names(Endpoint)?;
    for _ in 0..STREAMS {
        let mut reset = lab.client();
        reset.subscribe(Endpoint, &[&a]).await;
        reset.wildcard(Cluster).await;
    }
    let mut client = lab.client();
    client.subscribe(Endpoint, &[&a]).await;
    client.gather(Endpoint, &[&a], "an answer, after many streams that were reset").await?;
    client.close().await
}
