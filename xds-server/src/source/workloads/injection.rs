//! Whether Istio's injector would give a Pod its proxy, and what else it would write into it.

use std::sync::Arc;

use arcstr::{ArcStr, literal};
use xdslab_mesh::object::Labels;
use xdslab_mesh::object::kubernetes::{Container, Namespace, Pod};

/// Namespaces that the injector never looks at (istio: `pkg/kube/inject/inject.go`, `IgnoredNamespaces`).
const IGNORED: [&str; 4] = ["kube-system", "kube-public", "kube-node-lease", "local-path-storage"];

const TLS_MODE: &str = "security.istio.io/tlsMode";

/// Which template the injector uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Injection {
    /// The Pod stays as it is.
    Skip,
    /// A sidecar proxy.
    Sidecar,
    /// The Pod itself becomes a proxy (`inject.istio.io/templates: gateway`).
    Gateway,
}

/// Whether the Pod has a sidecar proxy: the injector has marked it, or it has a container named `istio-proxy` beside
/// others. (A Pod that has no other container is a gateway.)
pub fn is_injected(pod: &Pod) -> bool {
    let is_proxy = |c: &Container| c.name == "istio-proxy";
    let (first, main) = (&pod.spec.init_containers, &pod.spec.containers);
    let has_proxy = first.iter().chain(main).any(is_proxy) && !main.iter().all(is_proxy);
    let is_marked = pod.metadata.labels.get(TLS_MODE).is_some_and(|mode| mode == "istio");
    (is_marked || has_proxy) && template(pod) == Injection::Sidecar
}

/// What the webhook's selectors and the injector decide (istio: the chart `istiod`'s `mutatingwebhook.yaml`, and
/// `injectRequired` in `pkg/kube/inject/inject.go`).
pub(super) fn decide(namespace: Option<&Namespace>, pod: &Pod) -> Injection {
    let none = Labels::new();
    let namespace = namespace.map_or(&none, |n| &*n.metadata.labels);
    let (labels, annotations) = (&pod.metadata.labels, &pod.metadata.annotations);
    let asked = labels.get("sidecar.istio.io/inject").or_else(|| annotations.get("sidecar.istio.io/inject"));
    let is_refused = asked.is_some_and(|word| word != "true");
    if pod.spec.host_network || is_refused || IGNORED.contains(&pod.metadata.namespace.as_str()) {
        return Injection::Skip;
    }
    let is_selected = match namespace.get("istio-injection").map(ArcStr::as_str) {
        Some("enabled") => true,
        Some(_) => false,
        None => {
            namespace.contains_key("istio.io/rev")
                || labels.contains_key("istio.io/rev")
                || labels.get("sidecar.istio.io/inject").is_some_and(|word| word == "true")
        }
    };
    if is_selected { template(pod) } else { Injection::Skip }
}

fn template(pod: &Pod) -> Injection {
    let templates = pod.metadata.annotations.get("inject.istio.io/templates");
    let is_gateway = templates.is_some_and(|names| names.split(',').any(|name| name.trim() == "gateway"));
    if is_gateway { Injection::Gateway } else { Injection::Sidecar }
}

/// Writes the labels that the injector's template writes; `workload` is the name of what made the Pod.
pub(super) fn inject(pod: &mut Pod, injection: Injection, workload: &ArcStr) {
    if injection == Injection::Skip {
        return;
    }
    let labels = Arc::make_mut(&mut pod.metadata.labels);
    let first_of = |labels: &Labels, keys: &[&str]| keys.iter().find_map(|key| labels.get(*key).cloned());
    let name = first_of(labels, &["app.kubernetes.io/name", "app"]).unwrap_or_else(|| workload.clone());
    let revision =
        first_of(labels, &["app.kubernetes.io/version", "version"]).unwrap_or_else(|| literal!("latest"));
    labels.entry(literal!("service.istio.io/canonical-name")).or_insert(name);
    labels.entry(literal!("service.istio.io/canonical-revision")).or_insert(revision);
    if injection == Injection::Sidecar {
        labels.entry(TLS_MODE.into()).or_insert(literal!("istio"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(text: &str) -> Labels {
        text.split_whitespace().filter_map(|l| l.split_once('=')).map(|(k, v)| (k.into(), v.into())).collect()
    }

    #[test]
    fn the_injector_takes_whom_it_is_told_to() {
        use Injection::{Gateway, Sidecar, Skip};
        for (namespace, pod, annotations, expected) in [
            ("", "", "", Skip),
            ("istio-injection=enabled", "", "", Sidecar),
            ("istio.io/rev=canary", "", "", Sidecar),
            ("istio-injection=enabled", "sidecar.istio.io/inject=false", "", Skip),
            ("istio-injection=enabled", "", "sidecar.istio.io/inject=false", Skip),
            (
                "istio-injection=enabled",
                "sidecar.istio.io/inject=true",
                "sidecar.istio.io/inject=false",
                Sidecar,
            ),
            ("", "sidecar.istio.io/inject=true", "", Sidecar),
            ("", "", "sidecar.istio.io/inject=true", Skip),
            ("", "istio.io/rev=canary", "", Sidecar),
            ("istio-injection=disabled", "sidecar.istio.io/inject=true", "", Skip),
            ("istio-injection=disabled istio.io/rev=canary", "", "", Skip),
            ("istio-injection=enabled", "", "inject.istio.io/templates=gateway", Gateway),
        ] {
            let mut of = Namespace::default();
            of.metadata.labels = Arc::new(labels(namespace));
            let mut made = Pod::default();
            made.metadata.labels = Arc::new(labels(pod));
            made.metadata.annotations = labels(annotations);
            assert_eq!(decide(Some(&of), &made), expected, "{namespace:?} {pod:?} {annotations:?}");
            inject(&mut made, expected, &literal!("web"));
            assert_eq!(is_injected(&made), expected == Sidecar, "{namespace:?} {pod:?} {annotations:?}");
            made.spec.host_network = true;
            assert_eq!(decide(Some(&of), &made), Skip);
        }
    }

    #[test]
    fn a_pod_of_a_dump_is_known_by_its_container() {
        let container = |name: &str| Container { name: name.into(), ..Container::default() };
        let mut pod = Pod::default();
        assert!(!is_injected(&pod));
        pod.spec.containers.push(container("istio-proxy"));
        assert!(!is_injected(&pod), "a gateway");
        pod.spec.containers.push(container("app"));
        assert!(is_injected(&pod));
        pod.spec.init_containers.push(pod.spec.containers.remove(0));
        assert!(is_injected(&pod));
        pod.metadata.annotations = labels("inject.istio.io/templates=gateway");
        assert!(!is_injected(&pod));
    }
}
