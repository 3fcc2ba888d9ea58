//! Kubernetes objects as text.

use std::fmt::Write;

/// A port of a service and of its pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Port {
    /// The protocol, which is also the port's name.
    pub(super) protocol: &'static str,
    /// The service's port, and the pods'.
    pub(super) number: u16,
}

/// A namespace in which sidecars are injected.
pub(super) fn namespace(out: &mut String, name: &str) {
    document(
        out,
        format_args!(
            "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {name}\n  labels: {{istio-injection: enabled}}\n"
        ),
    );
}

/// A service, and the deployment behind it.
pub(super) fn application(out: &mut String, namespace: &str, name: &str, ports: &[Port], replicas: u32) {
    let listed: Vec<_> =
        ports.iter().map(|p| format!("  - {{name: {}, port: {}}}\n", p.protocol, p.number)).collect();
    let listed = listed.concat();
    document(
        out,
        format_args!(
            "apiVersion: v1\nkind: Service\nmetadata:\n  name: {name}\n  namespace: {namespace}\nspec:\n  \
         selector: {{app: {name}}}\n  ports:\n{listed}"
        ),
    );
    let opened: Vec<_> = ports.iter().map(|p| format!("{{containerPort: {}}}", p.number)).collect();
    let opened = opened.join(", ");
    document(
        out,
        format_args!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\n  namespace: {namespace}\nspec:\n  \
         replicas: {replicas}\n  selector:\n    matchLabels: {{app: {name}}}\n  template:\n    metadata:\n      \
         labels: {{app: {name}}}\n    spec:\n      serviceAccountName: {name}\n      containers:\n      \
         - name: {name}\n        image: curlimages/curl:8.16.0\n        ports: [{opened}]\n"
        ),
    );
}

fn document(out: &mut String, text: std::fmt::Arguments<'_>) {
    if !out.is_empty() {
        out.push_str("---\n");
    }
    // Writing into a String cannot fail.
    let _ = out.write_fmt(text);
}
