//! SDS: one stream of secrets of one proxy. What a proxy of Istio asks the agent beside it for, a stock Envoy asks here.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use arcstr::ArcStr;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tonic::Status;
use xdslab_mesh::Proxy;
use xdslab_proto::Message;
use xdslab_proto::tls::{Secret, secret::Type};
use xdslab_protocol::{
    Answer, Completeness, Demand, EventKind, NameSet, Names, Push, Resource, ResourceSet, ResourceType,
    Semantics, Stream, Violation,
};

use super::conversation::{FAREWELL, Out, not_ready};
use super::hub::Hub;
use super::node::identity;
use super::requests::Requests;
use super::secret;
use super::wire::Wire;
use crate::identity::{Account, Certificate, NodeClaim, Visitor};
use crate::observe::transcript::{Said, Tape};
use crate::observe::{Event, Happening};

/// The workload's own certificate, as Istio's agent calls it (Istio: `pkg/security/security.go`, `WorkloadKeyCertResourceName`).
const OWN: &str = "default";
/// What peers are verified by (Istio: `pkg/security/security.go`, `RootCertReqResourceName`).
const ROOTS: &str = "ROOTCA";
/// The clock of certificates is looked at so often at least: it goes on while a machine sleeps, timers do not.
const LOOK: Duration = Duration::from_secs(60);

struct Secrets {
    hub: Arc<Hub>,
    account: Account,
    is_local: bool,
    trust_domain: watch::Receiver<ArcStr>,
    stream: Stream,
    certificate: Option<Certificate>,
    /// Names that there is no secret for, and that were told of.
    unknown: NameSet,
    teller: Teller,
    /// The stream's part of the transcript, if one is kept.
    tape: Option<Tape>,
    out: Out,
}

/// Tells of one stream.
struct Teller {
    hub: Arc<Hub>,
    connection: ArcStr,
    proxy: ArcStr,
}

impl Teller {
    fn tell(&self, what: Happening) {
        let Self { hub, connection, proxy } = self;
        hub.observers.tell(Event { connection: connection.clone(), proxy: proxy.clone(), what });
    }
}

/// Serves one stream to its end.
pub async fn serve_secrets<W: Wire>(hub: Arc<Hub>, visitor: Visitor, mut requests: Requests<W>, out: Out) {
    let cancel = hub.cancel.clone();
    let status = tokio::select! {
        () = cancel.cancelled() => Status::unavailable("the server is shutting down"),
        ended = serve(&hub, &visitor, &mut requests, &out) => match ended {
            Ok(()) => return,
            Err(status) => status,
        },
    };
    // A client that does not even read this learns it from the connection's end.
    let _ = timeout(FAREWELL, out.send(Err(status))).await;
}

async fn serve<W: Wire>(
    hub: &Arc<Hub>,
    visitor: &Visitor,
    requests: &mut Requests<W>,
    out: &Out,
) -> Result<(), Status> {
    let Some(mut first) = requests.message().await? else { return Ok(()) };
    let node = first.take_node().filter(|node| !node.id.is_empty());
    let node = node.ok_or_else(|| Status::invalid_argument("missing node information"))?;
    let node = identity(node);
    let told = hub.observers.recorder().is_some().then(|| node.clone());
    let proxy = Proxy::parse(node).map_err(|e| Status::invalid_argument(e.to_string()))?;
    let number = hub.secret_streams.fetch_add(1, Ordering::Relaxed) + 1;
    let connection = arcstr::format!("{}-sds-{number}", proxy.id);
    let teller = Teller { hub: hub.clone(), connection, proxy: proxy.id.clone() };
    let mut trust_domain = hub.trust_domain.subscribe();
    trust_domain.mark_unchanged();
    let Some(newest) = hub.newest.borrow().clone() else { return Err(not_ready(W::VARIANT)) };
    let of_pod = newest.snapshot.service_account(&proxy);
    let admitted = hub.identities.claims.admit(visitor, &NodeClaim::of(&proxy), of_pod, SystemTime::now());
    let account = admitted.map_err(|refusal| {
        teller.tell(Happening::Unproven { reason: refusal.to_string().into() });
        Status::from(refusal)
    })?;
    // A secret goes out when it is new, and nothing that the client holds is sent again: the protocol's own reading, for
    // Istio's agent, whose part this is, does not follow istiod's habits either.
    let stream = Stream::of_type(W::VARIANT, Semantics::Spec, ResourceType::Secret).with_nonce_salt(number);
    let tape = hub.observers.recorder().zip(told.as_ref()).map(|(recorder, node)| {
        let of = [&teller.connection, &teller.proxy];
        Tape::begin(recorder, of, W::VARIANT, Some(&ResourceType::Secret), node)
    });
    let secrets = Secrets {
        hub: hub.clone(),
        account,
        is_local: visitor.is_local(),
        trust_domain,
        stream,
        certificate: None,
        unknown: NameSet::EMPTY,
        teller,
        tape,
        out: out.clone(),
    };
    secrets.run(first, requests).await
}

impl Secrets {
    async fn run<W: Wire>(mut self, first: W, requests: &mut Requests<W>) -> Result<(), Status> {
        self.request(first).await?;
        loop {
            tokio::select! {
                biased;
                message = requests.message() => match message? {
                    Some(message) => self.request(message).await?,
                    None => return Ok(()),
                },
                changed = self.trust_domain.changed() => {
                    changed.map_err(|_| Status::unavailable("the server is shutting down"))?;
                    self.renew().await?;
                }
                () = due(self.certificate.as_ref()) => self.renew().await?,
            }
        }
    }

    async fn request<W: Wire>(&mut self, mut message: W) -> Result<(), Status> {
        let bytes = message.encoded_len();
        message.take_node();
        let invalid = |violation: Violation| Status::invalid_argument(violation.to_string());
        let request = message.read(Some(&ResourceType::Secret), &self.teller.hub.names).map_err(invalid)?;
        let said = self.tape.as_ref().map(|_| Said::new(&request, bytes, self.subscribed()));
        self.stream.handle_request(request).map_err(invalid)?;
        let (events, after) = (self.events(), self.subscribed());
        if let (Some(tape), Some(said)) = (&mut self.tape, said) {
            tape.request(said, &events, after.as_ref());
        }
        self.drain().await
    }

    /// A new certificate for those who hold one.
    async fn renew(&mut self) -> Result<(), Status> {
        if self.certificate.take().is_none() {
            return Ok(());
        }
        self.stream.handle_push(&Push { types: vec![ResourceType::Secret], forced: true });
        self.drain().await
    }

    async fn drain(&mut self) -> Result<(), Status> {
        self.deliver().await?;
        while let Some(demand) = self.stream.poll_demand() {
            let answer = self.answer(&demand)?;
            self.stream.handle_resources(demand, answer);
            self.deliver().await?;
        }
        Ok(())
    }

    /// The version is the time, as Istio's agent has it (Istio: `security/pkg/nodeagent/sds/sdsservice.go`).
    fn answer(&mut self, demand: &Demand) -> Result<Answer, Status> {
        let mut resources = Vec::new();
        for name in demand.names.named() {
            let known = match name.as_str() {
                OWN => Some(self.own()?),
                ROOTS => Some(secret::roots(self.hub.identities.authority.roots())),
                _ => self.of_files(name),
            };
            let Some(secret) = known else {
                self.miss(name);
                continue;
            };
            let secret = Secret { name: name.to_string(), r#type: Some(secret) };
            resources.push(Resource::new(name.clone(), secret.encode_to_vec()));
        }
        Ok(Answer {
            version: jiff::Timestamp::now().to_string().into(),
            resources: ResourceSet::new(resources),
            completeness: Completeness::Full,
        })
    }

    fn own(&mut self) -> Result<Type, Status> {
        let certificate = match self.certificate.take() {
            Some(certificate) => certificate,
            None => self.issue()?,
        };
        let own = secret::own(&certificate);
        self.certificate = Some(certificate);
        Ok(own)
    }

    fn issue(&mut self) -> Result<Certificate, Status> {
        let trust_domain = self.trust_domain.borrow_and_update().clone();
        let authority = &self.hub.identities.authority;
        let issued = authority.issue(&self.account, &trust_domain, SystemTime::now());
        let certificate = issued.map_err(|e| Status::internal(format!("no certificate: {e}")))?;
        let identity = self.account.spiffe(&trust_domain).into();
        self.teller.tell(Happening::Issued { identity, not_after: certificate.not_after });
        Ok(certificate)
    }

    /// Files of the proxy, where its host is this one: what is not there it need not be sent to refuse.
    fn of_files(&self, name: &str) -> Option<Type> {
        if self.is_local { secret::of_files(name, Path::exists) } else { None }
    }

    fn miss(&mut self, name: &ArcStr) {
        if !self.unknown.contains(name) {
            self.unknown = self.unknown.union(&[name.clone()].into_iter().collect());
            self.teller.tell(Happening::NoSecret { name: name.clone() });
        }
    }

    async fn deliver(&mut self) -> Result<(), Status> {
        let events = self.events();
        if let Some(tape) = &mut self.tape {
            events.iter().for_each(|event| tape.event(event));
        }
        while let Some(response) = self.stream.poll_response() {
            let pieces = self.hub.encoder.encode(&response, self.stream.variant())?;
            if let Some(tape) = &mut self.tape {
                tape.response(&response);
            }
            self.out.send(Ok(pieces)).await.map_err(|_| Status::cancelled("the client is gone"))?;
        }
        Ok(())
    }

    fn subscribed(&self) -> Option<Names> {
        self.stream.subscriptions().next().map(|s| s.names)
    }

    /// Tells of refusals, and returns what the stream has decided where a transcript is kept.
    fn events(&mut self) -> Vec<xdslab_protocol::Event> {
        let mut kept = Vec::new();
        while let Some(event) = self.stream.poll_event() {
            if self.tape.is_some() {
                kept.push(event.clone());
            }
            if let EventKind::Nacked { nonce, detail } = event.kind {
                let (kind, code, message) = (ResourceType::Secret, detail.code, detail.message);
                self.teller.tell(Happening::Nacked { kind, nonce, code, message });
            }
        }
        kept
    }
}

/// Until the certificate must be replaced; for ever, where there is none.
async fn due(certificate: Option<&Certificate>) {
    let Some(certificate) = certificate else { return std::future::pending().await };
    while let Ok(left) = certificate.renew_at.duration_since(SystemTime::now())
        && !left.is_zero()
    {
        sleep(left.min(LOOK)).await;
    }
}
