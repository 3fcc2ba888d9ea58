//! Streams, ACKs and NACKs: R1 to R8.

use std::collections::BTreeSet;

use tonic::Code;

use super::Result;
use crate::conformance::ask::Ask;
use crate::conformance::lab::Lab;
use crate::conformance::outcome::{expect, failed};
use crate::conformance::reply::Reply;
use crate::conformance::session::Session;
use crate::wire::Kind::{self, Cluster, Endpoint, Listener};

/// All requests of all checks leave the node out after the first; this one says it aloud.
pub(super) async fn node_once(lab: &mut Lab) -> Result {
    let [a, b] = lab.names(Endpoint)?;
    let mut client = lab.client();
    client.subscribe(Endpoint, &[&a]).await;
    client.gather(Endpoint, &[&a], "an answer to the first request").await?;
    client.subscribe(Endpoint, &[&b]).await;
    client.gather(Endpoint, &[&b], "an answer to a request without node").await?;
    client.wildcard(Cluster).await;
    let what = "an answer about a second type, asked for without node on ADS";
    client.next(Cluster, what).await.map(drop)
}

pub(super) async fn nonces(lab: &mut Lab) -> Result {
    let [a, b] = lab.names(Endpoint)?;
    let mut client = lab.client();
    client.subscribe(Endpoint, &[&a]).await;
    let mut replies = client.gather(Endpoint, &[&a], "an answer").await?.replies;
    client.subscribe(Endpoint, &[&b]).await;
    replies.extend(client.gather(Endpoint, &[&b], "an answer to one name more").await?.replies);
    if lab.has_adapter() {
        lab.update(Endpoint, &a).await?;
        replies.extend(client.gather(Endpoint, &[&a], "the resource that changed").await?.replies);
    }
    let mut nonces = BTreeSet::new();
    for reply in &replies {
        expect(!reply.nonce.is_empty(), "a nonce in every response", format!("none in {}", reply.line()))?;
        let seen = format!("the nonce {} twice", reply.nonce);
        expect(nonces.insert(&reply.nonce), "a nonce of its own in every response of a stream", seen)?;
    }
    let mut other = lab.client();
    let nonce = "conformance-nonce-of-another-stream".to_owned();
    let names = vec![a.clone()];
    let ask = Ask { names: names.clone(), subscribe: names, nonce, ..Ask::of(Endpoint) };
    other.wants(Endpoint, &[&a]);
    other.ask(ask).await;
    let what = "an answer to the first request of a stream, whatever its nonce";
    other.gather(Endpoint, &[&a], what).await.map(drop)
}

pub(super) async fn type_url(lab: &mut Lab) -> Result {
    let mut client = lab.client();
    client.ask_on(Listener, Ask::default()).await;
    if !lab.protocol().is_aggregated() {
        return client.next(Listener, "an answer: the service knows its type").await.map(drop);
    }
    let what = "the end of the stream with INVALID_ARGUMENT: ADS cannot know what is meant";
    let status = client.end(what).await?;
    expect(status.code() == Code::InvalidArgument, what, format!("the end with {:?}", status.code()))
}

pub(super) async fn independent_types(lab: &mut Lab) -> Result {
    let [a, b] = lab.names(Endpoint)?;
    let mut client = lab.client();
    client.wildcard(Cluster).await;
    let clusters = client.next(Cluster, "clusters").await?;
    client.nack(&clusters).await;
    client.subscribe(Endpoint, &[&a]).await;
    client.gather(Endpoint, &[&a], "endpoints, whatever became of clusters").await?;
    client.subscribe(Endpoint, &[&b]).await;
    client.gather(Endpoint, &[&b], "more endpoints, whatever became of clusters").await?;
    client.wildcard(Listener).await;
    client.next(Listener, "listeners, whatever became of clusters").await.map(drop)
}

pub(super) async fn ack_is_silent(lab: &mut Lab) -> Result {
    let [a] = lab.names(Endpoint)?;
    let mut client = lab.client();
    for kind in [Cluster, Listener] {
        client.wildcard(kind).await;
        let reply = client.next(kind, "an answer").await?;
        client.ack(&reply).await;
        client.silent(kind, &format!("no answer to an ACK of {kind}")).await?;
    }
    let mut client = lab.client();
    client.subscribe(Endpoint, &[&a]).await;
    let reply = client.next(Endpoint, "an answer").await?;
    client.ack(&reply).await;
    client.silent(Endpoint, "no answer to an ACK of endpoints").await
}

pub(super) async fn nack_by_error(lab: &mut Lab) -> Result {
    let [a] = lab.names(Endpoint)?;
    let mut client = lab.client();
    client.subscribe(Endpoint, &[&a]).await;
    let reply = client.next(Endpoint, "an answer").await?;
    client.accepts(&reply);
    let ask = client.whole(Endpoint);
    client.ask(Ask { version: "some-other-version".to_owned(), ..ask.clone() }).await;
    let what = "no answer to an ACK, whatever version it says";
    if !lab.has_adapter() {
        return client.silent(Endpoint, what).await;
    }
    // The next response must be the one to the change: what answers the ACK would come before.
    lab.update(Endpoint, &a).await?;
    let changed = client.next(Endpoint, "the resource that changed").await?;
    expect(changed.item(&a) != reply.item(&a), what, format!("the same again: {}", changed.line()))?;
    client.accepts(&changed);
    let ask = client.whole(Endpoint);
    let error = Some("refused, though the version is the new one".to_owned());
    client.ask(Ask { error, ..ask }).await;
    client.silent(Endpoint, "no answer to a NACK, whatever version it says").await
}

pub(super) async fn nack_is_silent(lab: &mut Lab) -> Result {
    for kind in [Cluster, Endpoint] {
        let [a] = lab.names(kind)?;
        let mut client = lab.client();
        subscribe(&mut client, kind, &a).await;
        let refused = client.next(kind, "an answer").await?;
        client.nack(&refused).await;
        let what = format!("no answer to a NACK of {kind}");
        if !lab.has_adapter() {
            client.silent(kind, &what).await?;
            continue;
        }
        client.quiet(kind, &what).await?;
        lab.update(kind, &a).await?;
        let fixed = client.next(kind, "what was refused, once it has changed").await?;
        let item = fixed.item(&a).ok_or_else(|| failed(format!("{a} in {kind}"), fixed.line()))?;
        expect(Some(&item.body) != refused.item(&a).map(|item| &item.body), "another body", fixed.line())?;
        client.ack(&fixed).await;
        // What else was in the refused response may be tried again now.
        let replies = client.settle().await?;
        let again = replies.iter().find(|reply| reply.item(&a).is_some_and(|again| again.body == item.body));
        let what = format!("no {a} again, once it has been accepted");
        expect(again.is_none(), what, again.map(Reply::line).unwrap_or_default())?;
    }
    Ok(())
}

async fn subscribe(client: &mut Session, kind: Kind, name: &str) {
    match kind {
        Cluster | Listener => client.wildcard(kind).await,
        _ => client.subscribe(kind, &[name]).await,
    }
}

pub(super) async fn nack_with_names(lab: &mut Lab) -> Result {
    let [a, b] = lab.names(Endpoint)?;
    let mut client = lab.client();
    client.subscribe(Endpoint, &[&a]).await;
    let refused = client.next(Endpoint, "an answer").await?;
    client.wants(Endpoint, &[&a, &b]);
    let error = Some("refused, and one name more".to_owned());
    let ask = client.whole(Endpoint);
    client.ask(Ask { error, subscribe: vec![b.clone()], nonce: refused.nonce, ..ask }).await;
    client.gather(Endpoint, &[&b], "the name that came with the NACK").await.map(drop)
}
