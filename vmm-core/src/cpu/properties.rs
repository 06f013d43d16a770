//! Features as properties of a CPU's type.

use super::features::{FEATURE_COUNT, WORDS};
use crate::qom::{Access, Kind, Property};

/// These properties, and one for each feature that has a name; `COUNT` is how many that makes.
pub(crate) const fn with_features<const COUNT: usize>(others: &[Property]) -> [Property; COUNT] {
    assert!(others.len() + FEATURE_COUNT == COUNT);
    let mut all = [Property::new("", Kind::BOOL).access(Access::Read); COUNT];
    let mut count = 0;
    while count < others.len() {
        all[count] = others[count];
        count += 1;
    }
    let mut word = 0;
    while word < WORDS.len() {
        let mut bit = 0;
        while bit < WORDS[word].names.len() {
            let name = WORDS[word].names[bit];
            if !name.is_empty() {
                all[count].name = name;
                count += 1;
            }
            bit += 1;
        }
        word += 1;
    }
    all
}
