//! Names of trace events with wildcards.

/// A name, or with `*` in it a pattern; there `?` stands for any one letter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pattern<'p>(&'p str);

impl<'p> Pattern<'p> {
    pub(super) fn new(text: &'p str) -> Self {
        Self(text)
    }

    pub(super) fn is_wild(self) -> bool {
        self.0.contains('*')
    }

    pub(super) fn fits(self, name: &str) -> bool {
        if !self.is_wild() {
            return self.0 == name;
        }
        let (pattern, name) = (self.0.as_bytes(), name.as_bytes());
        let (mut at, mut in_name) = (0, 0);
        // Where to go on when more letters have to go to the last star.
        let mut star = None;
        while in_name < name.len() {
            match pattern.get(at) {
                Some(b'*') => {
                    star = Some((at, in_name));
                    at += 1;
                }
                Some(letter) if *letter == b'?' || *letter == name[in_name] => {
                    at += 1;
                    in_name += 1;
                }
                _ => {
                    let Some((star_at, taken)) = star else {
                        return false;
                    };
                    star = Some((star_at, taken + 1));
                    at = star_at + 1;
                    in_name = taken + 1;
                }
            }
        }
        pattern[at..].iter().all(|letter| *letter == b'*')
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn stars_stand_for_any_letters() {
        for (pattern, name, fits) in [
            ("qmp_enter_stop", "qmp_enter_stop", true),
            ("?mp_enter_stop", "qmp_enter_stop", false),
            ("?mp_enter_sto*", "qmp_enter_stop", true),
            ("*", "", true),
            ("*_stop", "qmp_enter_stop", true),
            ("*_sto", "qmp_enter_stop", false),
            ("qmp_*_s*p", "qmp_enter_set_stop", true),
            ("qmp_*_s*p", "qmp_enter_cont", false),
            ("**", "anything", true),
            ("", "a", false),
        ] {
            assert_eq!(Pattern::new(pattern).fits(name), fits, "{pattern} {name}");
        }
    }
}
