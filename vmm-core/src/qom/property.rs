//! Properties: what values they take, and the values of an object.

use std::borrow::Cow;
use std::collections::BTreeMap;

use qmp_runtime::json::{Map, Value};

use super::{Link, QomError};

/// Who may set a property, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nobody: the object says what it is.
    Read,
    /// Who makes the object; it stays as it is then.
    Create,
    /// Anybody at any time.
    Write,
}

/// The value of a property that was not given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Default {
    /// There is none.
    None,
    /// A switch.
    Bool(bool),
    /// A signed number.
    Int(i64),
    /// An unsigned number.
    Uint(u64),
    /// A text, or one of a list.
    Str(&'static str),
}

impl Default {
    /// The value, if there is one.
    #[must_use]
    pub fn value(self) -> Option<Value> {
        match self {
            Self::None => None,
            Self::Bool(value) => Some(value.into()),
            Self::Int(value) => Some(value.into()),
            Self::Uint(value) => Some(value.into()),
            Self::Str(value) => Some(value.into()),
        }
    }
}

/// A property of a type.
#[derive(Debug, Clone, Copy)]
pub struct Property {
    /// Its name.
    pub name: &'static str,
    /// What values it takes.
    pub kind: Kind,
    /// What it is, if the name does not say it.
    pub description: Option<&'static str>,
    /// Its value if none was given.
    pub default: Default,
    /// Who may set it.
    pub access: Access,
}

impl Property {
    /// A property that is set by who makes the object, without default.
    #[must_use]
    pub const fn new(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            description: None,
            default: Default::None,
            access: Access::Create,
        }
    }

    /// Says what it is.
    #[must_use]
    pub const fn described(self, text: &'static str) -> Self {
        Self {
            description: Some(text),
            ..self
        }
    }

    /// Says who may set it.
    #[must_use]
    pub const fn access(self, access: Access) -> Self {
        Self { access, ..self }
    }

    /// Its value if none was given.
    #[must_use]
    pub const fn default_bool(self, value: bool) -> Self {
        Self {
            default: Default::Bool(value),
            ..self
        }
    }

    /// Its value if none was given.
    #[must_use]
    pub const fn default_int(self, value: i64) -> Self {
        Self {
            default: Default::Int(value),
            ..self
        }
    }

    /// Its value if none was given.
    #[must_use]
    pub const fn default_uint(self, value: u64) -> Self {
        Self {
            default: Default::Uint(value),
            ..self
        }
    }

    /// Its value if none was given.
    #[must_use]
    pub const fn default_str(self, value: &'static str) -> Self {
        Self {
            default: Default::Str(value),
            ..self
        }
    }
}

/// The values that a property takes, and the name that QOM has for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    name: &'static str,
    shape: Shape,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Bool,
    Text,
    Signed { min: i64, max: i64 },
    Unsigned { max: u64 },
    Size,
    Choice(&'static [&'static str]),
    Link,
    Other,
}

/// Where a text comes from: QEMU reads options of each kind by other means, and asks for numbers in other words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wording {
    /// An option about a device.
    Device,
    /// An option about another object.
    Object,
    /// A value on its own.
    Value,
}

impl Wording {
    fn signed(self) -> &'static str {
        match self {
            Self::Device => "integer",
            Self::Object => "an int64 value",
            Self::Value => "int64",
        }
    }

    fn unsigned(self) -> &'static str {
        match self {
            Self::Device => "integer",
            Self::Object => "a uint64 value",
            Self::Value => "uint64",
        }
    }

    fn size(self) -> &'static str {
        match self {
            Self::Device => "size",
            Self::Object => "a size value",
            Self::Value => {
                "a non-negative number below 2^64\n\
                 Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\n\
                 and exabytes, respectively."
            }
        }
    }
}

impl Kind {
    /// A switch.
    pub const BOOL: Self = Self::of("bool", Shape::Bool);
    /// A text; the name that devices have for it.
    pub const STR: Self = Self::of("str", Shape::Text);
    /// A text; the name that all others have for it.
    pub const STRING: Self = Self::of("string", Shape::Text);
    /// A signed number; the name that objects which are no devices have for it.
    pub const INT: Self = Self::signed("int", i64::MIN, i64::MAX);
    /// A number of 32 bits with sign.
    pub const INT32: Self = Self::signed("int32", i32::MIN as i64, i32::MAX as i64);
    /// A number of 8 bits.
    pub const UINT8: Self = Self::unsigned("uint8", u8::MAX as u64);
    /// A number of 16 bits.
    pub const UINT16: Self = Self::unsigned("uint16", u16::MAX as u64);
    /// A number of 32 bits.
    pub const UINT32: Self = Self::unsigned("uint32", u32::MAX as u64);
    /// A number of 64 bits.
    pub const UINT64: Self = Self::unsigned("uint64", u64::MAX);
    /// A number of bytes; as text with a suffix such as `M`.
    pub const SIZE: Self = Self::of("size", Shape::Size);
    /// The same, by the name that objects which are no devices have for it.
    pub const BYTES: Self = Self::of("int", Shape::Size);
    /// A switch that can be left to the machine.
    pub const ON_OFF_AUTO: Self = Self::choice("OnOffAuto", &["auto", "on", "off"]);

    const fn of(name: &'static str, shape: Shape) -> Self {
        Self { name, shape }
    }

    /// A signed number under a name of its own.
    #[must_use]
    pub const fn signed(name: &'static str, min: i64, max: i64) -> Self {
        Self::of(name, Shape::Signed { min, max })
    }

    /// An unsigned number under a name of its own.
    #[must_use]
    pub const fn unsigned(name: &'static str, max: u64) -> Self {
        Self::of(name, Shape::Unsigned { max })
    }

    /// One of a list of words, which is called `name`.
    #[must_use]
    pub const fn choice(name: &'static str, values: &'static [&'static str]) -> Self {
        Self::of(name, Shape::Choice(values))
    }

    /// Another object, of the type `target` or a kind of it.
    #[must_use]
    pub const fn link(target: &'static str) -> Self {
        Self::of(target, Shape::Link)
    }

    /// A value of another form, which the object checks itself.
    #[must_use]
    pub const fn other(name: &'static str) -> Self {
        Self::of(name, Shape::Other)
    }

    /// The name that QOM has for it.
    #[must_use]
    pub fn type_name(&self) -> Cow<'static, str> {
        match self.shape {
            Shape::Link => format!("link<{}>", self.name).into(),
            _ => self.name.into(),
        }
    }

    /// The words for it, where the name does not say them.
    #[must_use]
    pub fn described(&self) -> Option<&'static str> {
        match self.shape {
            Shape::Bool => Some("on/off"),
            Shape::Choice(_) if *self == Self::ON_OFF_AUTO => Some("on/off/auto"),
            _ => None,
        }
    }

    /// The type of the objects that it links to, if it is a link.
    #[must_use]
    pub fn target(&self) -> Option<&'static str> {
        matches!(self.shape, Shape::Link).then_some(self.name)
    }

    /// Checks a value that came as JSON.
    ///
    /// # Errors
    /// It is none that a property of this kind can have.
    pub fn check(&self, name: &str, value: &Value) -> Result<(), QomError> {
        let wrong = |expected: &str| {
            Err(QomError::WrongType {
                name: name.to_owned(),
                expected: expected.to_owned(),
            })
        };
        let bad = |expected: &str| {
            Err(QomError::BadValue {
                name: name.to_owned(),
                expected: expected.to_owned(),
            })
        };
        match (self.shape, value) {
            (Shape::Other, _)
            | (Shape::Bool, Value::Bool(_))
            | (Shape::Text | Shape::Link, Value::String(_)) => Ok(()),
            (Shape::Signed { min, max }, _) => match value.as_i64() {
                Some(number) if (min..=max).contains(&number) => Ok(()),
                Some(_) => bad(&self.c_name()),
                None => wrong("integer"),
            },
            (Shape::Unsigned { max }, _) => {
                match value.as_u64().or(value.as_i64().map(i64::cast_unsigned)) {
                    Some(number) if number <= max => Ok(()),
                    Some(_) => bad(&self.c_name()),
                    None => bad("uint64"),
                }
            }
            (Shape::Size, Value::Number(number)) if number.is_u64() => Ok(()),
            (Shape::Size, _) => bad("uint64"),
            (Shape::Choice(values), Value::String(text)) => {
                if values.contains(&text.as_str()) {
                    return Ok(());
                }
                Err(QomError::NotAccepted {
                    name: name.to_owned(),
                    value: text.clone(),
                })
            }
            (Shape::Bool, _) => wrong("boolean"),
            (Shape::Text | Shape::Link | Shape::Choice(_), _) => wrong("string"),
        }
    }

    /// Reads a value from the text of a command line.
    ///
    /// # Errors
    /// It is none that a property of this kind can have.
    pub fn parse(&self, name: &str, text: &str, wording: Wording) -> Result<Value, QomError> {
        let bad = |expected: &str| QomError::BadValue {
            name: name.to_owned(),
            expected: expected.to_owned(),
        };
        let value = match self.shape {
            Shape::Bool => match text {
                "on" | "yes" | "true" | "y" => true.into(),
                "off" | "no" | "false" | "n" => false.into(),
                _ => return Err(bad("'on' or 'off'")),
            },
            Shape::Signed { .. } => signed(text).ok_or_else(|| bad(wording.signed()))?.into(),
            Shape::Unsigned { .. } => {
                let wraps = wording != Wording::Object;
                let wrapped = || signed(text).filter(|_| wraps).map(i64::cast_unsigned);
                let number = unsigned(text).or_else(wrapped);
                number.ok_or_else(|| bad(wording.unsigned()))?.into()
            }
            Shape::Size => size(text).ok_or_else(|| bad(wording.size()))?.into(),
            Shape::Text | Shape::Choice(_) | Shape::Link | Shape::Other => text.into(),
        };
        self.check(name, &value)?;
        Ok(value)
    }

    /// The name in messages about values that do not fit.
    fn c_name(&self) -> String {
        match self.shape {
            Shape::Unsigned { max: u64::MAX } => "uint64".to_owned(),
            Shape::Unsigned { .. } => format!("{}_t", self.name),
            Shape::Signed { max: i64::MAX, .. } => "integer".to_owned(),
            Shape::Signed { .. } => format!("{}_t", self.name),
            _ => self.name.to_owned(),
        }
    }
}

/// Decimal, or hexadecimal with `0x`.
fn unsigned(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

fn signed(text: &str) -> Option<i64> {
    match text.strip_prefix('-') {
        Some(rest) => 0i64.checked_sub_unsigned(unsigned(rest)?),
        None => unsigned(text)?.try_into().ok(),
    }
}

/// Bytes, or with a suffix.
fn size(text: &str) -> Option<u64> {
    if let Some(bytes) = unsigned(text) {
        return Some(bytes);
    }
    let (digits, suffix) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let shift = match suffix.to_ascii_uppercase().as_str() {
        "B" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        "T" => 40,
        "P" => 50,
        "E" => 60,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}

/// The values of an object's properties when it is made: as given, or the
/// defaults. Each is of its property's kind.
#[derive(Debug, Default, Clone)]
pub struct Properties {
    pub(super) values: Map<String, Value>,
    pub(super) links: BTreeMap<String, Link>,
}

impl Properties {
    /// Adds a link that the user did not give.
    pub(crate) fn attach(&mut self, name: &str, link: Link) {
        self.links.insert(name.to_owned(), link);
    }

    /// Replaces a value.
    pub(crate) fn put(&mut self, name: &str, value: Value) {
        self.values.insert(name.to_owned(), value);
    }

    /// A value, if there is one.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    /// A switch; off without a value.
    #[must_use]
    pub fn bool(&self, name: &str) -> bool {
        self.get(name).and_then(Value::as_bool).unwrap_or_default()
    }

    /// An unsigned number; 0 without a value.
    #[must_use]
    pub fn u64(&self, name: &str) -> u64 {
        let value = self.get(name);
        let value =
            value.and_then(|value| value.as_u64().or(value.as_i64().map(i64::cast_unsigned)));
        value.unwrap_or_default()
    }

    /// A signed number; 0 without a value.
    #[must_use]
    pub fn i64(&self, name: &str) -> i64 {
        self.get(name).and_then(Value::as_i64).unwrap_or_default()
    }

    /// A text.
    #[must_use]
    pub fn str(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// The object that a link property names.
    #[must_use]
    pub fn link(&self, name: &str) -> Option<&Link> {
        self.links.get(name)
    }
}

#[cfg(test)]
mod tests {
    use qmp_runtime::json::Value;

    use super::*;

    fn refused(kind: Kind, text: &str) -> String {
        let error = kind.parse("x", text, Wording::Value).unwrap_err();
        error.to_string()
    }

    #[test]
    fn text_becomes_a_value_of_the_kind() {
        let read = |kind: Kind, text| kind.parse("x", text, Wording::Device).unwrap();
        assert_eq!(read(Kind::BOOL, "on"), Value::from(true));
        assert_eq!(read(Kind::UINT32, "0x10"), Value::from(16));
        assert_eq!(read(Kind::UINT64, "-1"), Value::from(u64::MAX));
        assert_eq!(read(Kind::INT, "-7"), Value::from(-7));
        assert_eq!(read(Kind::SIZE, "3M"), Value::from(3 << 20));
        assert_eq!(read(Kind::STR, "7"), Value::from("7"));
    }

    #[test]
    fn text_that_does_not_fit_is_refused_by_name() {
        assert_eq!(
            refused(Kind::BOOL, "maybe"),
            "Parameter 'x' expects 'on' or 'off'"
        );
        assert_eq!(refused(Kind::UINT64, "-x"), "Parameter 'x' expects uint64");
        for text in ["256", "-1"] {
            assert_eq!(refused(Kind::UINT8, text), "Parameter 'x' expects uint8_t");
        }
        assert_eq!(
            refused(Kind::ON_OFF_AUTO, "of"),
            "Parameter 'x' does not accept value 'of'"
        );
        for text in ["", "K", "é", "1.5X", "99999999999E"] {
            refused(Kind::SIZE, text);
        }
    }

    #[test]
    fn json_of_another_type_is_refused_by_name() {
        let refused = |kind: Kind, value: Value| kind.check("x", &value).unwrap_err().to_string();
        assert_eq!(
            refused(Kind::BOOL, "on".into()),
            "Invalid parameter type for 'x', expected: boolean"
        );
        for value in [Value::from("1"), Value::from(1.5), Value::Null] {
            assert_eq!(
                refused(Kind::UINT32, value.clone()),
                "Parameter 'x' expects uint64"
            );
            assert_eq!(
                refused(Kind::INT32, value),
                "Invalid parameter type for 'x', expected: integer"
            );
        }
        assert_eq!(
            refused(Kind::INT32, (1i64 << 31).into()),
            "Parameter 'x' expects int32_t"
        );
        assert_eq!(
            refused(Kind::INT, (1u64 << 63).into()),
            "Invalid parameter type for 'x', expected: integer"
        );
        assert_eq!(
            refused(Kind::STR, 1.into()),
            "Invalid parameter type for 'x', expected: string"
        );
    }
}
