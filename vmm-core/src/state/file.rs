//! The file that state is kept in: named sections with a checksum.
//!
//! | bytes | what |
//! |-------|------|
//! | 8     | [`MAGIC`] |
//! | 4     | [`VERSION`] |
//! | 4     | number of sections |
//! |       | each section: length of its name (2), its name, length of its content (4), its content |
//! | 4     | CRC-32 of all before |
//!
//! Numbers are little endian.

use std::collections::BTreeMap;

const MAGIC: [u8; 8] = *b"vmmstate";
/// Changes with whatever makes older readers misunderstand newer files.
const VERSION: u32 = 1;
const CHECKSUM: usize = 4;

/// Contents by name.
pub(crate) type Sections = BTreeMap<String, Vec<u8>>;

/// Why bytes are no file of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// It is another kind of file.
    #[error("it is not a file of device state")]
    Magic,
    /// It was written by another version of this program.
    #[error("its version is {0}, and version {VERSION} can be read")]
    Version(u32),
    /// It ends too early.
    #[error("it is incomplete")]
    Truncated,
    /// Its content is not what was written.
    #[error("its checksum is wrong")]
    Checksum,
    /// The sections are not what the header says.
    #[error("its sections are malformed")]
    Sections,
    /// A name or a content is longer than can be said.
    #[error("a section is too long")]
    TooLong,
}

/// The bytes of a file.
pub(crate) fn write(sections: &Sections) -> Result<Vec<u8>, FormatError> {
    let too_long = |_| FormatError::TooLong;
    let mut bytes = MAGIC.to_vec();
    bytes.extend(VERSION.to_le_bytes());
    let count = u32::try_from(sections.len()).map_err(too_long)?;
    bytes.extend(count.to_le_bytes());
    for (name, content) in sections {
        let length = u16::try_from(name.len()).map_err(too_long)?;
        bytes.extend(length.to_le_bytes());
        bytes.extend(name.as_bytes());
        let length = u32::try_from(content.len()).map_err(too_long)?;
        bytes.extend(length.to_le_bytes());
        bytes.extend(content);
    }
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    Ok(bytes)
}

/// The sections of a file.
pub(crate) fn read(bytes: &[u8]) -> Result<Sections, FormatError> {
    let mut rest = bytes;
    let magic = take(&mut rest, MAGIC.len().min(bytes.len()));
    match magic {
        Some(magic) if magic == MAGIC => {}
        // the beginning of one, or nothing at all
        Some(magic) if MAGIC.starts_with(magic) => return Err(FormatError::Truncated),
        _ => return Err(FormatError::Magic),
    }
    let version = word(&mut rest).ok_or(FormatError::Truncated)?;
    if version != VERSION {
        return Err(FormatError::Version(version));
    }
    let Some((content, checksum)) = bytes.split_last_chunk::<CHECKSUM>() else {
        return Err(FormatError::Truncated);
    };
    let is_whole = crc32fast::hash(content) == u32::from_le_bytes(*checksum);
    let length = rest.len().checked_sub(CHECKSUM);
    let mut rest = (length.and_then(|length| rest.get(..length))).ok_or(FormatError::Truncated)?;
    let sections = split(&mut rest);
    match sections {
        // where the sections are cut off, that is what is wrong, and not the checksum
        None if !is_whole => Err(FormatError::Truncated),
        _ if !is_whole => Err(FormatError::Checksum),
        Some(sections) if rest.is_empty() => Ok(sections),
        _ => Err(FormatError::Sections),
    }
}

fn split(rest: &mut &[u8]) -> Option<Sections> {
    let count = word(rest)?;
    let mut sections = Sections::new();
    for _ in 0..count {
        let length = take(rest, 2)?.try_into().ok()?;
        let name = take(rest, u16::from_le_bytes(length).into())?;
        let name = str::from_utf8(name).ok()?;
        let length = word(rest)?;
        let content = take(rest, usize::try_from(length).ok()?)?;
        if sections.insert(name.to_owned(), content.to_vec()).is_some() {
            return None;
        }
    }
    Some(sections)
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}

fn word(rest: &mut &[u8]) -> Option<u32> {
    let bytes = take(rest, 4)?.try_into().ok()?;
    Some(u32::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample() -> Sections {
        let content = |length: u8| (0..length).collect();
        Sections::from([
            ("a".to_owned(), content(0)),
            ("serial@pio:3f8".to_owned(), content(200)),
            ("z".to_owned(), content(3)),
        ])
    }

    #[test]
    fn what_was_written_is_read() {
        for sections in [Sections::new(), sample()] {
            assert_eq!(read(&write(&sections).unwrap()), Ok(sections));
        }
    }

    #[test]
    fn each_kind_of_damage_has_its_words() {
        let good = write(&sample()).unwrap();
        assert_eq!(read(b""), Err(FormatError::Truncated));
        assert_eq!(read(b"vmm"), Err(FormatError::Truncated));
        assert_eq!(read(b"QEVM\0\0\0\x03"), Err(FormatError::Magic));
        let mut newer = good.clone();
        newer[8] = 9;
        assert_eq!(read(&newer), Err(FormatError::Version(9)));
        let mut damaged = good.clone();
        damaged[60] ^= 1;
        assert_eq!(read(&damaged), Err(FormatError::Checksum));
        for length in 0..good.len() {
            let error = read(&good[..length]).unwrap_err();
            assert_eq!(error, FormatError::Truncated, "{length}");
        }
    }

    #[test]
    fn sections_are_counted_and_named_once() {
        let with_checksum = |mut bytes: Vec<u8>| {
            bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
            bytes
        };
        let mut good = write(&sample()).unwrap();
        good.truncate(good.len() - CHECKSUM);
        for count in [0, 2, 4, u8::MAX] {
            let mut wrong = good.clone();
            wrong[12] = count;
            let read = read(&with_checksum(wrong));
            assert_eq!(read, Err(FormatError::Sections), "{count}");
        }
        let mut twice = good.clone();
        let last = twice.iter().rposition(|&byte| byte == b'z').unwrap();
        twice[last] = b'a';
        assert_eq!(read(&with_checksum(twice)), Err(FormatError::Sections));
    }

    proptest! {
        #[test]
        fn mutated_files_are_refused(at in 0..230usize, bit in 0..8u32) {
            let mut bytes = write(&sample()).unwrap();
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            prop_assert!(read(&bytes).is_err());
        }

        #[test]
        fn anything_is_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
            let _ = read(&[&MAGIC[..], &VERSION.to_le_bytes(), &bytes].concat());
        }
    }
}
