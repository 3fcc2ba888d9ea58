//! `sim run`: runs a scenario and writes its reports.

use std::io::{IsTerminal, stderr};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::ValueEnum;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use xdslab_sim::envoy::{Api, Binary, Surroundings, Version, Wanted, find};
use xdslab_sim::report::{Bars, Lines, Listener, Log, Report, comparison, html, json, table};
use xdslab_sim::scenario::{
    ControlPlane, EnvoyFleet, External, Fleet, InProcess, Manner, MeshFolder, Options, Outcome, Plan, Purge,
    Runner, Scenario,
};

use super::envoy::FetchDisplay;
use super::{Failure, environment};

/// Runs a scenario: real Envoys, a control plane, a mesh that changes step by step; then shows what it came to.
///
/// Exit code 0: all was as expected; 1: some figure was not, or something broke; 2: wrong usage, or a scenario that
/// cannot be read; 130: interrupted, with a report of what there is.
#[derive(Debug, clap::Args)]
#[allow(clippy::struct_excessive_bools)] // each is a flag of its own
pub(super) struct Args {
    /// A scenario file, or a folder with a scenario.yaml.
    scenario: PathBuf,
    /// Another number of services for the scenario's crowd; what is expected follows.
    #[arg(long, value_name = "N")]
    services: Option<u32>,
    /// Another number of namespaces for them.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    namespaces: Option<u32>,
    /// At most N Envoys, the watched one always among them.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    envoys: Option<u16>,
    /// Leave out the steps that apply Sidecars.
    #[arg(long)]
    no_sidecar: bool,
    /// Run twice, with the Sidecars and without, and show both sides.
    #[arg(long, conflicts_with = "no_sidecar")]
    compare: bool,
    /// This Envoy binary. Otherwise: the one on PATH, or a cached or fetched one.
    #[arg(long, value_name = "PATH")]
    envoy: Option<PathBuf>,
    /// This release of Envoy, such as 1.36.4; several are dealt out in turn.
    #[arg(long, value_name = "VERSION", conflicts_with = "envoy")]
    envoy_version: Vec<Version>,
    /// How the Envoys ask for configuration.
    #[arg(long, value_enum)]
    api: Option<ApiWord>,
    /// The Envoys ask for listeners and routes too, not only for clusters and endpoints.
    #[arg(long)]
    listeners: bool,
    /// How memory is purged, in the steps that do so.
    #[arg(long, value_enum)]
    purge: Option<PurgeWord>,
    /// Where the reports go [default: results/NAME-TIME].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Keep the Envoys' logs and bootstraps. Those of a run that did not go well are kept anyhow.
    #[arg(long)]
    keep: bool,
    /// Use the xDS server that listens there, in place of one in this process.
    #[arg(long, value_name = "ADDR", requires = "server_mesh")]
    server: Option<SocketAddr>,
    /// The folder that this server serves and watches (xds-server serve -f DIR). It must be empty.
    #[arg(long, value_name = "DIR", requires = "server", conflicts_with = "compare")]
    server_mesh: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ApiWord {
    Delta,
    Sotw,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PurgeWord {
    Restart,
    SoftLimit,
}

#[tokio::main]
pub(super) async fn run(args: &Args) -> Result<(), Failure> {
    let scenario = Scenario::load(&args.scenario).map_err(usage)?;
    let sides = if args.compare { vec![false, true] } else { vec![args.no_sidecar] };
    let plans =
        sides.into_iter().map(|no_sidecar| Plan::new(&scenario, &options(args, no_sidecar)).map_err(usage));
    let plans: Vec<_> = plans.collect::<Result<_, _>>()?;
    let binaries = binaries(args, &scenario).await?;
    let out = args.out.clone().unwrap_or_else(|| {
        let time = jiff::Timestamp::now().strftime("%Y%m%d-%H%M%S");
        Path::new("results").join(format!("{}-{time}", scenario.name))
    });
    std::fs::create_dir_all(&out).with_context(|| format!("cannot make the folder {}", out.display()))?;

    let stop = stop_on_signals();
    let mut report = Report::default();
    let mut progress: Box<dyn Listener> =
        if stderr().is_terminal() { Box::new(Bars::new()) } else { Box::new(Lines::new(stderr())) };
    let path = out.join("events.jsonl");
    let file = std::fs::File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    let mut log = Log::new(std::io::BufWriter::new(file));
    for plan in plans {
        let side = Side { args, plan, binaries: &binaries, out: &out, stop: stop.clone() };
        let listeners: [&mut dyn Listener; 3] = [&mut report, &mut log, &mut *progress];
        match Box::pin(side.run(listeners)).await? {
            Outcome::Passed | Outcome::Missed => {}
            Outcome::Interrupted | Outcome::Broken { .. } => break,
        }
    }
    log.into_inner().with_context(|| format!("cannot write {}", path.display()))?;
    let written = write(&report, &out)?;
    let envoys = out.join("envoys");
    if report.passed() && !args.keep {
        // Left behind, they do no harm.
        let _ = std::fs::remove_dir_all(&envoys);
    } else if envoys.exists() {
        eprintln!("logs of the Envoys: {}", envoys.display());
    }
    println!("Report: {}", written.display());
    verdict(&report)
}

fn usage(error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    Failure::Usage(anyhow!(error))
}

fn options(args: &Args, no_sidecar: bool) -> Options {
    Options {
        services: args.services,
        namespaces: args.namespaces,
        envoys: args.envoys.map(usize::from),
        no_sidecar,
        api: args.api.map(|word| match word {
            ApiWord::Delta => Api::Delta,
            ApiWord::Sotw => Api::Sotw,
        }),
        listeners: args.listeners,
        purge: args.purge.map(|word| match word {
            PurgeWord::Restart => Purge::Restart,
            PurgeWord::SoftLimit => Purge::SoftLimit,
        }),
    }
}

/// Every release that is asked for, found or fetched.
async fn binaries(args: &Args, scenario: &Scenario) -> Result<Vec<Binary>, Failure> {
    let mut wanted: Vec<Option<Version>> = args.envoy_version.iter().cloned().map(Some).collect();
    if wanted.is_empty() && args.envoy.is_none() {
        let parse = |text: &String| text.parse().map(Some).map_err(usage);
        wanted = scenario.versions.iter().map(parse).collect::<Result<_, _>>()?;
    }
    if wanted.is_empty() {
        wanted.push(None);
    }
    let surroundings = Surroundings::of_this_process();
    let mut found = Vec::new();
    for version in wanted {
        let wanted = Wanted { path: args.envoy.clone(), version };
        let display = FetchDisplay::new();
        let binary =
            find(&wanted, &surroundings, &|version, progress| display.show(version, &progress)).await;
        display.clear();
        found.push(binary.map_err(|e| Failure::Broken(anyhow!(e)))?);
    }
    Ok(found)
}

/// A token that the first Ctrl-C or SIGTERM cancels; the second ends the process at once, and the Envoys with it.
pub(super) fn stop_on_signals() -> CancellationToken {
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        use tokio::signal::unix::{SignalKind, signal};
        let (Ok(mut interrupt), Ok(mut terminate)) =
            (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        else {
            return;
        };
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if token.is_cancelled() {
                std::process::exit(130);
            }
            eprintln!("stopping; once more to stop at once");
            token.cancel();
        }
    });
    stop
}

/// One run of a plan.
struct Side<'a> {
    args: &'a Args,
    plan: Plan,
    binaries: &'a [Binary],
    out: &'a Path,
    stop: CancellationToken,
}

impl Side<'_> {
    async fn run(self, listeners: [&mut dyn Listener; 3]) -> Result<Outcome, Failure> {
        let mesh = MeshFolder::new(self.args.server_mesh.as_deref()).map_err(usage)?;
        if let Some(address) = self.args.server {
            let fleet = self.fleet(address)?;
            let control = External::new(address, fleet.view());
            Ok(self.drive(mesh, control, fleet, format!("at {address}"), listeners).await)
        } else {
            let control = InProcess::start().await.map_err(|e| Failure::Broken(anyhow!(e)))?;
            let fleet = self.fleet(control.address())?;
            Ok(self.drive(mesh, control, fleet, "in the same process".to_owned(), listeners).await)
        }
    }

    fn fleet(&self, address: SocketAddr) -> Result<EnvoyFleet, Failure> {
        let dir = self.out.join("envoys").join(self.plan.side.name().replace(' ', "-"));
        let plan = &self.plan;
        let manner = Manner { api: plan.api, listeners: plan.listeners, soft_limit: plan.soft_limit };
        let fleet = EnvoyFleet::new(self.binaries, address, manner, &dir);
        fleet.map_err(|e| Failure::Broken(anyhow!(e)))
    }

    async fn drive<C: ControlPlane, F: Fleet>(
        self,
        mesh: MeshFolder,
        control: C,
        fleet: F,
        server: String,
        mut listeners: [&mut dyn Listener; 3],
    ) -> Outcome {
        let versions = self.binaries.iter().map(|binary| binary.version.to_string()).collect();
        let environment = environment::of(&self.plan, versions, server);
        let (events, mut heard) = mpsc::channel(1024);
        let runner = Runner { plan: self.plan, environment, control, fleet, mesh, events, stop: self.stop };
        let listen = async {
            while let Some(event) = heard.recv().await {
                for listener in &mut listeners {
                    listener.hear(&event);
                }
            }
        };
        tokio::join!(runner.run(), listen).0
    }
}

/// Prints the tables and writes the files; the page's path.
fn write(report: &Report, out: &Path) -> Result<PathBuf, Failure> {
    for run in &report.runs {
        println!("{}", table(run));
    }
    if let Some(text) = comparison(report) {
        println!("{text}");
    }
    let write = |name: &str, text: String| {
        let path = out.join(name);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        anyhow::Ok(path)
    };
    write("report.json", json(report).map_err(anyhow::Error::from)?)?;
    Ok(write("report.html", html(report))?)
}

fn verdict(report: &Report) -> Result<(), Failure> {
    for run in &report.runs {
        match &run.outcome {
            Outcome::Interrupted => return Err(Failure::Interrupted),
            Outcome::Broken { reason } => return Err(Failure::Broken(anyhow!(reason.clone()))),
            Outcome::Passed | Outcome::Missed => {}
        }
    }
    if report.passed() { Ok(()) } else { Err(Failure::Missed) }
}
