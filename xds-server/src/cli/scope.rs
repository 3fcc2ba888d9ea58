//! `xds-server scope`: what a proxy sees, and why.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use xdslab_mesh::scope::Import;
use xdslab_mesh::{Scope, SelectedSidecar};

use super::columns::Table;
use super::config;
use crate::generate::View;

/// Arguments of `xds-server scope`.
#[derive(Debug, Args)]
pub struct ScopeArgs {
    /// File or folder of Kubernetes and Istio YAML (repeatable)
    #[arg(short = 'f', long = "file", required = true, value_name = "MESH")]
    files: Vec<PathBuf>,
    /// The proxy: a pod as NAME.NAMESPACE; the beginning of its name will do
    #[arg(long, value_name = "NAME.NS")]
    proxy: String,
    /// Also list the services that it does not see, each with the reason
    #[arg(long)]
    absent: bool,
}

/// Runs it.
///
/// # Errors
/// When the files cannot be read, or the proxy is none of the mesh's pods.
pub fn run(args: &ScopeArgs) -> Result<()> {
    let view = config::view(&args.files, &args.proxy, false)?;
    print!("{}", report(&view, args.absent));
    Ok(())
}

fn report(view: &View, absent: bool) -> String {
    let scope = &view.scope;
    let all = view.snapshot.services();
    let absences = scope.absences(all);
    let mut text = format!(
        "proxy    {}\nsidecar  {}\nsees     {} of {} services\n\n{}",
        view.proxy.id,
        sidecar(scope),
        scope.services().len(),
        scope.services().len() + absences.len(),
        services(scope),
    );
    if absent && !absences.is_empty() {
        let mut table = Table::new(&["NOT SEEN", "NAMESPACE", "BECAUSE"]);
        for (service, why) in absences {
            table.push(vec![service.hostname.to_string(), service.namespace.to_string(), why.to_string()]);
        }
        text.push_str(&format!("\n{table}"));
    }
    text
}

fn sidecar(scope: &Scope) -> String {
    match scope.selected() {
        SelectedSidecar::Own(s) => format!("{}/{}", s.meta.namespace, s.meta.name),
        SelectedSidecar::Root(s) => format!("{}/{} (the mesh's default)", s.meta.namespace, s.meta.name),
        SelectedSidecar::None => "none: every visible service is imported".to_owned(),
    }
}

fn services(scope: &Scope) -> Table {
    let mut table = Table::new(&["SERVICE", "NAMESPACE", "PORTS", "IMPORTED BY"]);
    for (service, import) in scope.imports() {
        let ports: Vec<_> = service.ports.iter().map(|p| p.number.to_string()).collect();
        let by = match import {
            Import::Default => "*/* (no Sidecar)".to_owned(),
            Import::EgressHost { listener, host } => format!("egress[{listener}] {host}"),
            Import::Destination { listener, rule } => {
                format!("egress[{listener}] destination of VirtualService {}/{}", rule.namespace, rule.name)
            }
        };
        table.push(vec![service.hostname.to_string(), service.namespace.to_string(), ports.join(","), by]);
    }
    table
}
