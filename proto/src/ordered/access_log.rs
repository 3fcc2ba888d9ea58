//! Twins of the messages of access logs.

use crate::core::TypedExtensionConfig;
use crate::core::{DataSource, JsonFormatOptions};

use super::Struct;

/// `envoy.extensions.access_loggers.file.v3.FileAccessLog`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FileAccessLog {
    /// The file.
    #[prost(string, tag = "1")]
    pub path: String,
    /// How a line looks.
    #[prost(message, optional, tag = "5")]
    pub log_format: Option<SubstitutionFormatString>,
}

/// `envoy.config.core.v3.SubstitutionFormatString`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SubstitutionFormatString {
    /// A line of JSON; either this or the text is given.
    #[prost(message, optional, tag = "2")]
    pub json_format: Option<Struct>,
    /// Whether what has no value is left out.
    #[prost(bool, tag = "3")]
    pub omit_empty_values: bool,
    /// A line of text.
    #[prost(message, optional, tag = "5")]
    pub text_format_source: Option<DataSource>,
    /// Extensions that the format needs.
    #[prost(message, repeated, tag = "6")]
    pub formatters: Vec<TypedExtensionConfig>,
    /// How the JSON is written.
    #[prost(message, optional, tag = "7")]
    pub json_format_options: Option<JsonFormatOptions>,
}

impl prost::Name for FileAccessLog {
    const NAME: &'static str = "FileAccessLog";
    const PACKAGE: &'static str = "envoy.extensions.access_loggers.file.v3";

    fn full_name() -> String {
        format!("{}.{}", Self::PACKAGE, Self::NAME)
    }

    fn type_url() -> String {
        format!("type.googleapis.com/{}", Self::full_name())
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;
    use crate::access_loggers::file::v3 as envoy;
    use crate::ordered::Value;

    #[test]
    #[allow(deprecated)] // Envoy's name for the field
    fn a_file_log_reads_as_envoys_own() {
        use crate::core::substitution_format_string::Format;
        let labels = Struct::of([("b", Value::from("%B%")), ("a", Value::from("%A%"))]);
        let twin = FileAccessLog {
            path: "/dev/stdout".into(),
            log_format: Some(SubstitutionFormatString {
                json_format: Some(labels),
                omit_empty_values: true,
                json_format_options: Some(JsonFormatOptions::default()),
                ..Default::default()
            }),
        };
        let read = envoy::FileAccessLog::decode(&*twin.encode_to_vec()).expect("a FileAccessLog");
        let Some(envoy::file_access_log::AccessLogFormat::LogFormat(format)) = read.access_log_format else {
            panic!("no log_format")
        };
        assert!(format.omit_empty_values && format.json_format_options.is_some());
        let Some(Format::JsonFormat(fields)) = format.format else { panic!("no json_format") };
        assert_eq!(fields.fields.len(), 2);
    }
}
