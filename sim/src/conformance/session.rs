//! One client's streams: of one variant, all types on one stream or each on its own.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tonic::transport::Channel;
use tonic::{Code, Status};
use xdslab_proto::core::Node;

use super::Protocol;
use super::ask::Ask;
use super::outcome::{Stop, expect, failed};
use super::reply::{Item, Reply};
use super::transcript::{Transcript, list};
use crate::wire::{Delta, Kind, Service, Sotw, Stream, Variant};

/// Messages that may wait to be sent or to be looked at.
const WAITING: usize = 64;
/// A name that is set for every type, and that only the proof of silence asks for.
pub(super) const FENCE: &str = "zz-fence";

/// How a client of a check connects, and how long it waits.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub channel: Channel,
    pub node: String,
    pub protocol: Protocol,
    /// How long an answer may take.
    pub deadline: Duration,
    /// How long nothing must happen to be called silence.
    pub quiet: Duration,
    /// Whether [`FENCE`] exists.
    pub fence: bool,
}

/// What a stream brought.
#[derive(Debug)]
enum Heard {
    Reply(Reply),
    End(Status),
}

/// What the client knows about one type.
#[derive(Clone, Debug, Default)]
struct Book {
    names: BTreeSet<String>,
    nonce: String,
    version: String,
}

enum Requests {
    Sotw(mpsc::Sender<<Sotw as Variant>::Request>),
    Delta(mpsc::Sender<<Delta as Variant>::Request>),
}

/// What several replies brought.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub items: BTreeMap<String, Item>,
    pub replies: Vec<Reply>,
}

/// A client. Dropping it resets its streams.
pub(super) struct Session {
    target: Target,
    log: Transcript,
    requests: BTreeMap<Service, Requests>,
    books: BTreeMap<Kind, Book>,
    heard: mpsc::Receiver<(Service, Heard)>,
    reports: mpsc::Sender<(Service, Heard)>,
    waiting: VecDeque<(Service, Heard)>,
    readers: JoinSet<()>,
}

impl Session {
    pub(super) fn new(target: Target, log: Transcript) -> Self {
        let (reports, heard) = mpsc::channel(WAITING);
        log.note(format!("  a new client of {}", target.protocol));
        Self {
            target,
            log,
            requests: BTreeMap::new(),
            books: BTreeMap::new(),
            heard,
            reports,
            waiting: VecDeque::new(),
            readers: JoinSet::new(),
        }
    }

    pub(super) fn is_sotw(&self) -> bool {
        self.target.protocol.is_sotw()
    }

    /// Says something on the stream of `kind`, opening it if need be. The node goes with the first request of a stream
    /// alone (R1).
    pub(super) async fn ask_on(&mut self, kind: Kind, ask: Ask) {
        let service = self.target.protocol.service(kind);
        let is_sotw = self.is_sotw();
        let opens = !self.requests.contains_key(&service);
        let node = opens.then(|| Node { id: self.target.node.clone(), ..Default::default() });
        self.log.note(ask.line(is_sotw, opens));
        if opens {
            let requests = if is_sotw {
                Requests::Sotw(self.open::<Sotw>(service))
            } else {
                Requests::Delta(self.open::<Delta>(service))
            };
            self.requests.insert(service, requests);
        }
        // Where the stream has ended, what is heard tells.
        match self.requests.get(&service) {
            Some(Requests::Sotw(requests)) => drop(requests.send(ask.sotw(node)).await),
            Some(Requests::Delta(requests)) => drop(requests.send(ask.delta(node)).await),
            None => {}
        }
    }

    fn open<V: Variant>(&mut self, service: Service) -> mpsc::Sender<V::Request>
    where
        Reply: From<V::Response>,
    {
        let (requests, waiting) = mpsc::channel(WAITING);
        self.readers.spawn(read::<V>(self.target.channel.clone(), service, waiting, self.reports.clone()));
        requests
    }

    pub(super) async fn ask(&mut self, ask: Ask) {
        if let Some(kind) = ask.kind {
            self.ask_on(kind, ask).await;
        }
    }

    /// The first request of a type, without names.
    pub(super) async fn wildcard(&mut self, kind: Kind) {
        self.books.insert(kind, Book::default());
        self.ask(Ask::of(kind)).await;
    }

    /// Subscribes to more names. What came before must have been accepted.
    pub(super) async fn subscribe(&mut self, kind: Kind, names: &[&str]) {
        let book = self.books.entry(kind).or_default();
        book.names.extend(names.iter().map(|&name| name.to_owned()));
        let more = names.iter().map(|&name| name.to_owned()).collect();
        let ask = self.whole(kind);
        self.ask(Ask { subscribe: more, ..ask }).await;
    }

    /// Gives names up.
    pub(super) async fn unsubscribe(&mut self, kind: Kind, names: &[&str]) {
        let book = self.books.entry(kind).or_default();
        book.names.retain(|name| !names.contains(&name.as_str()));
        let less = names.iter().map(|&name| name.to_owned()).collect();
        let ask = self.whole(kind);
        self.ask(Ask { unsubscribe: less, ..ask }).await;
    }

    /// Says, or says again, what the client wants in all and has accepted last.
    pub(super) fn whole(&self, kind: Kind) -> Ask {
        let Book { names, nonce, version } = self.books.get(&kind).cloned().unwrap_or_default();
        Ask { names: names.into_iter().collect(), nonce, version, ..Ask::of(kind) }
    }

    /// Takes it that the client wants exactly these names, without saying so.
    pub(super) fn wants(&mut self, kind: Kind, names: &[&str]) {
        let names = names.iter().map(|&name| name.to_owned()).collect();
        self.books.entry(kind).or_default().names = names;
    }

    /// Accepts a response.
    pub(super) async fn ack(&mut self, reply: &Reply) {
        if let Some(kind) = reply.kind {
            self.accepts(reply);
            self.ask(self.whole(kind)).await;
        }
    }

    /// Takes it that a response was accepted, without saying so.
    pub(super) fn accepts(&mut self, reply: &Reply) {
        if let Some(kind) = reply.kind {
            let book = self.books.entry(kind).or_default();
            (book.nonce, book.version) = (reply.nonce.clone(), reply.version.clone());
        }
    }

    /// Refuses a response.
    pub(super) async fn nack(&mut self, reply: &Reply) {
        if let Some(kind) = reply.kind {
            self.books.entry(kind).or_default().nonce.clone_from(&reply.nonce);
            let error = Some("refused by a conformance check".to_owned());
            let ask = self.whole(kind);
            self.ask(Ask { error, ..ask }).await;
        }
    }

    /// The next response about `kind`, not accepted yet. `what` says what it is expected to be.
    pub(super) async fn next(&mut self, kind: Kind, what: &str) -> Result<Reply, Stop> {
        let until = Instant::now() + self.target.deadline;
        match self.hear(kind, until).await {
            Some(Heard::Reply(reply)) => Ok(reply),
            Some(Heard::End(status)) => Err(failed(what, ended(&status))),
            None => Err(failed(what, format!("no response about {kind} for {:?}", self.target.deadline))),
        }
    }

    /// The next response about whatever, not accepted yet.
    pub(super) async fn next_of_any(&mut self, what: &str) -> Result<Reply, Stop> {
        let until = Instant::now() + self.target.deadline;
        match self.pull(until).await {
            Some((_, Heard::Reply(reply))) => Ok(reply),
            Some((_, Heard::End(status))) => Err(failed(what, ended(&status))),
            None => Err(failed(what, format!("no response for {:?}", self.target.deadline))),
        }
    }

    /// Accepts what comes until it has brought all `names`.
    pub(super) async fn gather(&mut self, kind: Kind, names: &[&str], what: &str) -> Result<Gathered, Stop> {
        let mut gathered = Gathered::default();
        while !names.iter().all(|&name| gathered.items.contains_key(name)) {
            let reply = self.next(kind, what).await.map_err(|stop| match stop {
                Stop::Failed { expected, seen } if !gathered.replies.is_empty() => {
                    let had = list(gathered.items.keys().map(String::as_str));
                    failed(expected, format!("{had} and then {seen}"))
                }
                stop => stop,
            })?;
            self.ack(&reply).await;
            gathered.items.extend(reply.items.iter().map(|item| (item.name.clone(), item.clone())));
            gathered.replies.push(reply);
        }
        Ok(gathered)
    }

    /// Accepts what comes until nothing has come for a while.
    pub(super) async fn settle(&mut self) -> Result<Vec<Reply>, Stop> {
        let mut replies = Vec::new();
        loop {
            match self.pull(Instant::now() + self.target.quiet).await {
                Some((_, Heard::Reply(reply))) => {
                    self.ack(&reply).await;
                    replies.push(reply);
                }
                Some((_, Heard::End(status))) => return Err(failed("an open stream", ended(&status))),
                None => return Ok(replies),
            }
        }
    }

    /// Proves that nothing more comes about `kind`. Where names are subscribed to, by one more, whose answer must come
    /// first; else by waiting.
    pub(super) async fn silent(&mut self, kind: Kind, what: &str) -> Result<(), Stop> {
        let named =
            self.books.get(&kind).is_some_and(|book| !book.names.is_empty() && !book.names.contains("*"));
        if named && self.target.fence && !self.books[&kind].names.contains(FENCE) {
            self.log.note("  (the answer to the next request must be the first)".to_owned());
            self.subscribe(kind, &[FENCE]).await;
            let reply =
                self.next(kind, &format!("an answer to a subscription to {FENCE}, after {what}")).await?;
            self.ack(&reply).await;
            return expect(
                reply.has(FENCE),
                what,
                format!("a response that nobody asked for: {}", reply.line()),
            );
        }
        self.quiet(kind, what).await
    }

    /// Proves that nothing more comes about `kind`, by waiting: after a change that the server may be slow to see.
    pub(super) async fn quiet(&mut self, kind: Kind, what: &str) -> Result<(), Stop> {
        match self.hear(kind, Instant::now() + self.target.quiet).await {
            None => Ok(()),
            Some(Heard::Reply(reply)) => {
                Err(failed(what, format!("a response that nobody asked for: {}", reply.line())))
            }
            Some(Heard::End(status)) => Err(failed(what, ended(&status))),
        }
    }

    /// Half-closes all streams and waits for their ends.
    pub(super) async fn close(&mut self) -> Result<(), Stop> {
        let mut open = self.requests.len();
        self.requests.clear();
        self.log.note("> half-close".to_owned());
        let until = Instant::now() + self.target.deadline;
        while open > 0 {
            match self.pull(until).await {
                Some((_, Heard::Reply(_))) => {}
                Some((_, Heard::End(status))) => {
                    expect(status.code() == Code::Ok, "an orderly end after the half-close", ended(&status))?;
                    open -= 1;
                }
                None => {
                    let seen = format!("a stream still open after {:?}", self.target.deadline);
                    return Err(failed("the end of the stream after the half-close", seen));
                }
            }
        }
        Ok(())
    }

    /// The status with which a stream ends that should.
    pub(super) async fn end(&mut self, what: &str) -> Result<Status, Stop> {
        let until = Instant::now() + self.target.deadline;
        match self.pull(until).await {
            Some((_, Heard::End(status))) => Ok(status),
            Some((_, Heard::Reply(reply))) => Err(failed(what, format!("a response: {}", reply.line()))),
            None => Err(failed(what, format!("nothing for {:?}", self.target.deadline))),
        }
    }

    /// What comes next about `kind`; what comes about others waits.
    async fn hear(&mut self, kind: Kind, until: Instant) -> Option<Heard> {
        let service = self.target.protocol.service(kind);
        let concerns = |(on, heard): &(Service, Heard)| match heard {
            Heard::Reply(reply) => reply.kind == Some(kind),
            Heard::End(_) => *on == service,
        };
        if let Some(at) = self.waiting.iter().position(concerns) {
            return self.waiting.remove(at).map(|(_, heard)| heard);
        }
        loop {
            let heard = self.receive(until).await?;
            if concerns(&heard) {
                return Some(heard.1);
            }
            self.waiting.push_back(heard);
        }
    }

    /// What comes next about whatever.
    async fn pull(&mut self, until: Instant) -> Option<(Service, Heard)> {
        match self.waiting.pop_front() {
            Some(heard) => Some(heard),
            None => self.receive(until).await,
        }
    }

    async fn receive(&mut self, until: Instant) -> Option<(Service, Heard)> {
        let (service, heard) = timeout_at(until, self.heard.recv()).await.ok()??;
        self.log.note(match &heard {
            Heard::Reply(reply) => reply.line(),
            Heard::End(status) => format!("< {}", ended(status)),
        });
        Some((service, heard))
    }
}

fn ended(status: &Status) -> String {
    match status.code() {
        Code::Ok => "the end of the stream".to_owned(),
        code => format!("the end of the stream: {code:?} {:?}", status.message()),
    }
}

async fn read<V: Variant>(
    channel: Channel,
    service: Service,
    requests: mpsc::Receiver<V::Request>,
    reports: mpsc::Sender<(Service, Heard)>,
) where
    Reply: From<V::Response>,
{
    let end = match Stream::<V>::listen(channel, service, requests).await {
        Err(status) => status,
        Ok(mut stream) => loop {
            match stream.hear().await {
                Ok(Some(response)) => {
                    if reports.send((service, Heard::Reply(response.into()))).await.is_err() {
                        return;
                    }
                }
                Ok(None) => break Status::ok(""),
                Err(status) => break status,
            }
        },
    };
    // Nobody listens any more: nobody needs to know.
    let _ = reports.send((service, Heard::End(end))).await;
}
