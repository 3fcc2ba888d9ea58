//! Versions, stale nonces, times to live: R9 to R11 and R35.

use super::Result;
use crate::conformance::ask::Ask;
use crate::conformance::lab::Lab;
use crate::conformance::outcome::expect;
use crate::conformance::session::Gathered;
use crate::wire::Kind::{Cluster, Endpoint, Listener};

pub(super) async fn follow_content(lab: &mut Lab) -> Result {
    let [a, b] = lab.names(Endpoint)?;
    let is_sotw = lab.is_sotw();
    // State of the world has a version a response, delta one a resource.
    let mut client = lab.client();
    client.subscribe(Endpoint, &[&a]).await;
    let first = client.gather(Endpoint, &[&a], "an answer").await?;
    let version = |gathered: &Gathered| {
        let of_response = gathered.replies.last().map(|reply| reply.version.clone());
        let of_resource = gathered.items.get(&a).and_then(|item| item.version.clone());
        if is_sotw { of_response } else { of_resource }.unwrap_or_default()
    };
    let mut last = version(&first);
    expect(!last.is_empty(), "a version", "none")?;
    if lab.has_adapter() {
        lab.update(Endpoint, &a).await?;
        let changed = client.gather(Endpoint, &[&a], "the resource that changed").await?;
        let seen = format!("the version {last} again");
        expect(version(&changed) != last, "another version, as the content is another", seen)?;
        last = version(&changed);
    }
    let mut other = lab.client();
    other.subscribe(Endpoint, &[&a]).await;
    let again = other.gather(Endpoint, &[&a], "an answer on another stream").await?;
    let seen = format!("the version {}", version(&again));
    expect(version(&again) == last, format!("the version {last} on another stream too"), seen)?;
    let mut third = lab.client();
    third.wants(Endpoint, &[&a, &b]);
    let ask = third.whole(Endpoint);
    third.ask(Ask { version: last, subscribe: ask.names.clone(), ..ask }).await;
    let what = "an answer to a new stream that says the last version: its names may have grown";
    third.gather(Endpoint, &[&a, &b], what).await.map(drop)
}

pub(super) async fn stale_is_silent(lab: &mut Lab) -> Result {
    let [a, b] = lab.names(Endpoint)?;
    let mut client = lab.client();
    client.subscribe(Endpoint, &[&a]).await;
    let first = client.next(Endpoint, "an answer").await?;
    client.ack(&first).await;
    lab.update(Endpoint, &a).await?;
    let second = client.next(Endpoint, "the resource that changed").await?;
    client.wants(Endpoint, &[&a, &b]);
    let stale = client.whole(Endpoint);
    client.ask(stale).await;
    client.quiet(Endpoint, "no answer to a request that names an older response").await?;
    client.ack(&second).await;
    client.gather(Endpoint, &[&b], "the new name, once the last response is accepted").await.map(drop)
}

pub(super) async fn stale_subscribes(lab: &mut Lab) -> Result {
    let [a, b, c] = lab.names(Endpoint)?;
    let mut client = lab.client();
    client.subscribe(Endpoint, &[&a, &c]).await;
    client.gather(Endpoint, &[&a, &c], "an answer").await?;
    lab.update(Endpoint, &a).await?;
    client.next(Endpoint, "the resource that changed").await?;
    client.subscribe(Endpoint, &[&b]).await;
    let what = "the name that is subscribed to, though the nonce is an older one";
    client.gather(Endpoint, &[&b], what).await.map(drop)
}

pub(super) async fn no_ttl(lab: &mut Lab) -> Result {
    let [a] = lab.names(Endpoint)?;
    let mut client = lab.client();
    client.wildcard(Cluster).await;
    client.wildcard(Listener).await;
    client.subscribe(Endpoint, &[&a]).await;
    for kind in [Cluster, Listener, Endpoint] {
        let reply = client.next(kind, "an answer").await?;
        let timed = reply.items.iter().find(|item| item.has_ttl);
        let seen = timed.map(|item| format!("{kind} {} is wrapped or has a TTL", item.name));
        let what = "plain resources: the client said nothing of xds.config.supports-resource-ttl";
        expect(seen.is_none(), what, seen.unwrap_or_default())?;
        client.ack(&reply).await;
    }
    Ok(())
}
