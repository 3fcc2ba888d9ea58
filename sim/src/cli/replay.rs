//! `sim replay`: a transcript against any server.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::anyhow;
use xdslab_server::observe::transcript::read;
use xdslab_sim::replay::{Choice, Cut, Options, Role, Script, replay};

use super::{Failure, duration};

/// Plays a recorded transcript to a server, and shows the first difference.
///
/// What the clients said is said again, each message once all that was recorded before it has been said and heard. Types,
/// names and removed names of the responses are compared, in order; versions and nonces are not. A stream is played up to
/// the first push: a replay changes no mesh. Exit codes: 0 no difference; 1 a difference; 2 the transcript or the server
/// cannot be used.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A transcript, as `xds-server serve --transcript=FILE.ndjson` wrote it.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The server: xDS over plaintext gRPC.
    #[arg(long, value_name = "HOST:PORT")]
    server: String,
    /// Only the streams of this proxy.
    #[arg(long, value_name = "NAME.NS")]
    proxy: Option<String>,
    /// Wait for pushes too: somebody must change the server's mesh as it was changed then.
    #[arg(long)]
    pushes: bool,
    /// How long a response may take.
    #[arg(long, default_value = "5s", value_parser = duration::parse)]
    wait: Duration,
    /// How long nothing more must come at the end.
    #[arg(long, default_value = "300ms", value_parser = duration::parse)]
    quiet: Duration,
}

/// Runs it.
#[tokio::main]
pub(super) async fn run(args: &Args) -> Result<(), Failure> {
    let script = script(args)?;
    let options = Options { wait: args.wait, quiet: args.quiet };
    let outcome = replay(&args.server, &script, options).await;
    let outcome = outcome.map_err(|error| Failure::Usage(error.into()))?;
    script.roles.iter().filter_map(left_out).for_each(|line| println!("{line}"));
    let (streams, requests, equal) = (script.roles.len(), outcome.requests, outcome.equal);
    println!("{streams} streams: {requests} requests sent, {equal} responses as recorded");
    let Some(difference) = outcome.difference else {
        println!("no difference");
        return Ok(());
    };
    println!("{difference}");
    Err(Failure::Missed)
}

fn script(args: &Args) -> Result<Script, Failure> {
    let mut script = Script::new(Choice { proxy: args.proxy.clone(), pushes: args.pushes });
    let entries = read(&args.file).map_err(|error| Failure::Usage(error.into()))?;
    for entry in entries {
        let entry = entry.map_err(|error| Failure::Usage(error.into()))?;
        script.take(entry);
    }
    if script.steps.is_empty() {
        let of = args.proxy.as_ref().map_or_else(String::new, |proxy| format!(" of {proxy}"));
        let file = args.file.display();
        return Err(Failure::Usage(anyhow!(
            "{file}: nothing to play: no stream{of} begins in it that can be; record from the start of the server"
        )));
    }
    Ok(script)
}

/// What is not played of a stream.
fn left_out(role: &Role) -> Option<String> {
    let why = match role.cut? {
        Cut::Push(n) => format!(
            "played up to entry {n}, a push: the mesh had changed (--pushes waits for it, while you change the mesh)"
        ),
        Cut::Lost(n) => format!("played up to entry {n}: what followed was lost when it was recorded"),
        Cut::Service => "not played: no stream of clusters, endpoints, listeners or routes".to_owned(),
    };
    Some(format!("{}: {why}", role.connection))
}
