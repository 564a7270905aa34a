//! From eight seeds to the semantic colours of a light and a dark theme.
//!
//! Each role keeps the hue of its seed and gives up as little lightness as it takes to be read:
//! text and words on buttons ≥ 4.5:1, outlines, focus rings and marks ≥ 3:1, against every
//! ground they may stand on. Deliberately not here: CSS (the UI sets the variables).
//! To add a token: a line in [`solve`], and in `promises` of the tests what it must be read on.

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
    raised: f64,
    sunken: f64,
    skeleton: f64,
    soft: f64,
    soft_chroma: f64,
    border: f64,
    border_strong: f64,
    text: f64,
    text_muted: f64,
    nav_at_most: f64,
    /// The lightness that foregrounds move to so as to be read better.
    towards: f64,
    shadow: &'static str,
    overlay: &'static str,
}

const LIGHT: Ambience = Ambience {
    bg: 0.978, surface: 1.0, raised: 1.0, sunken: 0.956, skeleton: 0.925, soft: 0.950, soft_chroma: 0.035, border: 0.905,
    border_strong: 0.66, text: 0.24, text_muted: 0.50, nav_at_most: 1.0, towards: 0.0, shadow: "1f", overlay: "70",
};

const DARK: Ambience = Ambience {
    bg: 0.185, surface: 0.225, raised: 0.265, sunken: 0.155, skeleton: 0.29, soft: 0.300, soft_chroma: 0.045, border: 0.335,
    border_strong: 0.55, text: 0.95, text_muted: 0.76, nav_at_most: 0.24, towards: 1.0, shadow: "80", overlay: "99",
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

/// The lightness, 0 or 1, of words that are read best on `ground`.
fn words_on(ground: Rgb) -> f64 {
    if contrast(ground, Rgb([255; 3])) >= contrast(ground, Rgb([0; 3])) { 1.0 } else { 0.0 }
}

/// A filled colour, the same under the pointer (moved away from its words), and words that are read on both.
fn filled(seed: Oklch, neutral: Oklch, theme: &Ambience, grounds: &[Rgb]) -> [Rgb; 3] {
    let fill = readable(seed, theme.towards, MARK, grounds);
    let words = words_on(fill);
    let under = Oklch::from(fill);
    let hover = under.at(under.l + if words > 0.5 { -0.06 } else { 0.06 }).rgb();
    let on = readable(neutral.muted(0.008).at(if words > 0.5 { 0.99 } else { 0.15 }), words, TEXT, &[fill, hover]);
    [fill, hover, on]
}

fn solve(seeds: &Seeds, theme: &Ambience) -> Tokens {
    let mut tokens = Tokens::new();
    let mut put = |name: &str, color: Rgb| tokens.insert(name.to_owned(), color.to_string());
    let neutral = Oklch::from(seeds.neutral).muted(0.012);

    let grounds = [theme.bg, theme.surface, theme.raised, theme.sunken].map(|l| neutral.at(l).rgb());
    for (name, ground) in ["--bg", "--surface", "--surface-raised", "--surface-sunken"].into_iter().zip(grounds) {
        put(name, ground);
    }
    put("--skeleton", neutral.at(theme.skeleton).rgb());
    put("--border", neutral.at(theme.border).rgb());
    put("--border-strong", readable(neutral.at(theme.border_strong), theme.towards, MARK, &grounds));
    put("--focus", readable(seeds.accent.into(), theme.towards, MARK, &grounds));
    put("--highlight", readable(seeds.highlight.into(), theme.towards, MARK, &grounds));

    let mut all_grounds = grounds.to_vec();
    let roles = [("accent", seeds.accent), ("danger", seeds.danger), ("warning", seeds.warning), ("success", seeds.success), ("info", seeds.info)];
    for (name, seed) in roles {
        let seed = Oklch::from(seed);
        let soft = seed.muted(theme.soft_chroma).at(theme.soft).rgb();
        all_grounds.push(soft);
        let [fill, hover, on] = filled(seed, neutral, theme, &grounds);
        put(&format!("--{name}"), fill);
        put(&format!("--{name}-hover"), hover);
        put(&format!("--on-{name}"), on);
        put(&format!("--{name}-soft"), soft);
        put(&format!("--{name}-text"), readable(seed, theme.towards, TEXT, &[&grounds[..], &[soft]].concat()));
    }
    put("--text", readable(neutral.at(theme.text), theme.towards, 7.0, &all_grounds));
    put("--text-muted", readable(neutral.at(theme.text_muted), theme.towards, TEXT, &all_grounds));
    navigation(seeds, neutral, theme, &mut put);

    let ink = neutral.at(0.12).rgb();
    tokens.insert("--shadow".to_owned(), format!("{ink}{}", theme.shadow));
    tokens.insert("--overlay".to_owned(), format!("{ink}{}", theme.overlay));
    tokens
}

fn navigation<T>(seeds: &Seeds, neutral: Oklch, theme: &Ambience, put: &mut impl FnMut(&str, Rgb) -> T) {
    let nav = Oklch::from(seeds.nav);
    let nav = nav.at(nav.l.min(theme.nav_at_most));
    let nav_bg = nav.rgb();
    let words = words_on(nav_bg);
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
    fn promises() -> Vec<(String, f64, Vec<String>)> {
        const ROLES: [&str; 5] = ["accent", "danger", "warning", "success", "info"];
        let plain = ["--bg", "--surface", "--surface-raised", "--surface-sunken"].map(str::to_owned).to_vec();
        let everywhere = plain.iter().cloned().chain(ROLES.map(|role| format!("--{role}-soft"))).collect::<Vec<_>>();
        let nav = vec!["--nav-bg".to_owned(), "--nav-active".to_owned()];
        let mut promises = vec![
            ("--text".to_owned(), TEXT, everywhere.clone()),
            ("--text-muted".to_owned(), TEXT, everywhere),
            ("--nav-text".to_owned(), TEXT, nav.clone()),
            ("--nav-text-muted".to_owned(), TEXT, nav),
        ];
        for mark in ["--border-strong", "--focus", "--highlight"] {
            promises.push((mark.to_owned(), MARK, plain.clone()));
        }
        for role in ROLES {
            promises.push((format!("--{role}"), MARK, plain.clone()));
            promises.push((format!("--on-{role}"), TEXT, vec![format!("--{role}"), format!("--{role}-hover")]));
            promises.push((format!("--{role}-text"), TEXT, [&plain[..], &[format!("--{role}-soft")]].concat()));
        }
        promises
    }

    /// The pairs that are not read well enough.
    fn unread(tokens: &Tokens) -> Vec<String> {
        let color = |name: &str| tokens[name].parse::<Rgb>().unwrap();
        let mut unread = Vec::new();
        for (front, ratio, grounds) in promises() {
            for ground in grounds.iter().filter(|ground| contrast(color(&front), color(ground)) < ratio) {
                unread.push(format!("{front} {} on {ground} {}", tokens[&front], tokens[ground]));
            }
        }
        unread
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
