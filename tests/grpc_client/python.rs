//! Python with gRPC: fetched once, and the example's two programs run with it.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

/// How long one word of a program may take to come; much more than it needs.
pub const LIMIT: Duration = Duration::from_secs(30);

/// The gRPC that is tried.
const PACKAGE: &str = "grpcio==1.85.1";

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/grpc-client");

/// A Python that has gRPC.
#[derive(Clone, Debug)]
pub struct Python {
    packages: PathBuf,
}

impl Python {
    /// The one of this machine. `None`, and said aloud, where there is none; in CI that is a failure.
    pub fn find() -> Option<Self> {
        static FOUND: OnceLock<Result<Python, String>> = OnceLock::new();
        match FOUND.get_or_init(|| Self::fetch().map_err(|error| format!("{error:#}"))) {
            Ok(python) => Some(python.clone()),
            Err(error) if env::var_os("CI").is_some() => panic!("{error}"),
            Err(error) => {
                eprintln!("SKIPPED, for there is no Python with gRPC here: {error}");
                None
            }
        }
    }

    /// Fetches gRPC beside the build's other files, where that is not done yet; one process at a time.
    fn fetch() -> Result<Self> {
        let abi = said(&["-c", "import sys; print(sys.implementation.cache_tag)"])?;
        let packages = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{PACKAGE}-{}", abi.trim()));
        let lock = File::create(packages.with_extension("lock"))?;
        lock.lock()?;
        if !packages.exists() {
            let part = packages.with_extension("part");
            fs::remove_dir_all(&part).or_else(|error| match error.kind() {
                std::io::ErrorKind::NotFound => Ok(()),
                _ => Err(error),
            })?;
            let target = part.to_str().context("a path in UTF-8")?;
            let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
            said(&[&pip[..], &["--only-binary", ":all:", "--target", target, PACKAGE]].concat())?;
            fs::rename(part, &packages)?;
        }
        Ok(Self { packages })
    }

    /// The example's server under this name; it is the `--xds` kind where there is a bootstrap.
    pub async fn server(&self, name: &str, address: &str, bootstrap: Option<&Value>) -> Result<Program> {
        let arguments = [name, address].into_iter().chain(bootstrap.map(|_| "--xds"));
        let mut server = self.start("server.py", arguments, bootstrap)?;
        let said = server.hears().await?;
        let at = said.strip_prefix(name).and_then(|rest| rest.strip_prefix(" listens on "));
        server.address = at.context(said.clone())?.to_owned();
        Ok(server)
    }

    /// The example's client.
    pub fn client(&self, target: &str, options: &[&str], bootstrap: &Value) -> Result<Program> {
        self.start("client.py", std::iter::once(target).chain(options.iter().copied()), Some(bootstrap))
    }

    fn start<'a>(
        &self,
        program: &str,
        arguments: impl IntoIterator<Item = &'a str>,
        bootstrap: Option<&Value>,
    ) -> Result<Program> {
        let mut command = Command::new("python3");
        command.arg(Path::new(EXAMPLE).join(program)).args(arguments);
        command.env("PYTHONPATH", &self.packages).env("GRPC_VERBOSITY", "ERROR");
        command.envs(bootstrap.map(|b| ("GRPC_XDS_BOOTSTRAP_CONFIG", b.to_string())));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let input = child.stdin.take().context("its input")?;
        let output = BufReader::new(child.stdout.take().context("its output")?).lines();
        Ok(Program { _child: child, input, output, address: String::new() })
    }
}

/// A running program of the example. Dropping it ends it.
#[derive(Debug)]
pub struct Program {
    _child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    /// Where a server listens.
    pub address: String,
}

impl Program {
    /// The port where a server listens.
    pub fn port(&self) -> Result<u16> {
        Ok(self.address.rsplit_once(':').context("an address")?.1.parse()?)
    }

    /// What a client is answered to one call.
    pub async fn call(&mut self, line: &str) -> Result<String> {
        self.input.write_all(format!("{line}\n").as_bytes()).await?;
        self.hears().await
    }

    /// Calls again and again until the answer is the wanted one.
    pub async fn calls_until(&mut self, line: &str, wanted: impl Fn(&str) -> bool) -> Result<()> {
        let mut last = String::new();
        let until = async {
            while !wanted(&last) {
                last = self.call(line).await?;
            }
            anyhow::Ok(())
        };
        match timeout(LIMIT, until).await {
            Ok(done) => done,
            Err(_) => bail!("not within {}s: {last}", LIMIT.as_secs()),
        }
    }

    async fn hears(&mut self) -> Result<String> {
        let line = timeout(LIMIT, self.output.next_line()).await.context("no word in time")??;
        line.context("it ended")
    }
}

/// What `python3` prints.
fn said(arguments: &[&str]) -> Result<String> {
    let output = std::process::Command::new("python3").args(arguments).output().context("python3")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "python3 {}: {errors}", arguments.join(" "));
    Ok(String::from_utf8(output.stdout)?)
}
