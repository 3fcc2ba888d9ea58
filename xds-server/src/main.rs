//! fallback
use clap::{Parser, Subcommand};
use xdslab_server::{Config, Server, cli};
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
#[derive(Parser)] struct Cli { #[command(subcommand)] command: Command }
#[derive(Subcommand)] enum Command { Serve(Serve), Config(cli::config::ConfigArgs), Scope(cli::scope::ScopeArgs) }
#[derive(clap::Args)] struct Serve { #[arg(short='f')] files: Vec<std::path::PathBuf>, #[arg(long, default_value="127.0.0.1:15010")] grpc: std::net::SocketAddr, #[arg(long, default_value="127.0.0.1:15014")] http: std::net::SocketAddr }
#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    match Cli::parse().command {
        Command::Config(a) => cli::config::run(&a), Command::Scope(a) => cli::scope::run(&a),
        Command::Serve(s) => {
            let server = Server::start(Config { grpc: s.grpc, http: Some(s.http), debounce: Default::default(), semantics: Default::default(), files: s.files }).await?;
            let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
            tokio::select! { _ = term.recv() => {}, _ = tokio::signal::ctrl_c() => {} }
            server.shutdown().await; Ok(())
        }
    }
}
