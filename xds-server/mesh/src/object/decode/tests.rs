use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use super::*;
use crate::object::Duration;
use crate::object::istio::Resolution;

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", default)]
struct Message {
    name: String,
    max_count: i32,
    big: Option<u64>,
    share: Option<f64>,
    on: bool,
    wait: Option<Duration>,
    resolution: Resolution,
    parts: Vec<Message>,
    words: Vec<String>,
    by_port: BTreeMap<u32, Message>,
    by_name: BTreeMap<String, String>,
}

fn protobuf(value: &Value) -> Result<(Message, Vec<Unknown>), Fault> {
    decode(value, "spec", Dialect::Protobuf)
}

#[test]
fn protobuf_json_is_read_as_istiod_reads_it() {
    let named = |name: &str| Message { name: name.into(), ..Message::default() };
    for (value, expected) in [
        (json!({"name": "a", "unknown": 1}), named("a")),
        (json!({"name": null, "parts": null}), Message::default()),
        (json!({"maxCount": "7"}), Message { max_count: 7, ..Message::default() }),
        (json!({"max_count": 7}), Message { max_count: 7, ..Message::default() }),
        (json!({"max_count": 7, "maxCount": 8}), Message { max_count: 8, ..Message::default() }),
        (json!({"maxCount": 7.0}), Message { max_count: 7, ..Message::default() }),
        (json!({"share": "0.5"}), Message { share: Some(0.5), ..Message::default() }),
        (json!({"wait": "1h"}), Message { wait: Some(Duration::from_secs(3600)), ..Message::default() }),
        (json!({"resolution": 2}), Message { resolution: Resolution::Dns, ..Message::default() }),
        (
            json!({"words": ["a", null]}),
            Message { words: vec!["a".into(), String::new()], ..Message::default() },
        ),
        (json!({"parts": [null]}), Message { parts: vec![Message::default()], ..Message::default() }),
        (
            json!({"byPort": {"80": null}}),
            Message { by_port: [(80, Message::default())].into(), ..Message::default() },
        ),
        (
            json!({"byName": {"a": null}}),
            Message { by_name: [("a".into(), String::new())].into(), ..Message::default() },
        ),
    ] {
        assert_eq!(protobuf(&value).map(|(m, _)| m), Ok(expected), "{value}");
    }
}

#[test]
fn what_has_the_wrong_type_is_named_with_its_place() {
    for (value, path, what) in [
        (json!([]), "spec", "a list where a mapping belongs"),
        (json!({"name": ["a"]}), "spec.name", "a list where text belongs"),
        (json!({"name": 1}), "spec.name", "1 where text belongs"),
        (json!({"words": "a"}), "spec.words", "\"a\" where a list belongs"),
        (json!({"words": ["a", 1]}), "spec.words[1]", "1 where text belongs"),
        (json!({"maxCount": "many"}), "spec.maxCount", "\"many\" where a whole number belongs"),
        (json!({"maxCount": "07"}), "spec.maxCount", "\"07\" where a whole number belongs"),
        (json!({"maxCount": 7.5}), "spec.maxCount", "7.5 where a whole number belongs"),
        (json!({"maxCount": 3_000_000_000_u64}), "spec.maxCount", "3000000000 is out of range"),
        (json!({"big": -1}), "spec.big", "-1 is out of range"),
        (json!({"on": "true"}), "spec.on", "\"true\" where true or false belongs"),
        (json!({"on": 1}), "spec.on", "1 where true or false belongs"),
        (json!({"share": "half"}), "spec.share", "\"half\" where a number belongs"),
        (json!({"parts": {}}), "spec.parts", "a mapping where a list belongs"),
        (json!({"parts": [{"name": {}}]}), "spec.parts[0].name", "a mapping where text belongs"),
        (
            json!({"byPort": {"http": {}}}),
            "spec.byPort.http",
            "the key \"http\" where a whole number belongs",
        ),
        (json!({"byPort": {"80": {"on": "no"}}}), "spec.byPort.80.on", "\"no\" where true or false belongs"),
        (json!({"wait": "10"}), "spec.wait", "\"10\" is not a duration such as 10s or 100ms"),
        (
            json!({"resolution": "DSN"}),
            "spec.resolution",
            "\"DSN\" is not one of NONE, STATIC, DNS, DNS_ROUND_ROBIN, DYNAMIC_DNS",
        ),
    ] {
        let fault = protobuf(&value).map(|(m, _)| m).expect_err(&value.to_string());
        assert_eq!((fault.path.as_str(), fault.what.as_str()), (path, what), "{value}");
        assert!(!fault.hint.is_empty(), "{value}");
    }
}

#[test]
fn unknown_fields_are_written_down() {
    let (_, unknown) = protobuf(&json!({"nmae": "a", "parts": [{"weather": 1}]})).expect("passes");
    let unknown: Vec<_> = unknown.iter().map(|u| (u.path.as_str(), u.meant)).collect();
    assert_eq!(unknown, [("spec.nmae", None), ("spec.parts[0].weather", None)]);
    let (_, unknown) = protobuf(&json!({"maxCuont": 1})).expect("passes");
    assert_eq!(unknown[0].meant, Some("maxCount"));
}

#[test]
fn kubernetes_wants_numbers_without_quotes() {
    let read = |value: Value| {
        decode::<Message>(&value, "", Dialect::Kubernetes).map(|(m, u)| (m.max_count, u.len()))
    };
    assert_eq!(read(json!({"maxCount": 7, "other": 1})), Ok((7, 0)));
    assert_eq!(read(json!({"max_count": 7})), Ok((0, 0)));
    assert!(read(json!({"maxCount": "7"})).is_err());
}
