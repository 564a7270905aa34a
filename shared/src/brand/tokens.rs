//! From eight seeds to the semantic colours of a light and a dark theme.
//!
//! Each role keeps the hue of its seed and gives up as little lightness as it takes to be read:
//! text and words on buttons ≥ 4.5:1, outlines, focus rings and marks ≥ 3:1, against every
//! ground they may stand on. Deliberately not here: CSS (the UI sets the variables).
//! To add a token: a line in [`solve`], and in `GROUNDS` of the tests what it must be read on.

use std::collections::BTreeMap;

use super::{
    Seeds,
    color::{Oklch, Rgb, contrast},
};

/// CSS custom properties and their values: `--bg` → `#f7f8fb`.
pub type Tokens = BTreeMap<String, String>;

/// What text must reach (WCAG 2.2 AA).
pub const TEXT: f64 = 4.5;
/// What outlines, focus rings and marks must reach.
pub const MARK: f64 = 3.0;

/// One of the two themes: how light its grounds are and which way "more readable" lies.
struct Ambience {
    bg: f64,
    surface: f64,
    surface_2: f64,
    soft: f64,
    soft_chroma: f64,
    border: f64,
    border_strong: f64,
    text: f64,
    text_muted: f64,
    nav_at_most: f64,
    /// Where foregrounds move to be read better.
    towards: f64,
    hover: f64,
    shadow: &'static str,
    scrim: &'static str,
}

const LIGHT: Ambience = Ambience {
    bg: 0.978, surface: 1.0, surface_2: 0.956, soft: 0.950, soft_chroma: 0.035, border: 0.905, border_strong: 0.66,
    text: 0.24, text_muted: 0.50, nav_at_most: 1.0, towards: 0.0, hover: -0.06, shadow: "1f", scrim: "66",
};

const DARK: Ambience = Ambience {
    bg: 0.185, surface: 0.225, surface_2: 0.265, soft: 0.300, soft_chroma: 0.045, border: 0.335, border_strong: 0.55,
    text: 0.95, text_muted: 0.76, nav_at_most: 0.24, towards: 1.0, hover: 0.05, shadow: "80", scrim: "99",
};

/// The first colour on the way from `start` to `towards` (lightness) that reaches `ratio` on all of `grounds`;
/// at the end of the way when none does.
fn readable(start: Oklch, towards: f64, ratio: f64, grounds: &[Rgb]) -> Rgb {
    const STEPS: u32 = 200;
    (0..=STEPS)
        .map(|step| start.at(start.l + (towards - start.l) * f64::from(step) / f64::from(STEPS)).rgb())
        .find(|color| grounds.iter().all(|ground| contrast(*color, *ground) >= ratio))
        .unwrap_or_else(|| start.muted(0.0).at(towards).rgb())
}

/// Words on a filled ground: near white or near black, whichever is read better, pushed until it is read.
fn on(neutral: Oklch, grounds: &[Rgb]) -> Rgb {
    let least = |color: Rgb| grounds.iter().map(|ground| contrast(color, *ground)).fold(f64::INFINITY, f64::min);
    let towards = if least(Rgb([255; 3])) >= least(Rgb([0; 3])) { 1.0 } else { 0.0 };
    readable(neutral.at(f64::midpoint(towards, f64::midpoint(towards, 0.5))), towards, TEXT, grounds)
}

/// A filled colour, the same under the pointer, and words that are read on both.
fn filled(seed: Oklch, neutral: Oklch, theme: &Ambience, grounds: &[Rgb]) -> [Rgb; 3] {
    let fill = readable(seed, theme.towards, TEXT, grounds);
    let hover = Oklch::from(fill);
    let hover = hover.at(hover.l + theme.hover).rgb();
    [fill, hover, on(neutral, &[fill, hover])]
}

fn solve(seeds: &Seeds, theme: &Ambience) -> Tokens {
    let mut tokens = Tokens::new();
    let mut put = |name: &str, color: Rgb| tokens.insert(name.to_owned(), color.to_string());
    let neutral = Oklch::from(seeds.neutral).muted(0.02);
    let soft = |seed: Rgb| Oklch::from(seed).muted(theme.soft_chroma).at(theme.soft).rgb();

    let plain = [theme.bg, theme.surface, theme.surface_2].map(|l| neutral.at(l).rgb());
    let [bg, surface, surface_2] = plain;
    put("--bg", bg);
    put("--surface", surface);
    put("--surface-2", surface_2);
    put("--border", neutral.at(theme.border).rgb());
    put("--border-strong", readable(neutral.at(theme.border_strong), theme.towards, MARK, &plain));

    let accent_soft = soft(seeds.accent);
    put("--accent-soft", accent_soft);
    let grounds = [bg, surface, surface_2, accent_soft];
    let [accent, hover, on_accent] = filled(seeds.accent.into(), neutral, theme, &grounds);
    put("--accent", accent);
    put("--accent-hover", hover);
    put("--on-accent", on_accent);
    put("--focus", readable(seeds.accent.into(), theme.towards, MARK, &plain));
    put("--highlight", readable(seeds.highlight.into(), theme.towards, MARK, &plain));

    let mut all_grounds = grounds.to_vec();
    for (name, seed) in [("danger", seeds.danger), ("warning", seeds.warning), ("success", seeds.success), ("info", seeds.info)] {
        let own_soft = soft(seed);
        all_grounds.push(own_soft);
        let [fill, hover, on_fill] = filled(seed.into(), neutral, theme, &[bg, surface, surface_2, own_soft]);
        put(&format!("--{name}"), fill);
        put(&format!("--{name}-hover"), hover);
        put(&format!("--{name}-soft"), own_soft);
        put(&format!("--on-{name}"), on_fill);
    }
    put("--text", readable(neutral.at(theme.text), theme.towards, 7.0, &all_grounds));
    put("--text-muted", readable(neutral.at(theme.text_muted), theme.towards, TEXT, &all_grounds));

    let nav = Oklch::from(seeds.nav);
    let nav = nav.at(nav.l.min(theme.nav_at_most));
    let nav_bg = nav.rgb();
    let words = if contrast(nav_bg, Rgb([255; 3])) >= contrast(nav_bg, Rgb([0; 3])) { 1.0 } else { 0.0 };
    // The chosen entry moves towards the words where they stay readable on it, and away from them otherwise.
    let step = if words > 0.5 { 0.08 } else { -0.08 };
    let nav_active = [step, -step].map(|step| Oklch::from(nav_bg).at(nav.l + step).rgb());
    let extreme = Oklch { l: words, c: 0.0, h: 0.0 }.rgb();
    let nav_active = if contrast(nav_active[0], extreme) >= 7.0 { nav_active[0] } else { nav_active[1] };
    put("--nav-bg", nav_bg);
    put("--nav-active", nav_active);
    let grounds = [nav_bg, nav_active];
    put("--nav-text", readable(neutral.at(if words > 0.5 { 0.96 } else { 0.2 }), words, TEXT, &grounds));
    put("--nav-text-muted", readable(neutral.at(if words > 0.5 { 0.8 } else { 0.4 }), words, TEXT, &grounds));

    let ink = neutral.at(0.12).rgb();
    tokens.insert("--shadow".to_owned(), format!("{ink}{}", theme.shadow));
    tokens.insert("--scrim".to_owned(), format!("{ink}{}", theme.scrim));
    tokens
}

/// The light theme's tokens.
pub(super) fn light(seeds: &Seeds) -> Tokens {
    solve(seeds, &LIGHT)
}

/// The dark theme's tokens.
pub(super) fn dark(seeds: &Seeds) -> Tokens {
    solve(seeds, &DARK)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is read on what, and how well: the promise of this module.
    const GROUNDS: &[(&str, f64, &[&str])] = &[
        ("--text", TEXT, &["--bg", "--surface", "--surface-2", "--accent-soft", "--danger-soft", "--warning-soft", "--success-soft", "--info-soft"]),
        ("--text-muted", TEXT, &["--bg", "--surface", "--surface-2", "--accent-soft", "--danger-soft", "--warning-soft", "--success-soft", "--info-soft"]),
        ("--accent", TEXT, &["--bg", "--surface", "--surface-2", "--accent-soft"]),
        ("--danger", TEXT, &["--bg", "--surface", "--surface-2", "--danger-soft"]),
        ("--warning", TEXT, &["--bg", "--surface", "--surface-2", "--warning-soft"]),
        ("--success", TEXT, &["--bg", "--surface", "--surface-2", "--success-soft"]),
        ("--info", TEXT, &["--bg", "--surface", "--surface-2", "--info-soft"]),
        ("--on-accent", TEXT, &["--accent", "--accent-hover"]),
        ("--on-danger", TEXT, &["--danger", "--danger-hover"]),
        ("--on-warning", TEXT, &["--warning", "--warning-hover"]),
        ("--on-success", TEXT, &["--success", "--success-hover"]),
        ("--on-info", TEXT, &["--info", "--info-hover"]),
        ("--nav-text", TEXT, &["--nav-bg", "--nav-active"]),
        ("--nav-text-muted", TEXT, &["--nav-bg", "--nav-active"]),
        ("--border-strong", MARK, &["--bg", "--surface", "--surface-2"]),
        ("--focus", MARK, &["--bg", "--surface", "--surface-2"]),
        ("--highlight", MARK, &["--bg", "--surface", "--surface-2"]),
    ];

    /// The pairs that are not read well enough.
    fn unread(tokens: &Tokens) -> Vec<String> {
        let color = |name: &str| tokens[name].parse::<Rgb>().unwrap();
        GROUNDS
            .iter()
            .flat_map(|(front, ratio, grounds)| grounds.iter().map(move |ground| (*front, *ground, *ratio)))
            .filter(|(front, ground, ratio)| contrast(color(front), color(ground)) < *ratio)
            .map(|(front, ground, _)| format!("{front} {} on {ground} {}", tokens[front], tokens[ground]))
            .collect()
    }

    fn any_color() -> impl Strategy<Value = Rgb> {
        any::<[u8; 3]>().prop_map(Rgb)
    }

    proptest! {
        #[test]
        fn whatever_the_seeds_everything_can_be_read(colors in proptest::array::uniform8(any_color())) {
            let [accent, neutral, nav, highlight, danger, warning, success, info] = colors;
            let seeds = Seeds { accent, neutral, nav, highlight, danger, warning, success, info };
            for tokens in [light(&seeds), dark(&seeds)] {
                prop_assert_eq!(unread(&tokens), Vec::<String>::new());
            }
        }
    }

    #[test]
    fn the_corners_of_the_colour_cube_can_be_read_too() {
        for corner in 0..27_u8 {
            let color = Rgb([corner % 3, corner / 3 % 3, corner / 9].map(|step| [0, 128, 255][usize::from(step)]));
            let seeds = Seeds { accent: color, neutral: color, nav: color, highlight: color, danger: color, warning: color, success: color, info: color };
            for tokens in [light(&seeds), dark(&seeds)] {
                assert_eq!(unread(&tokens), Vec::<String>::new(), "all seeds {color}");
            }
        }
    }

    #[test]
    fn a_colour_that_is_read_already_is_left_as_it_is() {
        let seeds = Seeds::default();
        assert_eq!(light(&seeds)["--accent"], seeds.accent.to_string());
    }
}
