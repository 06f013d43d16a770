//! Character devices as objects at `/chardevs/LABEL`.

use std::sync::Arc;

use super::Registry;
use super::registry::Chardev;
use crate::qom::{Child, Object, TypeInfo, base};

static CHARDEV: TypeInfo = TypeInfo::new("chardev", &base::OBJECT).abstract_type();
/// What reads and writes files of some kind.
static FD: TypeInfo = TypeInfo::new("chardev-fd", &CHARDEV).abstract_type();

macro_rules! types {
    ($($name:ident = $text:literal of $parent:ident,)*) => {
        $(static $name: TypeInfo = TypeInfo::new($text, &$parent);)*

        /// The types of this module.
        pub(crate) const TYPES: &[&TypeInfo] = &[&CHARDEV, &FD, $(&$name),*];
    };
}

types! {
    NULL = "chardev-null" of CHARDEV,
    MUX = "chardev-mux" of CHARDEV,
    HUB = "chardev-hub" of CHARDEV,
    FILE = "chardev-file" of FD,
    STDIO = "chardev-stdio" of FD,
    PIPE = "chardev-pipe" of FD,
    PTY = "chardev-pty" of CHARDEV,
    RINGBUF = "chardev-ringbuf" of CHARDEV,
    MEMORY = "chardev-memory" of RINGBUF,
    SOCKET = "chardev-socket" of CHARDEV,
    UDP = "chardev-udp" of CHARDEV,
}

impl Object for Chardev {}

impl Object for Registry {
    fn children(&self) -> Vec<Child> {
        let all = self.list().into_iter();
        all.map(|chardev| Child {
            name: chardev.label().to_owned(),
            type_info: type_of(chardev.backend().kind()),
            object: chardev as Arc<dyn Object>,
        })
        .collect()
    }
}

/// The type of a kind of back end.
fn type_of(kind: &str) -> &'static TypeInfo {
    let named = TYPES
        .iter()
        .find(|known| known.name.strip_prefix("chardev-") == Some(kind));
    named.copied().unwrap_or(&CHARDEV)
}
