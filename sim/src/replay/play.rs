//! Plays a script to a server.

use std::time::Duration;

use tokio::time::sleep;
use xdslab_server::observe::transcript::Response;

use super::actor::{Actor, PlayError};
use super::script::Line;
use super::{Difference, Message, Script, Step};

/// How a script is played.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How long a response may take.
    pub wait: Duration,
    /// How long nothing more must come at the end.
    pub quiet: Duration,
}

/// How it went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Requests that were said.
    pub requests: usize,
    /// Responses that were as recorded.
    pub equal: usize,
    /// The first difference, if there is one: nothing after it was played.
    pub difference: Option<Difference>,
}

/// Plays all streams together, message by message as they were recorded, to the end or the first difference. Each has a
/// connection of its own. `server` is `HOST:PORT`.
///
/// A request goes out when all that was recorded before it, on any stream, has been said and heard: what a stream is told
/// may depend on others of the same proxy.
///
/// # Errors
/// When nobody listens, or the server refuses a stream.
pub async fn replay(server: &str, script: &Script, options: Options) -> Result<Outcome, PlayError> {
    let mut outcome = Outcome::default();
    let mut actors: Vec<Option<Actor>> =
        script.roles.iter().map(|role| Some(Actor::of(role.dialect))).collect();
    for Step { role: place, n, line } in &script.steps {
        let role = &script.roles[*place];
        let Some(actor) = &mut actors[*place] else { continue };
        let (expected, got) = match line {
            Line::Say(request) => {
                actor.say(server, role, request).await?;
                outcome.requests += 1;
                continue;
            }
            Line::Hear(recorded) => {
                let expected = message(recorded);
                let got = actor.hear(recorded, options.wait).await;
                if got.as_ref() == Ok(&expected) {
                    outcome.equal += 1;
                    continue;
                }
                (Some(expected), got)
            }
            Line::Leave => {
                let more = actor.has_heard().await;
                actors[*place] = None;
                let Some(more) = more else { continue };
                (None, Ok(more))
            }
        };
        let connection = role.connection.clone();
        outcome.difference = Some(Difference { connection, step: *n, expected, got });
        return Ok(outcome);
    }
    outcome.difference = more(script, actors, options.quiet).await;
    Ok(outcome)
}

/// What a server says after all has been said, on streams that were played to the end of the transcript.
async fn more(script: &Script, actors: Vec<Option<Actor>>, quiet: Duration) -> Option<Difference> {
    let mut open: Vec<_> = script
        .roles
        .iter()
        .zip(actors)
        .filter(|(role, _)| role.cut.is_none())
        .filter_map(|(role, actor)| Some((role, actor?)))
        .collect();
    if open.is_empty() {
        return None;
    }
    sleep(quiet).await;
    for (role, actor) in &mut open {
        if let Some(more) = actor.has_heard().await {
            let step =
                script.steps.iter().rfind(|step| script.roles[step.role].connection == role.connection);
            return Some(Difference {
                connection: role.connection.clone(),
                step: step.map_or(0, |step| step.n),
                expected: None,
                got: Ok(more),
            });
        }
    }
    None
}

fn message(recorded: &Response) -> Message {
    let Response { type_url, added, removed, .. } = recorded;
    Message {
        type_url: type_url.clone(),
        added: added.iter().cloned().collect(),
        removed: removed.iter().cloned().collect(),
    }
}
