//! Who may call, and by what certificate.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::time::SystemTime;

use anyhow::Result;
use serde_json::{Value, json};
use xdslab_server::Server;
use xdslab_server::identity::{Account, Identities, IdentityOptions};

use crate::mesh::{HOSTS, TARGET, bootstrap, change, control_plane, istio, pod, service, slice};
use crate::python::Python;

/// A port that is free.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((HOSTS[0], 0))?.local_addr()?.port())
}

#[tokio::test]
async fn a_server_asks_who_may_call_what() -> Result<()> {
    let Some(python) = Python::find() else { return Ok(()) };
    let port = free_port()?;
    let mesh = [service(), pod("v1", HOSTS[0], port), slice("v1", HOSTS[0], port)];
    let control = control_plane(mesh).await?;
    let address = format!("{}:{port}", HOSTS[0]);
    let _server = python.server("v1", &address, Some(&bootstrap(&control, "greeter-v1"))).await?;
    let mut client = python.client(TARGET, &[], &bootstrap(&control, "client"))?;
    let mut whispering = python.client(TARGET, &["--method", "Whisper"], &bootstrap(&control, "client"))?;
    for client in [&mut client, &mut whispering] {
        client.calls_until("Ada", |answer| answer == "v1 greets Ada").await?;
    }

    let paths = |paths: &[&str]| json!({"to": [{"operation": {"paths": paths}}]});
    let deny = json!({"action": "DENY", "rules": [paths(&["/greeter.Greeter/Whisper"])]});
    change(&control, [istio("security", "AuthorizationPolicy", &deny)]).await?;
    whispering.calls_until("Ada", |answer| answer.starts_with("PERMISSION_DENIED")).await?;
    assert_eq!(client.call("Ada").await?, "v1 greets Ada");

    let allow = json!({"rules": [paths(&["/greeter.Greeter/Whisper", "/other"])]});
    change(&control, [istio("security", "AuthorizationPolicy", &allow)]).await?;
    client.calls_until("Ada", |answer| answer.starts_with("PERMISSION_DENIED")).await?;
    whispering.calls_until("Ada", |answer| answer == "v1 greets Ada").await?;
    drop((client, whispering));
    Ok(control.shutdown().await?)
}

/// The bootstrap of a workload with a certificate for `account`, in files of `folder`.
fn with_certificate(
    control: &Server,
    pod: &str,
    account: &str,
    identities: &Identities,
    folder: &Path,
) -> Result<Value> {
    let issued =
        identities.authority.issue(&Account::new("default", account)?, "cluster.local", SystemTime::now())?;
    let file = |name: &str, content: &[u8]| -> Result<String> {
        let path = folder.join(format!("{pod}-{name}.pem"));
        fs::write(&path, content)?;
        Ok(path.display().to_string())
    };
    let config = json!({
        "certificate_file": file("chain", &issued.chain)?,
        "private_key_file": file("key", &issued.key)?,
        "ca_certificate_file": file("roots", identities.authority.roots())?,
    });
    let mut bootstrap = bootstrap(control, pod);
    bootstrap["certificate_providers"] =
        json!({"default": {"plugin_name": "file_watcher", "config": config}});
    Ok(bootstrap)
}

#[tokio::test]
async fn mutual_tls_with_the_labs_certificates() -> Result<()> {
    let Some(python) = Python::find() else { return Ok(()) };
    let (folder, port) = (tempfile::tempdir()?, free_port()?);
    let identities = Identities::new(&IdentityOptions::default(), SystemTime::now())?;
    let mut greeter = pod("v1", HOSTS[0], port);
    greeter["spec"]["serviceAccountName"] = "greeter".into();
    let strict = istio("security", "PeerAuthentication", &json!({"mtls": {"mode": "STRICT"}}));
    let tls = json!({"host": "greeter", "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}}});
    let callers = json!({"from": [{"source": {"principals": ["cluster.local/ns/default/sa/friend"]}}]});
    let mesh = [
        service(),
        greeter.clone(),
        slice("v1", HOSTS[0], port),
        strict,
        istio("networking", "DestinationRule", &tls),
        istio("security", "AuthorizationPolicy", &json!({"rules": [callers]})),
    ];
    let control = control_plane(mesh).await?;
    let workload =
        |pod: &str, account: &str| with_certificate(&control, pod, account, &identities, folder.path());
    let address = format!("{}:{port}", HOSTS[0]);
    let _server = python.server("v1", &address, Some(&workload("greeter-v1", "greeter")?)).await?;
    let mut friend = python.client(TARGET, &["--timeout", "2"], &workload("friend", "friend")?)?;
    friend.calls_until("Ada", |answer| answer == "v1 greets Ada").await?;
    let mut stranger = python.client(TARGET, &[], &workload("stranger", "stranger")?)?;
    assert!(stranger.call("Bob").await?.starts_with("PERMISSION_DENIED"));

    // A service whose Pods have another account than the server's certificate says is not trusted.
    greeter["spec"]["serviceAccountName"] = "impostor".into();
    change(&control, [greeter]).await?;
    friend.calls_until("Ada", |answer| !answer.ends_with("greets Ada")).await?;
    drop((friend, stranger));
    Ok(control.shutdown().await?)
}
