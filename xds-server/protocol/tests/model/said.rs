//! What client and server said, before anybody makes sense of it.

use super::KINDS;
use std::collections::BTreeMap;
use std::fmt;

/// The nonce of a request: the number of a response of this stream, or another stream's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nonce {
    None,
    Of(usize),
    Foreign,
}

/// The names of a request.
#[derive(Debug, Clone)]
pub enum Words {
    Sotw(Vec<String>),
    Delta { subscribe: Vec<String>, unsubscribe: Vec<String>, have: Vec<(String, String)> },
}

/// A request.
#[derive(Debug, Clone)]
pub struct Said {
    pub kind: usize,
    pub nonce: Nonce,
    pub nack: bool,
    /// The next one arrives before the server comes to answer.
    pub hold: bool,
    pub words: Words,
}

/// A response, by its number on its stream.
#[derive(Debug, Clone)]
pub struct Heard {
    pub kind: usize,
    pub number: usize,
    pub resources: BTreeMap<String, String>,
    pub removed: Vec<String>,
}

impl fmt::Display for Said {
    /// As a line of a script.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", if self.hold { ">>" } else { ">" }, KINDS[self.kind])?;
        match self.nonce {
            Nonce::None => {}
            Nonce::Foreign => write!(f, " nonce from-before")?,
            Nonce::Of(n) => write!(f, " {} n{n}", if self.nack { "nack" } else { "ack" })?,
        }
        match &self.words {
            Words::Sotw(names) => {
                for name in names {
                    write!(f, " {name}")?;
                }
            }
            Words::Delta { subscribe, unsubscribe, have } => {
                for name in subscribe {
                    write!(f, " +{name}")?;
                }
                for name in unsubscribe {
                    write!(f, " -{name}")?;
                }
                if !have.is_empty() {
                    write!(f, " have")?;
                }
                for (name, body) in have {
                    write!(f, " {name}={body}")?;
                }
            }
        }
        if self.nack { write!(f, " \"bad\"") } else { Ok(()) }
    }
}
