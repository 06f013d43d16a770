//! The mount table.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

/// The folders where local file systems on disks are mounted, in the order of the table.
///
/// A line is `ID PARENT MAJOR:MINOR ROOT FOLDER OPTIONS [TAGS…] - TYPE SOURCE OPTIONS`. A file system on a
/// disk has a path as its source, and so has Windows' network file system, which is left out.
pub(crate) fn on_disks(table: &str) -> Vec<PathBuf> {
    table.lines().filter_map(on_disk).collect()
}

fn on_disk(line: &str) -> Option<PathBuf> {
    let (mount, file_system) = line.split_once(" - ")?;
    let folder = mount.split(' ').nth(4)?;
    let mut file_system = file_system.split(' ');
    let (kind, source) = (file_system.next()?, file_system.next()?);
    let is_local = source.starts_with('/') && !matches!(kind, "smbfs" | "smb3" | "cifs");
    is_local.then(|| unescape(folder))
}

/// Blanks and the like stand as three octal digits behind a backslash.
fn unescape(text: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        let digits = behind
            .get(..3)
            .and_then(|digits| str::from_utf8(digits).ok());
        let escaped = digits.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match escaped.filter(|_| first == b'\\') {
            Some(byte) => {
                bytes.push(byte);
                rest = &behind[3..];
            }
            None => {
                bytes.push(first);
                rest = behind;
            }
        }
    }
    OsString::from_vec(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::on_disks;

    #[test]
    fn file_systems_on_disks_are_picked_and_their_folders_unescaped() {
        let table = "\
            22 27 0:21 / /proc rw - proc proc rw\n\
            27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n\
            28 27 0:30 / /share rw - cifs //host/share rw\n\
            29 27 7:0 / /with\\040blank\\134 rw - ext4 /dev/loop0 rw\n\
            nonsense\n30 27 - \n";
        let folders = on_disks(table);
        assert_eq!(
            folders,
            ["/", "/with blank\\"].map(std::path::PathBuf::from)
        );
    }
}
