//! JSON into typed structs, as Kubernetes reads it or as protobuf's JSON form is read by istiod.
//!
//! istiod decodes `spec` with golang/protobuf's `jsonpb`: unknown fields pass, null is an absent field (within a list an
//! empty item), numbers may be quoted, a field may go by its name in the `.proto` file.

mod access;
mod error;
mod number;

use std::cell::RefCell;

use serde::de::{DeserializeOwned, Deserializer, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value};

pub(super) use access::camel_case;
use access::{Entries, Fields, Items};
use error::Error;
use number::{InRange, integers, whole_float, whole_text};

use super::path::Path;
use super::read::Fault;

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
            _ => Err(self.refuse(
                "a mapping",
                "write its fields below it, each as `name: value`, two spaces further in",
            )),
        }
    }
}

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
            Value::Array(items) => visitor.visit_seq(Items::new(items, self)),
            Value::Null => visitor.visit_seq(Items::new(&[], self)),
            _ => Err(self.refuse("a list", "write each entry on a line of its own, after `- `")),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(Entries::new(self.object()?, self))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_map(Fields::new(self.object()?, known, self))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! { i128 u128 char bytes byte_buf unit unit_struct tuple tuple_struct enum identifier }
}

#[cfg(test)]
mod tests;
