//! Many streams that are sent the same keep one copy of it, and nothing grows with a client that does not answer.

use arcstr::ArcStr;
use xdslab_protocol::{
    Answer, Completeness, Demand, NameSet, Names, Push, Request, RequestNames, Resource, ResourceSet,
    ResourceType, Semantics, Stream, Variant, Violation,
};

const COMBINATIONS: [(Variant, Semantics); 4] = [
    (Variant::Sotw, Semantics::Istiod),
    (Variant::Sotw, Semantics::Spec),
    (Variant::Delta, Semantics::Istiod),
    (Variant::Delta, Semantics::Spec),
];

fn names() -> Vec<ArcStr> {
    (0..1000).map(|n| arcstr::format!("outbound|80||s{n}.ns.svc.cluster.local")).collect()
}

fn set(content: &str) -> ResourceSet {
    ResourceSet::new(names().into_iter().map(|n| Resource::new(n, content.to_owned())).collect())
}

fn request(variant: Variant, kind: ResourceType, names: Vec<ArcStr>) -> Request {
    let names = match variant {
        Variant::Sotw => RequestNames::Sotw(names),
        Variant::Delta => {
            RequestNames::Delta { subscribe: names, unsubscribe: Vec::new(), initial_versions: Vec::new() }
        }
    };
    Request {
        resource_type: kind,
        response_nonce: String::new(),
        version_info: String::new(),
        error: None,
        names,
    }
}

fn answer(resources: &ResourceSet) -> Answer {
    Answer { version: "v1".into(), resources: resources.clone(), completeness: Completeness::Full }
}

/// The ids of the sets that were sent.
fn drive(stream: &mut Stream, generate: impl Fn(&Demand) -> ResourceSet) -> Vec<usize> {
    while let Some(demand) = stream.poll_demand() {
        let resources = generate(&demand);
        stream.handle_resources(demand, answer(&resources));
    }
    while stream.poll_event().is_some() {}
    std::iter::from_fn(|| stream.poll_response()).map(|r| r.resources.id()).collect()
}

fn subscribed(stream: &Stream) -> NameSet {
    match stream.subscriptions().next().expect("one subscription").names {
        Names::Named(names) => names,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_wildcard_stream_sends_the_very_set_that_it_is_given() {
    for (variant, semantics) in COMBINATIONS {
        let clusters = set("1");
        let mut stream = Stream::new(variant, semantics);
        stream.handle_request(request(variant, ResourceType::Cluster, Vec::new())).unwrap();
        assert_eq!(drive(&mut stream, |_| clusters.clone()), [clusters.id()], "{variant:?} {semantics:?}");
    }
}

#[test]
fn streams_with_equal_names_share_them() {
    for (variant, semantics) in COMBINATIONS {
        let endpoints = set("1");
        let mut streams = [Stream::new(variant, semantics), Stream::new(variant, semantics)];
        for stream in &mut streams {
            stream.handle_request(request(variant, ResourceType::Endpoint, names())).unwrap();
            assert_eq!(drive(stream, |_| endpoints.clone()), [endpoints.id()], "{variant:?} {semantics:?}");
            assert!(subscribed(stream).ptr_eq(endpoints.names()), "{variant:?} {semantics:?}");
        }
    }
}

#[test]
fn a_stream_does_not_keep_what_was_superseded() {
    for (variant, semantics) in COMBINATIONS {
        let body = bytes::Bytes::from(vec![b'x'; 64]);
        let old = ResourceSet::new(vec![Resource::new("a", body.clone())]);
        let mut stream = Stream::new(variant, semantics);
        stream.handle_request(request(variant, ResourceType::Cluster, Vec::new())).unwrap();
        drive(&mut stream, |_| old.clone());
        stream.handle_push(&Push { types: vec![ResourceType::Cluster], forced: false });
        drive(&mut stream, |_| set("2"));
        drop(old);
        assert!(body.is_unique(), "{variant:?} {semantics:?}");
    }
}

#[test]
fn a_client_that_never_answers_costs_no_more_and_no_more() {
    for (variant, semantics) in COMBINATIONS {
        let mut stream = Stream::new(variant, semantics);
        stream.handle_request(request(variant, ResourceType::Cluster, Vec::new())).unwrap();
        drive(&mut stream, |_| set("0"));
        let early = format!("{stream:?}").len();
        for n in 1..200 {
            stream.handle_push(&Push { types: vec![ResourceType::Cluster], forced: false });
            assert_eq!(drive(&mut stream, |_| set(&n.to_string())).len(), 1);
        }
        let late = format!("{stream:?}").len();
        assert!(late < 40 * early, "{variant:?} {semantics:?}: {early} {late}");
    }
}

#[test]
fn pushes_that_come_before_the_first_is_answered_are_one() {
    for (variant, semantics) in COMBINATIONS {
        let mut stream = Stream::new(variant, semantics);
        stream.handle_request(request(variant, ResourceType::Cluster, Vec::new())).unwrap();
        drive(&mut stream, |_| set("0"));
        for forced in [false, true, false] {
            stream.handle_push(&Push { types: vec![ResourceType::Cluster, ResourceType::Endpoint], forced });
        }
        let demand = stream.poll_demand().unwrap();
        assert!(demand.forced && demand.resource_type == ResourceType::Cluster);
        stream.handle_resources(demand, answer(&set("1")));
        assert!(stream.poll_demand().is_none());
    }
}

#[test]
fn a_demand_may_be_dropped() {
    for (variant, semantics) in COMBINATIONS {
        let mut stream = Stream::new(variant, semantics);
        stream.handle_request(request(variant, ResourceType::Cluster, Vec::new())).unwrap();
        assert!(stream.poll_demand().is_some());
        assert!(stream.poll_demand().is_none());
        stream.handle_push(&Push { types: vec![ResourceType::Cluster], forced: false });
        assert_eq!(drive(&mut stream, |_| set("1")).len(), 1);
    }
}

#[test]
fn endpoints_of_clusters_that_went_out_on_another_stream() {
    for (variant, semantics) in COMBINATIONS {
        let mut stream = Stream::of_type(variant, semantics, ResourceType::Endpoint);
        stream.handle_request(request(variant, ResourceType::Endpoint, names())).unwrap();
        assert_eq!(drive(&mut stream, |_| set("1")).len(), 1);
        let changed: NameSet = names().into_iter().take(1).chain(["not-subscribed".into()]).collect();
        stream.handle_warming(&changed);
        let demand = stream.poll_demand().unwrap();
        assert_eq!(demand.names.named().as_slice(), &names()[..1]);
        stream.handle_resources(demand, answer(&set("1").filter(|r| changed.contains(&r.name))));
        assert_eq!(stream.poll_response().unwrap().resources.len(), 1);
        assert!(stream.poll_response().is_none() && stream.poll_demand().is_none());
    }
}

#[test]
fn requests_that_break_the_protocol() {
    for (variant, semantics) in COMBINATIONS {
        let other = if variant == Variant::Sotw { Variant::Delta } else { Variant::Sotw };
        let mut stream = Stream::new(variant, semantics);
        let wrong = request(other, ResourceType::Cluster, Vec::new());
        assert_eq!(stream.handle_request(wrong), Err(Violation::WrongVariant));
        let nameless = request(variant, ResourceType::Other(ArcStr::new()), Vec::new());
        assert_eq!(stream.handle_request(nameless), Err(Violation::MissingTypeUrl));
        let mut endpoints = Stream::of_type(variant, semantics, ResourceType::Endpoint);
        let violation =
            endpoints.handle_request(request(variant, ResourceType::Cluster, Vec::new())).unwrap_err();
        assert_eq!(violation.code(), 3);
        assert!(endpoints.handle_request(request(variant, ResourceType::Endpoint, names())).is_ok());
    }
}
