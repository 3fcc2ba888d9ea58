//! What is refused, and where: row by row, and over every mesh that istiod itself has judged.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use xdslab_mesh::object::{Fault, Identity, Object, Reading, read};

/// The faults of an object; none for one that is taken or passed over.
fn faults(object: Value) -> Vec<Fault> {
    read(object).map_or_else(|faults| faults, |_| Vec::new())
}

fn yaml(text: &str, from: &Path) -> Value {
    serde_saphyr::from_str(text).unwrap_or_else(|e| panic!("{}: {e}", from.display()))
}

/// The object that a row is about: of `kind`, in the namespace `front`, called `x` if nothing else is said.
fn object_of(kind: &str, row: &Value) -> Value {
    if kind == "MeshConfig" {
        let metadata = json!({"name": "istio", "namespace": "istio-system"});
        let mesh = row["spec"].to_string();
        return json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"mesh": mesh}});
    }
    let group = match kind {
        "AuthorizationPolicy" | "PeerAuthentication" | "RequestAuthentication" => "security",
        "Telemetry" => "telemetry",
        _ => "networking",
    };
    let mut object = json!({
        "apiVersion": format!("{group}.istio.io/v1"),
        "kind": kind,
        "metadata": {"name": "x", "namespace": "front"},
    });
    for (name, value) in row["metadata"].as_object().into_iter().flatten() {
        object["metadata"][name] = value.clone();
    }
    if let Some(spec) = row.get("spec") {
        object["spec"] = spec.clone();
    }
    object
}

#[test]
fn every_row_is_refused_where_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/validation");
    let mut wrong = Vec::new();
    let mut rows = 0;
    for file in sorted(&folder) {
        let kind = file.file_stem().and_then(|s| s.to_str()).expect("named by a kind").to_owned();
        let table = yaml(&fs::read_to_string(&file).expect("readable"), &file);
        for row in table.as_array().expect("a list of rows") {
            rows += 1;
            let about = row["about"].as_str().expect("what it is about");
            let expected: BTreeSet<&str> =
                row["refused"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let found = faults(object_of(&kind, row));
            let paths: BTreeSet<&str> = found.iter().map(|f| f.path.as_str()).collect();
            if paths != expected {
                wrong.push(format!("{kind}, {about}: expected {expected:?}, got {found:#?}"));
            }
            wrong.extend(
                found.iter().filter(|f| f.what.is_empty() || f.hint.is_empty()).map(|f| format!("{f:?}")),
            );
        }
    }
    assert!(rows > 200, "only {rows} rows in {}", folder.display());
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Documents without a kind, or of one that Istio has not.
#[test]
fn what_is_no_object_is_refused() {
    let object = |api: &str, kind: &str| json!({"apiVersion": api, "kind": kind, "metadata": {"name": "x"}});
    let mut beside = object("networking.istio.io/v1", "Sidecar");
    beside["specs"] = json!({});
    for (value, path) in [
        (json!("text"), ""),
        (json!([]), ""),
        (json!({"kind": "Service"}), "apiVersion"),
        (json!({"apiVersion": "v1"}), "kind"),
        (json!({"apiVersion": "v1", "kind": "Service"}), "metadata.name"),
        (json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": 1}}), "metadata.name"),
        (object("networking.istio.io/v1", "Sidecarr"), "kind"),
        (object("networking.istio.io/v1", "AuthorizationPolicy"), "kind"),
        (object("security.istio.io/v1", "EnvoyFilter"), "kind"),
        (object("weather.istio.io/v1", "Forecast"), "kind"),
        (beside, "specs"),
    ] {
        let found = faults(value.clone());
        assert_eq!(found.iter().map(|f| f.path.as_str()).collect::<Vec<_>>(), [path], "{value}");
        assert!(found.iter().all(|f| !f.what.is_empty() && !f.hint.is_empty()), "{value}: {found:?}");
    }
    for (api, kind) in [
        ("networking.istio.io/v1alpha3", "EnvoyFilter"),
        ("extensions.istio.io/v1alpha1", "WasmPlugin"),
        ("install.istio.io/v1alpha1", "IstioOperator"),
        ("rbac.authorization.k8s.io/v1", "Role"),
        ("v1", "Secret"),
        ("v1", "ConfigMap"),
    ] {
        assert!(matches!(read(object(api, kind)), Ok(Reading::PassedOver(_))), "{api} {kind}");
    }
}

/// A slip of the pen and a field that has no effect here read differently.
#[test]
fn unknown_fields_are_noted() {
    let notes = |value: Value| match read(value) {
        Ok(Reading::Object(_, notes)) => notes,
        other => panic!("{other:?}"),
    };
    let spec = json!({"host": "api", "trafficPolcy": {}, "weather": 1,
        "trafficPolicy": {"outlierDetection": {"outlierDetectionHttpErrorCodes": [500]}}});
    let found = notes(object_of("DestinationRule", &json!({"spec": spec})));
    let hints: Vec<_> = found.iter().map(|n| (n.path.as_str(), n.hint.as_str())).collect();
    assert_eq!(hints[0].0, "spec.trafficPolcy");
    assert!(hints[0].1.starts_with("did you mean trafficPolicy?"), "{hints:?}");
    assert_eq!(hints[1].0, "spec.weather");
    assert!(hints[1].1.starts_with("check its spelling"), "{hints:?}");
    assert_eq!(hints[2].0, "spec.trafficPolicy.outlierDetection.outlierDetectionHttpErrorCodes");
    assert!(hints[2].1.starts_with("Istio's API has this field"), "{hints:?}");

    let found = notes(object_of("MeshConfig", &json!({"spec": {"ingressClass": "a", "accesLogFile": "b"}})));
    let whats: Vec<_> = found.iter().map(|n| n.what.as_str()).collect();
    assert_eq!(
        whats,
        ["data.mesh.ingressClass has no effect here", "data.mesh.accesLogFile is not a field of MeshConfig"]
    );
}

/// The mesh configuration is YAML within YAML, and read as istiod reads it.
#[test]
fn the_mesh_configuration_is_text() {
    let object = |mesh: &str| {
        let metadata = json!({"name": "istio", "namespace": "istio-system"});
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"mesh": mesh}})
    };
    for good in [
        "",
        "# nothing",
        "enableTracing: yes",
        "trustDomain: a\ntrustDomain: b",
        "defaultConfig:\n  statusPort: 1",
    ] {
        assert_eq!(faults(object(good)), [], "{good:?}");
    }
    for (bad, what) in [("trustDomain: [", "line "), ("text", "\"text\" where a mapping belongs")] {
        let found = faults(object(bad));
        assert_eq!(found.len(), 1, "{bad:?}: {found:?}");
        assert_eq!(found[0].path, "data.mesh", "{found:?}");
        assert!(found[0].what.starts_with(what) && !found[0].hint.is_empty(), "{found:?}");
    }
    let Ok(Reading::Object(Object::MeshConfig(config), _)) = read(object("trustDomain: a\ntrustDomain: b"))
    else {
        panic!("not a mesh configuration");
    };
    assert_eq!(config.spec.trust_domain, "b");
}

/// istiod's own verdicts: `problems.json` says which objects its webhook refuses; without one, none.
#[test]
fn the_same_objects_are_refused_as_by_istiod() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases");
    let mut wrong = Vec::new();
    let mut cases = 0;
    for case in sorted(&root).iter().flat_map(|group| sorted(group)) {
        let mesh = case.join("mesh.yaml");
        let Ok(text) = fs::read_to_string(&mesh) else { continue };
        cases += 1;
        let expected =
            fs::read_to_string(case.join("problems.json")).map_or_else(|_| BTreeSet::new(), |p| problems(&p));
        let mut refused = BTreeSet::new();
        for document in text.split("\n---\n").map(|d| yaml(d, &mesh)).filter(|d| !d.is_null()) {
            let Identity { kind, namespace, name, .. } = Identity::of(&document);
            let found = faults(document);
            wrong.extend(
                found.iter().filter(|f| f.what.is_empty() || f.hint.is_empty()).map(|f| format!("{f:?}")),
            );
            if !found.is_empty() {
                refused.insert([kind, namespace, name]);
            }
        }
        if refused != expected {
            wrong.push(format!("{}: istiod refuses {expected:?}, we {refused:?}", case.display()));
        }
    }
    assert!(cases > 300, "only {cases} cases in {}", root.display());
    assert!(wrong.is_empty(), "{} of {cases} cases are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Kind, namespace and name of each object in a `problems.json`.
fn problems(text: &str) -> BTreeSet<[String; 3]> {
    let list: Value = serde_json::from_str(text).expect("JSON");
    let field = |problem: &Value, name: &str| problem[name].as_str().unwrap_or_default().to_owned();
    list.as_array()
        .expect("a list")
        .iter()
        .map(|p| ["kind", "namespace", "name"].map(|n| field(p, n)))
        .collect()
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.sort();
    paths
}
