//! Folding of names for search and for comparing: `München`, `MUNCHEN` and `munchen` are one.
//!
//! The server stores the folded form beside each searchable name and the app does the same,
//! so that both find the same rows. Deliberately not here: ranking, word stems, transliteration
//! of whole scripts. To add a letter that Unicode does not decompose: a line in [`plain`].

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// The folded form: NFKD, without marks, lower case, white space collapsed to single blanks.
///
/// Idempotent: folding a folded text changes nothing.
#[must_use]
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    if text.is_ascii() {
        // There is nothing to decompose, and most names are such.
        text.chars().for_each(|c| take(&mut folded, c.to_ascii_lowercase()));
    } else {
        let letters = text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect::<String>();
        letters.nfkd().filter(|c| !is_combining_mark(*c)).for_each(|c| take(&mut folded, c));
    }
    if folded.ends_with(' ') {
        folded.pop();
    }
    folded
}

/// Appends what is kept of a decomposed lower-case letter.
fn take(folded: &mut String, c: char) {
    if c.is_whitespace() {
        if !folded.is_empty() && !folded.ends_with(' ') {
            folded.push(' ');
        }
    } else if let Some(plain) = plain(c) {
        folded.push_str(plain);
    } else if !is_ignorable(c) {
        folded.push(c);
    }
}

/// The pattern that finds `query` anywhere in a folded text, for
/// `like … escape '\'` (the same on SQLite and PostgreSQL). `None` when nothing is left to look for.
#[must_use]
pub fn like_pattern(query: &str) -> Option<String> {
    let folded = fold(query);
    if folded.is_empty() {
        return None;
    }
    let mut pattern = String::with_capacity(folded.len() + 2);
    pattern.push('%');
    for c in folded.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    Some(pattern)
}

/// Letters that carry no combining mark in Unicode and yet are typed without their stroke.
const fn plain(c: char) -> Option<&'static str> {
    Some(match c {
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'ø' => "o",
        'ł' => "l",
        'đ' | 'ð' => "d",
        'þ' => "th",
        'ħ' => "h",
        'ı' => "i",
        'ς' => "σ",
        _ => return None,
    })
}

/// Characters nobody sees or types: they must not make two names different.
const fn is_ignorable(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\0')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spellings_of_one_name_fold_to_the_same_text() {
        for (spelled, folded) in [
            ("München", "munchen"),
            ("MUNCHEN", "munchen"),
            ("Mu\u{308}nchen", "munchen"),
            ("Straße 4", "strasse 4"),
            ("  Łódź\t\u{a0}Süd ", "lodz sud"),
            ("ΌΔΟΣ", "οδοσ"),
            ("İstanbul", "istanbul"),
            ("ﬁlter ①", "filter 1"),
            ("soft\u{ad}ware\u{200b}", "software"),
            ("東京", "東京"),
        ] {
            assert_eq!(fold(spelled), folded, "{spelled}");
        }
    }

    #[test]
    fn what_means_something_to_like_is_escaped() {
        assert_eq!(like_pattern("50%_\\").as_deref(), Some("%50\\%\\_\\\\%"));
        assert_eq!(like_pattern(" \u{200b} "), None, "nothing visible looks for nothing");
    }

    proptest! {
        #[test]
        fn the_short_way_of_ascii_is_the_long_one(bytes in prop::collection::vec(0_u8..128, 0..24)) {
            let text = String::from_utf8(bytes).expect("ASCII");
            // With a mark at its end, which goes, it takes the long way.
            prop_assert_eq!(fold(&format!("{text}\u{301}")), fold(&text));
        }

        #[test]
        fn folding_twice_is_folding_once(text in any::<String>()) {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once);
        }
    }
}
