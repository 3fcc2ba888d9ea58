//! Runs the proxies and measures them, phase by phase.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

use super::change::{Change, ChangeError};
use super::meter::{Meter, Probe};
use super::phase::{Before, Kind, Phase};
use super::population::Population;
use crate::client::{Catalogue, Config, Dial, Proxy, drive, node_bytes};
use crate::wire::connect;

/// What is run.
#[derive(Debug)]
pub struct Plan {
    /// The server.
    pub server: SocketAddr,
    /// Who the proxies are.
    pub population: Population,
    /// How they behave.
    pub config: Config,
    /// Connections that they share; none for one each.
    pub connections: Option<usize>,
    /// What each waits before it takes a response.
    pub slowness: Duration,
    /// What chances and waits are drawn from.
    pub seed: u64,
    /// A push is over when nothing was said for so long. Not part of any time that is told.
    pub quiet: Duration,
    /// How long a phase may take.
    pub limit: Duration,
    /// Changes to be made one after the other, each measured.
    pub changes: Vec<Change>,
    /// Whether each change is made undone afterwards, also measured.
    pub and_back: bool,
    /// What is done after the first configuration and the changes.
    pub listen: Listen,
    /// The server's process, if its CPU time and memory are wanted.
    pub server_pid: Option<u32>,
}

/// Waiting for pushes that others cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen {
    /// Not at all.
    No,
    /// For so long.
    For(Duration),
    /// Until somebody says stop.
    UntilStopped,
}

/// What is told while it runs.
#[derive(Clone, Debug)]
pub enum Event {
    /// Some way to the first configuration, or in a push.
    Progress {
        /// The phase.
        phase: String,
        /// Proxies with a stream.
        connected: usize,
        /// Proxies that have all that they asked for.
        settled: usize,
        /// All proxies.
        proxies: usize,
        /// Responses since the run began.
        responses: u64,
    },
    /// A phase is over.
    Ended(Box<Phase>),
}

/// What a run came to.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Its phases in order.
    pub phases: Vec<Phase>,
    /// Proxies.
    pub proxies: usize,
    /// Different ones.
    pub distinct: usize,
    /// Namespaces that they live in.
    pub namespaces: usize,
    /// Somebody said stop before the end.
    pub is_stopped: bool,
}

/// Why a run cannot be.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There is no server.
    #[error("nobody listens on {server}; start a server there, or name another with --server")]
    Nobody {
        /// Where it was looked for.
        server: SocketAddr,
        /// What connecting said.
        #[source]
        source: std::io::Error,
    },
    /// Connections that proxies share could not be made.
    #[error("cannot connect to {server}")]
    Connect {
        /// The server.
        server: SocketAddr,
        /// Why.
        #[source]
        source: tonic::transport::Error,
    },
    /// The process may not open as many files as proxies need.
    #[error(
        "{needed} connections need as many open files, but this process may open {allowed}: raise it (ulimit -n {needed}), or share connections (--connections)"
    )]
    Files {
        /// Files that are needed.
        needed: u64,
        /// Files that are allowed.
        allowed: u64,
    },
    /// A process that shall be measured is not there.
    #[error("there is no process {0}, or this system does not tell about it in /proc")]
    NoProcess(u32),
    /// A change could not be made.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// Not all proxies got what they asked for.
    #[error("{missing} of {proxies} proxies do not have all that they asked for after {}s", limit.as_secs())]
    Late {
        /// Those that do not.
        missing: usize,
        /// All.
        proxies: usize,
        /// How long it was waited for.
        limit: Duration,
    },
}

/// Attempts to connect that are under way at a time: fewer than a listener's queue holds.
const ATTEMPTS: usize = 128;
/// Files that are open beside connections.
const OTHER_FILES: u64 = 64;
/// How often the meter is looked at. Times are taken by the proxies, so this blurs none.
const TICK: Duration = Duration::from_millis(50);
/// Time to see that a server is there.
const KNOCK: Duration = Duration::from_secs(5);

/// Runs a plan until its end or `stop`; tells events as they come, and drops those that nobody takes.
///
/// # Errors
/// When the server is not there, a change cannot be made, or proxies do not get their first configuration in time.
pub async fn run(
    mut plan: Plan,
    events: mpsc::Sender<Event>,
    stop: CancellationToken,
) -> Result<Summary, LoadError> {
    check(&plan).await?;
    let channels = channels(&plan).await?;
    let proxies = plan.population.nodes.len();
    let meter = Arc::new(Meter::new(proxies, Instant::now()));
    let (changes, listen) = (std::mem::take(&mut plan.changes), plan.listen);
    let ending = CancellationToken::new();
    let mut watch = Watch { plan: &plan, meter: &meter, events, stop, phases: Vec::new() };
    let before = watch.before();
    let tasks = start(&plan, &channels, &meter, &ending);
    let result = watch.all(before, changes, listen).await;
    ending.cancel();
    tasks.join_all().await;
    let is_stopped = result? == Next::Stop;
    let Population { distinct, .. } = plan.population;
    let namespaces = plan.population.namespaces();
    Ok(Summary { phases: watch.phases, proxies, distinct, namespaces, is_stopped })
}

/// Sees that it can be done at all.
async fn check(plan: &Plan) -> Result<(), LoadError> {
    let server = plan.server;
    let knock = timeout(KNOCK, TcpStream::connect(server)).await;
    let knock = knock.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
    knock.map_err(|source| LoadError::Nobody { server, source })?;
    if let Some(pid) = plan.server_pid
        && super::process::Usage::of(pid).is_none()
    {
        return Err(LoadError::NoProcess(pid));
    }
    let connections = plan.connections.unwrap_or(plan.population.nodes.len());
    let needed = u64::try_from(connections).unwrap_or(u64::MAX).saturating_add(OTHER_FILES);
    let allowed = allow_files(needed);
    if allowed < needed { Err(LoadError::Files { needed, allowed }) } else { Ok(()) }
}

/// Raises the limit of open files as far as it may be raised; what it is then.
fn allow_files(needed: u64) -> u64 {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < needed) {
        let wanted = limit.maximum.map_or(needed, |maximum| maximum.min(needed));
        limit.current = Some(wanted);
        // Where it is refused, the old limit is told.
        let _ = setrlimit(Resource::Nofile, limit);
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

async fn channels(plan: &Plan) -> Result<Vec<Channel>, LoadError> {
    let server = plan.server;
    let mut channels = Vec::new();
    for _ in 0..plan.connections.unwrap_or_default() {
        let channel = connect(&server.to_string()).await;
        channels.push(channel.map_err(|source| LoadError::Connect { server, source })?);
    }
    Ok(channels)
}

/// One task for each proxy.
fn start(plan: &Plan, channels: &[Channel], meter: &Arc<Meter>, ending: &CancellationToken) -> JoinSet<()> {
    let (config, catalogue) = (Arc::new(plan.config.clone()), Arc::new(Catalogue::default()));
    let attempts = Arc::new(Semaphore::new(ATTEMPTS));
    let (server, slowness) = (Arc::<str>::from(plan.server.to_string()), plan.slowness);
    let mut tasks = JoinSet::new();
    for (slot, node) in plan.population.nodes.iter().enumerate() {
        let node = node_bytes(node, plan.server);
        let seed = plan.seed.wrapping_add(slot as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let proxy = Proxy::new(config.clone(), catalogue.clone(), seed, Instant::now());
        let channel = channels.get(slot % channels.len().max(1)).cloned();
        let (meter, attempts, server) = (meter.clone(), attempts.clone(), server.clone());
        let ending = ending.clone();
        tasks.spawn(async move {
            let own = Dial::Own { server: &server, attempts: &attempts };
            let dial = channel.map_or(own, Dial::Shared);
            drive(proxy, &node, dial, slowness, ending, &mut Probe::new(&meter, slot)).await;
        });
    }
    tasks
}

/// Whether a run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Go,
    Stop,
}

/// Looks at the meter, and says when a phase is over.
struct Watch<'a> {
    plan: &'a Plan,
    meter: &'a Meter,
    events: mpsc::Sender<Event>,
    stop: CancellationToken,
    phases: Vec<Phase>,
}

impl Watch<'_> {
    async fn all(&mut self, before: Before, changes: Vec<Change>, listen: Listen) -> Result<Next, LoadError> {
        if self.first(before).await? == Next::Stop {
            return Ok(Next::Stop);
        }
        for mut change in changes {
            for _ in 0..if self.plan.and_back { 2 } else { 1 } {
                if self.change(&mut change).await? == Next::Stop {
                    return Ok(Next::Stop);
                }
            }
        }
        let until = match listen {
            Listen::No => return Ok(Next::Go),
            Listen::For(time) => Some(Instant::now() + time),
            Listen::UntilStopped => None,
        };
        Ok(self.listen(until).await)
    }

    /// Until all proxies have what they asked for, and it is quiet.
    async fn first(&mut self, before: Before) -> Result<Next, LoadError> {
        let (name, proxies) = ("first configuration", self.plan.population.nodes.len());
        let limit = before.start() + self.plan.limit;
        let next = self.until_quiet(name, &before, limit, |meter| meter.settled() == proxies).await;
        let missing = proxies - self.meter.settled();
        self.end(before, name.to_owned(), Kind::First);
        if missing > 0 && next == Next::Go {
            return Err(LoadError::Late { missing, proxies, limit: self.plan.limit });
        }
        Ok(next)
    }

    /// Makes a change, and waits until it is quiet again. No response within the limit is no error: a change may concern
    /// nobody.
    async fn change(&mut self, change: &mut Change) -> Result<Next, LoadError> {
        let name = change.describe();
        let before = self.before();
        change.make()?;
        let (limit, heard) = (before.start() + self.plan.limit, before.totals().counters.responses);
        let proxies = self.plan.population.nodes.len();
        let is_over = |meter: &Meter| meter.totals().counters.responses > heard && meter.settled() == proxies;
        let next = self.until_quiet(&name, &before, limit, is_over).await;
        self.end(before, name, Kind::Change);
        Ok(next)
    }

    /// Pushes as they come.
    async fn listen(&mut self, until: Option<Instant>) -> Next {
        let mut ticks = interval(TICK);
        let mut before = self.before();
        let mut pushes = 0;
        while until.is_none_or(|until| Instant::now() < until) {
            tokio::select! {
                () = self.stop.cancelled() => return Next::Stop,
                _ = ticks.tick() => {}
            }
            if self.meter.totals() == before.totals() {
                continue;
            }
            pushes += 1;
            let name = format!("push {pushes}");
            let limit = Instant::now() + self.plan.limit;
            let next = self.until_quiet(&name, &before, limit, |_| true).await;
            self.end(before, name, Kind::Push);
            if next == Next::Stop {
                return next;
            }
            before = self.before();
        }
        Next::Go
    }

    /// Until `is_over` and nothing was said for a while, or until the limit.
    async fn until_quiet(
        &self,
        phase: &str,
        before: &Before,
        limit: Instant,
        is_over: impl Fn(&Meter) -> bool,
    ) -> Next {
        let mut ticks = interval(TICK);
        let (mut last, mut since) = (before.totals(), Instant::now());
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return Next::Stop,
                _ = ticks.tick() => {}
            }
            let (totals, now) = (self.meter.totals(), Instant::now());
            if totals != last {
                (last, since) = (totals, now);
            }
            // Nobody need listen.
            let _ = self.events.try_send(Event::Progress {
                phase: phase.to_owned(),
                connected: self.meter.connected(),
                settled: self.meter.settled(),
                proxies: self.plan.population.nodes.len(),
                responses: totals.counters.responses,
            });
            if now >= limit || (now - since >= self.plan.quiet && is_over(self.meter)) {
                return Next::Go;
            }
        }
    }

    fn before(&self) -> Before {
        self.meter.arm();
        Before::now(self.meter, self.plan.server_pid)
    }

    fn end(&mut self, before: Before, name: String, kind: Kind) {
        let phase = before.phase(name, kind, self.meter, self.plan.server_pid);
        let _ = self.events.try_send(Event::Ended(Box::new(phase.clone())));
        self.phases.push(phase);
    }
}
