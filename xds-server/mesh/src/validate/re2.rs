//! The syntax of regular expressions as RE2 and Go's `regexp` take it: nothing is compiled, only read.

use std::collections::BTreeSet;

use regex::Regex;

/// The most that one repetition, and those nested in it together, may repeat.
const MOST_REPEATED: u32 = 1000;

/// Reads `expression` to its end.
///
/// # Errors
/// What RE2 does not take.
pub(super) fn check(expression: &str) -> Result<(), String> {
    let mut reader =
        Reader { rest: expression, names: BTreeSet::new(), open: Vec::new(), group: Group::default() };
    while !reader.rest.is_empty() {
        reader.step()?;
    }
    if reader.open.is_empty() { Ok(()) } else { Err("a ( is not closed".into()) }
}

/// What has been read since the last `(`.
#[derive(Default)]
struct Group {
    /// What a repetition would repeat: how often it repeats its own parts; none at the beginning and after `|`.
    operand: Option<u32>,
    /// The same of all operands before it.
    widest: u32,
    /// Whether the last thing was a repetition.
    repeated: bool,
}

struct Reader<'e> {
    rest: &'e str,
    names: BTreeSet<&'e str>,
    open: Vec<Group>,
    group: Group,
}

impl Reader<'_> {
    fn step(&mut self) -> Result<(), String> {
        let repeated = std::mem::take(&mut self.group.repeated);
        let before = self.rest;
        match self.next() {
            Some('(') if self.rest.starts_with('?') => self.flags_or_name(),
            Some('(') => {
                self.enter();
                Ok(())
            }
            Some(')') => self.leave(),
            Some('|') => {
                self.group.widest = self.group.widest.max(self.group.operand.take().unwrap_or(0));
                Ok(())
            }
            Some('[') => self.class(before),
            Some('*' | '+' | '?') => self.repeat(None, repeated),
            Some('\\') => self.escaped(),
            Some('{') => self.brace(repeated),
            _ => {
                self.operand();
                Ok(())
            }
        }
    }

    fn next(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let next = chars.next();
        self.rest = chars.as_str();
        next
    }

    fn operand(&mut self) {
        let before = self.group.operand.replace(1);
        self.group.widest = self.group.widest.max(before.unwrap_or(0));
    }

    fn enter(&mut self) {
        self.open.push(std::mem::take(&mut self.group));
    }

    fn leave(&mut self) -> Result<(), String> {
        let outer = self.open.pop().ok_or("a ) closes nothing")?;
        let inner = std::mem::replace(&mut self.group, outer);
        self.operand();
        self.group.operand = Some(inner.widest.max(inner.operand.unwrap_or(0)).max(1));
        Ok(())
    }

    /// A `{`, which begins a repetition or is itself.
    fn brace(&mut self, repeated: bool) -> Result<(), String> {
        let Some((least, most, rest)) = counts(self.rest) else {
            self.operand();
            return Ok(());
        };
        self.rest = rest;
        self.repeat(Some((least, most)), repeated)
    }

    /// A repetition; `counts` are its least and most, the latter absent where there is no limit.
    fn repeat(&mut self, counts: Option<(u32, Option<u32>)>, repeated: bool) -> Result<(), String> {
        let operand = self.group.operand.ok_or("a repetition has nothing to repeat")?;
        if let Some(rest) = self.rest.strip_prefix('?') {
            self.rest = rest;
        }
        if repeated {
            return Err("a repetition repeats a repetition".into());
        }
        if let Some((least, most)) = counts {
            if least > MOST_REPEATED || most.is_some_and(|m| m > MOST_REPEATED || m < least) {
                return Err(format!(
                    "a repetition must be by {MOST_REPEATED} at most, the smaller number first"
                ));
            }
            let times = most.unwrap_or(least).saturating_mul(operand);
            if times > MOST_REPEATED && (least >= 2 || most.is_some_and(|m| m >= 2)) {
                return Err(format!("nested repetitions come to more than {MOST_REPEATED}"));
            }
            self.group.operand = Some(times);
        }
        self.group.repeated = true;
        Ok(())
    }

    /// What follows `(?`: a name, or flags for a group or for the rest.
    fn flags_or_name(&mut self) -> Result<(), String> {
        let after = &self.rest[1..];
        if let Some(named) = after.strip_prefix("P<").or_else(|| after.strip_prefix('<')) {
            let (name, rest) = named.split_once('>').ok_or("a group's name does not end")?;
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                return Err(format!("(?<{name}> is not supported"));
            }
            if !self.names.insert(name) {
                return Err(format!("two groups are named {name:?}"));
            }
            self.rest = rest;
            self.enter();
            return Ok(());
        }
        let unsupported = || format!("(?{} is not supported", after.chars().next().unwrap_or_default());
        self.rest = after;
        let (mut minus, mut flag_since) = (false, false);
        loop {
            match self.next() {
                None => return Err("a ( is not closed".into()),
                Some('i' | 'm' | 's' | 'U') => flag_since = true,
                Some('-') if !minus => (minus, flag_since) = (true, false),
                Some(':' | ')') if minus && !flag_since => return Err(unsupported()),
                Some(')') => return Ok(()),
                Some(':') => {
                    self.enter();
                    return Ok(());
                }
                Some(_) => return Err(unsupported()),
            }
        }
    }

    /// What follows a `\` outside of a class.
    fn escaped(&mut self) -> Result<(), String> {
        match self.rest.chars().next() {
            Some('A' | 'b' | 'B' | 'z') => {
                self.next();
            }
            Some('Q') => {
                let (literal, rest) = self.rest[1..].split_once("\\E").unwrap_or((&self.rest[1..], ""));
                self.rest = rest;
                if literal.is_empty() {
                    return Ok(());
                }
            }
            _ => {
                if !self.named_class()? {
                    self.escape()?;
                }
            }
        }
        self.operand();
        Ok(())
    }

    /// What follows a `\` if it is a class: `d`, `w`, `s`, `p{Greek}`; whether it was one.
    fn named_class(&mut self) -> Result<bool, String> {
        match self.rest.chars().next() {
            Some('d' | 'D' | 's' | 'S' | 'w' | 'W') => {
                self.next();
                Ok(true)
            }
            Some('p' | 'P') => {
                self.next();
                let name = if let Some(braced) = self.rest.strip_prefix('{') {
                    let (name, rest) = braced.split_once('}').ok_or("a \\p{ is not closed")?;
                    self.rest = rest;
                    name.strip_prefix('^').unwrap_or(name)
                } else {
                    let name = self.rest;
                    self.next().ok_or("a \\p has no class")?;
                    &name[..name.len() - self.rest.len()]
                };
                if is_unicode_class(name) {
                    Ok(true)
                } else {
                    Err(format!("\\p{{{name}}} is no class of characters"))
                }
            }
            _ => Ok(false),
        }
    }

    /// What follows a `\` if it is one character.
    fn escape(&mut self) -> Result<char, String> {
        let octal = |c: char| c.is_digit(8);
        let c = self.next().ok_or("it ends with a \\")?;
        match c {
            'a' => Ok('\u{7}'),
            'f' => Ok('\u{c}'),
            'n' => Ok('\n'),
            'r' => Ok('\r'),
            't' => Ok('\t'),
            'v' => Ok('\u{b}'),
            '1'..='7' if !self.rest.starts_with(octal) => Err(format!("\\{c} is not supported")),
            '0'..='7' => {
                let mut code = c.to_digit(8).unwrap_or(0);
                for _ in 0..2 {
                    let Some(digit) = self.rest.chars().next().and_then(|c| c.to_digit(8)) else { break };
                    code = code * 8 + digit;
                    self.next();
                }
                char::from_u32(code).ok_or_else(|| "a character's number is too large".into())
            }
            'x' => self.hex(),
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => Ok(c),
            c => Err(format!("\\{c} is not supported")),
        }
    }

    fn hex(&mut self) -> Result<char, String> {
        let digits = if let Some(braced) = self.rest.strip_prefix('{') {
            let (digits, rest) = braced.split_once('}').ok_or("a \\x{ is not closed")?;
            self.rest = rest;
            digits
        } else {
            let digits = self.rest.get(..2).ok_or("\\x wants two digits")?;
            self.rest = &self.rest[2..];
            digits
        };
        let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit());
        let code = Some(digits).filter(|_| plain).and_then(|d| u32::from_str_radix(d, 16).ok());
        // Go takes the surrogates, which no text has, as any other number.
        let code = code.filter(|c| *c <= 0x10_ffff).ok_or_else(|| format!("\\x{digits} is no character"))?;
        Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    /// What follows a `[`, which `before` begins with, up to its `]`.
    fn class(&mut self, before: &str) -> Result<(), String> {
        let unclosed = || format!("{:?} is not closed by a ]", before.chars().take(20).collect::<String>());
        self.rest = self.rest.strip_prefix('^').unwrap_or(self.rest);
        let mut first = true;
        loop {
            if self.rest.starts_with(']') && !first {
                self.rest = &self.rest[1..];
                self.operand();
                return Ok(());
            }
            first = false;
            if let Some((name, rest)) = self.rest.strip_prefix("[:").and_then(|r| r.split_once(":]")) {
                if !POSIX.contains(&name.strip_prefix('^').unwrap_or(name)) {
                    return Err(format!("[:{name}:] is no class of characters"));
                }
                self.rest = rest;
                continue;
            }
            if let Some(rest) = self.rest.strip_prefix('\\') {
                let escaped = std::mem::replace(&mut self.rest, rest);
                if self.named_class()? {
                    continue;
                }
                self.rest = escaped;
            }
            let low = self.class_char()?.ok_or_else(unclosed)?;
            let range = self.rest.strip_prefix('-').filter(|r| !r.is_empty() && !r.starts_with(']'));
            if let Some(rest) = range {
                self.rest = rest;
                let high = self.class_char()?.ok_or_else(unclosed)?;
                if high < low {
                    return Err(format!("the range {low}-{high} runs backwards"));
                }
            }
        }
    }

    fn class_char(&mut self) -> Result<Option<char>, String> {
        match self.next() {
            Some('\\') => self.escape().map(Some),
            next => Ok(next),
        }
    }
}

const POSIX: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
    "upper", "word", "xdigit",
];

/// The least and most of `{2}`, `{2,}` or `{2,5}`, and what follows; anything else is no repetition but text.
fn counts(after_brace: &str) -> Option<(u32, Option<u32>, &str)> {
    let (inside, rest) = after_brace.split_once('}')?;
    let number = |digits: &str| {
        let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        (plain && (digits == "0" || !digits.starts_with('0'))).then(|| digits.parse().unwrap_or(u32::MAX))
    };
    match inside.split_once(',') {
        None => number(inside).map(|n| (n, Some(n), rest)),
        Some((least, "")) => number(least).map(|n| (n, None, rest)),
        Some((least, most)) => Some((number(least)?, Some(number(most)?), rest)),
    }
}

/// Whether Unicode has a general category or a script of that name.
fn is_unicode_class(name: &str) -> bool {
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b' ' | b'_' | b'-'));
    let takes = |class: String| Regex::new(&class).is_ok();
    !name.is_empty() && plain && (takes(format!("\\p{{gc={name}}}")) || takes(format!("\\p{{sc={name}}}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_go_takes() {
        for good in [
            "",
            "a|b",
            "()",
            "(|a)",
            "^a$",
            "a*?b+?c??",
            "a{2}",
            "a{2,}",
            "a{2,5}?",
            "/users/{id}",
            "a{",
            "a{,5}",
            "a{02}",
            "}",
            "]",
            "(?i)a",
            "(?i-s:a)",
            "(?P<n>a)",
            "(?<n>a)",
            "(?P<1>a)",
            "(?)a",
            "[a-z]",
            "[]a]",
            "[^]a]",
            "[a-]",
            "[-a]",
            "[\\d-z]",
            "[[:alpha:]_]",
            "[[:^alpha:]]",
            "[[a]",
            "[a&&b]",
            "[--a]",
            "\\Qa(b\\E+",
            "\\Q(",
            "\\d\\W",
            "\\pL",
            "\\p{Greek}",
            "\\P{^Lu}",
            "\\x41",
            "\\x{1F600}",
            "\\012",
            "\\0",
            "\\.",
            "\\/",
            "\\-",
            "^*",
            "a(?i)*",
            "\\bfoo\\b",
            "\\Aa\\z",
            "(a{10}){100}",
            "(a{0}){1000}",
            "(a*){1000}",
            "ä+",
            "a*(?i)*",
        ] {
            assert_eq!(check(good), Ok(()), "{good:?}");
        }
    }

    #[test]
    fn what_go_refuses() {
        for bad in [
            "a(",
            "a)",
            "(?i",
            "(?",
            "*a",
            "(*)",
            "|*",
            "a**",
            "a*+",
            "a{2}{3}",
            "a{2}*",
            "a???",
            "a{1001}",
            "a{1001,}",
            "a{5,2}",
            "(a{100}){11}",
            "[a",
            "[",
            "[]",
            "[^]",
            "[z-a]",
            "[a-\\d]",
            "[[:nope:]]",
            "[\\",
            "\\",
            "\\C",
            "\\Z",
            "\\1",
            "\\8",
            "\\x4",
            "\\x{}",
            "\\x{110000}",
            "\\xzz",
            "\\p",
            "\\p{",
            "\\p{Nope}",
            "\\pé",
            "\\é",
            "\\k",
            "(?=a)",
            "(?!a)",
            "(?<=a)",
            "(?P<a.b>c)",
            "(?P<>c)",
            "(?P=n)",
            "(?<n>a)(?<n>b)",
            "(?x)a",
            "(?i-)a",
            "(?--i)a",
            "/a([",
        ] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
    }
}
