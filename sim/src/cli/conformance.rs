//! `sim conformance`: checks any xDS server against the rules of the protocol.

use std::io::{IsTerminal, stderr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow};
use xdslab_mesh::object::Duration as GoDuration;
use xdslab_sim::conformance::{NODE, Options, Protocol, Rule, json, junit, rule, run as check, table};

use super::Failure;

/// Checks any xDS server, from outside, against the rules of the protocol.
///
/// Without --adapter only what needs no change of resources is checked. The server must then have at least two clusters,
/// listeners and endpoints. Exit codes: 0 no check failed; 1 some did; 2 wrong usage, or no server.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The server: xDS over plaintext gRPC.
    #[arg(long, value_name = "HOST:PORT")]
    server: String,
    /// Its adapter, as the CNCF conformance harness defines it: through it checks set what the server has.
    #[arg(long, value_name = "HOST:PORT")]
    adapter: Option<String>,
    /// Only these rules (repeatable).
    #[arg(long = "rule", value_name = "R1..R40", value_parser = known)]
    rules: Vec<&'static Rule>,
    /// Only these variants (repeatable).
    #[arg(long = "variant", value_name = "VARIANT")]
    protocols: Vec<Protocol>,
    /// Id of the node that the checks claim to be; {n} in it becomes the check's number, and without that they are run one
    /// after the other.
    #[arg(long, value_name = "ID", default_value = NODE)]
    node: String,
    /// How long an answer may take.
    #[arg(long, default_value = "5s", value_parser = duration)]
    deadline: Duration,
    /// How long nothing must happen to be called silence. Longer than the server collects changes.
    #[arg(long, default_value = "300ms", value_parser = duration)]
    quiet: Duration,
    /// Write the outcome as `JUnit` XML.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write the outcome as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[tokio::main]
pub(super) async fn run(args: &Args) -> Result<(), Failure> {
    let options = Options {
        server: args.server.clone(),
        adapter: args.adapter.clone(),
        node: args.node.clone(),
        rules: args.rules.clone(),
        protocols: args.protocols.clone(),
        deadline: args.deadline,
        quiet: args.quiet,
    };
    let bar = indicatif::ProgressBar::new_spinner();
    if !stderr().is_terminal() {
        bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
    }
    let outcome = check(&options, |report| {
        bar.set_message(format!("{} on {}", report.rule.number, report.protocol));
        bar.inc(1);
    });
    let outcome = outcome.await.map_err(|error| Failure::Usage(anyhow!(error)))?;
    bar.finish_and_clear();
    print!("{}", table(&outcome));
    write(args.junit.as_deref(), || Ok(junit(&outcome)))?;
    write(args.json.as_deref(), || Ok(json(&outcome)? + "\n"))?;
    if outcome.passed() { Ok(()) } else { Err(Failure::Missed) }
}

fn write(path: Option<&Path>, text: impl FnOnce() -> anyhow::Result<String>) -> anyhow::Result<()> {
    let Some(path) = path else { return Ok(()) };
    std::fs::write(path, text()?).with_context(|| format!("cannot write {}", path.display()))
}

fn known(number: &str) -> Result<&'static Rule, String> {
    rule(number).ok_or_else(|| "there are R1 to R40".to_owned())
}

/// Reads `300ms`, `5s`.
fn duration(text: &str) -> Result<Duration, String> {
    let nanos = GoDuration::parse(text).and_then(|d| u64::try_from(d.as_nanos()).ok());
    nanos.map(Duration::from_nanos).ok_or_else(|| format!("{text:?} is no duration such as 300ms or 5s"))
}
