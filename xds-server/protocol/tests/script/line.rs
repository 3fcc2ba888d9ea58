//! One line of a script.

use arcstr::ArcStr;
use xdslab_protocol::{RequestNames, ResourceType, Variant};

pub enum Line {
    /// `mesh CDS a=1 -b`
    Mesh { kind: ResourceType, set: Vec<(String, String)>, remove: Vec<String> },
    /// `fill EDS`: the generator gives an empty resource for a name without one.
    Fill { kind: ResourceType },
    /// `> CDS ...`; `>>` if more is said before the server answers.
    /// A request without type URL: `> untyped`.
    Client { kind: ResourceType, nonce: String, error: Option<String>, names: RequestNames, hold: bool },
    /// `< CDS n1 a=1 removed b`
    Server {
        kind: ResourceType,
        nonce: String,
        version: Option<String>,
        resources: Vec<String>,
        removed: Vec<String>,
        heartbeats: Vec<String>,
    },
    /// `! "reason"`: the request before ended the stream.
    Violation { reason: String },
    /// `push CDS EDS`, `push forced CDS`, `push EDS only a -b`; `push held CDS` if the next one comes before it is made.
    Push { kinds: Vec<ResourceType>, forced: bool, hold: bool, only: Option<Partial> },
    /// `beat EDS`: lifetimes are to be renewed.
    Beat { kind: ResourceType },
    /// `flood EDS`: the generator gives all that there is, whatever is asked for.
    Flood { kind: ResourceType },
    /// `service EDS`: the stream is one of the service of this type.
    Service { kind: ResourceType },
    /// `declare FEATURE...`: the node's client features.
    Declare { features: Vec<String> },
    /// `~ R5`
    Rule { number: String },
    /// `sync CDS`, `unsync CDS`, `unsync CDS n1 "message"`: what the status says.
    Status { kind: ResourceType, synced: bool, nonce: Option<String>, error: Option<String> },
    /// `reconnect`
    Reconnect,
}

#[derive(Clone)]
pub struct Partial {
    pub names: Vec<String>,
    pub removed: Vec<ArcStr>,
}

pub fn parse(variant: Variant, text: &str) -> Result<Line, String> {
    let (text, quoted) = match text.split_once('"') {
        Some((before, rest)) => (before, Some(rest.trim_end().trim_end_matches('"').to_owned())),
        None => (text, None),
    };
    let mut words = text.split_whitespace();
    let verb = words.next().unwrap_or_default();
    match verb {
        "mesh" => {
            let kind = kind(words.next())?;
            let (mut set, mut remove) = (Vec::new(), Vec::new());
            for word in words {
                match (word.strip_prefix('-'), word.split_once('=')) {
                    (Some(gone), _) => remove.push(gone.to_owned()),
                    (_, Some((name, body))) => {
                        super::resource(name, body)?;
                        set.push((name.to_owned(), body.to_owned()));
                    }
                    _ => return Err(format!("not name=content or -name: {word}")),
                }
            }
            Ok(Line::Mesh { kind, set, remove })
        }
        "fill" => Ok(Line::Fill { kind: kind(words.next())? }),
        ">" | ">>" => client(variant, verb == ">>", quoted, words),
        "<" => server(words),
        "push" => push(words),
        "~" => Ok(Line::Rule { number: words.next().ok_or("which rule?")?.to_owned() }),
        "sync" | "unsync" => {
            let (kind, nonce) = (kind(words.next())?, words.next().map(str::to_owned));
            Ok(Line::Status { kind, synced: verb == "sync", nonce, error: quoted })
        }
        "!" => Ok(Line::Violation { reason: quoted.ok_or("what for?")? }),
        "beat" => Ok(Line::Beat { kind: kind(words.next())? }),
        "flood" => Ok(Line::Flood { kind: kind(words.next())? }),
        "service" => Ok(Line::Service { kind: kind(words.next())? }),
        "declare" => Ok(Line::Declare { features: words.map(str::to_owned).collect() }),
        "reconnect" => Ok(Line::Reconnect),
        _ => Err("what is that?".into()),
    }
}

fn client<'a>(
    variant: Variant,
    hold: bool,
    error: Option<String>,
    mut words: impl Iterator<Item = &'a str>,
) -> Result<Line, String> {
    let kind = kind(words.next())?;
    let (mut nonce, mut nack) = (String::new(), false);
    let (mut names, mut subscribe, mut unsubscribe, mut initial) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    while let Some(word) = words.next() {
        match word {
            "ack" | "nack" | "nonce" => {
                nack = word == "nack";
                words.next().ok_or("which nonce?")?.clone_into(&mut nonce);
            }
            "have" => {
                for claim in words.by_ref() {
                    let (name, body) = claim.split_once('=').ok_or(format!("not name=content: {claim}"))?;
                    let version = match body {
                        "?" => "of-another-server".into(),
                        _ => super::resource(name, body)?.version_text(),
                    };
                    initial.push((name.into(), version));
                }
            }
            "''" => names.push(ArcStr::new()),
            _ => match (word.strip_prefix('+'), word.strip_prefix('-')) {
                (Some(name), _) => subscribe.push(name.into()),
                (_, Some(name)) => unsubscribe.push(name.into()),
                _ => names.push(word.into()),
            },
        }
    }
    if nack != error.is_some() {
        return Err("a NACK says why, and nothing else does".into());
    }
    let names = match variant {
        Variant::Sotw if subscribe.is_empty() && unsubscribe.is_empty() && initial.is_empty() => {
            RequestNames::Sotw(names)
        }
        Variant::Delta if names.is_empty() => {
            RequestNames::Delta { subscribe, unsubscribe, initial_versions: initial }
        }
        _ => return Err("words of the other protocol variant".into()),
    };
    Ok(Line::Client { kind, nonce, error, names, hold })
}

fn server<'a>(mut words: impl Iterator<Item = &'a str>) -> Result<Line, String> {
    let kind = kind(words.next())?;
    let nonce = words.next().ok_or("which nonce?")?.to_owned();
    let (mut version, mut resources, mut removed, mut gone) = (None, Vec::new(), Vec::new(), false);
    let mut heartbeats = Vec::new();
    for word in words {
        match word {
            "removed" => gone = true,
            _ if gone => removed.push(word.to_owned()),
            _ if word.contains('=') => resources.push(word.to_owned()),
            _ if word.contains('@') => heartbeats.push(word.to_owned()),
            _ => version = Some(word.to_owned()),
        }
    }
    Ok(Line::Server { kind, nonce, version, resources, removed, heartbeats })
}

fn push<'a>(words: impl Iterator<Item = &'a str>) -> Result<Line, String> {
    let (mut kinds, mut forced, mut hold, mut only) = (Vec::new(), false, false, None::<Partial>);
    for word in words {
        match (&mut only, word) {
            (None, "forced") => forced = true,
            (None, "held") => hold = true,
            (None, "only") => only = Some(Partial { names: Vec::new(), removed: Vec::new() }),
            (None, _) => kinds.push(kind(Some(word))?),
            (Some(partial), _) => match word.strip_prefix('-') {
                Some(gone) => partial.removed.push(gone.into()),
                None => partial.names.push(word.to_owned()),
            },
        }
    }
    Ok(Line::Push { kinds, forced, hold, only })
}

fn kind(word: Option<&str>) -> Result<ResourceType, String> {
    let word = word.ok_or("which type?")?;
    if word == "untyped" {
        return Ok(ResourceType::Other(ArcStr::new()));
    }
    ResourceType::from_short(word).ok_or(format!("no such type: {word}"))
}
