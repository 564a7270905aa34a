//! A brand: what a tenant's people see as their own.
//!
//! [`Brand::read`] takes a `brand.toml` (name, words, eight seed colours, shape, fonts, logo), checks it and
//! names the field that is wrong; [`Brand::theme`] gives what travels over the API and becomes CSS variables.
//! Deliberately not here: storing brands, CSS, packaging. To add a brand: a folder under `mobile/brands/`
//! and, when it ships with the product, a line in [`Brand::BUILT_IN`].

mod color;
mod css;
mod logo;
mod tokens;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde::{Deserialize, Serialize};

pub use color::{Rgb, contrast};
pub use logo::InvalidLogo;
pub use tokens::{MARK, TEXT, Tokens};

/// The seed colours; `tokens` turns them into roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seeds {
    /// Buttons, links, the chosen thing.
    pub accent: Rgb,
    /// The tint of greys, grounds and text.
    pub neutral: Rgb,
    /// The ground of the navigation.
    pub nav: Rgb,
    /// A second colour of the brand, for marks and charts.
    pub highlight: Rgb,
    /// Loss, failure.
    pub danger: Rgb,
    /// Attention.
    pub warning: Rgb,
    /// It worked.
    pub success: Rgb,
    /// Worth knowing.
    pub info: Rgb,
}

impl Default for Seeds {
    fn default() -> Self {
        Self {
            accent: Rgb([0x1b, 0x4d, 0xd8]),
            neutral: Rgb([0x5b, 0x66, 0x80]),
            nav: Rgb([0x10, 0x1b, 0x3d]),
            highlight: Rgb([0x0f, 0x9f, 0x86]),
            danger: Rgb([0xc2, 0x2a, 0x3a]),
            warning: Rgb([0x9a, 0x5b, 0x00]),
            success: Rgb([0x15, 0x7a, 0x46]),
            info: Rgb([0x1f, 0x6f, 0xb2]),
        }
    }
}

/// What a brand says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// One line under the name on the sign-in page, at most 120 characters.
    pub tagline: String,
    /// Where its people get help: an e-mail address.
    pub support: Option<String>,
}

/// A colour for each role, for each theme: CSS custom property → value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ThemeTokens {
    /// For light surroundings.
    #[schema(example = json!({"--bg": "#f6f8fb", "--accent": "#1b4dd8"}))]
    pub light: Tokens,
    /// For dark surroundings.
    #[schema(example = json!({"--bg": "#0f1420", "--accent": "#8fb0ff"}))]
    pub dark: Tokens,
}

/// A brand as it travels: everything solved, ready to show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Theme {
    /// The name its people know it by.
    pub name: String,
    /// What it says about itself.
    pub words: Words,
    /// Colours for each role.
    pub tokens: ThemeTokens,
    /// Roundness of corners in CSS pixels, 0–24.
    pub radius: u8,
    /// CSS `font-family` of running text; `null` for the product's own.
    pub font: Option<String>,
    /// CSS `font-family` of headings; `null` for that of running text.
    pub heading_font: Option<String>,
    /// The drawing as a `data:` URL.
    pub logo: String,
}

/// A checked brand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brand {
    name: String,
    words: Words,
    seeds: Seeds,
    radius: u8,
    font: Option<String>,
    heading_font: Option<String>,
    logo: String,
}

/// Why a `brand.toml` is not a brand. `field` is the path in the file, e.g. `colors.accent`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct InvalidBrand {
    /// Where the fault is.
    pub field: String,
    /// What is wrong, in plain words.
    pub reason: String,
}

fn invalid(field: &str, reason: impl ToString) -> InvalidBrand {
    InvalidBrand { field: field.to_owned(), reason: reason.to_string() }
}

impl Brand {
    /// The brands that ship with the product: short name and `brand.toml`.
    pub const BUILT_IN: &'static [(&'static str, &'static str)] = &[
        ("omniot", include_str!("../../../mobile/brands/omniot/brand.toml")),
        ("northlift", include_str!("../../../mobile/brands/northlift/brand.toml")),
        ("verdant", include_str!("../../../mobile/brands/verdant/brand.toml")),
    ];

    /// Reads and checks a `brand.toml`.
    ///
    /// # Errors
    /// Names the first field that is missing, unknown or unfit.
    pub fn read(text: &str) -> Result<Self, InvalidBrand> {
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| invalid("brand.toml", error.message()))?;
        let mut root = Section { path: String::new(), table };
        let name = line("name", root.text("name")?, 60)?;
        let radius = root.number("radius", 24)?;
        let logo = logo::checked(&root.text("logo")?).map_err(|why| invalid("logo", why))?;

        let mut words = root.section("words")?;
        let support = words.optional_text("support")?;
        if support.as_deref().is_some_and(|address| !is_address(address)) {
            return Err(invalid("words.support", "must be an e-mail address"));
        }
        let tagline = line("words.tagline", words.text("tagline")?, 120)?;
        words.nothing_else()?;

        let mut fonts = root.section("fonts")?;
        let font = family("fonts.body", fonts.optional_text("body")?)?;
        let heading_font = family("fonts.heading", fonts.optional_text("heading")?)?;
        fonts.nothing_else()?;

        let mut colors = root.section("colors")?;
        let seeds = Seeds {
            accent: colors.color("accent")?,
            neutral: colors.color("neutral")?,
            nav: colors.color("nav")?,
            highlight: colors.color("highlight")?,
            danger: colors.color("danger")?,
            warning: colors.color("warning")?,
            success: colors.color("success")?,
            info: colors.color("info")?,
        };
        colors.nothing_else()?;
        root.nothing_else()?;
        Ok(Self { name, words: Words { tagline, support }, seeds, radius, font, heading_font, logo })
    }

    /// The brand of that short name among those that ship with the product.
    #[must_use]
    pub fn built_in(name: &str) -> Option<Self> {
        Self::BUILT_IN.iter().find(|(known, _)| *known == name).and_then(|(_, text)| Self::read(text).ok())
    }

    /// The name its people know it by.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Everything solved, ready to travel and to show.
    #[must_use]
    pub fn theme(&self) -> Theme {
        Theme {
            name: self.name.clone(),
            words: self.words.clone(),
            tokens: ThemeTokens { light: tokens::light(&self.seeds), dark: tokens::dark(&self.seeds) },
            radius: self.radius,
            font: self.font.clone(),
            heading_font: self.heading_font.clone(),
            logo: format!("data:image/svg+xml;base64,{}", BASE64.encode(&self.logo)),
        }
    }
}

/// A table of the file from which fields are taken one by one, so that what is left over is unknown.
struct Section {
    path: String,
    table: toml::Table,
}

impl Section {
    fn at(&self, field: &str) -> String {
        if self.path.is_empty() { field.to_owned() } else { format!("{}.{field}", self.path) }
    }

    fn optional_text(&mut self, field: &str) -> Result<Option<String>, InvalidBrand> {
        match self.table.remove(field) {
            None => Ok(None),
            Some(toml::Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(invalid(&self.at(field), "must be a text")),
        }
    }

    fn text(&mut self, field: &str) -> Result<String, InvalidBrand> {
        self.optional_text(field)?.ok_or_else(|| invalid(&self.at(field), "is missing"))
    }

    fn number(&mut self, field: &str, most: u8) -> Result<u8, InvalidBrand> {
        let value = self.table.remove(field).ok_or_else(|| invalid(&self.at(field), "is missing"))?;
        let number = value.as_integer().and_then(|number| u8::try_from(number).ok()).filter(|number| *number <= most);
        number.ok_or_else(|| invalid(&self.at(field), format!("must be a whole number from 0 to {most}")))
    }

    fn color(&mut self, field: &str) -> Result<Rgb, InvalidBrand> {
        self.text(field)?.parse().map_err(|why| invalid(&self.at(field), why))
    }

    fn section(&mut self, field: &str) -> Result<Self, InvalidBrand> {
        match self.table.remove(field) {
            Some(toml::Value::Table(table)) => Ok(Self { path: field.to_owned(), table }),
            _ => Err(invalid(field, "is missing")),
        }
    }

    fn nothing_else(&self) -> Result<(), InvalidBrand> {
        self.table.keys().next().map_or(Ok(()), |field| Err(invalid(&self.at(field), "is not a field of a brand")))
    }
}

fn line(field: &str, text: String, longest: usize) -> Result<String, InvalidBrand> {
    let fits = !text.trim().is_empty() && text.chars().count() <= longest && !text.chars().any(char::is_control);
    if fits { Ok(text) } else { Err(invalid(field, format!("must be one line of 1 to {longest} characters"))) }
}

fn is_address(text: &str) -> bool {
    text.len() <= 254
        && text.split_once('@').is_some_and(|(user, host)| !user.is_empty() && host.contains('.') && !host.contains('@'))
        && !text.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"' | '\''))
}

/// A family name as a CSS value; nothing that could end the declaration.
fn family(field: &str, name: Option<String>) -> Result<Option<String>, InvalidBrand> {
    let plain = |name: &str| (1..=60).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-'));
    match name {
        None => Ok(None),
        Some(name) if name == "serif" => Ok(Some("ui-serif, Georgia, serif".to_owned())),
        Some(name) if plain(&name) => Ok(Some(format!("\"{name}\""))),
        Some(_) => Err(invalid(field, "must be `serif` or a family name of letters, digits, spaces and hyphens")),
    }
}

#[cfg(test)]
mod tests;
