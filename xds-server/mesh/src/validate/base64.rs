//! Bytes written as text (RFC 4648).

/// The bytes that `text` stands for: of the standard alphabet and padded, as protobuf's JSON form and Go's have them.
pub(super) fn padded(text: &str) -> Option<Vec<u8>> {
    let text = without_line_ends(text);
    (text.len().is_multiple_of(4)).then(|| decode(&text, STANDARD)).flatten()
}

/// The bytes that `text` stands for, of either alphabet (but not both), padded or not.
pub(super) fn any(text: &str) -> Option<Vec<u8>> {
    let text = without_line_ends(text);
    let alphabet = if text.contains(['+', '/']) { STANDARD } else { URL };
    let whole = !text.ends_with('=') || text.len().is_multiple_of(4);
    whole.then(|| decode(&text, alphabet)).flatten()
}

/// What the digits 62 and 63 are written as.
type Alphabet = [u8; 2];
const STANDARD: Alphabet = *b"+/";
const URL: Alphabet = *b"-_";

fn without_line_ends(text: &str) -> String {
    text.replace(['\r', '\n'], "")
}

fn decode(text: &str, [digit_62, digit_63]: Alphabet) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    if text.len() - digits.len() > 2 || digits.len() % 4 == 1 {
        return None;
    }
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    let (mut bits, mut held) = (0_u32, 0);
    for digit in digits.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            d if d == digit_62 => 62,
            d if d == digit_63 => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held).ok()?);
            bits &= (1 << held) - 1;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        for (text, standard, either) in [
            ("", Some(&b""[..]), Some(&b""[..])),
            ("aGk=", Some(b"hi"), Some(b"hi")),
            ("aGkh", Some(b"hi!"), Some(b"hi!")),
            ("aG\nkh", Some(b"hi!"), Some(b"hi!")),
            ("aGk", None, Some(b"hi")),
            ("+/+/", Some(b"\xfb\xff\xbf"), Some(b"\xfb\xff\xbf")),
            ("-_-_", None, Some(b"\xfb\xff\xbf")),
            ("+_+/", None, None),
            ("a", None, None),
            ("aG=k", None, None),
            ("a===", None, None),
            ("aGk==", None, None),
            ("??", None, None),
        ] {
            assert_eq!(padded(text).as_deref(), standard, "padded {text:?}");
            assert_eq!(any(text).as_deref(), either, "any {text:?}");
        }
    }
}
