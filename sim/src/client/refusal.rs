//! What a proxy refuses, by rule or by chance.

use std::fmt;
use std::sync::Arc;

use super::response::Response;
use crate::wire::Kind;

/// One reason to refuse.
#[derive(Clone)]
pub enum Rule {
    /// Every response of a type, as a whole.
    Type(Kind),
    /// The resource of this name.
    Resource(Kind, String),
    /// Resources for which this says so; it is given the name and the encoded message.
    If(Kind, Arc<dyn Fn(&str, &[u8]) -> bool + Send + Sync>),
}

/// All reasons, shared by the proxies that have them.
#[derive(Clone, Debug, Default)]
pub struct Refusal {
    /// Checked in order.
    pub rules: Vec<Rule>,
    /// How often a response is refused as a whole for no reason: 0 to 1.
    pub chance: f64,
}

/// What is refused of one response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// The message of the NACK; none where all is accepted.
    pub(super) error: Option<String>,
    /// Refused as a whole: nothing of it is applied.
    pub(super) is_whole: bool,
    /// Places of the refused resources, in order.
    pub(super) resources: Vec<usize>,
}

impl Refusal {
    /// Judges a response.
    ///
    /// Of clusters and listeners the good ones are applied (Envoy adds each for itself and collects the errors); of
    /// endpoints and routes none is, for the first bad one ends the update (`docs: xDS protocol, NACK`).
    pub(super) fn judge(&self, kind: Kind, response: &Response<'_>, is_unlucky: bool) -> Verdict {
        if is_unlucky || self.rules.iter().any(|rule| matches!(rule, Rule::Type(refused) if *refused == kind))
        {
            let error = Some(format!("simulated refusal of a response of {kind}"));
            return Verdict { error, is_whole: true, resources: Vec::new() };
        }
        let is_bad = |name: &str, body: &[u8]| {
            self.rules.iter().any(|rule| match rule {
                Rule::Type(_) => false,
                Rule::Resource(of, refused) => *of == kind && refused == name,
                Rule::If(of, says) => *of == kind && says(name, body),
            })
        };
        if self.rules.is_empty() {
            return Verdict::default();
        }
        let all = response.resources.iter().enumerate();
        let resources: Vec<_> = all.filter(|(_, r)| is_bad(r.name, r.body)).map(|(at, _)| at).collect();
        let names: Vec<_> = resources.iter().map(|at| response.resources[*at].name).collect();
        let error = (!names.is_empty())
            .then(|| format!("Error adding/updating {kind} {}: simulated refusal", names.join(", ")));
        Verdict { is_whole: error.is_some() && !kind.is_wildcard_capable(), error, resources }
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Type(kind) => write!(f, "every {kind}"),
            Self::Resource(kind, name) => write!(f, "{kind} {name}"),
            Self::If(kind, _) => write!(f, "{kind} if ..."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::response::Resource;
    use super::*;

    fn response() -> Response<'static> {
        let resource = |name| Resource { name, ..Resource::default() };
        Response { resources: ["a", "b"].map(resource).into(), ..Response::default() }
    }

    #[test]
    fn one_bad_cluster_leaves_the_others_and_one_bad_endpoint_set_none() {
        for (kind, is_whole) in [(Kind::Cluster, false), (Kind::Endpoint, true)] {
            let rules = vec![
                Rule::Resource(kind, "b".into()),
                Rule::If(Kind::Listener, Arc::new(|name, _| name == "a")),
            ];
            let verdict = Refusal { rules, chance: 0.0 }.judge(kind, &response(), false);
            assert_eq!((verdict.is_whole, &*verdict.resources), (is_whole, &[1][..]));
            assert!(verdict.error.unwrap().contains(" b: "));
        }
    }

    #[test]
    fn a_type_or_bad_luck_refuses_all() {
        let refusal = Refusal { rules: vec![Rule::Type(Kind::Route)], chance: 0.0 };
        assert!(refusal.judge(Kind::Route, &response(), false).is_whole);
        assert_eq!(refusal.judge(Kind::Cluster, &response(), false), Verdict::default());
        assert!(refusal.judge(Kind::Cluster, &response(), true).is_whole);
    }
}
