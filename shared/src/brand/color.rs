//! Colours: sRGB on the outside, OKLCH inside, WCAG contrast between two.
//!
//! Deliberately not here: which colour means what (`tokens`).
//! Matrices: Björn Ottosson, "A perceptual color space for image processing" (2020); contrast: WCAG 2.2 §1.4.3.

use std::{fmt, str::FromStr};

/// An opaque sRGB colour, written `#rrggbb`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rgb(pub [u8; 3]);

/// Why a text is not a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a colour of the form #rrggbb")]
pub struct InvalidColor;

impl FromStr for Rgb {
    type Err = InvalidColor;

    fn from_str(text: &str) -> Result<Self, InvalidColor> {
        let mut bytes = [0; 3];
        let digits = text.strip_prefix('#').ok_or(InvalidColor)?;
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| InvalidColor)?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for Rgb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", hex::encode(self.0))
    }
}

/// A colour as the eye sorts it: lightness 0–1, chroma 0–≈0.37, hue in radians.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Oklch {
    pub l: f64,
    pub c: f64,
    pub h: f64,
}

fn linear(channel: u8) -> f64 {
    let s = f64::from(channel) / 255.0;
    if s <= 0.04045 { s / 12.92 } else { ((s + 0.055) / 1.055).powf(2.4) }
}

fn encoded(linear: f64) -> f64 {
    if linear <= 0.003_130_8 { linear * 12.92 } else { 1.055 * linear.powf(1.0 / 2.4) - 0.055 }
}

impl From<Rgb> for Oklch {
    fn from(Rgb(channels): Rgb) -> Self {
        let [r, g, b] = channels.map(linear);
        let l = (0.412_221_470_8 * r + 0.536_332_536_3 * g + 0.051_445_992_9 * b).cbrt();
        let m = (0.211_903_498_2 * r + 0.680_699_545_1 * g + 0.107_396_956_6 * b).cbrt();
        let s = (0.088_302_461_9 * r + 0.281_718_837_6 * g + 0.629_978_700_5 * b).cbrt();
        let lightness = 0.210_454_255_3 * l + 0.793_617_785_0 * m - 0.004_072_046_8 * s;
        let a = 1.977_998_495_1 * l - 2.428_592_205_0 * m + 0.450_593_709_9 * s;
        let b = 0.025_904_037_1 * l + 0.782_771_766_2 * m - 0.808_675_766_0 * s;
        Self { l: lightness, c: a.hypot(b), h: b.atan2(a) }
    }
}

impl Oklch {
    /// The same hue and lightness with at most this much chroma.
    pub fn muted(self, chroma: f64) -> Self {
        Self { c: self.c.min(chroma), ..self }
    }

    /// The same hue and chroma at another lightness, held within 0–1.
    pub fn at(self, lightness: f64) -> Self {
        Self { l: lightness.clamp(0.0, 1.0), ..self }
    }

    /// Linear sRGB channels; outside 0–1 where the screen cannot show the colour.
    fn linear_rgb(self) -> [f64; 3] {
        let (a, b) = (self.c * self.h.cos(), self.c * self.h.sin());
        let l = (self.l + 0.396_337_777_4 * a + 0.215_803_757_3 * b).powi(3);
        let m = (self.l - 0.105_561_345_8 * a - 0.063_854_172_8 * b).powi(3);
        let s = (self.l - 0.089_484_177_5 * a - 1.291_485_548_0 * b).powi(3);
        [
            4.076_741_662_1 * l - 3.307_711_591_3 * m + 0.230_969_929_2 * s,
            -1.268_438_004_6 * l + 2.609_757_401_1 * m - 0.341_319_396_5 * s,
            -0.004_196_086_3 * l - 0.703_418_614_7 * m + 1.707_614_701_0 * s,
        ]
    }

    /// The nearest colour a screen can show: chroma gives way, hue and lightness stay.
    pub fn rgb(self) -> Rgb {
        let shown = |color: Self| color.linear_rgb().iter().all(|v| (-0.000_5..=1.000_5).contains(v));
        let mut color = self;
        if !shown(color) {
            let (mut low, mut high) = (0.0, self.c);
            for _ in 0..24 {
                let middle = f64::midpoint(low, high);
                if shown(self.muted(middle)) { low = middle } else { high = middle }
            }
            color = self.muted(low);
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0–255 first")]
        Rgb(color.linear_rgb().map(|v| (encoded(v.clamp(0.0, 1.0)) * 255.0).round() as u8))
    }
}

/// WCAG contrast ratio of two colours, 1–21.
#[must_use]
pub fn contrast(one: Rgb, other: Rgb) -> f64 {
    let luminance = |Rgb(channels): Rgb| {
        let [r, g, b] = channels.map(linear);
        0.2126 * r + 0.7152 * g + 0.0722 * b
    };
    let (a, b) = (luminance(one), luminance(other));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_survives_the_way_through_oklch() {
        for text in ["#000000", "#ffffff", "#ff0000", "#00ff00", "#0000ff", "#1b4dd8", "#7f7f7f", "#35e0b8"] {
            let color: Rgb = text.parse().unwrap();
            assert_eq!(Oklch::from(color).rgb().to_string(), text);
        }
    }

    #[test]
    fn red_has_the_published_coordinates() {
        let red = Oklch::from(Rgb([255, 0, 0]));
        assert!((red.l - 0.627_955).abs() < 1e-4 && (red.c - 0.257_683).abs() < 1e-4 && (red.h.to_degrees() - 29.234).abs() < 1e-2, "{red:?}");
    }

    #[test]
    fn contrast_is_what_wcag_says() {
        let (black, white, grey) = (Rgb([0; 3]), Rgb([255; 3]), Rgb([0x76; 3]));
        assert!((contrast(black, white) - 21.0).abs() < 1e-9);
        assert!((contrast(white, grey) - 4.54).abs() < 0.01, "#767676 is the lightest grey that reads on white");
    }

    #[test]
    fn anything_but_six_hex_digits_after_a_hash_is_refused() {
        for text in ["", "#fff", "red", "#12345g", "1b4dd8", "#1b4dd8ff", "#1b4dd8;}"] {
            assert_eq!(text.parse::<Rgb>(), Err(InvalidColor), "{text}");
        }
    }
}
