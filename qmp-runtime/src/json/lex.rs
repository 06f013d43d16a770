//! The lexer: one byte at a time, so that any split of the input gives the same tokens.

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    LeftBrace,
    RightBrace,
    LeftBracket,
    RightBracket,
    Colon,
    Comma,
    /// A number without fraction and exponent.
    Integer,
    /// A number with a fraction or an exponent.
    Float,
    /// A run of lower-case letters.
    Keyword,
    /// A quoted string, quotes included, escapes as they came.
    String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Start,
    /// Inside a string, with its quote.
    Text(u8),
    /// Behind a backslash in a string.
    Escape(u8),
    /// Behind the minus sign.
    Minus,
    /// Behind a leading zero, which ends the integer part and takes no exponent.
    Zero,
    Digits,
    /// Behind the decimal point.
    Point,
    Fraction,
    /// Behind `e`.
    Exponent,
    /// Behind the sign of an exponent.
    ExponentSign,
    ExponentDigits,
    Keyword,
    /// Behind a lexical error, skipping to a place where reading can start anew.
    Recovery,
}

/// What one byte brought about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The byte belongs to no token.
    Skip,
    /// The byte belongs to the token being read.
    Take,
    /// The byte is the last one of a token.
    Finish(TokenKind),
    /// The token ended before this byte, which is to be looked at again.
    FinishBefore(TokenKind),
    /// The byte is to be looked at again from the start.
    Again,
    /// The byte fits nowhere: a lexical error at the token so far and this byte.
    Stray,
}

/// Where the first byte is that does not stand for itself in a string in double quotes, or is not ASCII.
#[inline]
pub(super) fn end_of_plain(text: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::MAX / 255;
    let mut at = 0;
    // Eight bytes at once: in `ends`, the lowest bit that is set belongs to the first such byte.
    while let Some(chunk) = text.get(at..).and_then(<[u8]>::first_chunk) {
        let word = u64::from_le_bytes(*chunk);
        let is = |byte: u8| {
            let zero = word ^ (ONES * u64::from(byte));
            zero.wrapping_sub(ONES) & !zero
        };
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let ends = (is(b'"') | is(b'\\') | control | word) & (ONES * 0x80);
        if ends != 0 {
            return Some(at + ends.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    let plain = |byte: u8| (0x20..0x80).contains(&byte) && byte != b'"' && byte != b'\\';
    let rest = text[at..].iter().position(|&byte| !plain(byte))?;
    Some(at + rest)
}

#[derive(Debug, Default)]
pub(super) struct Lexer {
    state: State,
}

impl Lexer {
    /// Drops the token being read.
    pub(super) fn restart(&mut self) {
        self.state = State::Start;
    }

    /// Whether no token is being read.
    #[inline]
    pub(super) fn is_between_tokens(&self) -> bool {
        self.state == State::Start
    }

    /// How many of these bytes are plain text of the string being read; they need no `step`.
    /// At most `room` of them are counted.
    #[inline]
    pub(super) fn plain_text(&self, bytes: &[u8], room: usize) -> usize {
        let State::Text(quote) = self.state else {
            return 0;
        };
        let ends = |&byte: &u8| byte == quote || byte == b'\\' || ends_string(byte);
        let bytes = &bytes[..bytes.len().min(room)];
        bytes.iter().position(ends).unwrap_or(bytes.len())
    }

    #[inline]
    pub(super) fn step(&mut self, byte: u8) -> Step {
        let (state, step) = match self.state {
            State::Start => start(byte),
            State::Text(quote) => text(quote, byte),
            State::Escape(_) if ends_string(byte) => stray(),
            State::Escape(quote) => (State::Text(quote), Step::Take),
            State::Keyword if byte.is_ascii_lowercase() => (State::Keyword, Step::Take),
            State::Keyword => finish_before(TokenKind::Keyword),
            State::Recovery if resumes(byte) => (State::Start, Step::Again),
            State::Recovery => (State::Recovery, Step::Skip),
            number => digit(number, byte),
        };
        self.state = state;
        step
    }
}

fn start(byte: u8) -> (State, Step) {
    let single = |kind| (State::Start, Step::Finish(kind));
    match byte {
        b'{' => single(TokenKind::LeftBrace),
        b'}' => single(TokenKind::RightBrace),
        b'[' => single(TokenKind::LeftBracket),
        b']' => single(TokenKind::RightBracket),
        b':' => single(TokenKind::Colon),
        b',' => single(TokenKind::Comma),
        b'"' | b'\'' => (State::Text(byte), Step::Take),
        b'-' => (State::Minus, Step::Take),
        b'0' => (State::Zero, Step::Take),
        b'1'..=b'9' => (State::Digits, Step::Take),
        b'a'..=b'z' => (State::Keyword, Step::Take),
        b' ' | b'\t' | b'\r' | b'\n' => (State::Start, Step::Skip),
        _ => stray(),
    }
}

fn text(quote: u8, byte: u8) -> (State, Step) {
    match byte {
        b'\\' => (State::Escape(quote), Step::Take),
        _ if byte == quote => (State::Start, Step::Finish(TokenKind::String)),
        _ if ends_string(byte) => stray(),
        _ => (State::Text(quote), Step::Take),
    }
}

fn digit(state: State, byte: u8) -> (State, Step) {
    let next = match (state, byte) {
        (State::Minus, b'0') => State::Zero,
        (State::Minus, b'1'..=b'9') | (State::Digits, b'0'..=b'9') => State::Digits,
        (State::Zero | State::Digits, b'.') => State::Point,
        (State::Point | State::Fraction, b'0'..=b'9') => State::Fraction,
        (State::Digits | State::Fraction, b'e' | b'E') => State::Exponent,
        (State::Exponent, b'+' | b'-') => State::ExponentSign,
        (State::Exponent | State::ExponentSign | State::ExponentDigits, b'0'..=b'9') => {
            State::ExponentDigits
        }
        (State::Zero, b'0'..=b'9') => return stray(),
        (State::Zero | State::Digits, _) => return finish_before(TokenKind::Integer),
        (State::Fraction | State::ExponentDigits, _) => return finish_before(TokenKind::Float),
        _ => return stray(),
    };
    (next, Step::Take)
}

fn stray() -> (State, Step) {
    (State::Recovery, Step::Stray)
}

fn finish_before(kind: TokenKind) -> (State, Step) {
    (State::Start, Step::FinishBefore(kind))
}

/// Control characters and the bytes FE and FF break a string at once.
fn ends_string(byte: u8) -> bool {
    !(0x20..0xFE).contains(&byte)
}

/// Where reading starts anew behind a lexical error.
fn resumes(byte: u8) -> bool {
    matches!(byte, b'[' | b']' | b'{' | b'}' | b':' | b',') || (ends_string(byte) && byte != b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_ends_where_a_byte_by_byte_search_says() {
        let plain = |byte: u8| (0x20..0x80).contains(&byte) && byte != b'"' && byte != b'\\';
        for byte in 0..=255 {
            for neighbour in [0x1F, b'!', b'"', b'#', b'[', b'\\', 0x7F, 0x80, 0xFF] {
                for at in 0..19 {
                    let mut text = [b'x'; 20];
                    text[at] = byte;
                    text[at + 1] = neighbour;
                    let expected = text.iter().position(|&byte| !plain(byte));
                    assert_eq!(end_of_plain(&text), expected, "{text:?}");
                }
            }
        }
    }
}
