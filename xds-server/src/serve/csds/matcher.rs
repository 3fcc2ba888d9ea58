//! Which nodes a request is about (Envoy docs: `type/matcher/v3/node.proto`).

use envoy_types::pb::envoy::r#type::matcher::v3::string_matcher::MatchPattern as Text;
use envoy_types::pb::envoy::r#type::matcher::v3::struct_matcher::path_segment::Segment;
use envoy_types::pb::envoy::r#type::matcher::v3::value_matcher::MatchPattern as Kind;
use envoy_types::pb::envoy::r#type::matcher::v3::{NodeMatcher, StringMatcher, StructMatcher, ValueMatcher};
use serde_json::Value;
use tonic::Status;

/// Nodes that any of these accepts; all nodes, if there is none.
#[derive(Debug)]
pub(super) struct Matchers<'r>(&'r [NodeMatcher]);

impl<'r> Matchers<'r> {
    /// Reads what a request asks for.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for kinds of matchers that are not known here: nothing is matched by chance.
    pub(super) fn read(matchers: &'r [NodeMatcher]) -> Result<Self, Status> {
        for matcher in matchers {
            matcher.node_id.iter().try_for_each(check_text)?;
            for of_field in &matcher.node_metadatas {
                match of_field.value.as_ref().and_then(|value| value.match_pattern.as_ref()) {
                    Some(Kind::StringMatch(text)) => check_text(text)?,
                    Some(Kind::NullMatch(_) | Kind::BoolMatch(_) | Kind::PresentMatch(_)) => {}
                    _ => return Err(unknown("a metadata matcher")),
                }
            }
        }
        Ok(Self(matchers))
    }

    /// Whether this node is one of them.
    pub(super) fn accept(&self, id: &str, metadata: &Value) -> bool {
        let accepts = |matcher: &NodeMatcher| {
            matcher.node_id.as_ref().is_none_or(|text| is_text(text, id))
                && matcher.node_metadatas.iter().all(|of_field| is_field(of_field, metadata))
        };
        self.0.is_empty() || self.0.iter().any(accepts)
    }
}

fn unknown(what: &str) -> Status {
    Status::invalid_argument(format!(
        "{what} is of a kind that is not known here: give exact, prefix, suffix or contains for texts, and text, \
         boolean, null or presence for metadata"
    ))
}

fn check_text(matcher: &StringMatcher) -> Result<(), Status> {
    match &matcher.match_pattern {
        Some(Text::Exact(_) | Text::Prefix(_) | Text::Suffix(_) | Text::Contains(_)) => Ok(()),
        _ => Err(unknown("a text matcher")),
    }
}

fn is_text(matcher: &StringMatcher, text: &str) -> bool {
    let folded = |text: &str| if matcher.ignore_case { text.to_ascii_lowercase() } else { text.to_owned() };
    let text = folded(text);
    match &matcher.match_pattern {
        Some(Text::Exact(wanted)) => text == folded(wanted),
        Some(Text::Prefix(wanted)) => text.starts_with(&folded(wanted)),
        Some(Text::Suffix(wanted)) => text.ends_with(&folded(wanted)),
        Some(Text::Contains(wanted)) => text.contains(&folded(wanted)),
        _ => false,
    }
}

fn is_field(matcher: &StructMatcher, metadata: &Value) -> bool {
    let found = matcher.path.iter().try_fold(metadata, |at, step| match &step.segment {
        Some(Segment::Key(key)) => at.get(key),
        None => None,
    });
    matcher.value.as_ref().is_some_and(|value| is_value(value, found))
}

fn is_value(matcher: &ValueMatcher, found: Option<&Value>) -> bool {
    match &matcher.match_pattern {
        Some(Kind::StringMatch(text)) => {
            found.and_then(Value::as_str).is_some_and(|found| is_text(text, found))
        }
        Some(Kind::BoolMatch(wanted)) => found.and_then(Value::as_bool) == Some(*wanted),
        Some(Kind::NullMatch(_)) => found.is_some_and(Value::is_null),
        // A field that is there matches, if presence is asked for; nothing matches its absence.
        Some(Kind::PresentMatch(wanted)) => *wanted && found.is_some(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use envoy_types::pb::envoy::r#type::matcher::v3::struct_matcher::PathSegment;
    use serde_json::json;

    use super::*;

    fn text(pattern: Text) -> StringMatcher {
        StringMatcher { match_pattern: Some(pattern), ignore_case: false }
    }

    fn node(id: Text) -> NodeMatcher {
        NodeMatcher { node_id: Some(text(id)), node_metadatas: Vec::new() }
    }

    #[test]
    fn any_matcher_will_do() {
        let accepts = |matchers: &[NodeMatcher], id| {
            Matchers::read(matchers).expect("known kinds").accept(id, &json!({"NAMESPACE": "front"}))
        };
        assert!(accepts(&[], "a"), "none given: all");
        let either = [node(Text::Exact("a".into())), node(Text::Prefix("b".into()))];
        assert!(accepts(&either, "a") && accepts(&either, "bb") && !accepts(&either, "aa"));
        let path = vec![PathSegment { segment: Some(Segment::Key("NAMESPACE".into())) }];
        let value =
            Some(ValueMatcher { match_pattern: Some(Kind::StringMatch(text(Text::Exact("back".into())))) });
        let both = NodeMatcher {
            node_metadatas: vec![StructMatcher { path, value }],
            ..node(Text::Prefix("a".into()))
        };
        assert!(!accepts(&[both], "a"), "id and metadata must both match");
    }

    #[test]
    fn unknown_kinds_are_refused() {
        let nothing = NodeMatcher { node_id: Some(StringMatcher::default()), node_metadatas: Vec::new() };
        assert!(Matchers::read(&[nothing]).is_err());
    }
}
