//! JSON into typed structs, as Kubernetes reads it or as protobuf's JSON form is read by istiod.
//!
//! istiod decodes `spec` with golang/protobuf's `jsonpb`: unknown fields pass, null is an absent field (within a list an
//! empty item), numbers may be quoted, a field may go by its name in the `.proto` file.

use std::cell::RefCell;
use std::fmt;

use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, Expected, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value, map};

use super::path::Path;
use super::read::Fault;
use super::spelling;

/// How lenient to be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Kubernetes' own objects: numbers are numbers; unknown fields are nobody's concern.
    Kubernetes,
    /// Istio's `spec` and mesh configuration.
    Protobuf,
}

/// A field that the type read into does not have.
pub(super) struct Unknown {
    /// Where it is.
    pub path: String,
    /// The field that was probably meant.
    pub meant: Option<&'static str>,
}

/// Reads a `T` from `value`, which is at `root` of its object, and lists what in it `T` has no field for.
///
/// # Errors
/// The first thing that is not of its field's type.
pub(super) fn decode<T: DeserializeOwned>(
    value: &Value,
    root: &str,
    dialect: Dialect,
) -> Result<(T, Vec<Unknown>), Fault> {
    let context = Context { dialect, unknown: RefCell::default() };
    let path = Path::root(root);
    let read = T::deserialize(Node { value, path, context: &context }).map_err(|e| e.at(&path));
    let read = read.map_err(|e| Fault::new(e.path.unwrap_or_default(), e.what, e.hint))?;
    Ok((read, context.unknown.into_inner()))
}

/// Reads a `T` from a value in protobuf's JSON form that was kept as it was written, at `root` of its object.
///
/// # Errors
/// The first thing that is not of its field's type.
pub(crate) fn decode_protobuf<T: DeserializeOwned>(value: &Value, root: &str) -> Result<T, Fault> {
    decode(value, root, Dialect::Protobuf).map(|(read, _)| read)
}

/// The value as a person would name it in a sentence.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(b) => b.to_string(),
        Value::Number(n) => n.to_string(),
        Value::String(s) => quoted(s),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "a mapping".into(),
    }
}

fn quoted(text: &str) -> String {
    const LONGEST: usize = 60;
    if text.chars().count() <= LONGEST {
        return format!("{text:?}");
    }
    let start: String = text.chars().take(LONGEST).collect();
    format!("{:?}", start + "...")
}

struct Context {
    dialect: Dialect,
    unknown: RefCell<Vec<Unknown>>,
}

#[derive(Clone, Copy)]
struct Node<'de, 'p> {
    value: &'de Value,
    path: Path<'p>,
    context: &'p Context,
}

impl<'de> Node<'de, '_> {
    fn refuse(&self, expected: &str, hint: &str) -> Error {
        Error::new(format!("{} where {expected} belongs", shown(self.value)), hint)
    }

    fn text(&self) -> Result<&'de str, Error> {
        match self.value {
            Value::String(s) => Ok(s),
            Value::Null => Ok(""),
            Value::Array(_) => Err(self.refuse("text", "write one value, not a list")),
            Value::Object(_) => Err(self.refuse("text", "write one value, without fields of its own")),
            _ => Err(self.refuse("text", "put the value in quotes")),
        }
    }

    fn whole(&self) -> Result<i128, Error> {
        match self.value {
            Value::Number(n) => n.as_i128().or_else(|| n.as_f64().and_then(whole_float)),
            Value::String(s) if self.context.dialect == Dialect::Protobuf => whole_text(s),
            Value::Null => Some(0),
            _ => None,
        }
        .ok_or_else(|| self.refuse("a whole number", "write a whole number such as 80"))
    }

    fn float(&self) -> Result<f64, Error> {
        match self.value {
            Value::Number(n) => n.as_f64(),
            Value::String(s) if self.context.dialect == Dialect::Protobuf => match s.as_str() {
                "NaN" => Some(f64::NAN),
                "Infinity" => Some(f64::INFINITY),
                "-Infinity" => Some(f64::NEG_INFINITY),
                s => serde_json::from_str(s).ok(),
            },
            Value::Null => Some(0.0),
            _ => None,
        }
        .ok_or_else(|| self.refuse("a number", "write a number such as 0.5"))
    }

    fn object(&self) -> Result<Option<&'de Map<String, Value>>, Error> {
        match self.value {
            Value::Object(fields) => Ok(Some(fields)),
            Value::Null => Ok(None),
            _ => Err(self.refuse("a mapping", "write its fields below it, each as `name: value`, two spaces further in")),
        }
    }
}

/// The whole number that `f` is, if it is one that JSON carries exactly.
#[allow(clippy::cast_possible_truncation)] // checked to be whole and small
fn whole_float(f: f64) -> Option<i128> {
    (f.fract() == 0.0 && f.abs() < 9_007_199_254_740_992.0).then_some(f as i128)
}

fn whole_text(text: &str) -> Option<i128> {
    text.parse::<i128>().ok().filter(|n| n.to_string() == text)
}

macro_rules! integers {
    ($($method:ident $visit:ident $type:ty,)+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.$visit(<$type>::in_range(self.whole()?)?)
        }
    )+};
}

/// A number type that says what it holds.
trait InRange: Sized {
    fn in_range(n: i128) -> Result<Self, Error>;
}

macro_rules! in_range {
    ($($type:ty)+) => {$(
        impl InRange for $type {
            fn in_range(n: i128) -> Result<Self, Error> {
                let hint = || format!("write a whole number from {} to {}", <$type>::MIN, <$type>::MAX);
                <$type>::try_from(n).map_err(|_| Error::new(format!("{n} is out of range"), hint()))
            }
        }
    )+};
}

in_range!(i8 i16 i32 i64 u8 u16 u32 u64);

impl<'de> Deserializer<'de> for Node<'de, '_> {
    type Error = Error;

    integers! {
        deserialize_i8 visit_i8 i8, deserialize_i16 visit_i16 i16, deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64, deserialize_u8 visit_u8 u8, deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32, deserialize_u64 visit_u64 u64,
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(b) => visitor.visit_bool(*b),
            Value::String(s) => visitor.visit_borrowed_str(s),
            Value::Array(_) => self.deserialize_seq(visitor),
            Value::Object(_) => self.deserialize_map(visitor),
            Value::Number(n) => match (n.as_u64(), n.as_i64(), n.as_f64()) {
                (Some(n), ..) => visitor.visit_u64(n),
                (None, Some(n), _) => visitor.visit_i64(n),
                (None, None, f) => visitor.visit_f64(f.unwrap_or(f64::NAN)),
            },
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.value {
            Value::Bool(b) => visitor.visit_bool(*b),
            Value::Null => visitor.visit_bool(false),
            _ => Err(self.refuse("true or false", "write true or false, without quotes")),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_f64(self.float()?)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_borrowed_str(self.text()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.value.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.value {
            Value::Array(items) => visitor.visit_seq(Items { items: items.iter().enumerate(), node: self }),
            Value::Null => visitor.visit_seq(Items { items: [].iter().enumerate(), node: self }),
            _ => Err(self.refuse("a list", "write each entry on a line of its own, after `- `")),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let entries = self.object()?.map(Map::iter);
        visitor.visit_map(Entries { entries, value: None, node: self })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let fields = self.object()?;
        visitor.visit_map(Fields { entries: fields.map(Map::iter), fields, known, value: None, node: self })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! { i128 u128 char bytes byte_buf unit unit_struct tuple tuple_struct enum identifier }
}

/// The items of a list.
struct Items<'de, 'p> {
    items: std::iter::Enumerate<std::slice::Iter<'de, Value>>,
    node: Node<'de, 'p>,
}

impl<'de> SeqAccess<'de> for Items<'de, '_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some((index, value)) = self.items.next() else { return Ok(None) };
        let path = self.node.path.item("", index);
        seed.deserialize(Node { value, path, context: self.node.context }).map(Some).map_err(|e| e.at(&path))
    }
}

/// The entries of a map whose keys are data.
struct Entries<'de, 'p> {
    entries: Option<map::Iter<'de>>,
    value: Option<(&'de str, &'de Value)>,
    node: Node<'de, 'p>,
}

impl<'de> MapAccess<'de> for Entries<'de, '_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some((key, value)) = self.entries.as_mut().and_then(Iterator::next) else { return Ok(None) };
        self.value = Some((key, value));
        seed.deserialize(Key(key)).map(Some).map_err(|e| e.at(&self.node.path.key(key)))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let (key, value) = self.value.take().unwrap_or(("", &Value::Null));
        let path = self.node.path.key(key);
        seed.deserialize(Node { value, path, context: self.node.context }).map_err(|e| e.at(&path))
    }
}

/// A map's key: text, or a number written as text.
struct Key<'de>(&'de str);

impl Key<'_> {
    fn whole(&self) -> Result<i128, Error> {
        let what = || format!("the key {:?} where a whole number belongs", self.0);
        whole_text(self.0).ok_or_else(|| Error::new(what(), "write a whole number such as 80"))
    }
}

impl<'de> Deserializer<'de> for Key<'de> {
    type Error = Error;

    integers! {
        deserialize_i8 visit_i8 i8, deserialize_i16 visit_i16 i16, deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64, deserialize_u8 visit_u8 u8, deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32, deserialize_u64 visit_u64 u64,
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_borrowed_str(self.0)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i128 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq tuple tuple_struct map struct
        enum identifier ignored_any
    }
}

/// The fields of a message: nulls left out, names in the `.proto` file's spelling understood, unknown ones written down.
struct Fields<'de, 'p> {
    entries: Option<map::Iter<'de>>,
    fields: Option<&'de Map<String, Value>>,
    known: &'static [&'static str],
    value: Option<(&'de str, &'de Value)>,
    node: Node<'de, 'p>,
}

impl Fields<'_, '_> {
    /// The field that `name` stands for.
    fn known(&self, name: &str) -> Option<&'static str> {
        let exact = self.known.iter().find(|k| **k == name);
        if exact.is_some() || self.node.context.dialect == Dialect::Kubernetes {
            return exact.copied();
        }
        let camel = camel_case(name)?;
        let both = self.fields.is_some_and(|f| f.contains_key(&camel));
        self.known.iter().find(|k| **k == camel && !both).copied()
    }
}

impl<'de> MapAccess<'de> for Fields<'de, '_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        while let Some((name, value)) = self.entries.as_mut().and_then(Iterator::next) {
            if let Some(field) = self.known(name) {
                if value.is_null() {
                    continue;
                }
                self.value = Some((name, value));
                return seed.deserialize(field.into_deserializer()).map(Some);
            }
            if self.node.context.dialect == Dialect::Protobuf {
                let meant = spelling::closest(name, self.known.iter().copied());
                let path = self.node.path.field(name).to_string();
                self.node.context.unknown.borrow_mut().push(Unknown { path, meant });
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let (name, value) = self.value.take().unwrap_or(("", &Value::Null));
        let path = self.node.path.field(name);
        seed.deserialize(Node { value, path, context: self.node.context }).map_err(|e| e.at(&path))
    }
}

/// The JSON name of a field that is written as in its `.proto` file.
fn camel_case(name: &str) -> Option<String> {
    let mut out = String::with_capacity(name.len());
    let mut words = name.split('_');
    out.push_str(words.next()?);
    for word in words {
        let mut letters = word.chars();
        out.extend(letters.next().map(|c| c.to_ascii_uppercase()));
        out.push_str(letters.as_str());
    }
    (out != name).then_some(out)
}

/// What is wrong with a value, and what to do; the innermost place that noticed gives the path.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
struct Error {
    path: Option<String>,
    what: String,
    hint: String,
}

impl Error {
    fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { path: None, what: what.into(), hint: hint.into() }
    }

    fn at(mut self, path: &Path<'_>) -> Self {
        self.path.get_or_insert_with(|| path.to_string());
        self
    }
}

impl de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string(), "correct the value; the kind's API reference says what it takes")
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_value(found, expected)
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = match found {
            Unexpected::Str(s) => quoted(s),
            Unexpected::Unsigned(n) => n.to_string(),
            Unexpected::Signed(n) => n.to_string(),
            Unexpected::Float(n) => n.to_string(),
            Unexpected::Bool(b) => b.to_string(),
            Unexpected::Unit => "null".into(),
            Unexpected::Seq => "a list".into(),
            Unexpected::Map => "a mapping".into(),
            other => other.to_string(),
        };
        Self::new(format!("{found} is not {expected}"), format!("write {expected}"))
    }

    fn unknown_variant(word: &str, words: &'static [&'static str]) -> Self {
        let hint = match spelling::closest(word, words.iter().copied()) {
            Some(meant) => format!("did you mean {meant}?"),
            None => format!("write one of {}", words.join(", ")),
        };
        Self::new(format!("{} is not one of {}", quoted(word), words.join(", ")), hint)
    }
}

#[cfg(test)]
mod tests {
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
            (json!({"words": ["a", null]}), Message { words: vec!["a".into(), String::new()], ..Message::default() }),
            (json!({"parts": [null]}), Message { parts: vec![Message::default()], ..Message::default() }),
            (json!({"byPort": {"80": null}}), Message { by_port: [(80, Message::default())].into(), ..Message::default() }),
            (json!({"byName": {"a": null}}), Message { by_name: [("a".into(), String::new())].into(), ..Message::default() }),
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
            (json!({"byPort": {"http": {}}}), "spec.byPort.http", "the key \"http\" where a whole number belongs"),
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
        let read = |value: Value| decode::<Message>(&value, "", Dialect::Kubernetes).map(|(m, u)| (m.max_count, u.len()));
        assert_eq!(read(json!({"maxCount": 7, "other": 1})), Ok((7, 0)));
        assert_eq!(read(json!({"max_count": 7})), Ok((0, 0)));
        assert!(read(json!({"maxCount": "7"})).is_err());
    }
}
