//! The tables of records: where the members of a struct are, so that one function walks those of all structs.
//!
//! A function for each struct that lends its members would be the same without `unsafe`, but rustc checks, keeps
//! and copies such functions for each of a thousand structs; a table costs it a fraction. This is the one
//! module of the codec that needs `unsafe`. What it rests on:
//!
//! - A [`Slot<T>`] is made by [`slot`] alone, from a pointer to a field of a `T`. It can be neither copied nor
//!   cloned, so whoever has one has it from the macro `record!`.
//! - The slots that [`slots`] takes are those of *all* fields of `T`, each once, which `record!` has the compiler
//!   check by a pattern. Each slot knows how many there are: a slice of all slots that one call made is told
//!   from a part of it by its length.
#![expect(
    unsafe_code,
    reason = "fields are reached by their offsets, as described above"
)]

use std::marker::PhantomData;
use std::mem::MaybeUninit;

use super::{AnyJson, Json, Member};

/// A member of the record `T`: its name, where it is, and what can be done with it.
#[derive(Debug)]
#[repr(transparent)]
pub struct Slot<T>(Place, PhantomData<fn(&T)>);

/// A [`Slot`] of a record that is not known.
#[derive(Debug)]
pub struct Place {
    name: &'static str,
    type_: &'static Type,
    offset: u32,
    /// How many members the record has.
    count: u16,
    flags: u8,
}

const DEPRECATED: u8 = 1;
const UNSTABLE: u8 = 2;
const TAG: u8 = 4;

/// What can be done with a value whose type is not known.
#[derive(Debug)]
struct Type {
    /// What the pointer points at.
    lend: fn(*mut u8) -> *mut dyn AnyJson,
    /// Writes a blank value; there must be room for it.
    blank: unsafe fn(*mut u8),
}

impl Type {
    const fn of<F: Json>() -> &'static Self {
        &Type {
            lend: |value| value.cast::<F>(),
            // SAFETY: the caller has room for an `F` there.
            blank: |value| unsafe { value.cast::<F>().write(F::blank()) },
        }
    }
}

/// Room for a record in which nobody has written anything, to point at its fields.
#[doc(hidden)]
#[derive(Debug)]
pub struct Plan<T>(MaybeUninit<T>);

impl<T> Plan<T> {
    #[expect(clippy::new_without_default, reason = "there is no const default")]
    pub const fn new() -> Self {
        Plan(MaybeUninit::uninit())
    }

    pub const fn at(&self) -> *const T {
        self.0.as_ptr()
    }
}

/// The slot of a field.
///
/// # Safety
/// `record` points at room for a `T`, and `field` at a field of that.
#[doc(hidden)]
pub const unsafe fn slot<T, F: Json>(
    name: &'static str,
    record: *const T,
    field: *const F,
) -> Slot<T> {
    // SAFETY: both are in the same room.
    let offset = unsafe { field.byte_offset_from_unsigned(record) };
    assert!(
        offset.is_multiple_of(align_of::<F>()) && align_of::<T>() >= align_of::<F>(),
        "a packed struct cannot lend its fields"
    );
    assert!(offset <= u32::MAX as usize, "a struct of 4 GiB");
    let place = Place {
        name,
        type_: Type::of::<F>(),
        offset: offset as u32,
        count: 0,
        flags: 0,
    };
    Slot(place, PhantomData)
}

/// All slots of a record.
///
/// # Safety
/// They are those of all fields of `T`, each once.
#[doc(hidden)]
pub const unsafe fn slots<T, const N: usize>(mut slots: [Slot<T>; N]) -> [Slot<T>; N] {
    assert!(N <= u16::MAX as usize, "a struct with too many fields");
    let mut at = 0;
    while at < N {
        slots[at].0.count = N as u16;
        at += 1;
    }
    slots
}

impl<T> Slot<T> {
    const fn flag(mut self, flag: u8) -> Self {
        self.0.flags |= flag;
        self
    }

    /// Marks the member as the tag of a union.
    pub const fn tag(self) -> Self {
        self.flag(TAG)
    }

    /// Marks the member as deprecated.
    pub const fn deprecated(self) -> Self {
        self.flag(DEPRECATED)
    }

    /// Marks the member as unstable.
    pub const fn unstable(self) -> Self {
        self.flag(UNSTABLE)
    }
}

impl Place {
    /// The name on the wire.
    #[inline]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Whether it decides on further members, which stand in the same object.
    #[inline]
    pub fn is_tag(&self) -> bool {
        self.flags & TAG != 0
    }

    /// What there is to say of the member besides its name.
    #[inline]
    pub(super) fn mark(&self) -> Option<Member> {
        (self.flags & (DEPRECATED | UNSTABLE) != 0).then_some(Member {
            name: self.name,
            deprecated: self.flags & DEPRECATED != 0,
            unstable: self.flags & UNSTABLE != 0,
        })
    }
}

/// The slots, if they are all of a record's.
fn whole<T: 'static>(slots: &'static [Slot<T>]) -> &'static [Place] {
    let count = slots.first().map_or(0, |slot| usize::from(slot.0.count));
    assert_eq!(slots.len(), count, "a part of the members of a record");
    // SAFETY: a slot is a place and nothing else (`repr(transparent)`).
    unsafe { &*(std::ptr::from_ref(slots) as *const [Place]) }
}

/// A record with blank members.
///
/// # Panics
/// `T` has no slots.
pub(super) fn blank<T: 'static>(slots: &'static [Slot<T>]) -> T {
    assert!(
        !slots.is_empty(),
        "a type that is no record says what is blank"
    );
    let mut record = MaybeUninit::<T>::uninit();
    for place in whole(slots) {
        // SAFETY: the slot is that of a field of `T`, for which there is room in `record`.
        unsafe { (place.type_.blank)(record.as_mut_ptr().cast::<u8>().add(place.offset as usize)) };
    }
    // SAFETY: all fields have been written, as the slots are all there are.
    unsafe { record.assume_init() }
}

/// The members of a record.
#[derive(Debug, Clone, Copy)]
pub struct Record<'v> {
    base: *const u8,
    places: &'static [Place],
    lifetime: PhantomData<&'v ()>,
}

impl<'v> Record<'v> {
    /// No members.
    pub const EMPTY: Self = Record {
        base: std::ptr::null(),
        places: &[],
        lifetime: PhantomData,
    };

    /// Those of a value.
    #[inline]
    pub(super) fn of<T: Json>(value: &'v T) -> Self {
        Record {
            base: std::ptr::from_ref(value).cast(),
            places: whole(T::SLOTS),
            lifetime: PhantomData,
        }
    }

    /// What the table says of them.
    #[inline]
    pub fn places(&self) -> &'static [Place] {
        self.places
    }

    /// They, in the schema's order.
    pub fn iter(self) -> impl Iterator<Item = (&'static Place, &'v dyn AnyJson)> {
        self.places.iter().map(move |place| {
            // SAFETY: `base` points at a record that lives for `'v`, and the place is that of a field of it.
            let member =
                unsafe { &*(place.type_.lend)(self.base.add(place.offset as usize).cast_mut()) };
            (place, member)
        })
    }
}

/// The members of a record, to be changed.
#[derive(Debug)]
pub struct RecordMut<'v> {
    base: *mut u8,
    places: &'static [Place],
    lifetime: PhantomData<&'v mut ()>,
}

impl<'v> RecordMut<'v> {
    /// No members.
    pub const EMPTY: Self = RecordMut {
        base: std::ptr::null_mut(),
        places: &[],
        lifetime: PhantomData,
    };

    /// Those of a value.
    #[inline]
    pub(super) fn of<T: Json>(value: &'v mut T) -> Self {
        RecordMut {
            base: std::ptr::from_mut(value).cast(),
            places: whole(T::SLOTS),
            lifetime: PhantomData,
        }
    }

    /// What the table says of them.
    #[inline]
    pub fn places(&self) -> &'static [Place] {
        self.places
    }

    /// One of them.
    #[inline]
    pub fn get(&mut self, index: usize) -> Option<&mut dyn AnyJson> {
        let place = self.places.get(index)?;
        // SAFETY: `base` points at a record that is borrowed for as long as `self` lives, and the place is that
        // of a field of it; `self` is borrowed, so nobody else has one.
        Some(unsafe { &mut *(place.type_.lend)(self.base.add(place.offset as usize)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::View;

    #[derive(Clone)]
    struct Port {
        open: bool,
        name: String,
        number: u16,
    }

    crate::record!(
        Port,
        [("name", name), ("number", number), ("open", open, unstable)]
    );

    /// Says nothing of its members.
    #[derive(Debug)]
    struct Cut;

    impl Json for Cut {
        const SLOTS: &'static [Slot<Self>] = &[];
    }

    #[test]
    fn slots_lend_the_fields_they_are_of() {
        let mut port = Port::blank();
        assert_eq!((port.name.as_str(), port.number, port.open), ("", 0, false));
        port.name = "p".to_owned();
        let mut record = Json::record_mut(&mut port);
        let names: Vec<_> = record.places().iter().map(Place::name).collect();
        assert_eq!(names, ["name", "number", "open"]);
        let name = record
            .get(0)
            .map(|name| matches!(name.view(), View::Str(text) if text == "p"));
        assert_eq!(name, Some(true));
        assert!(record.get(3).is_none());
        let marks = record
            .places()
            .iter()
            .filter(|place| place.mark().is_some());
        assert_eq!(marks.map(Place::name).collect::<Vec<_>>(), ["open"]);
        let copy = Port {
            number: 7,
            ..port.clone()
        };
        assert_ne!(copy, port);
        let number = Json::record(&copy)
            .iter()
            .nth(1)
            .map(|(_, number)| number.view());
        assert!(matches!(number, Some(View::U64(7))));
    }

    #[test]
    #[should_panic(expected = "a part of the members of a record")]
    fn part_of_a_table_is_refused() {
        blank(&Port::SLOTS[1..]);
    }

    #[test]
    #[should_panic(expected = "a type that is no record says what is blank")]
    fn type_without_a_table_is_not_made_of_nothing() {
        Cut::blank();
    }
}
