//! `xds-server`: see `xds-server --help`.

use std::process::ExitCode;

use clap::Parser;
use xdslab_server::cli::{Cli, run};

/// Many small messages are made and dropped; this allocator is made for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    run(Cli::parse())
}
