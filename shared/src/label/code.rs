//! The claim code: 12 characters of Crockford's base32, the last a check digit, for typing.
//!
//! 55 bits of a hash of the device's public key, so that a typed code pins the key too.
//! The check digit is a weighted sum in GF(32) with twelve different weights: each single
//! wrong character and each swap of two is caught.
//!
//! Deliberately not here: secrets. The code is printed on the box; it opens nothing.

use std::{fmt, str::FromStr};

use sha2::{Digest as _, Sha256};

use crate::claim::PublicKey;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const DIGITS: usize = 12;

/// A claim code; shown as `XXXX-XXXX-XXXX`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClaimCode([u8; DIGITS]);

/// Why a text is no claim code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCode {
    /// Not twelve characters of the alphabet.
    #[error("a claim code has 12 letters and digits")]
    Form,
    /// Twelve characters, but one is wrong or two are swapped.
    #[error("the claim code has a typing error")]
    CheckDigit,
}

impl ClaimCode {
    /// The code of the device with that key: the first 55 bits of
    /// SHA-256("omniot/code/v1\0" ‖ key), most significant first, then the check digit.
    #[must_use]
    pub fn of(key: PublicKey) -> Self {
        let digest = Sha256::new().chain_update(b"omniot/code/v1\0").chain_update(key.0).finalize();
        let mut digits = [0; DIGITS];
        for (at, digit) in digits.iter_mut().take(DIGITS - 1).enumerate() {
            let bit = at * 5;
            let pair = u16::from_be_bytes([digest[bit / 8], digest[bit / 8 + 1]]);
            *digit = (pair >> (11 - bit % 8) & 31) as u8;
        }
        digits[DIGITS - 1] = check_digit(&digits[..DIGITS - 1]);
        Self(digits)
    }
}

/// Multiplication by x in GF(2)[x] / (x⁵ + x² + 1).
const fn times_x(value: u8) -> u8 {
    let shifted = value << 1;
    if shifted & 32 == 0 { shifted } else { shifted ^ 0b10_0101 }
}

/// Σ xⁱ·dᵢ with i = 11 for the first digit down to 1 for the eleventh.
fn check_digit(digits: &[u8]) -> u8 {
    digits.iter().fold(0, |sum, digit| times_x(sum ^ digit))
}

impl FromStr for ClaimCode {
    type Err = InvalidCode;

    /// Any case, with or without hyphens and spaces; O reads as 0, I and L as 1.
    fn from_str(text: &str) -> Result<Self, InvalidCode> {
        let mut digits = [0; DIGITS];
        let mut count = 0;
        for letter in text.chars().filter(|c| !c.is_whitespace() && *c != '-') {
            let letter = match letter.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            };
            let value = ALPHABET.iter().position(|known| char::from(*known) == letter).ok_or(InvalidCode::Form)?;
            *digits.get_mut(count).ok_or(InvalidCode::Form)? = u8::try_from(value).map_err(|_| InvalidCode::Form)?;
            count += 1;
        }
        if count != DIGITS {
            return Err(InvalidCode::Form);
        }
        if check_digit(&digits[..DIGITS - 1]) != digits[DIGITS - 1] {
            return Err(InvalidCode::CheckDigit);
        }
        Ok(Self(digits))
    }
}

impl fmt::Display for ClaimCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, digit) in self.0.iter().enumerate() {
            if at > 0 && at % 4 == 0 {
                f.write_str("-")?;
            }
            write!(f, "{}", char::from(ALPHABET[usize::from(*digit)]))?;
        }
        Ok(())
    }
}

impl fmt::Debug for ClaimCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a_code() -> ClaimCode {
        ClaimCode::of(PublicKey([3; 32]))
    }

    #[test]
    fn a_code_reads_back_in_any_spelling() {
        let code = a_code();
        let shown = code.to_string();
        assert_eq!(shown.len(), 14, "{shown}");
        for text in [shown.clone(), shown.replace('-', ""), shown.to_lowercase(), shown.replace('-', " "), shown.replace('0', "o").replace('1', "l")] {
            assert_eq!(text.parse(), Ok(code), "{text}");
        }
    }

    #[test]
    fn each_wrong_character_and_each_swap_is_caught() {
        let code = a_code();
        for at in 0..DIGITS {
            for value in 0..32 {
                let mut typed = code;
                typed.0[at] = value;
                assert_eq!(typed.to_string().parse::<ClaimCode>().is_ok(), typed == code, "digit {at} as {value}");
            }
            for other in 0..DIGITS {
                let mut typed = code;
                typed.0.swap(at, other);
                assert_eq!(typed.to_string().parse::<ClaimCode>().is_ok(), typed == code, "{at} and {other} swapped");
            }
        }
    }

    #[test]
    fn eleven_or_thirteen_characters_and_foreign_letters_are_no_code() {
        for text in ["", "0000", "00000000000", "0000000000000", "UUUUUUUUUUUU", "00000000000é"] {
            assert_eq!(text.parse::<ClaimCode>(), Err(InvalidCode::Form), "{text}");
        }
    }
}
