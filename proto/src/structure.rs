//! `google.protobuf.Struct`, in which nodes and filters say what has no message of its own, from JSON and back.

use envoy_types::pb::google::protobuf::{ListValue, Struct, Value, value::Kind};
use serde_json::{Map, Number, Value as Json};

/// Fields as a `Struct`.
pub fn structure(fields: &Map<String, Json>) -> Struct {
    Struct { fields: fields.iter().map(|(key, field)| (key.clone(), value(field))).collect() }
}

/// The fields of a `Struct` in order of name. A whole number stays one; what is no number becomes null.
pub fn structure_to_json(structure: Struct) -> Json {
    let mut fields: Vec<_> = structure.fields.into_iter().collect();
    fields.sort_by(|a, b| a.0.cmp(&b.0));
    Json::Object(fields.into_iter().map(|(key, value)| (key, json(value))).collect())
}

fn value(json: &Json) -> Value {
    let kind = match json {
        Json::Null => Kind::NullValue(0),
        Json::Bool(truth) => Kind::BoolValue(*truth),
        Json::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        Json::String(text) => Kind::StringValue(text.clone()),
        Json::Array(items) => Kind::ListValue(ListValue { values: items.iter().map(value).collect() }),
        Json::Object(fields) => Kind::StructValue(structure(fields)),
    };
    Value { kind: Some(kind) }
}

fn json(value: Value) -> Json {
    match value.kind {
        None | Some(Kind::NullValue(_)) => Json::Null,
        Some(Kind::BoolValue(truth)) => truth.into(),
        Some(Kind::StringValue(text)) => text.into(),
        Some(Kind::NumberValue(number)) => number_to_json(number),
        Some(Kind::StructValue(fields)) => structure_to_json(fields),
        Some(Kind::ListValue(list)) => list.values.into_iter().map(json).collect(),
    }
}

#[allow(clippy::cast_possible_truncation)] // checked to be whole and small
fn number_to_json(number: f64) -> Json {
    if number.fract() == 0.0 && number.abs() < 9e15 {
        (number as i64).into()
    } else {
        Number::from_f64(number).map_or(Json::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_comes_back_as_it_was() {
        let said = json!({"a": [1, -2.5, "x", null, true], "b": {"c": 8_007_199_254_740_000_i64}});
        let Json::Object(fields) = &said else { panic!("fields") };
        assert_eq!(structure_to_json(structure(fields)), said);
        let no_number =
            Struct { fields: [("n".to_owned(), Value { kind: Some(Kind::NumberValue(f64::NAN)) })].into() };
        assert_eq!(structure_to_json(no_number), json!({"n": null}));
    }
}
