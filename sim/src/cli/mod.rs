//! Subcommands.

mod conformance;
mod duration;
mod environment;
mod envoy;
mod load;
mod replay;
mod run;
mod topology;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Runs scenarios on real Envoys, and load on xDS servers, and what belongs to that.
#[derive(Debug, Parser)]
#[command(name = "sim", version, about, disable_help_subcommand = true)]
struct Cli {
    /// What is logged on the standard error: a level, or a filter such as `xdslab=debug`.
    #[arg(long, env = "RUST_LOG", default_value = "warn", global = true)]
    log: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Args),
    Load(Box<load::Args>),
    Topology(topology::Args),
    Envoy(envoy::Args),
    Conformance(conformance::Args),
    Replay(replay::Args),
}

/// How a command ends where it does not go well.
#[derive(Debug)]
enum Failure {
    /// The user can put it right: exit code 2.
    Usage(anyhow::Error),
    /// Something broke: exit code 1.
    Broken(anyhow::Error),
    /// Checks failed, and have been told: exit code 1.
    Missed,
    /// Somebody asked for an end: exit code 130.
    Interrupted,
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Broken(error)
    }
}

/// Reads the command line and does what it says.
pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    tracing_subscriber::fmt().with_env_filter(&cli.log).with_writer(std::io::stderr).init();
    let result = match cli.command {
        Command::Run(args) => run::run(&args),
        Command::Load(args) => load::run(&args),
        Command::Topology(args) => topology::run(&args),
        Command::Envoy(args) => envoy::run(args),
        Command::Conformance(args) => conformance::run(&args),
        Command::Replay(args) => replay::run(&args),
    };
    result.map_or_else(exit_code, |()| ExitCode::SUCCESS)
}

/// The exit code, after what there is to say has been said.
fn exit_code(failure: Failure) -> ExitCode {
    match failure {
        Failure::Missed => ExitCode::from(1),
        Failure::Interrupted => ExitCode::from(130),
        Failure::Broken(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(1)
        }
        Failure::Usage(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}
