use super::*;

fn default_text() -> &'static str {
    Brand::BUILT_IN[0].1
}

#[test]
fn every_built_in_brand_is_valid_and_carries_some_thirty_tokens() {
    for (name, text) in Brand::BUILT_IN {
        let theme = Brand::read(text).unwrap_or_else(|why| panic!("{name}: {why}")).theme();
        assert!(theme.tokens.light.len() >= 30, "{name} has {} tokens", theme.tokens.light.len());
        assert!(theme.tokens.light.keys().eq(theme.tokens.dark.keys()), "{name}: both themes name the same roles");
    }
}

#[test]
fn built_in_brands_look_clearly_different() {
    let themes: Vec<Theme> = Brand::BUILT_IN.iter().map(|(name, _)| Brand::built_in(name).unwrap().theme()).collect();
    for (i, one) in themes.iter().enumerate() {
        for other in &themes[i + 1..] {
            for token in ["--accent", "--nav-bg", "--highlight"] {
                assert_ne!(one.tokens.light[token], other.tokens.light[token], "{token} of {} and {}", one.name, other.name);
            }
            assert!(one.logo != other.logo && one.radius != other.radius, "{} and {}", one.name, other.name);
        }
    }
}

#[test]
fn the_default_brand_is_made_of_the_default_seeds() {
    assert_eq!(Brand::built_in("omniot").unwrap().seeds, Seeds::default());
}

#[test]
fn a_theme_travels_as_json_and_back() {
    let theme = Brand::built_in("verdant").unwrap().theme();
    let json = serde_json::to_string(&theme).unwrap();
    assert_eq!(serde_json::from_str::<Theme>(&json).unwrap(), theme);
}

#[test]
fn a_fault_is_reported_with_its_field() {
    for (from, to, field) in [
        ("name = \"OmnIoT\"", "name = \"\"", "name"),
        ("name = \"OmnIoT\"", "name = 3", "name"),
        ("name = \"OmnIoT\"", "", "name"),
        ("name = \"OmnIoT\"", "name = \"a\\nb\"", "name"),
        ("accent = \"#1b4dd8\"", "accent = \"blue\"", "colors.accent"),
        ("accent = \"#1b4dd8\"", "accent = \"#fff; } body {\"", "colors.accent"),
        ("accent = \"#1b4dd8\"", "", "colors.accent"),
        ("radius = 10", "radius = 25", "radius"),
        ("radius = 10", "radius = -1", "radius"),
        ("radius = 10", "radius = \"10\"", "radius"),
        ("radius = 10", "radius = 10\ntypo = 1", "typo"),
        ("[colors]", "[colours]", "colors"),
        ("[fonts]", "[fonts]\nbody = \"x; } body {\"", "fonts.body"),
        ("[fonts]", "[fonts]\nheading = 'a\"b'", "fonts.heading"),
        ("[fonts]", "[fonts]\nmono = \"x\"", "fonts.mono"),
        ("[words]", "[words]\nsupport = \"nobody\"", "words.support"),
        ("<circle", "<script/><circle", "logo"),
        ("name = \"OmnIoT\"", "name = ", "brand.toml"),
    ] {
        let text = default_text().replacen(from, to, 1);
        assert_ne!(text, default_text(), "{from} is in the default brand");
        assert_eq!(Brand::read(&text).expect_err(to).field, field, "{from} → {to}");
    }
}

#[test]
fn the_style_sheet_of_the_ui_is_that_of_the_default_brand() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../ui/src/lib/brand/default.css");
    let written = std::fs::read_to_string(path).expect("the UI has a default style sheet");
    assert_eq!(written, Brand::built_in("omniot").unwrap().theme().stylesheet(), "run scripts/brand-css");
}
