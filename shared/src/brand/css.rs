//! A theme as a style sheet: what the UI shows before it knows whose brand to show.
//!
//! Deliberately not here: which file it goes to (`scripts/brand-css` writes it).

use std::fmt::Write as _;

use super::{Theme, Tokens};

impl Theme {
    /// CSS with the light tokens on `:root` and the dark ones on `:root[data-scheme='dark']`.
    #[must_use]
    pub fn stylesheet(&self) -> String {
        let mut css = format!("/* The brand {}, written by scripts/brand-css from its brand.toml: change that and run it again. */\n", self.name);
        block(&mut css, ":root", "light", &self.tokens.light);
        // Writing into a String cannot fail.
        let _ = writeln!(css, "  --radius: {}px;\n  --font: 'Inter Variable', system-ui, sans-serif;\n}}\n", self.radius);
        block(&mut css, ":root[data-scheme='dark']", "dark", &self.tokens.dark);
        css.push_str("}\n");
        css
    }
}

fn block(css: &mut String, selector: &str, scheme: &str, tokens: &Tokens) {
    let _ = writeln!(css, "{selector} {{\n  color-scheme: {scheme};");
    for (name, value) in tokens {
        let _ = writeln!(css, "  {name}: {value};");
    }
}
