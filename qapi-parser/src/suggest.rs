//! "Did you mean": the known name that is closest to an unknown one.

/// Names longer than this are compared in their first characters only.
const MAX_LENGTH: usize = 64;

/// The candidate that takes the fewest slips of the keyboard to become `name`, if it takes few for
/// its length; the first one of several. Case counts for nothing, nor does `_` against `-`.
pub(crate) fn nearest<'c>(
    name: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    let wanted = plain(name);
    let limit = wanted.len() / 4 + usize::from(wanted.len() > 1);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let bound = best.map_or(limit + 1, |(distance, _)| distance);
        if candidate.len().abs_diff(name.len()) >= bound {
            continue;
        }
        let distance = distance(&wanted, &plain(candidate));
        if distance < bound {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

fn plain(name: &str) -> Vec<u8> {
    let plain = |byte: u8| match byte {
        b'_' => b'-',
        other => other.to_ascii_lowercase(),
    };
    name.bytes().take(MAX_LENGTH).map(plain).collect()
}

/// How many letters are missing, added, changed, or swapped with their neighbour.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let changed = last[j] + usize::from(x != y);
            let mut least = changed.min(last[j + 1] + 1).min(row[j] + 1);
            let swapped = i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y;
            if swapped {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_finds_the_name_that_was_meant() {
        let names = ["str", "size", "BlockdevOptions", "member-name-exceptions"];
        for (slip, meant) in [
            ("st", Some("str")),
            ("szie", Some("size")),
            ("BlockDevOption", Some("BlockdevOptions")),
            ("member_name_exception", Some("member-name-exceptions")),
            ("Nothing", None),
            ("x", None),
        ] {
            assert_eq!(nearest(slip, names), meant, "{slip}");
        }
    }

    #[test]
    fn the_closest_of_several_wins() {
        assert_eq!(
            nearest("abcdefgh", ["abcdxxgh", "abcdefgx"]),
            Some("abcdefgx")
        );
    }
}
