//! The syntax of CEL, the Common Expression Language: nothing is evaluated, only read.
//!
//! The grammar is that of <https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax>.

/// The deepest nesting that is read.
const DEEPEST: usize = 250;

/// Reads `expression` to its end.
///
/// # Errors
/// What CEL does not take.
pub(super) fn check(expression: &str) -> Result<(), String> {
    let tokens = tokens(expression)?;
    let mut parser = Parser { tokens: &tokens, at: 0, depth: 0 };
    parser.expression()?;
    match parser.peek() {
        None => Ok(()),
        Some(token) => Err(format!("{} is one too many", token.shown())),
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Token<'e> {
    Name(&'e str),
    /// A number, text, bytes, `true`, `false`, `null`.
    Literal(&'e str),
    Sign(&'e str),
}

impl Token<'_> {
    fn shown(&self) -> String {
        let (Self::Name(text) | Self::Literal(text) | Self::Sign(text)) = self;
        format!("{text:?}")
    }
}

const SIGNS: [&str; 23] = [
    "==", "!=", "<=", ">=", "&&", "||", "<", ">", "!", "-", "+", "*", "/", "%", "?", ":", ".", ",", "(", ")",
    "[", "]", "{",
];

fn tokens(text: &str) -> Result<Vec<Token<'_>>, String> {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\n', '\r', '\u{c}']);
        if let Some(comment) = rest.strip_prefix("//") {
            rest = comment.split_once('\n').map_or("", |(_, rest)| rest);
            continue;
        }
        let Some(first) = rest.chars().next() else { return Ok(found) };
        let length = if let Some(length) = quoted_length(rest)? {
            found.push(Token::Literal(&rest[..length]));
            length
        } else if first.is_ascii_alphabetic() || first == '_' {
            let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            found.push(match &rest[..length] {
                word @ ("true" | "false" | "null") => Token::Literal(word),
                "in" => Token::Sign("in"),
                word => Token::Name(word),
            });
            length
        } else if first.is_ascii_digit()
            || (first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit()))
        {
            let length = number_length(rest);
            found.push(Token::Literal(&rest[..length]));
            length
        } else {
            let sign = SIGNS.iter().chain(["}"].iter()).find(|s| rest.starts_with(**s));
            let sign = sign.ok_or_else(|| format!("{first:?} has no meaning"))?;
            found.push(Token::Sign(sign));
            sign.len()
        };
        rest = &rest[length..];
    }
}

/// The length of the number at the beginning of `text`.
fn number_length(text: &str) -> usize {
    let digits = |at: usize| text[at..].bytes().take_while(u8::is_ascii_digit).count();
    if let Some(hex) = text.strip_prefix("0x") {
        let length = hex.bytes().take_while(u8::is_ascii_hexdigit).count();
        if length > 0 {
            return 2 + length + usize::from(hex[length..].starts_with(['u', 'U']));
        }
    }
    let whole = digits(0);
    let mut end = whole;
    let mut is_float = false;
    if text[end..].starts_with('.') && digits(end + 1) > 0 {
        end += 1 + digits(end + 1);
        is_float = true;
    }
    if text[end..].starts_with(['e', 'E']) {
        let sign = usize::from(text[end + 1..].starts_with(['+', '-']));
        if digits(end + 1 + sign) > 0 {
            return end + 1 + sign + digits(end + 1 + sign);
        }
    }
    end + usize::from(!is_float && text[end..].starts_with(['u', 'U']))
}

/// The length of the text or bytes at the beginning of `text`, prefix and quotes included; `None` if it is neither.
fn quoted_length(text: &str) -> Result<Option<usize>, String> {
    let quotes = text.trim_start_matches(['r', 'R', 'b', 'B']);
    let prefix = &text[..text.len() - quotes.len()];
    let once = |letters: [char; 2]| prefix.matches(letters).count() <= 1;
    if prefix.len() > 2 || !once(['r', 'R']) || !once(['b', 'B']) {
        return Ok(None);
    }
    let raw = prefix.contains(['r', 'R']);
    let Some(quote) = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|q| quotes.starts_with(q)) else {
        return Ok(None);
    };
    let mut at = quote.len();
    while let Some(c) = quotes[at..].chars().next() {
        if quotes[at..].starts_with(quote) {
            return Ok(Some(prefix.len() + at + quote.len()));
        }
        if quote.len() == 1 && matches!(c, '\n' | '\r') {
            break;
        }
        at += if c == '\\' && !raw { escape_length(&quotes[at..], prefix)? } else { c.len_utf8() };
    }
    Err(format!("the text {:?} does not end", text.chars().take(20).collect::<String>()))
}

/// The length of the escape that `text` begins with.
fn escape_length(text: &str, prefix: &str) -> Result<usize, String> {
    let bytes = text.as_bytes();
    let all =
        |from: usize, to: usize, is: fn(&u8) -> bool| bytes.get(from..to).is_some_and(|d| d.iter().all(is));
    let octal = |b: &u8| matches!(b, b'0'..=b'7');
    let is_bytes = prefix.contains(['b', 'B']);
    match bytes.get(1) {
        Some(b'a' | b'b' | b'f' | b'n' | b'r' | b't' | b'v' | b'"' | b'\'' | b'\\' | b'?' | b'`') => Ok(2),
        Some(b'x' | b'X') if all(2, 4, u8::is_ascii_hexdigit) => Ok(4),
        Some(b'u') if !is_bytes && all(2, 6, u8::is_ascii_hexdigit) => Ok(6),
        Some(b'U') if !is_bytes && all(2, 10, u8::is_ascii_hexdigit) => Ok(10),
        Some(b'0'..=b'3') if all(2, 4, octal) => Ok(4),
        _ => Err(format!("{:?} is not an escaped character", text.chars().take(2).collect::<String>())),
    }
}

struct Parser<'t, 'e> {
    tokens: &'t [Token<'e>],
    at: usize,
    depth: usize,
}

/// What an operand is, as far as macros care.
#[derive(Clone, Copy, PartialEq)]
enum Shape {
    Name,
    Selection,
    Other,
}

impl<'e> Parser<'_, 'e> {
    fn peek(&self) -> Option<Token<'e>> {
        self.tokens.get(self.at).copied()
    }

    fn takes(&mut self, sign: &str) -> bool {
        let next = self.peek() == Some(Token::Sign(sign));
        self.at += usize::from(next);
        next
    }

    fn expect(&mut self, sign: &str) -> Result<(), String> {
        if self.takes(sign) { Ok(()) } else { Err(self.unexpected(sign)) }
    }

    fn unexpected(&self, wanted: &str) -> String {
        match self.peek() {
            Some(token) => format!("{} where {wanted} belongs", token.shown()),
            None => format!("it ends where {wanted} belongs"),
        }
    }

    fn expression(&mut self) -> Result<Shape, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("it is nested too deeply".into());
        }
        let mut shape = self.binary()?;
        if self.takes("?") {
            self.binary()?;
            self.expect(":")?;
            self.expression()?;
            shape = Shape::Other;
        }
        self.depth -= 1;
        Ok(shape)
    }

    /// Operands with operators between them; which of them bind closer does not matter here.
    fn binary(&mut self) -> Result<Shape, String> {
        const OPERATORS: [&str; 14] =
            ["||", "&&", "==", "!=", "<=", ">=", "<", ">", "in", "+", "-", "*", "/", "%"];
        let mut shape = self.unary()?;
        while OPERATORS.iter().any(|sign| self.takes(sign)) {
            self.unary()?;
            shape = Shape::Other;
        }
        Ok(shape)
    }

    fn unary(&mut self) -> Result<Shape, String> {
        for sign in ["!", "-"] {
            if self.takes(sign) {
                while self.takes(sign) {}
                self.member()?;
                return Ok(Shape::Other);
            }
        }
        self.member()
    }

    fn member(&mut self) -> Result<Shape, String> {
        let mut shape = self.primary()?;
        loop {
            if self.takes(".") {
                let Some(Token::Name(name)) = self.peek() else { return Err(self.unexpected("a name")) };
                self.at += 1;
                shape = Shape::Selection;
                if self.takes("(") {
                    let arguments = self.list(")")?;
                    comprehension(name, &arguments)?;
                    shape = Shape::Other;
                }
            } else if self.takes("[") {
                self.expression()?;
                self.expect("]")?;
                shape = Shape::Other;
            } else if shape != Shape::Other && self.takes("{") {
                self.entries(true)?;
                shape = Shape::Other;
            } else {
                return Ok(shape);
            }
        }
    }

    fn primary(&mut self) -> Result<Shape, String> {
        let rooted = self.takes(".");
        match self.peek() {
            Some(Token::Name(name)) => {
                self.at += 1;
                if RESERVED.contains(&name) {
                    return Err(format!("{name:?} is a reserved word"));
                }
                if !self.takes("(") {
                    return Ok(Shape::Name);
                }
                let arguments = self.list(")")?;
                if name == "has" && !rooted && arguments.len() == 1 && arguments != [Shape::Selection] {
                    return Err("has() asks for one field, such as has(request.headers)".into());
                }
                Ok(Shape::Other)
            }
            Some(Token::Literal(text)) if !rooted => {
                self.at += 1;
                literal_fault(text).map_or(Ok(Shape::Other), Err)
            }
            Some(Token::Sign("(")) if !rooted => {
                self.at += 1;
                let shape = self.expression()?;
                self.expect(")")?;
                Ok(if shape == Shape::Name { Shape::Name } else { shape })
            }
            Some(Token::Sign("[")) if !rooted => {
                self.at += 1;
                self.list("]")?;
                Ok(Shape::Other)
            }
            Some(Token::Sign("{")) if !rooted => {
                self.at += 1;
                self.entries(false)?;
                Ok(Shape::Other)
            }
            _ => Err(self.unexpected("a value")),
        }
    }

    /// Expressions between commas up to `end`; a list, but not arguments, may end with a comma.
    fn list(&mut self, end: &str) -> Result<Vec<Shape>, String> {
        let mut shapes = Vec::new();
        if self.takes(end) || (end == "]" && self.takes(",") && self.takes(end)) {
            return Ok(shapes);
        }
        loop {
            shapes.push(self.expression()?);
            if self.takes(end) {
                return Ok(shapes);
            }
            self.expect(",")?;
            if end == "]" && self.takes(end) {
                return Ok(shapes);
            }
        }
    }

    /// `key: value` between commas up to `}`; the keys of a message are names.
    fn entries(&mut self, message: bool) -> Result<(), String> {
        if self.takes("}") || (self.takes(",") && self.takes("}")) {
            return Ok(());
        }
        loop {
            if message {
                let Some(Token::Name(_)) = self.peek() else { return Err(self.unexpected("a field's name")) };
                self.at += 1;
            } else {
                self.expression()?;
            }
            self.expect(":")?;
            self.expression()?;
            if self.takes("}") {
                return Ok(());
            }
            self.expect(",")?;
            if self.takes("}") {
                return Ok(());
            }
        }
    }
}

const RESERVED: [&str; 15] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
];

/// Refuses a macro over lists whose variable is no name.
fn comprehension(name: &str, arguments: &[Shape]) -> Result<(), String> {
    let variables = match (name, arguments.len()) {
        ("all" | "exists" | "exists_one" | "map" | "filter", 2) | ("map", 3) => 1,
        _ => return Ok(()),
    };
    if arguments[..variables].iter().all(|shape| *shape == Shape::Name) {
        Ok(())
    } else {
        Err(format!("the first argument of {name}() must be a name"))
    }
}

/// Why a number does not fit, if it is one that does not.
fn literal_fault(text: &str) -> Option<String> {
    let number = text.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let digits = text.trim_end_matches(['u', 'U']);
    let is_float = !text.starts_with("0x") && text.contains(['.', 'e', 'E']);
    if !number || is_float {
        return None;
    }
    let (radix, digits) = digits.strip_prefix("0x").map_or((10, digits), |hex| (16, hex));
    let fits = if text.ends_with(['u', 'U']) {
        u64::from_str_radix(digits, radix).is_ok()
    } else {
        // The one number that only its sign makes fit is taken with and without it.
        u64::from_str_radix(digits, radix).is_ok_and(|n| n <= 1 << 63)
    };
    (!fits).then(|| format!("{text} is too large a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cel_takes() {
        for good in [
            "response.code >= 400",
            "response.code >= 400 || connection.mtls == false",
            "has(request.headers) && 'x-b3' in request.headers",
            "request.headers['x-user'] == \"a\\\"b\"",
            "!has(a.b)",
            "has(a, b)",
            "!!a",
            "--a",
            "-1 < 2u",
            "a ? b : c ? d : e",
            "[1, 2.5, 0x1F, 1e3, .5,]",
            "{'a': 1, 'b': [],}",
            "{}",
            "Message{a: 1}.a",
            "a.b.C{}",
            ".a.b(c, d)[0]",
            "xs.all(x, x > 1)",
            "xs.map(x, x > 1, x + 1)",
            "xs.all(1)",
            "r'\\d' + b'\\x01' + '''a\n'b'''",
            "true && null == null // why not",
            "a.startsWith('b')",
            "(a)",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn what_cel_refuses() {
        for bad in [
            "",
            " ",
            "a b",
            "a =",
            "a == ",
            "== a",
            "a = b",
            "(a",
            "a)",
            "[1",
            "{'a' 1}",
            "{'a': }",
            "f(a,)",
            "a.",
            "a.1",
            "'a",
            "'a\\q'",
            "\"a\nb\"",
            "a ? b",
            "a && ",
            "a & b",
            "a | b",
            "a # b",
            "if",
            "has(a)",
            "xs.all(x.y, true)",
            "!-a",
            "1x",
            "99999999999999999999",
            "a[",
            "a[]",
            ".'a'",
            "@",
            "~a",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
