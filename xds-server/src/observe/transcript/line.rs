//! An entry as a line for people.

use super::{Act, Entry, Request, Response, RuleText, What};

/// Names that a line shows; the others are counted.
const SHOWN: usize = 3;

/// The entry in one line. `->` is what the client says, `<-` what the server says.
pub fn line(entry: &Entry) -> String {
    let Entry { ms, proxy, what, .. } = entry;
    let said = match what {
        What::Connected { variant, only, node } => {
            let only = only.as_ref().map_or_else(String::new, |only| format!(", {only} alone"));
            format!("** connected: {variant:?}{only}, {}", node.id)
        }
        What::Request(request) => format!("-> {}", said_by_client(request)),
        What::Response(response) => format!("<- {}", said_by_server(response)),
        What::Silent { kind, cause, rule } => format!("   {kind:<4} nothing ({cause})  [{}]", short(rule)),
        What::Disconnected => "** disconnected".to_owned(),
        What::Lost { entries } => {
            format!("** {entries} entries were lost: they came faster than they were written")
        }
    };
    format!("{ms:>11.3}  {proxy:<32} {said}")
}

fn said_by_client(request: &Request) -> String {
    let act = match request.act {
        Act::First => "first",
        Act::Ack => "ACK",
        Act::Nack => "NACK",
        Act::Stale => "stale",
        Act::Change => "",
    };
    let mut line = format!("{:<4} {act:<5}", request.kind);
    for (sign, names) in [('+', &request.added), ('-', &request.removed)] {
        if !names.is_empty() {
            line += &format!(" {sign}{}", listed(names));
        }
    }
    if let Some(error) = &request.error {
        line += &format!(" {error:?}");
    }
    if !request.nonce.is_empty() {
        line += &format!(" nonce {}", tail(&request.nonce));
    }
    let rules: Vec<_> = request.rules.iter().map(short).collect();
    format!("{line}  [{}]", rules.join("; "))
}

fn said_by_server(response: &Response) -> String {
    let mut line = format!("{:<4} {:<5} {}", response.kind, response.added.len(), listed(&response.added));
    if !response.removed.is_empty() {
        line += &format!(" -{}", listed(&response.removed));
    }
    let because = match response.because.as_slice() {
        [] => response.cause.clone(),
        because => format!("{}: {}", response.cause, listed(because)),
    };
    let (bytes, nonce, rule) = (response.bytes, tail(&response.nonce), short(&response.rule));
    format!("{line} {bytes} B nonce {nonce} ({because})  [{rule}]")
}

fn short(rule: &RuleText) -> String {
    format!("{} {}", rule.number, rule.title)
}

/// The part of a nonce that tells it from others.
fn tail(nonce: &str) -> &str {
    nonce.rsplit('/').next().unwrap_or(nonce)
}

fn listed(names: &[String]) -> String {
    let mut line = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        line += &format!(" and {} more", names.len() - SHOWN);
    }
    line
}
