//! The command line of the lab: scenarios with real Envoys, made meshes, Envoy releases.
//!
//! Exit codes: 0 all well; 1 a check failed, or something broke; 2 wrong usage, or a scenario that cannot be read;
//! 130 interrupted.

mod cli;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
