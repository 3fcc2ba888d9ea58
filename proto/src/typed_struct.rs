//! `udpa.type.v1.TypedStruct`: a message that the sender has no type for, as a JSON-like struct.

use crate::ordered::Struct;

/// A message of type `type_url`, its fields as a struct (cncf/udpa: `udpa/type/v1/typed_struct.proto`).
#[derive(Clone, PartialEq, prost::Message)]
pub struct TypedStruct {
    /// Type of the message.
    #[prost(string, tag = "1")]
    pub type_url: String,
    /// Its JSON form.
    #[prost(message, optional, tag = "2")]
    pub value: Option<Struct>,
}

impl prost::Name for TypedStruct {
    const NAME: &'static str = "TypedStruct";
    const PACKAGE: &'static str = "udpa.type.v1";

    fn full_name() -> String {
        "udpa.type.v1.TypedStruct".to_owned()
    }

    fn type_url() -> String {
        "type.googleapis.com/udpa.type.v1.TypedStruct".to_owned()
    }
}
