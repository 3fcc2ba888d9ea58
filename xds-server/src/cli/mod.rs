//! The commands of `xds-server`.

mod columns;
mod config;
pub mod pods;
mod scope;
mod serve;
mod token;
mod transcript;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::StartError;
use crate::identity::RootError;
use crate::observe::transcript::ReadError;
use crate::source::SourceError;

/// An xDS server that pushes what istiod would push.
///
/// Exit codes: 0 done; 1 failed while running; 2 the arguments or the input cannot be used.
#[derive(Debug, Parser)]
#[command(name = "xds-server", version, about, long_about)]
pub struct Cli {
    /// What is logged: error, warn, info, debug, or a filter as of `RUST_LOG`
    #[arg(long, global = true, env = "RUST_LOG", default_value = "info")]
    log: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve a mesh to proxies, and watch its files
    Serve(Box<serve::ServeArgs>),
    /// What a proxy would be sent, without a server
    Config(config::ConfigArgs),
    /// What a proxy sees, and why
    Scope(scope::ScopeArgs),
    /// Print a token with which a proxy on another host gets the certificate of a service account
    Token(token::TokenArgs),
    /// Print a transcript, or make a page with a sequence diagram of it
    Transcript(transcript::TranscriptArgs),
}

/// Runs the command line; errors are printed to standard error.
pub fn run(cli: Cli) -> ExitCode {
    let filter = match EnvFilter::try_new(&cli.log) {
        Ok(filter) => filter,
        Err(error) => {
            eprintln!(
                "error: --log {:?}: {error}; write info, debug, or such as xdslab_server=debug",
                cli.log
            );
            return ExitCode::from(2);
        }
    };
    tracing_subscriber::fmt().with_env_filter(filter).with_target(false).with_writer(std::io::stderr).init();
    let done = match cli.command {
        Command::Config(args) => config::run(&args),
        Command::Scope(args) => scope::run(&args),
        Command::Token(args) => token::run(&args),
        Command::Transcript(args) => transcript::run(&args),
        Command::Serve(args) => tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(anyhow::Error::from)
            .and_then(|runtime| runtime.block_on(serve::run(*args))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            if is_usage(&error) { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}

/// Whether the user can put it right by other arguments.
fn is_usage(error: &anyhow::Error) -> bool {
    error.is::<pods::PodError>()
        || error.is::<SourceError>()
        || error.is::<ReadError>()
        || error.is::<transcript::CreateError>()
        || error.is::<RootError>()
        || matches!(error.downcast_ref(), Some(StartError::Source(_) | StartError::Identity(_)))
}
