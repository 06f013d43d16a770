//! What is sent: the greeting and the frames of replies.

use super::Version;
use crate::error::QmpError;
use crate::json::{Document, NodeId, Style, Writer};

/// The greeting.
pub(crate) fn greeting(version: &Version, style: Style) -> Vec<u8> {
    let mut out = Writer::new(style);
    out.begin_object();
    out.key("QMP");
    out.begin_object();
    out.key("version");
    out.begin_object();
    out.key("qemu");
    out.begin_object();
    for (key, number) in [
        ("micro", version.micro),
        ("minor", version.minor),
        ("major", version.major),
    ] {
        out.key(key);
        out.u64(number.into());
    }
    out.end_object();
    out.key("package");
    out.str(&version.package);
    out.end_object();
    out.key("capabilities");
    out.begin_array();
    out.element();
    out.str("oob");
    out.end_array();
    out.end_object();
    out.end_object();
    out.end_message();
    out.into_bytes()
}

/// Writes an error reply in place of what the writer holds.
pub(super) fn failure(id: Option<(&Document, NodeId)>, error: &QmpError, out: &mut Writer) {
    out.restart();
    out.begin_object();
    write_id(id, out);
    out.key("error");
    out.begin_object();
    out.key("class");
    out.str(error.class().as_str());
    out.key("desc");
    out.str(error.desc());
    out.end_object();
    out.end_object();
    out.end_message();
}

pub(super) fn write_id(id: Option<(&Document, NodeId)>, out: &mut Writer) {
    if let Some((document, id)) = id {
        out.key("id");
        out.node(document, id);
    }
}
