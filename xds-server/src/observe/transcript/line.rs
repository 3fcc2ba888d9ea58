//! An entry as a line for people.

use arcstr::ArcStr;

use super::{Act, Dialect, Entry, Request, Response, RuleText, What};

/// Columns of what was said, before the rule.
const SAID: usize = 52;

/// Makes lines. The column of proxies grows with their names.
#[derive(Debug)]
pub struct Lines {
    proxy: usize,
}

impl Default for Lines {
    fn default() -> Self {
        Self { proxy: 12 }
    }
}

impl Lines {
    /// What the columns and words mean.
    pub fn legend() -> &'static str {
        "time in ms, proxy, -> it says or <- the server says, and the rule behind it\n\
         CDS clusters, EDS their endpoints, LDS listeners, RDS routes; after ACK and NACK the response's nonce\n"
    }

    /// The entry in one line: time, proxy, `->` what the client says or `<-` what the server says, and the rule.
    pub fn line(&mut self, entry: &Entry) -> String {
        let Entry { ms, proxy, what, .. } = entry;
        self.proxy = self.proxy.max(proxy.len());
        let (arrow, said, rule) = said(what);
        let (width, rule) = (self.proxy, rule.unwrap_or_default());
        format!("{ms:>11.3}  {proxy:<width$}  {arrow} {said:<SAID$}  {rule}").trim_end().to_owned()
    }
}

fn said(what: &What) -> (&'static str, String, Option<String>) {
    match what {
        What::Begun { server, semantics, .. } => ("**", format!("{server} serves as {semantics} does"), None),
        What::Connected { variant, only, .. } => {
            let only = only.as_deref().unwrap_or("ADS");
            let variant = match variant {
                Dialect::Sotw => "state of the world",
                Dialect::Delta => "delta",
            };
            ("**", format!("opens a stream: {only}, {variant}"), None)
        }
        What::Request(request) => ("->", said_by_client(request), Some(rules(&request.rules))),
        What::Response(response) => ("<-", said_by_server(response), response.rule.as_ref().map(short)),
        What::Silent { kind, cause, rule } => {
            ("  ", format!("{kind:<4} nothing to send ({})", why(cause)), Some(short(rule)))
        }
        What::Disconnected => ("**", "stream ended".to_owned(), None),
        What::Lost { entries } => ("**", format!("{entries} entries lost: written too slowly"), None),
    }
}

fn said_by_client(request: &Request) -> String {
    let Request { kind, act, added, removed, error, nonce, .. } = request;
    let mut said = format!("{kind:<4} ");
    said += match act {
        Act::First => "first request",
        Act::Ack => "ACK",
        Act::Nack => "NACK",
        Act::Stale => "answers an old response",
        Act::Change => "changes",
        Act::Aside => "asks for a page",
        Act::Invalid => "breaks the protocol",
    };
    if matches!(act, Act::Ack | Act::Nack | Act::Stale) {
        said += &format!(" {}", tail(nonce));
    }
    if let Some(error) = error {
        said += &format!(": {}", error.message);
    }
    let plus = if *act == Act::First { ":" } else { " +" };
    for (sign, names) in [(plus, added), (" -", removed)] {
        if !names.is_empty() {
            said += &format!("{sign} {}", listed(names));
        }
    }
    said
}

fn said_by_server(response: &Response) -> String {
    let Response { kind, added, removed, bytes, cause, because, nonce, .. } = response;
    let resources = match added.as_slice() {
        [] => String::new(),
        [name] => format!(" {name}"),
        names => format!(" {} resources", names.len()),
    };
    let removed = if removed.is_empty() { String::new() } else { format!(" - {}", listed(removed)) };
    let (nonce, size) = (tail(nonce), size(*bytes));
    let because = match because.iter().find(|what| what.contains('/')) {
        Some(what) if because.len() > 2 => format!("{}: {what} and others", why(cause)),
        Some(what) => format!("{}: {what}", why(cause)),
        None => why(cause).to_owned(),
    };
    format!("{kind:<4} {nonce}{resources}{removed}, {size} ({because})")
}

/// The cause in a learner's words.
fn why(cause: &str) -> &str {
    match cause {
        "request" => "asked for",
        "reconnect" => "back with what it held",
        "subscribe" => "names asked for",
        "unsubscribe" => "names given up",
        "warming" => "clusters warm",
        "retry" => "the rest of what was refused",
        other => other,
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people to read")]
fn size(bytes: usize) -> String {
    match bytes {
        0..1000 => format!("{bytes} B"),
        1000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

fn rules(rules: &[RuleText]) -> String {
    rules.iter().map(short).collect::<Vec<_>>().join("; ")
}

fn short(rule: &RuleText) -> String {
    format!("{:<3} {}", rule.number, rule.title)
}

/// The part of a nonce that tells it from others.
fn tail(nonce: &str) -> &str {
    nonce.rsplit('/').next().unwrap_or(nonce)
}

fn listed(names: &[ArcStr]) -> String {
    match names {
        [name] if name == "*" => "everything".to_owned(),
        [name] => name.to_string(),
        names => format!("{} names", names.len()),
    }
}
