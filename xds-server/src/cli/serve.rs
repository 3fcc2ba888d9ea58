//! `xds-server serve`: serve a mesh, and watch its files.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use tokio::signal::unix::{Signal, SignalKind, signal};
use xdslab_mesh::object::Duration as GoDuration;
use xdslab_protocol::Semantics;

use super::transcript::Writer;
use crate::identity::IdentityOptions;
use crate::push::DebounceOptions;
use crate::source::Severity;
use crate::{Config, Server};

/// Whose reading of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Reading {
    /// As istiod does, quirks included.
    Istiod,
    /// As the protocol says.
    Spec,
}

/// Arguments of `xds-server serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// File or folder of Kubernetes and Istio YAML (repeatable); watched while serving
    #[arg(short = 'f', long = "file", required_unless_present = "conformance_adapter", value_name = "MESH")]
    files: Vec<PathBuf>,
    /// Where gRPC (plaintext) listens
    #[arg(long, default_value = "127.0.0.1:15010", value_name = "ADDR")]
    grpc: SocketAddr,
    /// Where HTTP (/ready, /metrics, /debug) listens
    #[arg(long, default_value = "127.0.0.1:15014", value_name = "ADDR")]
    http: SocketAddr,
    /// Serve what a conformance harness sets, in place of a mesh: where its adapter (gRPC, plaintext) listens
    #[arg(long, conflicts_with = "files", num_args = 0..=1, default_missing_value = "127.0.0.1:17000", value_name = "ADDR")]
    conformance_adapter: Option<SocketAddr>,
    /// Whose reading of the protocol streams follow [default: istiod; spec with --conformance-adapter]
    #[arg(long)]
    semantics: Option<Reading>,
    /// Certificate of the authority that signs workloads' certificates, PEM, and after it those up to the root; none: a
    /// root is made at the start
    #[arg(long, requires = "ca_key", value_name = "FILE")]
    ca_cert: Option<PathBuf>,
    /// Private key of the authority, PKCS #8 in PEM
    #[arg(long, requires = "ca_cert", value_name = "FILE")]
    ca_key: Option<PathBuf>,
    /// How long workloads' certificates are valid; they are renewed after half of it
    #[arg(long, env = "DEFAULT_WORKLOAD_CERT_TTL", default_value = "24h", value_parser = go_duration)]
    cert_ttl: Duration,
    /// Give certificates and debug pages to nobody without a token, not even on the loopback
    #[arg(long)]
    require_tokens: bool,
    /// Quiet that ends a batch of changes
    #[arg(long, env = "PILOT_DEBOUNCE_AFTER", default_value = "100ms", value_parser = go_duration)]
    debounce_after: Duration,
    /// Age at which a batch of changes ends, quiet or not
    #[arg(long, env = "PILOT_DEBOUNCE_MAX", default_value = "10s", value_parser = go_duration)]
    debounce_max: Duration,
    /// Whether changes of endpoints alone are collected too
    #[arg(long, env = "PILOT_ENABLE_EDS_DEBOUNCE", default_value_t = true, action = clap::ArgAction::Set)]
    eds_debounce: bool,
    /// How many connections are pushed to at once; 0: by the number of processors
    #[arg(long, env = "PILOT_PUSH_THROTTLE", default_value_t = 0)]
    push_throttle: usize,
    /// How many new streams are taken a second, one at a time; the others wait for a second at most. 0: no limit
    #[arg(long, env = "PILOT_MAX_REQUESTS_PER_SECOND", default_value = "0", value_parser = interval, value_name = "RATE")]
    max_requests_per_second: Duration,
    /// Tell all that is said on every stream, and the rule behind it: on the standard output, or to a file, as lines of
    /// JSON, or as a page with a sequence diagram (.html)
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "-")]
    transcript: Option<String>,
}

/// Serves until SIGTERM or SIGINT; a second one ends at once.
///
/// # Errors
/// When a file that was named does not exist, an address is taken, the server fails, or it must be ended before all
/// connections have.
pub async fn run(args: ServeArgs) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (recorder, writer) = args.transcript.as_deref().map(Writer::start).transpose()?.unzip();
    let mut server = Server::start(Config {
        transcript: recorder,
        grpc: args.grpc,
        http: Some(args.http),
        debounce: DebounceOptions {
            after: args.debounce_after,
            max: args.debounce_max,
            endpoints: args.eds_debounce,
            throttle: args.push_throttle,
            admission: args.max_requests_per_second,
        },
        adapter: args.conformance_adapter,
        semantics: match (args.semantics, args.conformance_adapter) {
            (Some(Reading::Istiod), _) | (None, None) => Semantics::Istiod,
            (Some(Reading::Spec), _) | (None, Some(_)) => Semantics::Spec,
        },
        identity: IdentityOptions {
            authority: args.ca_cert.zip(args.ca_key),
            ttl: args.cert_ttl,
            require_tokens: args.require_tokens,
        },
        files: args.files,
        ..Config::default()
    })
    .await?;
    report(&server, args.http);
    let ended = tokio::select! {
        _ = terminate.recv() => end(server, &mut terminate, &mut interrupt).await,
        _ = interrupt.recv() => end(server, &mut terminate, &mut interrupt).await,
        error = server.failed() => Err(error.into()),
    };
    // Whatever happened is in the transcript.
    let written = match writer {
        Some(writer) => writer.finish().await,
        None => Ok(()),
    };
    ended.and(written)
}

async fn end(server: Server, terminate: &mut Signal, interrupt: &mut Signal) -> Result<()> {
    tracing::info!("shutting down; once more to end at once");
    tokio::select! {
        ended = server.shutdown() => Ok(ended?),
        _ = terminate.recv() => bail!("ended at once, before all connections had"),
        _ = interrupt.recv() => bail!("ended at once, before all connections had"),
    }
}

fn report(server: &Server, http: SocketAddr) {
    let problems = server.problems();
    problems.iter().for_each(|problem| tracing::warn!("{problem}"));
    let refused = problems.iter().filter(|p| p.severity == Severity::Refused).count();
    let left_out = match refused {
        0 => String::new(),
        1 => ", 1 problem: what it is about is left out".to_owned(),
        n => format!(", {n} problems: what they are about is left out"),
    };
    let (grpc, http) = (server.grpc_addr(), server.http_addr().unwrap_or(http));
    if let Some(adapter) = server.adapter_addr() {
        tracing::info!("serving what the adapter sets: adapter on {adapter}, xDS on {grpc}, HTTP on {http}");
        return;
    }
    tracing::info!("serving {} services: xDS on {grpc}, HTTP on {http}{left_out}", server.services());
}

/// Reads a rate a second as the time between two; zero for 0.
fn interval(text: &str) -> Result<Duration, String> {
    let rate: f64 = text.parse().unwrap_or(f64::NAN);
    let wrong = || format!("{text:?} is no number a second such as 25 or 0.5");
    match rate {
        0.0 => Ok(Duration::ZERO),
        _ if rate > 0.0 => Duration::try_from_secs_f64(rate.recip()).map_err(|_| wrong()),
        _ => Err(wrong()),
    }
}

/// Reads `100ms`, `10s`, `1m30s`.
pub(super) fn go_duration(text: &str) -> Result<Duration, String> {
    let nanos = GoDuration::parse(text).and_then(|d| u64::try_from(d.as_nanos()).ok());
    nanos.map(Duration::from_nanos).ok_or_else(|| format!("{text:?} is no duration such as 100ms or 10s"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_read_as_the_time_between_two() {
        for (text, millis) in [("0", 0), ("25", 40), ("0.5", 2_000)] {
            assert_eq!(interval(text), Ok(Duration::from_millis(millis)));
        }
        for wrong in ["", "x", "-1", "nan", "1e-300"] {
            assert!(interval(wrong).is_err(), "{wrong}");
        }
    }
}
