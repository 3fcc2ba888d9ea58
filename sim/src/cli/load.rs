//! `sim load`: many simulated proxies against any xDS server.

mod display;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::ValueEnum;
use tokio::sync::mpsc;
use xdslab_sim::client::{Config, Look, Refusal, Rule, Types, Variant};
use xdslab_sim::load::{Change, Listen, LoadError, Plan, Population, run as run_load};
use xdslab_sim::scenario::Pattern;
use xdslab_sim::wire::Kind;

use self::display::Display;
use super::run::stop_on_signals;
use super::{Failure, duration};

/// Connects many simulated proxies to an xDS server, and measures how long they take to have what they shall have.
///
/// The proxies ask, warm, ACK and come back as Envoys do. First all get their configuration; then changes are made
/// (--change), and pushes that others cause are awaited (--duration, or until Ctrl-C). Exit code 0: all had what they
/// asked for; 1: some had not; 2: wrong usage, or nobody listens.
#[derive(Debug, clap::Args)]
#[allow(clippy::struct_excessive_bools)] // each is a flag of its own
pub(super) struct Args {
    /// The xDS server, in plain text.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:15010")]
    server: SocketAddr,
    /// Simulated proxies.
    #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u32).range(1..))]
    proxies: u32,
    /// They speak state of the world.
    #[arg(long, conflicts_with = "delta")]
    sotw: bool,
    /// They speak delta, which is the default.
    #[arg(long)]
    delta: bool,
    /// What they ask for.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "cds,eds,lds,rds")]
    types: Vec<TypeWord>,
    /// They look at names only and ACK at once: the least that a client can do.
    #[arg(long)]
    plain: bool,
    /// The mesh that the server serves: the proxies are its pods that have a sidecar, in turn.
    #[arg(short = 'f', long = "filename", value_name = "MESH")]
    mesh: Vec<PathBuf>,
    /// Which of its pods: NAME.NAMESPACE with * for any text.
    #[arg(long, value_name = "PATTERN", default_value = "*", value_parser = pattern, requires = "mesh")]
    nodes: Pattern,
    /// Without a mesh: so many namespaces, with proxies that are no pods of the mesh.
    #[arg(long, value_name = "M", default_value = "1", conflicts_with = "mesh", value_parser = clap::value_parser!(u32).range(1..))]
    namespaces: u32,
    /// How these namespaces are called; * is their number.
    #[arg(long, value_name = "PATTERN", default_value = "ns-*", conflicts_with = "mesh")]
    namespace: String,
    /// Connections that all share, in turn. Otherwise each proxy has its own.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    connections: Option<u32>,
    /// How often a response is refused, of 1.
    #[arg(long, value_name = "P", default_value = "0", value_parser = chance)]
    nack_chance: f64,
    /// A resource that is refused, such as cds=NAME. May be repeated.
    #[arg(long, value_name = "TYPE=NAME", value_parser = refused)]
    nack: Vec<(TypeWord, String)>,
    /// Each proxy waits so long before it takes a response, such as 200ms.
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration::parse)]
    slow: Duration,
    /// What chances and waits are drawn from.
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    /// End when all have their first configuration, and the changes are made.
    #[arg(long, conflicts_with = "duration")]
    until_synced: bool,
    /// Wait so long for pushes after that. Otherwise until Ctrl-C, or not at all where changes are made.
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    duration: Option<Duration>,
    /// Put this YAML file into the folder that is served, and measure the push. May be repeated.
    #[arg(long, value_name = "FILE", requires = "into")]
    change: Vec<PathBuf>,
    /// The folder that the server watches.
    #[arg(long, value_name = "FOLDER", requires = "change")]
    into: Option<PathBuf>,
    /// Undo each change again, and measure that too.
    #[arg(long, requires = "change")]
    and_back: bool,
    /// A push is over when nothing was said for so long.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration::parse)]
    quiet: Duration,
    /// How long the first configuration, or a push, may take.
    #[arg(long, value_name = "TIME", default_value = "120s", value_parser = duration::parse)]
    timeout: Duration,
    /// The server's process: its CPU time and memory are told.
    #[arg(long, value_name = "PID")]
    server_pid: Option<u32>,
    /// Write all figures to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TypeWord {
    Cds,
    Eds,
    Lds,
    Rds,
}

/// Events that wait for the display; more are dropped.
const EVENTS: usize = 64;

#[tokio::main]
pub(super) async fn run(args: &Args) -> Result<(), Failure> {
    let plan = plan(args)?;
    let stop = stop_on_signals();
    let (events, mut heard) = mpsc::channel(EVENTS);
    let mut display = Display::new(&heading(args, &plan));
    let show = async {
        while let Some(event) = heard.recv().await {
            display.hear(event);
        }
    };
    let (result, ()) = tokio::join!(run_load(plan, events, stop), show);
    if let Some(table) = display.table() {
        println!("{table}");
    }
    let summary = result.map_err(failure)?;
    if let Some(path) = &args.json {
        let text = serde_json::to_string_pretty(&summary).map_err(anyhow::Error::from)?;
        std::fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))?;
    }
    if summary.is_stopped && summary.phases.len() < 2 { Err(Failure::Interrupted) } else { Ok(()) }
}

fn plan(args: &Args) -> Result<Plan, Failure> {
    let asks = |word| args.types.contains(&word);
    if !asks(TypeWord::Cds) {
        return Err(Failure::Usage(anyhow!(
            "--types: cds must be among them, for the others follow from it"
        )));
    }
    if asks(TypeWord::Rds) && !asks(TypeWord::Lds) {
        return Err(Failure::Usage(anyhow!("--types: rds needs lds, for listeners name the routes")));
    }
    let types =
        Types { endpoints: asks(TypeWord::Eds), listeners: asks(TypeWord::Lds), routes: asks(TypeWord::Rds) };
    let mut config = Config::new(if args.sotw { Variant::Sotw } else { Variant::Delta }, types);
    config.look = if args.plain { Look::Names } else { Look::Whole };
    let rules = args.nack.iter().map(|(word, name)| Rule::Resource(word.kind(), name.clone()));
    config.refusal = Arc::new(Refusal { rules: rules.collect(), chance: args.nack_chance });
    let (proxies, namespaces) = (count(args.proxies), count(args.namespaces));
    let population = if args.mesh.is_empty() {
        Population::made(proxies, namespaces, &args.namespace)
    } else {
        Population::of_mesh(proxies, &args.mesh, &args.nodes).map_err(usage)?
    };
    let into = args.into.as_deref();
    let changes = args.change.iter().filter_map(|file| Some(Change::new(file, into?)));
    let listen = match args.duration {
        Some(time) => Listen::For(time),
        None if args.until_synced || !args.change.is_empty() => Listen::No,
        None => Listen::UntilStopped,
    };
    Ok(Plan {
        server: args.server,
        population,
        config,
        connections: args.connections.map(count),
        slowness: args.slow,
        seed: args.seed,
        quiet: args.quiet.max(args.slow * 2),
        limit: args.timeout,
        changes: changes.collect::<Result<_, _>>().map_err(usage)?,
        and_back: args.and_back,
        listen,
        server_pid: args.server_pid,
    })
}

/// What is run, in a line.
fn heading(args: &Args, plan: &Plan) -> String {
    let types: Vec<_> = args.types.iter().map(|word| word.kind().short()).collect();
    let several = match plan.population.distinct {
        distinct if distinct < plan.population.nodes.len() => format!(" ({distinct} pods, in turn)"),
        _ => String::new(),
    };
    format!(
        "{} simulated proxies{several} of {} namespaces, {}, {}{}, {} connections, at {}",
        args.proxies,
        plan.population.namespaces(),
        if args.sotw { "state of the world" } else { "delta" },
        types.join(" "),
        if args.plain { " (names only)" } else { "" },
        plan.connections.unwrap_or(plan.population.nodes.len()),
        args.server,
    )
}

fn failure(error: LoadError) -> Failure {
    match error {
        LoadError::Nobody { .. }
        | LoadError::Files { .. }
        | LoadError::NoProcess(_)
        | LoadError::Change(_) => usage(error),
        LoadError::Connect { .. } | LoadError::Late { .. } => Failure::Broken(anyhow!(error)),
    }
}

fn usage(error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    Failure::Usage(anyhow!(error))
}

fn count(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn pattern(text: &str) -> Result<Pattern, String> {
    Pattern::try_from(text.to_owned()).map_err(|error| error.to_string())
}

fn chance(text: &str) -> Result<f64, String> {
    let chance: f64 = text.parse().map_err(|_| "write a number from 0 to 1".to_owned())?;
    if (0.0..=1.0).contains(&chance) { Ok(chance) } else { Err("write a number from 0 to 1".to_owned()) }
}

fn refused(text: &str) -> Result<(TypeWord, String), String> {
    let (word, name) = text.split_once('=').ok_or("write TYPE=NAME, for instance cds=BlackHoleCluster")?;
    Ok((TypeWord::from_str(word, true)?, name.to_owned()))
}

impl TypeWord {
    fn kind(self) -> Kind {
        match self {
            Self::Cds => Kind::Cluster,
            Self::Eds => Kind::Endpoint,
            Self::Lds => Kind::Listener,
            Self::Rds => Kind::Route,
        }
    }
}
