//! `-audiodev`: where sound goes to and comes from. There is silence alone.

use qmp_runtime::codec::{self, Unknown};
use qmp_runtime::json::{Map, Value};
use qmp_types::qmp::types::{
    AudioFormat, Audiodev, AudiodevDriver2, AudiodevPerDirectionOptions as Direction,
};

use super::UsageError;
use super::params::Params;

/// Reads the argument: JSON, or `DRIVER,id=ID`. What is not said has its default.
pub(super) fn parse(value: &str) -> Result<Audiodev, UsageError> {
    let refuse = |error: &qmp_runtime::QmpError| UsageError::new(error.desc().to_owned());
    let text = match value.strip_prefix('{') {
        Some(_) => value.to_owned(),
        None => String::from_utf8_lossy(&codec::to_bytes(&members(value)?)).into_owned(),
    };
    let mut device: Audiodev =
        codec::from_str(&text, Unknown::Refuse).map_err(|error| refuse(&error))?;
    let AudiodevDriver2::None(options) = &mut device.driver else {
        return Err(UsageError::new(
            "there is no sound: say driver=none, or leave the option out",
        ));
    };
    for direction in [&mut options.r#in, &mut options.out] {
        complete(direction.get_or_insert_default());
    }
    device.timer_period.get_or_insert(10_000);
    Ok(device)
}

/// `out.voices=2` is a member of a member.
fn members(value: &str) -> Result<Map<String, Value>, UsageError> {
    let mut params = Params::parse(value, Some("driver"));
    let mut all: Map<String, Value> = Map::new();
    if let Some(driver) = params.first() {
        all.insert("driver".to_owned(), driver.into());
    }
    for (key, text) in params.take_rest() {
        let value = scalar(&key, &text);
        match key.split_once('.') {
            None => {
                all.insert(key, value);
            }
            Some((outer, inner)) => {
                let place = all.entry(outer.to_owned());
                let place = place.or_insert_with(|| Value::Object(Map::new()));
                let place = place.as_object_mut().ok_or_else(|| {
                    UsageError::new(format!("Parameters '{outer}.*' used inconsistently"))
                })?;
                place.insert(inner.to_owned(), value);
            }
        }
    }
    Ok(all)
}

/// A text that stands for something else unless it is a name.
fn scalar(key: &str, text: &str) -> Value {
    match text {
        _ if matches!(key, "id" | "driver") => text.into(),
        "on" | "yes" | "true" => true.into(),
        "off" | "no" | "false" => false.into(),
        _ => text.parse::<u64>().map_or_else(|_| text.into(), Into::into),
    }
}

fn complete(direction: &mut Direction) {
    direction.mixing_engine.get_or_insert(true);
    direction.fixed_settings.get_or_insert(true);
    direction.frequency.get_or_insert(44_100);
    direction.channels.get_or_insert(2);
    direction.voices.get_or_insert(1);
    direction.format.get_or_insert(AudioFormat::S16);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_all_there_is() {
        let device = parse(r#"{"id": "audio1", "driver": "none"}"#).unwrap();
        assert_eq!((&*device.id, device.timer_period), ("audio1", Some(10_000)));
        let device = parse("none,id=a,out.voices=3,out.fixed-settings=off").unwrap();
        let AudiodevDriver2::None(options) = device.driver else {
            panic!("not silent")
        };
        let out = options.out.unwrap();
        assert_eq!((out.voices, out.fixed_settings), (Some(3), Some(false)));
        assert_eq!(options.r#in.unwrap().voices, Some(1));
    }

    #[test]
    fn slips_are_told() {
        for (text, expected) in [
            ("none", "Parameter 'id' is missing"),
            ("alsa,id=a", "there is no sound"),
            ("none,id=a,x=y", "Parameter 'x' is unexpected"),
            ("none,id=a,out=1,out.voices=2", "used inconsistently"),
            ("{", "JSON"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
