//! Runs the checks, several at a time, each with a node of its own.

use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use tonic::transport::{Channel, Error};

use super::Protocol;
use super::adapter::Adapter;
use super::check::begin;
use super::discover::{Found, discover};
use super::lab::Lab;
use super::outcome::{CheckReport, Outcome, Stop, Verdict, failed};
use super::rule::{RULES, Rule, Scope};
use super::session::Target;
use super::transcript::Transcript;
use crate::wire::connect;

/// Checks that run at the same time.
const AT_ONCE: usize = 12;
/// How long a check may take, in deadlines.
const LIMIT: u32 = 12;
/// Lines of an exchange that a failure shows.
const EXCERPT: usize = 14;

/// A node that istiod and its like understand.
pub const NODE: &str = "sidecar~10.0.0.1~conformance-{n}.default~default.svc.cluster.local";

/// What to check, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// `HOST:PORT` of the server.
    pub server: String,
    /// `HOST:PORT` of its adapter, if it has one.
    pub adapter: Option<String>,
    /// Id of the node; `{n}` in it becomes the check's number. Without that the checks are run one after the other: streams
    /// of one node may concern each other.
    pub node: String,
    /// The rules; all, if there is none.
    pub rules: Vec<&'static Rule>,
    /// The variants; all, if there is none.
    pub protocols: Vec<Protocol>,
    /// How long an answer may take.
    pub deadline: Duration,
    /// How long nothing must happen to be called silence, where it cannot be proved by a request whose answer must be the
    /// first.
    pub quiet: Duration,
}

impl Options {
    /// All rules on all variants, 5 s for an answer, 300 ms of silence.
    pub fn new(server: impl Into<String>) -> Self {
        Self {
            server: server.into(),
            adapter: None,
            node: NODE.to_owned(),
            rules: Vec::new(),
            protocols: Vec::new(),
            deadline: Duration::from_secs(5),
            quiet: Duration::from_millis(300),
        }
    }
}

/// Nobody listens.
#[derive(Debug, thiserror::Error)]
#[error("cannot connect to the {what} at {address}; is it running, and is it HOST:PORT, plaintext?")]
pub struct ServerError {
    what: &'static str,
    address: String,
    #[source]
    source: Box<Error>,
}

/// Checks a server. Each report is handed to `told` as it comes; the outcome has them in order.
///
/// # Errors
/// When the server or its adapter cannot be connected to.
pub async fn run(options: &Options, mut told: impl FnMut(&CheckReport)) -> Result<Outcome, ServerError> {
    let channel = dial("server", &options.server).await?;
    let adapter = match &options.adapter {
        Some(address) => Some(dial("adapter", address).await?),
        None => None,
    };
    let found = if adapter.is_none() { discover(&channel, options).await } else { Found::new() };
    let wanted = |rule: &&'static Rule| options.rules.is_empty() || options.rules.contains(rule);
    let is_on = |protocol: &Protocol| options.protocols.is_empty() || options.protocols.contains(protocol);
    let rules = RULES.iter().filter(wanted);
    let pairs = rules.flat_map(|rule| Protocol::ALL.into_iter().map(move |protocol| (rule, protocol)));
    let shown = pairs.filter(|(rule, protocol)| {
        is_on(protocol) && (rule.applies_to(*protocol) || matches!(rule.scope, Scope::Nowhere(_)))
    });
    let checks = shown.enumerate().map(|(n, (rule, protocol))| {
        let log = Transcript::default();
        let node = options.node.replace("{n}", &n.to_string());
        let adapter = adapter.clone().map(|channel| Adapter::new(channel, node.clone(), log.clone()));
        let target = Target {
            channel: channel.clone(),
            node,
            protocol,
            deadline: options.deadline,
            quiet: options.quiet,
            fence: adapter.is_some(),
        };
        one(rule, Lab::new(target, adapter, found.clone(), log), options.deadline * LIMIT)
    });
    let at_once = if options.node.contains("{n}") { AT_ONCE } else { 1 };
    let mut reports = Vec::new();
    let mut running = stream::iter(checks).buffer_unordered(at_once);
    while let Some(report) = running.next().await {
        told(&report);
        reports.push(report);
    }
    reports.sort_by_key(|report| (report.rule.order(), report.protocol));
    Ok(Outcome { server: options.server.clone(), adapter: options.adapter.clone(), checks: reports })
}

async fn dial(what: &'static str, address: &str) -> Result<Channel, ServerError> {
    let failed = |source| ServerError { what, address: address.to_owned(), source: Box::new(source) };
    connect(address).await.map_err(failed)
}

async fn one(rule: &'static Rule, mut lab: Lab, limit: Duration) -> CheckReport {
    let (begun, log, protocol) = (Instant::now(), lab.log.clone(), lab.protocol());
    let work = async {
        if let Scope::Nowhere(why) = rule.scope {
            return Err(Stop::Skipped(why.to_owned()));
        }
        lab.prepare().await?;
        match begin(rule.number, &mut lab) {
            Some(check) => check.await,
            None => Err(Stop::Skipped("there is no check".to_owned())),
        }
    };
    let result = match tokio::time::timeout(limit, work).await {
        Ok(result) => result,
        Err(_) => Err(failed("an end of the check", format!("none within {limit:?}"))),
    };
    let verdict = match result {
        Ok(()) => Verdict::Passed,
        Err(Stop::Skipped(why)) => Verdict::Skipped { why },
        Err(Stop::Failed { expected, seen }) => {
            Verdict::Failed { expected, seen, exchange: log.tail(EXCERPT) }
        }
    };
    CheckReport { rule, protocol, verdict, took: begun.elapsed() }
}
