//! Lists, maps and messages, item by item and field by field.

use std::iter::Enumerate;
use std::slice;

use serde::de::{DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value, map};

use super::error::Error;
use super::number::{InRange, integers, whole_text};
use super::{Dialect, Node, Unknown};
use crate::object::spelling;

/// The items of a list.
pub(super) struct Items<'de, 'p> {
    rest: Enumerate<slice::Iter<'de, Value>>,
    node: Node<'de, 'p>,
}

impl<'de, 'p> Items<'de, 'p> {
    pub(super) fn new(items: &'de [Value], node: Node<'de, 'p>) -> Self {
        Self { rest: items.iter().enumerate(), node }
    }
}

impl<'de> SeqAccess<'de> for Items<'de, '_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some((index, value)) = self.rest.next() else { return Ok(None) };
        let path = self.node.path.item("", index);
        seed.deserialize(Node { value, path, context: self.node.context }).map(Some).map_err(|e| e.at(&path))
    }
}

/// The entries of a map whose keys are data.
pub(super) struct Entries<'de, 'p> {
    rest: Option<map::Iter<'de>>,
    value: Option<(&'de str, &'de Value)>,
    node: Node<'de, 'p>,
}

impl<'de, 'p> Entries<'de, 'p> {
    pub(super) fn new(map: Option<&'de Map<String, Value>>, node: Node<'de, 'p>) -> Self {
        Self { rest: map.map(Map::iter), value: None, node }
    }
}

impl<'de> MapAccess<'de> for Entries<'de, '_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some((key, value)) = self.rest.as_mut().and_then(Iterator::next) else { return Ok(None) };
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

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i128 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq tuple tuple_struct map struct
        enum identifier ignored_any
    }
}

/// The fields of a message: nulls left out, names in the `.proto` file's spelling understood, unknown ones written down.
pub(super) struct Fields<'de, 'p> {
    all: Option<&'de Map<String, Value>>,
    rest: Option<map::Iter<'de>>,
    known: &'static [&'static str],
    value: Option<(&'de str, &'de Value)>,
    node: Node<'de, 'p>,
}

impl<'de, 'p> Fields<'de, 'p> {
    /// `known` are the fields of the type read into.
    pub(super) fn new(
        all: Option<&'de Map<String, Value>>,
        known: &'static [&'static str],
        node: Node<'de, 'p>,
    ) -> Self {
        Self { all, rest: all.map(Map::iter), known, value: None, node }
    }

    /// The field that `name` stands for.
    fn known(&self, name: &str) -> Option<&'static str> {
        let exact = self.known.iter().find(|k| **k == name);
        if exact.is_some() || self.node.context.dialect == Dialect::Kubernetes {
            return exact.copied();
        }
        let camel = camel_case(name)?;
        let both = self.all.is_some_and(|f| f.contains_key(&camel));
        self.known.iter().find(|k| **k == camel && !both).copied()
    }
}

impl<'de> MapAccess<'de> for Fields<'de, '_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        while let Some((name, value)) = self.rest.as_mut().and_then(Iterator::next) {
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
pub(in crate::object) fn camel_case(name: &str) -> Option<String> {
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
