//! `xds-server token`: let a proxy on another host be a service account.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use clap::Args;

use super::serve::go_duration;
use crate::identity::{Account, Tokens};

/// Arguments of `xds-server token`.
#[derive(Debug, Args)]
pub struct TokenArgs {
    /// The service account
    #[arg(value_name = "NAMESPACE/NAME")]
    account: Account,
    /// Private key of the authority, as given to `xds-server serve`
    #[arg(long, value_name = "FILE")]
    ca_key: PathBuf,
    /// How long the token is good for
    #[arg(long, default_value = "24h", value_parser = go_duration)]
    ttl: Duration,
}

/// Prints the token. A proxy sends it as `authorization: Bearer TOKEN` with its requests for secrets.
///
/// # Errors
/// When the key cannot be read.
pub fn run(args: &TokenArgs) -> Result<()> {
    let tokens = Tokens::of_key_file(&args.ca_key)?;
    println!("{}", tokens.issue(&args.account, SystemTime::now(), args.ttl));
    Ok(())
}
