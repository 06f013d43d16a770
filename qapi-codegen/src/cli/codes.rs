//! Codes of diagnostics on the command line.

use qapi_parser::Code;

use super::Failure;

/// How many codes are named to someone who may have meant one of them.
const SUGGESTIONS: usize = 3;

/// Titles longer than this are cut, in characters: with a code in front they fit a line of 80.
const TITLE_WIDTH: usize = 68;

/// The code that a word means: `QAPI0040`, or its number alone.
pub(crate) fn parse(word: &str) -> Result<Code, Failure> {
    let numbered = word
        .parse::<u16>()
        .map_or_else(|_| word.to_owned(), |number| format!("QAPI{number:04}"));
    Code::parse(&numbered).ok_or_else(|| unknown(word))
}

/// What a code is about: the first sentence of its explanation, on one line.
pub(crate) fn title(code: Code) -> String {
    let text = code.explain().split("\n\n").next().unwrap_or_default();
    let line = text.split('\n').collect::<Vec<_>>().join(" ");
    let end = [". ", ": "].iter().filter_map(|end| line.find(end)).min();
    let title = end.map_or(line.as_str(), |end| line.get(..end).unwrap_or_default());
    cut(title.trim_end_matches('.'))
}

/// The words that fit.
fn cut(title: &str) -> String {
    if title.chars().count() <= TITLE_WIDTH {
        return title.to_owned();
    }
    let kept: String = title.chars().take(TITLE_WIDTH - 1).collect();
    let words = kept
        .rsplit_once(' ')
        .map_or(kept.as_str(), |(words, _)| words);
    format!("{}…", words.trim_end_matches(','))
}

fn unknown(word: &str) -> Failure {
    let close = close_to(word);
    let advice = if close.is_empty() {
        "`qapi explain` lists them all".to_owned()
    } else {
        let close: Vec<String> = close
            .iter()
            .map(|&code| format!("\n  {code}  {}", title(code)))
            .collect();
        format!("close to it:{}", close.concat())
    };
    Failure(format!("unknown code '{word}'; {advice}"))
}

/// By number where the word has one, else by what the codes are about.
fn close_to(word: &str) -> Vec<Code> {
    let digits: String = word.chars().filter(char::is_ascii_digit).collect();
    let mut codes = Code::ALL.to_vec();
    match digits.parse::<u16>() {
        Ok(number) => codes.sort_by_key(|&code| distance(number, code as u16)),
        Err(_) => codes.retain(|&code| is_about(code, word)),
    }
    codes.truncate(SUGGESTIONS);
    codes
}

/// How many digits differ, digits in the wrong order counting as one; then how far apart the numbers
/// are.
fn distance(a: u16, b: u16) -> (usize, u16) {
    let digits = |number: u16| format!("{number:05}").into_bytes();
    let sorted = |mut digits: Vec<u8>| {
        digits.sort_unstable();
        digits
    };
    let (x, y) = (digits(a), digits(b));
    let differing = x.iter().zip(&y).filter(|(x, y)| x != y).count();
    let reordered = differing > 0 && sorted(x) == sorted(y);
    (if reordered { 1 } else { differing }, a.abs_diff(b))
}

fn is_about(code: Code, word: &str) -> bool {
    let word = word.to_lowercase();
    // The name in the library, such as `UnknownType`, is as good as words of the title.
    let name = format!("{code:?}").to_lowercase();
    !word.is_empty() && (name.contains(&word) || title(code).to_lowercase().contains(&word))
}
