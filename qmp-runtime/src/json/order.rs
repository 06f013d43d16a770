//! The order in which QEMU meets the members of an object.
//!
//! It shows in one place: of several faults in one request, only the first that is met is told. A request's
//! members are met in the order of QEMU's dictionary. Arguments that nobody has taken are met in the order
//! of a GLib hash table, which was filled in the dictionary's order and lost each argument as it was taken.
//! Both orders follow from published hash functions; none of this runs before there is a fault to tell.

use std::borrow::Cow;

use super::{Document, NodeId};

/// How many buckets a dictionary has.
const BUCKETS: u32 = 512;
/// The binary logarithm of a hash table's smallest size.
const MIN_SHIFT: u32 = 3;
/// How many slots are looked at, after which the table is given up: keys made for the purpose have one hash, and
/// cost the square of their number.
const MAX_STEPS: usize = 1 << 21;

/// The members of an object in the order of the dictionary: by bucket, in each the one that came last first.
pub(crate) fn dictionary(document: &Document, object: NodeId) -> Vec<(NodeId, NodeId)> {
    let mut members: Vec<_> = document
        .members(object)
        .map(|(key, value)| (bucket(&name(document, key)), key, value))
        .collect();
    members.reverse();
    members.sort_by_key(|&(bucket, ..)| bucket);
    members
        .into_iter()
        .map(|(_, key, value)| (key, value))
        .collect()
}

/// A key as QEMU keeps it: NUL would end it, so it is two bytes.
fn name(document: &Document, key: NodeId) -> Cow<'_, [u8]> {
    let text = document.text(key);
    if !text.contains(&0) {
        return text;
    }
    let pieces: Vec<&[u8]> = text.split(|&byte| byte == 0).collect();
    Cow::Owned(pieces.join(&b"\xC0\x80"[..]))
}

/// The bucket of a key: the hash of the TDB database.
fn bucket(key: &[u8]) -> u32 {
    let seed = 0x238F_13AF_u32.wrapping_mul(key.len() as u32);
    let shifts = (0..).map(|index: usize| index * 5 % 24);
    let mixed = key.iter().zip(shifts).fold(seed, |value, (&byte, shift)| {
        value.wrapping_add(u32::from(byte) << shift)
    });
    mixed.wrapping_mul(1_103_515_243).wrapping_add(12345) % BUCKETS
}

/// Of an object's keys, the first that is met when those of `taken` were taken in turn.
pub(crate) fn first_left(
    document: &Document,
    object: NodeId,
    taken: impl IntoIterator<Item = NodeId>,
) -> Option<NodeId> {
    let members = dictionary(document, object);
    let taken: Vec<NodeId> = taken.into_iter().collect();
    let mut table = Table::new();
    for &(key, _) in &members {
        table.insert(key, hash(&name(document, key)));
    }
    for &key in &taken {
        table.remove(key, hash(&name(document, key)));
    }
    if table.steps > MAX_STEPS {
        let mut keys = members.into_iter().map(|(key, _)| key);
        return keys.find(|key| !taken.contains(key));
    }
    table.first()
}

/// GLib's hash of a string; 0 and 1 stand for slots without a key.
fn hash(key: &[u8]) -> u32 {
    let step = |value: u32, &byte: &u8| {
        let byte = i32::from(byte.cast_signed()).cast_unsigned();
        value.wrapping_mul(33).wrapping_add(byte)
    };
    key.iter().fold(5381, step).max(2)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    Free,
    /// There was a key; a search goes on behind it.
    Gone,
    Key(NodeId, u32),
}

/// A hash table with open addressing and a growing step.
#[derive(Debug)]
struct Table {
    slots: Vec<Slot>,
    /// What a hash is divided by: the largest prime below the size.
    modulus: u32,
    keys: usize,
    /// Slots that are not free.
    used: usize,
    /// How many slots were looked at.
    steps: usize,
}

impl Table {
    fn new() -> Self {
        Table {
            slots: vec![Slot::Free; 1 << MIN_SHIFT],
            modulus: modulus(1 << MIN_SHIFT),
            keys: 0,
            used: 0,
            steps: 0,
        }
    }

    /// The slots in which a key may be, in the order of the search.
    fn search(&self, hash: u32) -> impl Iterator<Item = usize> + use<> {
        let mask = self.slots.len() - 1;
        let start = (hash.wrapping_mul(11) % self.modulus) as usize;
        (1..).scan(start, move |at, step| {
            let here = *at;
            *at = (here + step) & mask;
            Some(here)
        })
    }

    /// Adds a key that is not there.
    fn insert(&mut self, key: NodeId, hash: u32) {
        let mut gone = None;
        for at in self.search(hash).take(self.steps_left()) {
            self.steps += 1;
            match self.slots[at] {
                Slot::Free => {
                    let at = gone.unwrap_or(at);
                    self.used += usize::from(self.slots[at] == Slot::Free);
                    self.keys += 1;
                    self.slots[at] = Slot::Key(key, hash);
                    return self.resize_if_due();
                }
                Slot::Gone => gone = gone.or(Some(at)),
                Slot::Key(..) => {}
            }
        }
    }

    fn remove(&mut self, key: NodeId, hash: u32) {
        let mut found = None;
        for at in self.search(hash).take(self.steps_left()) {
            self.steps += 1;
            if self.slots[at] == Slot::Key(key, hash) || self.slots[at] == Slot::Free {
                found = Some(at);
                break;
            }
        }
        if let Some(at) = found.filter(|&at| self.slots[at] != Slot::Free) {
            self.slots[at] = Slot::Gone;
            self.keys -= 1;
            self.resize_if_due();
        }
    }

    fn steps_left(&self) -> usize {
        (MAX_STEPS + 1).saturating_sub(self.steps)
    }

    fn first(&self) -> Option<NodeId> {
        self.slots.iter().find_map(|slot| match slot {
            Slot::Key(key, _) => Some(*key),
            _ => None,
        })
    }

    fn resize_if_due(&mut self) {
        if self.steps > MAX_STEPS {
            return;
        }
        let size = self.slots.len();
        let sparse = size > self.keys * 4 && size > 1 << MIN_SHIFT;
        if sparse || size <= self.used + self.used / 16 {
            self.resize();
        }
    }

    /// Gives each key its place in a table of the right size. One that is in the place of another sends
    /// that one on.
    fn resize(&mut self) {
        // As many bits as four thirds of the number of keys have.
        let wanted = (self.keys as f64 * 1.333) as usize;
        let shift = (usize::BITS - wanted.leading_zeros()).max(MIN_SHIFT);
        let (old, new) = (self.slots.len(), 1usize << shift);
        self.slots.resize(new.max(old), Slot::Free);
        self.modulus = modulus(new as u32);
        let mut settled = vec![false; self.slots.len()];
        for from in 0..old {
            if settled[from] {
                continue;
            }
            let mut moving = std::mem::replace(&mut self.slots[from], Slot::Free);
            while let Slot::Key(_, hash) = moving {
                let mut at = (hash.wrapping_mul(11) % self.modulus) as usize;
                let mut step = 0;
                while settled[at] {
                    if self.steps > MAX_STEPS {
                        return;
                    }
                    self.steps += 1;
                    step += 1;
                    at = (at + step) & (new - 1);
                }
                settled[at] = true;
                moving = std::mem::replace(&mut self.slots[at], moving);
            }
        }
        self.slots.truncate(new);
        self.used = self.keys;
    }
}

/// The largest prime below a power of two.
fn modulus(size: u32) -> u32 {
    let is_prime = |&number: &u32| {
        (2..)
            .take_while(|d| d * d <= number)
            .all(|d| number % d != 0)
    };
    (2..size).rev().find(is_prime).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Item, Stream};

    fn first(text: &str, taken: &[&str]) -> String {
        let Some(Item::Message(document)) = Stream::new().next_item(&mut text.as_bytes()) else {
            panic!("{text}")
        };
        let root = document.root();
        let taken = taken.iter().map(|name| document.get(root, name).unwrap());
        // A key stands in front of its value.
        let keys: Vec<NodeId> = taken
            .map(|value| {
                let mut members = document.members(root);
                members.find(|&(_, at)| at == value).unwrap().0
            })
            .collect();
        let left = first_left(&document, root, keys).unwrap();
        document.str(left).unwrap().into_owned()
    }

    /// QEMU says "'execute' clashes with 'exec-oob'", so it meets `exec-oob` first.
    #[test]
    fn bucket_of_exec_oob_comes_before_execute() {
        assert!(bucket(b"exec-oob") < bucket(b"execute"));
    }

    /// Recorded from QEMU 10.0.2.
    #[test]
    fn first_of_several_unknown_arguments_is_qemus() {
        let six = r#"{"idsy":"x","6qb7g":null,"gmr2":"x","qgsi":1,"7-bz":1,"q4gu":1}"#;
        assert_eq!(first(six, &[]), "q4gu");
        let memsave = r#"{"filename":"","-f":null,"4ga":"x","val":-128,"cpu-index":65535,"size":-8,"_":null,"j":null,"rwm":"x","nmek1":"x"}"#;
        assert_eq!(
            first(memsave, &["val", "size", "filename", "cpu-index"]),
            "nmek1"
        );
    }

    /// "bA" and "ab" are one hash, and so are all words made of them.
    #[test]
    fn keys_with_one_hash_do_not_hold_up_the_answer() {
        assert_eq!(hash(b"bA"), hash(b"ab"));
        for bits in [8, 13] {
            let word = |number: u32| {
                let pairs = (0..bits).map(|bit| if number >> bit & 1 == 1 { "bA" } else { "ab" });
                pairs.collect::<String>()
            };
            let members: Vec<String> = (0..1 << bits)
                .map(|number| format!("\"{}\": 0", word(number)))
                .collect();
            let text = format!("{{{}}}", members.join(","));
            assert_eq!(first(&text, &[]).len(), 2 * bits);
        }
    }

    #[test]
    fn table_loses_no_key_as_it_grows_and_shrinks() {
        let keys = 0..300u32;
        let mut table = Table::new();
        let hash_of = |key: u32| hash(format!("key-{key}").as_bytes());
        for key in keys.clone() {
            table.insert(NodeId(key), hash_of(key));
        }
        for key in keys.clone().rev().skip(1) {
            table.remove(NodeId(key), hash_of(key));
        }
        assert_eq!((table.first(), table.slots.len()), (Some(NodeId(299)), 8));
    }
}
