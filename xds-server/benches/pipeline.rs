//! From objects to bytes: what a snapshot, a scope, and one proxy's clusters and endpoints cost.
//!
//! `cargo bench -p xdslab-server --bench pipeline`

use std::hint::black_box;
use std::sync::Arc;

use arcstr::ArcStr;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use serde_json::{Value, json};
use xdslab_mesh::object::{Object, Reading, read};
use xdslab_mesh::{Change, ChangeSet, Mesh, NodeIdentity, Proxy, Snapshot};
use xdslab_server::generate::{Generator, View};

/// As the server has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

criterion_group!(benches, snapshots, scopes, resources, listeners, routes, everything);
criterion_main!(benches);

const PER_NAMESPACE: usize = 10;

/// A mesh is made of its objects, and changed by one Service with two endpoints.
fn snapshots(c: &mut Criterion) {
    let mut group = c.benchmark_group("snapshot");
    for services in [1_000, 10_000] {
        let objects = mesh_objects(services, "http");
        group.throughput(Throughput::Elements(services as u64));
        group.sample_size(10);
        group.bench_function(BenchmarkId::new("from objects", services), |b| {
            b.iter_batched(
                || apply_all(&objects),
                |changes| loaded(changes).snapshot(),
                BatchSize::PerIteration,
            );
        });
        let mut mesh = loaded(apply_all(&objects));
        mesh.snapshot();
        let mut n = 0;
        group.bench_function(BenchmarkId::new("one service more", services), |b| {
            b.iter_batched(
                || {
                    n += 1;
                    apply_all(&service_objects(&format!("more-{n}"), "ns-0", services + n, "http"))
                },
                |changes| {
                    mesh.apply(changes);
                    mesh.snapshot()
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

/// What one proxy sees: everything, or its own namespace.
fn scopes(c: &mut Criterion) {
    let mut group = c.benchmark_group("scope");
    for services in [1_000, 10_000] {
        for (title, hosts) in
            [("everything", None), ("own namespace", Some(json!(["./*", "istio-system/*"])))]
        {
            let mut objects = mesh_objects(services, "http");
            objects.extend(hosts.map(|h| sidecar(&h)));
            group.bench_function(BenchmarkId::new(title, services), |b| {
                b.iter_batched(
                    || loaded(apply_all(&objects)).snapshot(),
                    |snapshot| view(&snapshot).scope,
                    BatchSize::PerIteration,
                );
            });
        }
    }
    group.finish();
}

/// One proxy's clusters and endpoints as bytes: made anew, and when others of its scope have them already.
fn resources(c: &mut Criterion) {
    let mut group = c.benchmark_group("resources");
    for services in [100, 1_000] {
        let snapshot = loaded(apply_all(&mesh_objects(services, "http"))).snapshot();
        let view = view(&snapshot);
        group.throughput(Throughput::Elements(services as u64));
        group.bench_function(BenchmarkId::new("clusters, nothing cached", services), |b| {
            b.iter(|| Generator::new().clusters(black_box(&view)));
        });
        let generator = Generator::new();
        group.bench_function(BenchmarkId::new("clusters, cached", services), |b| {
            b.iter(|| generator.clusters(black_box(&view)));
        });
        let clusters = generator.clusters(&view);
        let names: Vec<ArcStr> =
            clusters.iter().map(|r| r.name.clone()).filter(|n| n.starts_with("outbound|")).collect();
        group.bench_function(BenchmarkId::new("endpoints, nothing cached", services), |b| {
            b.iter(|| Generator::new().endpoints(black_box(&view), &names));
        });
        group.bench_function(BenchmarkId::new("endpoints, cached", services), |b| {
            b.iter(|| generator.endpoints(black_box(&view), &names));
        });
    }
    group.finish();
}

/// One sidecar's listeners: one for each TCP service, and three that all sidecars have.
fn listeners(c: &mut Criterion) {
    let mut group = c.benchmark_group("listeners");
    for services in [100, 1_000] {
        let snapshot = loaded(apply_all(&mesh_objects(services, "tcp"))).snapshot();
        let view = view(&snapshot);
        group.throughput(Throughput::Elements(services as u64));
        group.bench_function(BenchmarkId::new("TCP services, nothing cached", services), |b| {
            b.iter(|| Generator::new().listeners(black_box(&view)));
        });
        let generator = Generator::new();
        group.bench_function(BenchmarkId::new("TCP services, cached", services), |b| {
            b.iter(|| generator.listeners(black_box(&view)));
        });
    }
    group.finish();
}

/// One route configuration with a virtual host for each HTTP service.
fn routes(c: &mut Criterion) {
    let mut group = c.benchmark_group("routes");
    let name = [ArcStr::from("80")];
    for services in [100, 1_000] {
        let snapshot = loaded(apply_all(&mesh_objects(services, "http"))).snapshot();
        let view = view(&snapshot);
        group.throughput(Throughput::Elements(services as u64));
        group.bench_function(BenchmarkId::new("HTTP services, nothing cached", services), |b| {
            b.iter(|| Generator::new().routes(black_box(&view), &name));
        });
        let generator = Generator::new();
        group.bench_function(BenchmarkId::new("HTTP services, cached", services), |b| {
            b.iter(|| generator.routes(black_box(&view), &name));
        });
    }
    group.finish();
}

/// All four types of one proxy from a snapshot that nobody has asked yet.
fn everything(c: &mut Criterion) {
    let mut group = c.benchmark_group("all four types");
    group.sample_size(20);
    let objects = mesh_objects(1_000, "http");
    group.bench_function("1000 HTTP services", |b| {
        b.iter_batched(
            || loaded(apply_all(&objects)).snapshot(),
            |snapshot| {
                let (generator, view) = (Generator::new(), view(&snapshot));
                let clusters = generator.clusters(&view);
                let names: Vec<ArcStr> =
                    clusters.iter().map(|r| r.name.clone()).filter(|n| n.starts_with("outbound|")).collect();
                let endpoints = generator.endpoints(&view, &names);
                let listeners = generator.listeners(&view);
                let routes = generator.routes(&view, &[ArcStr::from("80")]);
                (clusters, endpoints, listeners, routes)
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn loaded(changes: ChangeSet) -> Mesh {
    let mut mesh = Mesh::new();
    mesh.apply(changes);
    mesh
}

fn view(snapshot: &Arc<Snapshot>) -> View {
    let node = NodeIdentity {
        id: "sidecar~10.0.0.1~svc-0-a.ns-0~ns-0.svc.cluster.local".into(),
        metadata: json!({"NAMESPACE": "ns-0", "CLUSTER_ID": "Kubernetes", "LABELS": {"app": "svc-0"}}),
        ..NodeIdentity::default()
    };
    View::new(snapshot.clone(), Arc::new(Proxy::parse(node).expect("the node is whole")))
}

fn apply_all(objects: &[Object]) -> ChangeSet {
    objects.iter().cloned().map(Change::Apply).collect()
}

fn object(value: Value) -> Object {
    match read(value) {
        Ok(Reading::Object(object, _)) => object,
        other => panic!("a good object, not {other:?}"),
    }
}

fn mesh_objects(services: usize, port: &str) -> Vec<Object> {
    let of = |i: usize| service_objects(&format!("svc-{i}"), &format!("ns-{}", i / PER_NAMESPACE), i, port);
    (0..services).flat_map(of).collect()
}

/// A Service, its two Pods and their slice.
fn service_objects(name: &str, namespace: &str, number: usize, port: &str) -> Vec<Object> {
    let ip = |n: usize| format!("10.{}.{}.{}", n / 65_536 % 256, n / 256 % 256, n % 256);
    let pod = |suffix: &str, n: usize| {
        json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": format!("{name}-{suffix}"), "namespace": namespace,
                         "labels": {"app": name, "security.istio.io/tlsMode": "istio"}},
            "spec": {"serviceAccountName": name, "nodeName": "node-0"},
            "status": {"podIP": ip(n), "phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}})
    };
    let endpoint = |suffix: &str, n: usize| {
        json!({"addresses": [ip(n)], "conditions": {"ready": true}, "nodeName": "node-0",
            "targetRef": {"kind": "Pod", "name": format!("{name}-{suffix}"), "namespace": namespace}})
    };
    let (a, b) = (2 * number, 2 * number + 1);
    let service = json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"clusterIP": ip(8_000_000 + number), "selector": {"app": name},
                 "ports": [{"name": port, "port": 80, "targetPort": 8080, "protocol": "TCP"}]}});
    let slice = json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {"name": format!("{name}-1"), "namespace": namespace,
                     "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4", "endpoints": [endpoint("a", a), endpoint("b", b)],
        "ports": [{"name": port, "port": 8080, "protocol": "TCP"}]});
    [service, pod("a", a), pod("b", b), slice].map(object).into()
}

fn sidecar(hosts: &Value) -> Object {
    object(json!({"apiVersion": "networking.istio.io/v1", "kind": "Sidecar",
        "metadata": {"name": "default", "namespace": "istio-system"}, "spec": {"egress": [{"hosts": hosts}]}}))
}
