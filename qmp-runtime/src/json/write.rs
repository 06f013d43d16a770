//! Writing JSON as QEMU lays it out: ASCII only, a blank behind `:` and `,`.

use serde_json::Value;

use crate::policy::CompatPolicy;

use super::document::{Document, Kind, NodeId};

/// A buffer larger than this is given back before it is used again.
const KEEP_BYTES: usize = 64 << 10;

/// How output is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Style {
    /// One line.
    #[default]
    Line,
    /// One member or element a line, indented by four blanks.
    Pretty,
}

/// Writes one JSON value after another into a buffer.
#[derive(Debug, Default)]
pub struct Writer {
    out: Vec<u8>,
    style: Style,
    depth: usize,
    /// Whether the next member or element is the first of its container.
    first: bool,
    /// What is left out of values.
    pub(crate) policy: CompatPolicy,
    /// The command that is answered has been called with sound arguments.
    pub(crate) is_entered: bool,
    /// Lines end in LF alone, not in CR LF.
    pub(crate) bare_line_feeds: bool,
}

impl Writer {
    /// An empty buffer.
    pub fn new(style: Style) -> Self {
        Writer {
            out: Vec::new(),
            style,
            depth: 0,
            first: true,
            policy: CompatPolicy::default(),
            is_entered: false,
            bare_line_feeds: false,
        }
    }

    /// An empty buffer with room for this many bytes.
    pub(crate) fn with_capacity(style: Style, bytes: usize) -> Self {
        Writer {
            out: Vec::with_capacity(bytes),
            ..Writer::new(style)
        }
    }

    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    /// What was written so far.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.out
    }

    /// Drops what was written; keeps the buffer, unless it is a large one.
    pub(crate) fn restart(&mut self) {
        self.out.clear();
        self.out.shrink_to(KEEP_BYTES);
        self.depth = 0;
        self.first = true;
        self.is_entered = false;
    }

    /// Ends a message, and the lines of a layout of several, as the protocol does.
    pub(crate) fn end_message(&mut self) {
        if self.bare_line_feeds {
            self.raw("\n");
            return;
        }
        if self.style == Style::Pretty {
            let lines: Vec<&[u8]> = self.out.split(|&byte| byte == b'\n').collect();
            self.out = lines.join(&b"\r\n"[..]);
        }
        self.raw("\r\n");
    }

    /// Puts a byte in front of what was written.
    pub(crate) fn put_in_front(&mut self, byte: u8) {
        self.out.insert(0, byte);
    }

    /// Starts an object.
    pub fn begin_object(&mut self) {
        self.open(b'{');
    }

    /// Ends an object.
    pub fn end_object(&mut self) {
        self.close(b'}');
    }

    /// Starts an array.
    pub fn begin_array(&mut self) {
        self.open(b'[');
    }

    /// Ends an array.
    pub fn end_array(&mut self) {
        self.close(b']');
    }

    /// Writes the key of the next member.
    pub fn key(&mut self, key: &str) {
        self.separate();
        self.str(key);
        self.out.extend_from_slice(b": ");
    }

    /// Makes room for the next element of an array.
    pub fn element(&mut self) {
        self.separate();
    }

    fn open(&mut self, brace: u8) {
        self.out.push(brace);
        self.depth += 1;
        self.first = true;
    }

    fn close(&mut self, brace: u8) {
        self.depth = self.depth.saturating_sub(1);
        if self.style == Style::Pretty {
            self.new_line();
        }
        self.out.push(brace);
        self.first = false;
    }

    fn separate(&mut self) {
        if !self.first {
            self.out.push(b',');
            if self.style == Style::Line {
                self.out.push(b' ');
            }
        }
        self.first = false;
        if self.style == Style::Pretty {
            self.new_line();
        }
    }

    fn new_line(&mut self) {
        self.out.push(b'\n');
        self.out.resize(self.out.len() + 4 * self.depth, b' ');
    }

    /// Writes `null`.
    pub fn null(&mut self) {
        self.out.extend_from_slice(b"null");
    }

    /// Writes a boolean.
    pub fn bool(&mut self, value: bool) {
        self.out
            .extend_from_slice(if value { b"true" } else { b"false" });
    }

    /// Writes a signed integer.
    pub fn i64(&mut self, value: i64) {
        self.out
            .extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }

    /// Writes an unsigned integer.
    pub fn u64(&mut self, value: u64) {
        self.out
            .extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }

    /// Writes a number in its shortest form; what is not finite, which JSON cannot say, as `null`.
    pub fn f64(&mut self, value: f64) {
        if value.is_finite() {
            self.out
                .extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
        } else {
            self.null();
        }
    }

    /// Writes a string, everything beyond printable ASCII escaped.
    pub fn str(&mut self, value: &str) {
        self.out.push(b'"');
        let mut rest = value;
        while !rest.is_empty() {
            let plain = rest.bytes().position(needs_escape).unwrap_or(rest.len());
            self.out.extend_from_slice(&rest.as_bytes()[..plain]);
            rest = &rest[plain..];
            if let Some(ch) = rest.chars().next() {
                self.escape(ch);
                rest = &rest[ch.len_utf8()..];
            }
        }
        self.out.push(b'"');
    }

    fn escape(&mut self, ch: char) {
        let short: &[u8] = match ch {
            '"' => b"\\\"",
            '\\' => b"\\\\",
            '\u{8}' => b"\\b",
            '\u{c}' => b"\\f",
            '\n' => b"\\n",
            '\r' => b"\\r",
            '\t' => b"\\t",
            _ => {
                for unit in ch.encode_utf16(&mut [0; 2]) {
                    self.out
                        .extend_from_slice(format!("\\u{unit:04X}").as_bytes());
                }
                return;
            }
        };
        self.out.extend_from_slice(short);
    }

    /// Writes a value of type `any`.
    pub fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.null(),
            Value::Bool(value) => self.bool(*value),
            Value::Number(number) => self.number(number),
            Value::String(text) => self.str(text),
            Value::Array(elements) => {
                self.begin_array();
                for element in elements {
                    self.element();
                    self.value(element);
                }
                self.end_array();
            }
            Value::Object(members) => {
                self.begin_object();
                for (key, member) in members {
                    self.key(key);
                    self.value(member);
                }
                self.end_object();
            }
        }
    }

    fn number(&mut self, number: &serde_json::Number) {
        if let Some(value) = number.as_i64() {
            self.i64(value);
        } else if let Some(value) = number.as_u64() {
            self.u64(value);
        } else {
            self.f64(number.as_f64().unwrap_or(f64::NAN));
        }
    }

    /// Writes a value as it came in; numbers to the letter, except for integers that no integer type of QMP
    /// holds: they are doubles, as with QEMU, as long as they are in the range of those.
    pub fn node(&mut self, document: &Document, id: NodeId) {
        match document.kind(id) {
            Kind::String => self.str(&document.str(id).unwrap_or_default()),
            Kind::Array => {
                self.begin_array();
                for element in document.elements(id) {
                    self.element();
                    self.node(document, element);
                }
                self.end_array();
            }
            Kind::Object => {
                self.begin_object();
                for (key, value) in document.members(id) {
                    self.key(&document.str(key).unwrap_or_default());
                    self.node(document, value);
                }
                self.end_object();
            }
            Kind::Integer if document.i64(id).is_none() && document.u64(id).is_none() => {
                match document.f64(id).filter(|double| double.is_finite()) {
                    Some(double) => self.f64(double),
                    None => self.out.extend_from_slice(document.raw(id).as_bytes()),
                }
            }
            _ => self.out.extend_from_slice(document.raw(id).as_bytes()),
        }
    }

    /// Writes text that is JSON already.
    pub fn raw(&mut self, json: &str) {
        self.out.extend_from_slice(json.as_bytes());
    }
}

fn needs_escape(byte: u8) -> bool {
    !(0x20..0x7F).contains(&byte) || byte == b'"' || byte == b'\\'
}
