//! What a new tenant begins with, as data.

use omniot_shared::{brand::Brand, entities::Security};
use serde::{Deserialize, Serialize};

/// The templates that ship: short name and file.
const FILES: &[(&str, &str)] = &[
    ("blank", include_str!("../../templates/blank.toml")),
    ("cold-chain", include_str!("../../templates/cold-chain.toml")),
    ("facility", include_str!("../../templates/facility.toml")),
];

/// What a new tenant begins with.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// Its short name; not in the file.
    #[serde(skip)]
    pub name: &'static str,
    /// What the operator reads.
    pub display_name: String,
    /// Short name of a brand that ships with the product.
    pub brand: String,
    /// Its first sites.
    #[serde(default)]
    pub sites: Vec<TemplateSite>,
    /// Its device models.
    #[serde(default)]
    pub models: Vec<TemplateModel>,
}

/// A site of a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateSite {
    /// Its name.
    pub name: String,
    /// Its IANA time zone.
    pub time_zone: String,
    /// Its postal address.
    #[serde(default)]
    pub address: Option<String>,
}

/// A device model of a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateModel {
    /// Its name.
    pub name: String,
    /// What the device reports.
    pub sku: String,
    /// The floor for the radio session.
    pub min_security: Security,
}

/// All templates, by name.
///
/// # Errors
/// When a file does not read; a test shows that each does.
pub fn all() -> Result<Vec<Template>, toml::de::Error> {
    FILES.iter().map(|(name, text)| toml::from_str::<Template>(text).map(|template| Template { name, ..template })).collect()
}

/// The template of that name.
#[must_use]
pub fn find(name: &str) -> Option<Template> {
    all().ok()?.into_iter().find(|template| template.name == name)
}

/// The `brand.toml` of a brand that ships with the product; OmnIoT's own for any other name.
#[must_use]
pub fn brand_file(name: &str) -> &'static str {
    let file = |wanted: &str| Brand::BUILT_IN.iter().find(|(known, _)| *known == wanted).map(|(_, text)| *text);
    file(name).or_else(|| file("omniot")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_reads_and_its_brand_exists() {
        for template in all().expect("the templates read") {
            assert!(Brand::built_in(&template.brand).is_some(), "{} names the brand {}", template.name, template.brand);
            assert_eq!(find(template.name).as_ref(), Some(&template));
        }
    }
}
