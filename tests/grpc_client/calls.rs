//! Where calls go.

use anyhow::Result;
use serde_json::json;
use xdslab_server::{Config, Semantics};

use crate::mesh::{
    HOSTS, TARGET, bootstrap, change, control_plane, control_plane_of, pod, routes, service, slice, to,
    versions,
};
use crate::python::Python;

#[tokio::test]
async fn a_client_follows_endpoints() -> Result<()> {
    let Some(python) = Python::find() else { return Ok(()) };
    for semantics in [Semantics::Istiod, Semantics::Spec] {
        let old = python.server("old", "127.0.0.1:0", None).await?;
        let new = python.server("new", "127.0.0.1:0", None).await?;
        let at = |port| [pod("v1", HOSTS[0], port), slice("v1", HOSTS[0], port)];
        let mesh = [service()].into_iter().chain(at(old.port()?));
        let control = control_plane_of(Config { semantics, ..Config::default() }, mesh).await?;

        let mut client = python.client(TARGET, &[], &bootstrap(&control, "client"))?;
        assert_eq!(client.call("Ada").await?, "old greets Ada");
        change(&control, at(new.port()?)).await?;
        client.calls_until("Ada", |answer| answer == "new greets Ada").await?;
        drop(old);
        assert_eq!(client.call("Bob").await?, "new greets Bob");
        drop(client);
        control.shutdown().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_client_follows_virtual_services() -> Result<()> {
    let Some(python) = Python::find() else { return Ok(()) };
    let (_programs, mesh) = versions(&python).await?;
    let control = control_plane(mesh).await?;
    let mut client = python.client("xds:///greeter:7070", &[], &bootstrap(&control, "client"))?;
    for version in ["v1", "v2"] {
        client.calls_until("Ada", |answer| answer.starts_with(version)).await?;
    }

    // All to one subset; then by header; then shared out.
    for (version, other) in [("v1", "v2"), ("v2", "v1")] {
        let all = routes(&json!([{"route": [to(version, 100), to(other, 0)]}]));
        change(&control, [all]).await?;
        let mut since = 0;
        client.calls_until("Ada", |answer| answer.starts_with(version)).await?;
        while since < 20 {
            assert_eq!(client.call("Ada").await?, format!("{version} greets Ada"));
            since += 1;
        }
    }
    let by_header = json!([
        {"match": [{"headers": {"x-version": {"exact": "v1"}}}], "route": [to("v1", 100)]},
        {"route": [to("v2", 100)]},
    ]);
    change(&control, [routes(&by_header)]).await?;
    client.calls_until("x-version=v1 Ada", |answer| answer == "v1 greets Ada").await?;
    assert_eq!(client.call("Ada").await?, "v2 greets Ada");
    change(&control, [routes(&json!([{"route": [to("v1", 50), to("v2", 50)]}]))]).await?;
    for version in ["v1", "v2", "v1", "v2"] {
        client.calls_until("Ada", |answer| answer.starts_with(version)).await?;
    }

    // Faults and time limits.
    let refused = json!([{"route": [to("v1", 100)], "fault": {"abort": {"grpcStatus": "RESOURCE_EXHAUSTED",
                                                                       "percentage": {"value": 100}}}}]);
    change(&control, [routes(&refused)]).await?;
    client.calls_until("Ada", |answer| answer.starts_with("RESOURCE_EXHAUSTED")).await?;
    let late = json!([{"route": [to("v1", 100)], "timeout": "0.1s",
                       "fault": {"delay": {"fixedDelay": "60s", "percentage": {"value": 100}}}}]);
    change(&control, [routes(&late)]).await?;
    client.calls_until("Ada", |answer| answer.starts_with("DEADLINE_EXCEEDED")).await?;
    drop(client);
    Ok(control.shutdown().await?)
}

#[tokio::test]
async fn a_client_learns_of_services_that_come_and_go() -> Result<()> {
    let Some(python) = Python::find() else { return Ok(()) };
    let (_programs, mesh) = versions(&python).await?;
    let control = control_plane([]).await?;
    let mut client = python.client(TARGET, &["--timeout", "1"], &bootstrap(&control, "client"))?;
    let answer = client.call("Ada").await?;
    assert!(answer.starts_with("DEADLINE_EXCEEDED"), "{answer}");
    change(&control, mesh).await?;
    client.calls_until("Ada", |answer| answer.ends_with("greets Ada")).await?;
    drop(client);
    Ok(control.shutdown().await?)
}
