//! `sim replay`: a transcript against any server.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, anyhow};
use xdslab_server::cli::transcript::read;
use xdslab_sim::replay::{Options, replay, scripts};
use xdslab_sim::wire::connect;

use super::Failure;

/// Plays a recorded transcript to a server, and shows the first difference.
///
/// What the clients said is said again, once all that they had been answered before has come. Types, names and removed
/// names of the responses are compared, in order; versions and nonces are not. Exit codes: 0 all is equal; 1 a difference;
/// 2 the transcript or the server cannot be used.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A transcript, as `xds-server serve --transcript=FILE.ndjson` wrote it.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The server's gRPC address.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:15010")]
    server: String,
    /// Only the streams of this proxy, `name.namespace`.
    #[arg(long, value_name = "NAME.NS")]
    proxy: Option<String>,
    /// Wait for what was pushed because the mesh had changed, too: change it again meanwhile.
    #[arg(long)]
    pushes: bool,
    /// How many seconds a response may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    wait: u64,
}

/// Runs it.
pub fn run(args: &Args) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("no runtime").map_err(Failure::Broken)?.block_on(play(args))
}

async fn play(args: &Args) -> Result<(), Failure> {
    let entries = read(&args.file).map_err(|error| Failure::Usage(error.into()))?;
    let mut scripts = scripts(&entries);
    scripts.retain(|script| args.proxy.as_ref().is_none_or(|proxy| script.proxy == *proxy));
    if scripts.is_empty() {
        let file = args.file.display();
        return Err(Failure::Usage(anyhow!("{file}: no such stream begins in it; record from the start")));
    }
    let channel = connect(&args.server)
        .await
        .with_context(|| format!("nobody serves xDS on {}; start a server there", args.server))
        .map_err(Failure::Usage)?;
    let options = Options { wait: Duration::from_secs(args.wait), pushes: args.pushes };
    let mut is_equal = true;
    for script in &scripts {
        let outcome = replay(channel.clone(), script, options).await;
        let outcome =
            outcome.map_err(|status| Failure::Broken(anyhow!("{}: {status}", script.connection)))?;
        match (&outcome.difference, outcome.until) {
            (Some(difference), _) => println!("{difference}"),
            (None, Some(step)) => println!(
                "{}: {} responses equal, up to a push at step {step}; --pushes goes on, if you change the mesh likewise",
                script.connection, outcome.equal
            ),
            (None, None) => println!("{}: {} responses equal", script.connection, outcome.equal),
        }
        is_equal &= outcome.difference.is_none();
    }
    if is_equal { Ok(()) } else { Err(Failure::Missed) }
}
