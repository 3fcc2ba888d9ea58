//! What is made of manifests, as golden text.

use std::fmt::Write;

use super::super::entry::{Outcome, entries};
use super::super::yaml::documents;
use super::*;

fn objects(text: &str) -> Vec<Object> {
    let entries = documents(text).iter().flat_map(entries).collect::<Vec<_>>();
    let object = |outcome| match outcome {
        Outcome::Used(object, _) => object,
        other => panic!("{other:?}"),
    };
    entries.into_iter().map(|e| object(e.outcome)).collect()
}

/// What is made of `text`, a line an object or endpoint.
fn made(text: &str) -> String {
    let mut out = String::new();
    for object in complete(&objects(text)) {
        match &object {
            Object::Service(s) => writeln!(out, "Service {} {}", s.metadata.name, s.spec.cluster_ip).unwrap(),
            Object::Pod(pod) => {
                let (meta, spec, status) = (&pod.metadata, &pod.spec, &pod.status);
                let owner = meta
                    .owner_references
                    .first()
                    .map_or(String::new(), |o| format!(" of {} {}", o.kind, o.name));
                writeln!(
                    out,
                    "Pod {}{owner} {} {} {} {}",
                    meta.name, status.pod_ip, spec.node_name, spec.service_account_name, status.phase
                )
                .unwrap();
                let labels: Vec<_> = meta.labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
                writeln!(out, "  {}", labels.join(" ")).unwrap();
            }
            Object::EndpointSlice(slice) => {
                let port = |p: &xdslab_mesh::object::kubernetes::SlicePort| {
                    format!(" {}:{}/{}", p.name.as_deref().unwrap_or("-"), p.port.unwrap_or(0), p.protocol)
                };
                let ports: String = slice.ports.iter().map(port).collect();
                writeln!(out, "EndpointSlice {} {}{ports}", slice.metadata.name, slice.address_type).unwrap();
                for e in &slice.endpoints {
                    let (target, ready) = (e.target_ref.as_ref().unwrap(), e.conditions.ready.unwrap());
                    let (node, zone) =
                        (e.node_name.as_deref().unwrap_or("-"), e.zone.as_deref().unwrap_or("-"));
                    writeln!(out, "  {} {} ready={ready} {node} {zone}", e.addresses[0], target.name)
                        .unwrap();
                }
            }
            other => panic!("{other:?}"),
        }
    }
    out
}

fn deployment(name: &str, replicas: u32, labels: &str) -> String {
    format!(
        "---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: shop}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{{labels}}}}}
  template:
    metadata: {{labels: {{{labels}}}}}
    spec:
      serviceAccountName: {name}
      containers:
      - name: app
        ports: [{{containerPort: 9080, name: web}}]
"
    )
}

const SERVICE: &str = "---
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: shop}
spec:
  selector: {app: reviews}
  ports:
  - {name: http, port: 80, targetPort: web}
  - {name: grpc, port: 9000}
  - {name: gone, port: 1, targetPort: nothing}
";

const CLUSTER: &str = "---
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: Node
metadata: {name: n1, labels: {topology.kubernetes.io/zone: z1}}
---
apiVersion: v1
kind: Node
metadata: {name: n2}
";

#[test]
fn a_deployment_and_its_service() {
    let text = format!("{CLUSTER}{}{SERVICE}", deployment("reviews-v1", 2, "app: reviews, version: v1"));
    assert_eq!(made(&text), GOLDEN);
}

const GOLDEN: &str = "\
Service reviews 10.103.199.155
EndpointSlice reviews-498sd IPv4 http:9080/TCP grpc:9000/TCP
  10.244.197.136 reviews-v1-86dc6bbf94-dqql5 ready=true n2 -
  10.244.222.109 reviews-v1-86dc6bbf94-xbd5n ready=true n1 z1
Pod reviews-v1-86dc6bbf94-dqql5 of ReplicaSet reviews-v1-86dc6bbf94 10.244.197.136 n2 reviews-v1 Running
  app=reviews pod-template-hash=86dc6bbf94 security.istio.io/tlsMode=istio service.istio.io/canonical-name=reviews service.istio.io/canonical-revision=v1 version=v1
Pod reviews-v1-86dc6bbf94-xbd5n of ReplicaSet reviews-v1-86dc6bbf94 10.244.222.109 n1 reviews-v1 Running
  app=reviews pod-template-hash=86dc6bbf94 security.istio.io/tlsMode=istio service.istio.io/canonical-name=reviews service.istio.io/canonical-revision=v1 version=v1
";

#[test]
fn the_order_of_the_objects_does_not_matter() {
    let text = format!("{CLUSTER}{}{SERVICE}", deployment("reviews-v1", 3, "app: reviews"));
    let mut objects = objects(&text);
    let forward = complete(&objects);
    objects.reverse();
    assert_eq!(complete(&objects), forward);
}

#[test]
fn other_workloads_come_and_go_without_notice() {
    let one = format!("{CLUSTER}{}{SERVICE}", deployment("reviews-v1", 2, "app: reviews"));
    let two = format!("{one}{}", deployment("a-first", 3, "app: other"));
    let (one, two) = (complete(&objects(&one)), complete(&objects(&two)));
    assert_eq!(two.len(), one.len() + 3);
    assert!(one.iter().all(|object| two.contains(object)));
}

#[test]
fn other_controllers_make_their_pods_their_way() {
    let workload = |kind: &str, extra: &str| {
        format!(
            "---\napiVersion: apps/v1\nkind: {kind}\nmetadata: {{name: db, namespace: shop}}\nspec:\n  {extra}\n  \
             selector: {{matchLabels: {{app: db}}}}\n  template:\n    metadata: {{labels: {{app: db}}}}\n    spec: {{}}\n"
        )
    };
    let headless = "---\napiVersion: v1\nkind: Service\nmetadata: {name: db, namespace: shop}\n\
                    spec: {clusterIP: None, selector: {app: db}, ports: [{port: 5432}]}\n";
    let stateful =
        made(&format!("{CLUSTER}{}{headless}", workload("StatefulSet", "replicas: 2\n  serviceName: db")));
    assert!(stateful.contains("Pod db-0 of StatefulSet db 10.244."), "{stateful}");
    assert!(stateful.contains("Pod db-1 of StatefulSet db 10.244."), "{stateful}");
    assert!(stateful.contains("statefulset.kubernetes.io/pod-name=db-1"), "{stateful}");
    assert!(stateful.contains(" IPv4 :5432/TCP\n"), "{stateful}");
    assert!(!stateful.contains("Service db"), "a headless service gets no address: {stateful}");

    let daemons = made(&format!("{CLUSTER}{}", workload("DaemonSet", "minReadySeconds: 0")));
    assert_eq!(daemons.lines().filter(|l| l.starts_with("Pod db-")).count(), 2, "{daemons}");
    assert!(daemons.contains(" n1 default Running") && daemons.contains(" n2 default Running"), "{daemons}");
    assert!(made(&workload("DaemonSet", "minReadySeconds: 0")).contains(" node-0 default Running"));

    let set = made(&workload("ReplicaSet", "replicas: 1"));
    assert!(set.starts_with("Pod db-") && set.contains("of ReplicaSet db 10.244."), "{set}");
    assert_eq!(made(&workload("ReplicaSet", "replicas: 0")), "");
}

#[test]
fn what_a_dump_holds_is_left_alone() {
    let pod = |labels: &str, owner: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n  namespace: shop\n  labels: {{{labels}}}\n  \
             ownerReferences: [{owner}]\nstatus: {{phase: Pending}}\n"
        )
    };
    let web = deployment("web", 1, "app: web");
    for (pods, expected) in [
        (pod("app: web", ""), false),
        (pod("app: other", ""), true),
        (pod("pod-template-hash: abc", "{kind: ReplicaSet, name: web-abc}"), false),
        (pod("pod-template-hash: abc", "{kind: ReplicaSet, name: web2-abc}"), true),
        (pod("app: web", "").replace("shop", "elsewhere"), true),
    ] {
        let made = made(&format!("{CLUSTER}{web}{pods}"));
        assert_eq!(!made.is_empty(), expected, "{pods}\n{made}");
    }
    // The Deployment's own ReplicaSet gives the name; the old one, and the new, make no Pods of their own.
    let set = |hash: &str, replicas: u32| {
        let labels = format!("app: web, pod-template-hash: {hash}");
        deployment(&format!("web-{hash}"), replicas, &labels)
            .replace("kind: Deployment", "kind: ReplicaSet")
            .replace("namespace: shop}", "namespace: shop, ownerReferences: [{kind: Deployment, name: web}]}")
    };
    let made = made(&format!("{web}{}{}", set("old", 0), set("new", 1)));
    assert_eq!(made.lines().filter(|l| l.starts_with("Pod ")).count(), 1, "{made}");
    assert!(made.contains(" of ReplicaSet web-new ") && made.contains("pod-template-hash=new"), "{made}");
}

#[test]
fn slices_follow_the_pods() {
    let pod = |name: &str, rest: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop, labels: {{app: reviews}}}}\n\
             spec:\n  nodeName: n1\n  containers: [{{name: a, ports: [{{name: web, containerPort: 81, protocol: TCP}}]}}]\n{rest}\n"
        )
    };
    let ready = |ip: &str| {
        format!(
            "status: {{podIP: \"{ip}\", phase: Running, conditions: [{{type: Ready, status: \"True\"}}]}}"
        )
    };
    let text = [
        CLUSTER.to_owned(),
        SERVICE.replace("spec:", "spec:\n  clusterIP: 10.96.3.4"),
        pod("a", &ready("10.0.0.1")),
        pod("b", "status: {podIP: 10.0.0.2, phase: Running}"),
        pod("c", &ready("10.0.0.3")).replace("81", "82"),
        pod("d", "status: {phase: Pending}"),
        pod("e", &ready("fd00::5")),
        pod("f", &ready("10.0.0.6").replace("Running", "Succeeded")),
    ];
    let made = made(&text.concat());
    assert_eq!(made.lines().count(), 7, "three slices, four endpoints: {made}");
    for part in [
        "IPv4 http:81/TCP grpc:9000/TCP\n  10.0.0.1 a ready=true n1 z1\n  10.0.0.2 b ready=false n1 z1\n",
        "IPv4 http:82/TCP grpc:9000/TCP\n  10.0.0.3 c ready=true n1 z1\n",
        "IPv6 http:81/TCP grpc:9000/TCP\n  fd00::5 e ready=true n1 z1\n",
    ] {
        assert!(made.contains(part), "{part}\n{made}");
    }
    let unready = text.concat().replace("selector:", "publishNotReadyAddresses: true\n  selector:");
    assert!(self::made(&unready).contains("10.0.0.2 b ready=true"));
    let sliced = "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n\
                  metadata: {name: s, namespace: shop, labels: {kubernetes.io/service-name: reviews}}\naddressType: IPv4\n";
    assert_eq!(self::made(&format!("{}{sliced}", text.concat())), "");
}

#[test]
fn a_slice_holds_a_hundred_endpoints() {
    let text = format!("{}{SERVICE}", deployment("reviews", 250, "app: reviews"));
    let slices = complete(&objects(&text)).into_iter().filter_map(|object| match object {
        Object::EndpointSlice(slice) => Some((slice.metadata.name.clone(), slice.endpoints.len())),
        _ => None,
    });
    let slices: BTreeMap<_, _> = slices.collect();
    let mut sizes: Vec<_> = slices.into_values().collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [50, 100, 100]);
}

#[test]
fn a_pod_without_status_is_run() {
    let text = format!(
        "{CLUSTER}---\napiVersion: v1\nkind: Pod\nmetadata: {{name: sleep, namespace: shop, labels: {{app: sleep}}}}\n\
         spec: {{containers: [{{name: a, ports: [{{containerPort: 80}}]}}]}}\n"
    );
    let made = complete(&objects(&text));
    let [Object::Pod(pod)] = &made[..] else { panic!("{made:?}") };
    assert!(is_injected(pod) && pod.status.phase == "Running" && !pod.status.pod_ip.is_empty());
    assert_eq!(pod.spec.containers[0].ports[0].protocol, "TCP");
    assert_eq!(pod.spec.service_account_name, "default");
    // An address that is in use is not given again.
    let with = format!(
        "{text}---\napiVersion: v1\nkind: Pod\nmetadata: {{name: x}}\nstatus: {{podIP: {}}}\n",
        pod.status.pod_ip
    );
    let Object::Pod(moved) = &complete(&objects(&with))[0] else { panic!() };
    assert_ne!(moved.status.pod_ip, pod.status.pod_ip);
}
