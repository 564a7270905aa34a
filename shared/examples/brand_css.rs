//! Writes the default brand's style sheet to standard output; see `scripts/brand-css`.

use std::io::Write;

fn main() -> std::io::Result<()> {
    let brand = omniot_shared::brand::Brand::built_in("omniot").ok_or_else(|| std::io::Error::other("mobile/brands/omniot/brand.toml is not valid"))?;
    std::io::stdout().write_all(brand.theme().stylesheet().as_bytes())
}
