//! `secret`: a password or a key that other objects name instead of holding it.

use std::fmt;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use qmp_runtime::json::Value;

use crate::qom::{Access, Creation, Kind, Object, Properties, Property, QomError, TypeInfo, base};
use crate::sync::lock;

const FORMAT: Kind = Kind::choice("QCryptoSecretFormat", &["raw", "base64"]);

/// A file with a secret is no longer than this.
const MAX_FILE: u64 = 64 << 10;

const fn text(name: &'static str) -> Property {
    Property::new(name, Kind::STRING).access(Access::Write)
}

pub(super) static SECRET_COMMON: TypeInfo = TypeInfo::new("secret_common", &base::OBJECT)
    .abstract_type()
    .user_creatable()
    .properties(&[
        Property::new("format", FORMAT)
            .access(Access::Write)
            .default_str("raw"),
        text("keyid"),
        text("iv"),
    ]);

pub(super) static SECRET: TypeInfo = TypeInfo::new("secret", &SECRET_COMMON)
    .described("A password or a key")
    .properties(&[text("data"), text("file")])
    .created_by(create);

/// A secret. Its bytes are what its data or its file was when it was made.
pub struct Secret {
    bytes: Vec<u8>,
    settings: Mutex<Properties>,
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret") // and not what it is
    }
}

impl Secret {
    /// The secret itself.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

fn refuse<T>(text: impl Into<String>) -> Result<T, QomError> {
    Err(QomError::Refused(text.into()))
}

fn create(cx: &mut Creation<'_>) -> Result<Arc<dyn Object>, QomError> {
    let properties = cx.properties;
    if properties.str("keyid").is_some_and(|id| !id.is_empty()) {
        return refuse("a secret that is encrypted cannot be read: leave keyid and iv out");
    }
    let raw = match (properties.str("data"), properties.str("file")) {
        (Some(_), Some(_)) => return refuse("'file' and 'data' are mutually exclusive"),
        (Some(data), None) => data.as_bytes().to_vec(),
        (None, Some(path)) => read(path)?,
        (None, None) => return refuse("Either 'file' or 'data' must be provided"),
    };
    let bytes = match properties.str("format") {
        Some("base64") => decode(&raw)?,
        _ => raw,
    };
    Ok(Arc::new(Secret {
        bytes,
        settings: Mutex::new(properties.clone()),
    }))
}

fn read(path: &str) -> Result<Vec<u8>, QomError> {
    use std::io::Read;
    let failed = |error: std::io::Error| {
        let text = error.to_string();
        let text = text
            .split(" (os error")
            .next()
            .unwrap_or_default()
            .to_owned();
        QomError::Refused(format!(
            "Unable to read {path}: Failed to open file “{path}”: {text}"
        ))
    };
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > MAX_FILE {
        return refuse(format!(
            "Unable to read {path}: it is longer than {MAX_FILE} bytes"
        ));
    }
    Ok(bytes)
}

fn decode(text: &[u8]) -> Result<Vec<u8>, QomError> {
    let text: Vec<u8> = text.iter().copied().filter(|byte| *byte != b'\n').collect();
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
    if !text.iter().all(is_digit) {
        return refuse("Base64 data contains invalid characters");
    }
    STANDARD
        .decode(text)
        .or_else(|_| refuse("Base64 data is not valid"))
}

impl Object for Secret {
    fn get(&self, property: &str) -> Option<Value> {
        lock(&self.settings).get(property).cloned()
    }

    fn set(&self, property: &str, value: &Value) -> Result<(), QomError> {
        lock(&self.settings).put(property, value.clone());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_decoded_or_refused() {
        assert_eq!(decode(b"YWJj\n").unwrap(), b"abc");
        assert_eq!(decode(b"").unwrap(), b"");
        for (text, words) in [
            (&b"YWJ!"[..], "Base64 data contains invalid characters"),
            (b"YWJ", "Base64 data is not valid"),
            ("YWJé".as_bytes(), "Base64 data contains invalid characters"),
        ] {
            assert_eq!(decode(text).unwrap_err().to_string(), words);
        }
    }
}
