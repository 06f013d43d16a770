//! `ui.json`: keyboard and mouse, and displays.

use std::fs::File;

use qmp_runtime::{Context, ErrorClass, QmpError, ResultExt, handlers};
use qmp_types::qmp::types::{
    ExpirePasswordOptionsProtocol, ImageFormat, InputAxis, InputButton, InputEventType, KeyValue,
    KeyValueType, MouseInfo, SetPasswordAction, SetPasswordOptionsProtocol, SpiceInfo,
    SpiceQueryMouseMode, VncInfo, VncInfo2,
};
use qmp_types::qmp::{UiCommands, commands, types};

use super::machine::os_text;
use super::{Vmm, image};
use crate::devices::{Axis, Button, InputEvent, Key};

#[handlers]
impl UiCommands for Vmm {
    fn set_password(
        &mut self,
        _: &mut Context<'_>,
        args: commands::SetPassword,
    ) -> Result<(), QmpError> {
        let commands::SetPassword(options) = args;
        let keeps = matches!(options.connected, None | Some(SetPasswordAction::Keep));
        match options.protocol {
            SetPasswordOptionsProtocol::Spice => Err(no_spice()),
            _ if !keeps => Err(QmpError::generic(
                "parameter 'connected' must be 'keep' when 'protocol' is 'vnc'",
            )),
            _ => Err(QmpError::generic("Could not set password")),
        }
    }

    fn expire_password(
        &mut self,
        _: &mut Context<'_>,
        args: commands::ExpirePassword,
    ) -> Result<(), QmpError> {
        let commands::ExpirePassword(options) = args;
        let seconds = options.time.strip_prefix('+').unwrap_or(&options.time);
        let is_time = matches!(seconds, "now" | "never") || seconds.parse::<i64>().is_ok();
        match options.protocol {
            _ if !is_time => Err(QmpError::generic(format!(
                "Parameter 'time' doesn't take value '{}'",
                options.time
            ))),
            ExpirePasswordOptionsProtocol::Spice => Err(no_spice()),
            _ => Err(QmpError::generic("Could not set password expire time")),
        }
    }

    fn screendump(
        &mut self,
        _: &mut Context<'_>,
        args: commands::Screendump,
    ) -> Result<(), QmpError> {
        let device = match (args.device.as_deref(), args.head) {
            (Some(device), head) => Some((device, head.unwrap_or(0))),
            (None, None) => None,
            (None, Some(_)) => {
                let text = "'head' must be specified together with 'device'";
                return Err(QmpError::generic(text));
            }
        };
        let picture = self.machine.picture(device)?;
        let format = match args.format {
            Some(ImageFormat::Png) => image::write_png,
            _ => image::write_ppm,
        };
        let path = args.filename;
        let file = File::create(&path).map_err(|error| {
            let cause = os_text(&error);
            QmpError::generic(format!("failed to open file '{path}': {cause}"))
        })?;
        format(&picture, file).or_generic()
    }

    fn change_vnc_password(
        &mut self,
        _: &mut Context<'_>,
        _: commands::ChangeVncPassword,
    ) -> Result<(), QmpError> {
        Err(QmpError::generic("Could not set password"))
    }

    fn query_vnc(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryVnc,
    ) -> Result<VncInfo, QmpError> {
        Ok(VncInfo::new(false))
    }

    fn query_vnc_servers(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryVncServers,
    ) -> Result<Vec<VncInfo2>, QmpError> {
        Ok(Vec::new())
    }

    fn query_spice(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QuerySpice,
    ) -> Result<SpiceInfo, QmpError> {
        Ok(SpiceInfo::new(false, false, SpiceQueryMouseMode::Client))
    }

    fn query_mice(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryMice,
    ) -> Result<Vec<MouseInfo>, QmpError> {
        let info = |mouse: crate::devices::MouseInfo| MouseInfo {
            name: mouse.name.to_owned(),
            index: i64::try_from(mouse.index).unwrap_or(i64::MAX),
            current: mouse.current,
            absolute: mouse.absolute,
        };
        Ok(self.machine.mice().into_iter().map(info).collect())
    }

    fn send_key(&mut self, _: &mut Context<'_>, args: commands::SendKey) -> Result<(), QmpError> {
        let keys: Vec<_> = args.keys.iter().map(key).collect();
        let hold = args.hold_time.and_then(|time| u64::try_from(time).ok());
        Ok(self.machine.type_keys(&keys, hold)?)
    }

    fn input_send_event(
        &mut self,
        _: &mut Context<'_>,
        args: commands::InputSendEvent,
    ) -> Result<(), QmpError> {
        if let Some(device) = args.device {
            self.machine.console(&device, args.head.unwrap_or(0))?;
        }
        let events: Vec<_> = args.events.iter().map(event).collect();
        Ok(self.machine.input(&events)?)
    }
}

fn no_spice() -> QmpError {
    QmpError::new(ErrorClass::DEVICE_NOT_ACTIVE, "SPICE is not in use")
}

fn key(value: &KeyValue) -> Option<Key> {
    match &value.r#type {
        KeyValueType::Number(number) => Key::numbered(number.data),
        KeyValueType::Qcode(code) => Key::named(code.data.as_str()),
        _ => None, // refused by the schema
    }
}

fn event(event: &types::InputEvent) -> InputEvent {
    match &event.r#type {
        InputEventType::Key(wrapper) => InputEvent::Key {
            key: key(&wrapper.data.key),
            down: wrapper.data.down,
        },
        InputEventType::Btn(wrapper) => InputEvent::Button {
            button: button(&wrapper.data.button),
            down: wrapper.data.down,
        },
        InputEventType::Rel(wrapper) => InputEvent::Move {
            axis: axis(&wrapper.data.axis),
            by: wrapper.data.value,
        },
        InputEventType::Abs(wrapper) => InputEvent::Position {
            axis: axis(&wrapper.data.axis),
            at: wrapper.data.value,
        },
        _ => InputEvent::Touch,
    }
}

fn axis(axis: &InputAxis) -> Axis {
    match axis {
        InputAxis::Y => Axis::Y,
        _ => Axis::X,
    }
}

fn button(button: &InputButton) -> Button {
    match button {
        InputButton::Left => Button::Left,
        InputButton::Middle => Button::Middle,
        InputButton::Right => Button::Right,
        InputButton::WheelUp => Button::WheelUp,
        InputButton::WheelDown => Button::WheelDown,
        InputButton::WheelLeft => Button::WheelLeft,
        InputButton::WheelRight => Button::WheelRight,
        InputButton::Side => Button::Side,
        InputButton::Extra => Button::Extra,
        _ => Button::Touch,
    }
}
