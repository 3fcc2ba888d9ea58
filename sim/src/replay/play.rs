//! Plays one stream to a server.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::timeout;
use tonic::Status;
use tonic::transport::Channel;
use xdslab_server::observe::transcript::{Dialect, Response};

use super::speech::{Dictionary, Heard, Speech};
use super::{Difference, Message, Script, Step};
use crate::wire::{Delta, Kind, Service, Sotw, Stream};

/// How a transcript is played.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How long a response may take.
    pub wait: Duration,
    /// Whether to wait for what was pushed because the mesh changed, too. Somebody must change it again, then.
    pub pushes: bool,
}

/// How it went with one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Responses that were as recorded.
    pub equal: usize,
    /// The step, from 1, of the first response that a change of the mesh had caused: what follows was not played.
    pub until: Option<usize>,
    /// The first difference, if there is one.
    pub difference: Option<Difference>,
}

/// Plays a stream to its end, or to the first difference.
///
/// # Errors
/// When the server refuses the stream.
pub async fn replay(channel: Channel, script: &Script, options: Options) -> Result<Outcome, Status> {
    match script.dialect {
        Dialect::Sotw => play::<Sotw>(channel, script, options).await,
        Dialect::Delta => play::<Delta>(channel, script, options).await,
    }
}

async fn play<V: Speech>(channel: Channel, script: &Script, options: Options) -> Result<Outcome, Status> {
    let mut outcome = Outcome { equal: 0, until: None, difference: None };
    let mut steps = script.steps.iter().enumerate();
    let Some((_, Step::Say(first))) = steps.next() else { return Ok(outcome) };
    let mut words = Dictionary::default();
    let first = V::request(first, Some(&script.node), &words);
    let mut stream = Stream::<V>::open(channel, service(script.only.as_deref()), first).await?;
    for (at, step) in steps {
        let recorded = match step {
            Step::Say(request) => {
                stream.say(V::request(request, None, &words)).await;
                continue;
            }
            Step::Hear(recorded) => recorded,
        };
        if recorded.cause == "push" && !options.pushes {
            outcome.until = Some(at + 1);
            break;
        }
        let expected = message(recorded);
        match hear(&mut stream, options.wait).await {
            Ok(heard) if heard.message == expected => {
                words.learn(&recorded.nonce, &heard.nonce);
                words.learn(&recorded.version, &heard.version);
                outcome.equal += 1;
            }
            other => {
                let (connection, got) = (script.connection.clone(), other.map(|heard| heard.message));
                outcome.difference = Some(Difference { connection, step: at + 1, expected, got });
                break;
            }
        }
    }
    Ok(outcome)
}

async fn hear<V: Speech>(stream: &mut Stream<V>, wait: Duration) -> Result<Heard, String> {
    match timeout(wait, stream.hear()).await {
        Err(_) => Err(format!("nothing within {wait:?}")),
        Ok(Ok(None)) => Err("the end of the stream".to_owned()),
        Ok(Err(status)) => Err(format!("the end of the stream: {status}")),
        Ok(Ok(Some(response))) => Ok(V::heard(response)),
    }
}

fn message(recorded: &Response) -> Message {
    let set = |names: &[String]| names.iter().cloned().collect::<BTreeSet<_>>();
    let type_url = recorded.type_url.clone();
    Message { type_url, added: set(&recorded.added), removed: set(&recorded.removed) }
}

fn service(only: Option<&str>) -> Service {
    let of = |short: &str| Kind::ALL.into_iter().find(|kind| kind.short() == short);
    only.and_then(of).map_or(Service::Aggregated, Service::Of)
}
