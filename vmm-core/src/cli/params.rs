//! Arguments of the form `first,key=value,flag`.

use std::collections::VecDeque;

/// An argument that is not what its option needs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ParamsError(pub(super) String);

/// The parameters of one option, each to be taken once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Params {
    /// The part without a key in front, if the option has one.
    first: Option<String>,
    rest: VecDeque<(String, String)>,
}

impl Params {
    /// Splits an argument; a doubled comma is a comma in a value.
    ///
    /// Where `implied` is set, the first part may leave its key out.
    pub fn parse(text: &str, implied: Option<&str>) -> Self {
        let mut parts = split(text).into_iter();
        let mut params = Params {
            first: None,
            rest: VecDeque::new(),
        };
        if implied.is_some() {
            match parts.next() {
                Some(part) if !part.contains('=') => params.first = Some(part),
                Some(part) => params.push(&part),
                None => {}
            }
        }
        parts.for_each(|part| params.push(&part));
        if let (None, Some(key)) = (&params.first, implied) {
            params.first = params.take(key);
        }
        params
    }

    fn push(&mut self, part: &str) {
        // A bare key is a switch.
        let (key, value) = part.split_once('=').unwrap_or((part, "on"));
        if !key.is_empty() {
            self.rest.push_back((key.to_owned(), value.to_owned()));
        }
    }

    /// Parameters that are taken apart already.
    pub(super) fn of(rest: Vec<(String, String)>) -> Self {
        Params {
            first: None,
            rest: rest.into(),
        }
    }

    /// The part without a key.
    pub fn first(&self) -> Option<&str> {
        self.first.as_deref()
    }

    /// Takes a parameter; of several with the same key the last counts.
    pub fn take(&mut self, key: &str) -> Option<String> {
        let mut found = None;
        self.rest.retain(|(name, value)| {
            let is_it = name == key;
            if is_it {
                found = Some(value.clone());
            }
            !is_it
        });
        found
    }

    /// The key of the first parameter that was not taken.
    pub(super) fn next_key(&self) -> Option<&str> {
        self.rest.front().map(|(key, _)| key.as_str())
    }

    /// Checks that all parameters below `part` were taken, and that nothing has taken its place.
    pub(super) fn no_more_of(&self, part: &str) -> Result<(), ParamsError> {
        for (key, _) in &self.rest {
            if key == part {
                let text = format!("Invalid parameter type for '{part}', expected: object");
                return Err(ParamsError(text));
            }
            let is_below = key
                .strip_prefix(part)
                .is_some_and(|rest| rest.starts_with('.'));
            if is_below {
                return Err(ParamsError(format!("Parameter '{key}' is unexpected")));
            }
        }
        Ok(())
    }

    /// Takes all that is left, in order.
    pub fn take_rest(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.rest).into()
    }

    /// Takes a switch; `absent` when it is not there.
    ///
    /// # Errors
    /// The value is none of on, off, yes, no.
    pub fn take_switch(&mut self, key: &str, absent: bool) -> Result<bool, ParamsError> {
        match self.take(key).as_deref() {
            None => Ok(absent),
            Some("on" | "yes" | "true" | "y") => Ok(true),
            Some("off" | "no" | "false" | "n") => Ok(false),
            Some(_) => Err(ParamsError(format!(
                "Parameter '{key}' expects 'on' or 'off'"
            ))),
        }
    }

    /// Checks that all parameters were taken.
    ///
    /// # Errors
    /// One is left, which the option does not have.
    pub fn finish(self) -> Result<(), ParamsError> {
        match self.rest.front() {
            None => Ok(()),
            Some((key, _)) => Err(ParamsError(format!("Invalid parameter '{key}'"))),
        }
    }
}

fn split(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut chars = text.chars().peekable();
    while let Some(ch) = chars.next() {
        let doubled = ch == ',' && chars.next_if_eq(&',').is_some();
        if ch == ',' && !doubled {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(ch);
        }
    }
    parts
}

/// Bytes from a number with an optional suffix (b, k, M, G, T, P, E), in MiB without one.
///
/// # Errors
/// It is no such number, or too large.
pub fn parse_size(text: &str) -> Result<u64, ParamsError> {
    size_in("size", text, 20)
}

/// The same for the parameter `key`, in bytes without a suffix.
///
/// # Errors
/// It is no such number, or too large.
pub(super) fn parse_bytes(key: &str, text: &str) -> Result<u64, ParamsError> {
    size_in(key, text, 0)
}

fn size_in(key: &str, text: &str, plain_shift: u32) -> Result<u64, ParamsError> {
    let wrong = || {
        ParamsError(format!(
            "Parameter '{key}' expects a non-negative number below 2^64; '{text}' is none; examples: 128, 64M, 2G"
        ))
    };
    let range = || {
        ParamsError(format!(
            "Value '{text}' is out of range for parameter '{key}'"
        ))
    };
    let digits = text.trim_end_matches(|ch: char| ch.is_ascii_alphabetic());
    let shift = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" => plain_shift,
        "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        "p" => 50,
        "e" => 60,
        _ => return Err(wrong()),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(fraction) {
        return Err(wrong());
    }
    let unit = 1_u64 << shift;
    let whole: u64 = whole.parse().map_err(|_| range())?;
    // Digits behind these are less than a byte.
    let tail: f64 = format!("0.{fraction}0").parse().map_err(|_| wrong())?;
    let part = (tail * unit as f64).round() as u64;
    let size = whole
        .checked_mul(unit)
        .and_then(|size| size.checked_add(part));
    size.ok_or_else(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_part_may_leave_its_key_out() {
        for text in ["q-min,usb=off", "type=q-min,usb=off", "usb=off,type=q-min"] {
            let mut params = Params::parse(text, Some("type"));
            assert_eq!(params.first(), Some("q-min"), "{text}");
            assert_eq!(params.take("usb").as_deref(), Some("off"));
            params.finish().unwrap();
        }
    }

    #[test]
    fn doubled_comma_is_a_comma() {
        let mut params = Params::parse("socket,path=/a,,b,server", Some("backend"));
        assert_eq!(params.take("path").as_deref(), Some("/a,b"));
        assert_eq!(params.take_switch("server", false), Ok(true));
    }

    #[test]
    fn left_over_parameter_is_named() {
        let params = Params::parse("a,b=c", Some("x"));
        assert_eq!(
            params.finish().unwrap_err().to_string(),
            "Invalid parameter 'b'"
        );
    }

    #[test]
    fn sizes_are_bytes_or_an_error() {
        assert_eq!(parse_size("128"), Ok(128 << 20));
        assert_eq!(parse_size("131072k"), Ok(128 << 20));
        assert_eq!(parse_size("1G"), Ok(1 << 30));
        assert_eq!(parse_size("1.5G"), Ok(3 << 29));
        assert_eq!(parse_size("0.1"), Ok(104_858));
        assert_eq!(parse_size("15E"), Ok(15 << 60));
        assert_eq!(parse_bytes("maxmem", "128"), Ok(128));
        for text in [
            "",
            "M",
            "-1",
            "1X",
            ".5G",
            "1.2.3",
            "16E",
            "99999999999T",
            "128é",
        ] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }
}
