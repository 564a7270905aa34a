//! Logos: a small, inert part of SVG, so that the UI may put one into the page as it is.
//!
//! Deliberately not here: a general SVG reader. What is not on the two lists is refused:
//! no scripts, no styles, no references to anywhere, no text declarations.

const ELEMENTS: &[&str] = &["svg", "g", "title", "path", "circle", "ellipse", "rect", "line", "polyline", "polygon"];
const ATTRIBUTES: &[&str] = &[
    "xmlns", "viewBox", "role", "aria-label", "aria-hidden", "width", "height", "d", "cx", "cy", "r", "rx", "ry", "x", "y",
    "x1", "y1", "x2", "y2", "points", "transform", "opacity", "fill", "fill-rule", "fill-opacity", "clip-rule", "stroke",
    "stroke-width", "stroke-linecap", "stroke-linejoin", "stroke-opacity",
];

/// Bytes; a logo is a drawing, not a picture.
const LARGEST: usize = 16 * 1024;

/// Why a text is not a logo.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLogo {
    /// More than 16 KiB.
    #[error("is larger than 16 KiB")]
    TooLarge,
    /// The tags do not nest, or the text is not one `<svg>` with a `viewBox`.
    #[error("must be one well-formed <svg> element with a viewBox")]
    Malformed,
    /// An element that a logo may not have.
    #[error("may not contain <{0}>")]
    Element(String),
    /// An attribute that a logo may not have.
    #[error("may not use the attribute {0}")]
    Attribute(String),
}

/// Checks a logo and gives it back trimmed.
///
/// # Errors
/// When it is too large, malformed, or has an element or attribute outside the lists.
pub fn checked(svg: &str) -> Result<String, InvalidLogo> {
    let svg = svg.trim();
    if svg.len() > LARGEST {
        return Err(InvalidLogo::TooLarge);
    }
    let mut open: Vec<&str> = Vec::new();
    let mut rest = svg;
    let mut has_view_box = false;
    while let Some(start) = rest.find('<') {
        let (text, tail) = rest.split_at(start);
        let end = tail.find('>').ok_or(InvalidLogo::Malformed)?;
        let tag = &tail[1..end];
        let at_root = open.is_empty();
        let second_root = at_root && rest.len() != svg.len();
        if second_root || (at_root && !text.is_empty()) || text.contains('&') {
            return Err(InvalidLogo::Malformed);
        }
        rest = &tail[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name.trim()) || (open.is_empty() && !rest.is_empty()) {
                return Err(InvalidLogo::Malformed);
            }
            continue;
        }
        let (tag, closed) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let (name, attributes) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
        if !ELEMENTS.contains(&name) {
            return Err(InvalidLogo::Element(name.to_owned()));
        }
        if at_root != (name == "svg") {
            return Err(InvalidLogo::Malformed);
        }
        has_view_box |= check_attributes(attributes)?;
        if !closed {
            open.push(name);
        }
    }
    if open.is_empty() && rest.is_empty() && has_view_box { Ok(svg.to_owned()) } else { Err(InvalidLogo::Malformed) }
}

/// Checks `a="b" c="d"`; says whether a `viewBox` was among them.
fn check_attributes(text: &str) -> Result<bool, InvalidLogo> {
    let mut rest = text.trim_start();
    let mut has_view_box = false;
    while !rest.is_empty() {
        let (name, value) = rest.split_once('=').ok_or(InvalidLogo::Malformed)?;
        let value = value.strip_prefix('"').ok_or(InvalidLogo::Malformed)?;
        let (value, after) = value.split_once('"').ok_or(InvalidLogo::Malformed)?;
        if !ATTRIBUTES.contains(&name) {
            return Err(InvalidLogo::Attribute(name.to_owned()));
        }
        let outward = value.contains(['&', '<', '\\']) || value.to_ascii_lowercase().contains("url(") || (name == "xmlns" && value != "http://www.w3.org/2000/svg");
        if outward {
            return Err(InvalidLogo::Attribute(name.to_owned()));
        }
        has_view_box |= name == "viewBox";
        rest = after.trim_start();
    }
    Ok(has_view_box)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><title>A B</title><g fill="none"><path d="M0 0h8"/></g></svg>"#;

    #[test]
    fn a_plain_drawing_is_kept_as_it_is() {
        assert_eq!(checked(&format!("\n{GOOD}\n")).as_deref(), Ok(GOOD));
    }

    #[test]
    fn whatever_could_act_or_fetch_is_refused() {
        for (inner, code) in [
            ("<script>alert(1)</script>", InvalidLogo::Element("script".into())),
            (r#"<path onload="x"/>"#, InvalidLogo::Attribute("onload".into())),
            (r#"<path fill="url(http://x)"/>"#, InvalidLogo::Attribute("fill".into())),
            (r#"<path fill="&#117;rl(x)"/>"#, InvalidLogo::Attribute("fill".into())),
            (r#"<image href="x"/>"#, InvalidLogo::Element("image".into())),
            (r#"<path style="x"/>"#, InvalidLogo::Attribute("style".into())),
            ("<foreignObject/>", InvalidLogo::Element("foreignObject".into())),
            ("<!-- x -->", InvalidLogo::Element("!--".into())),
            ("<svg viewBox=\"0 0 1 1\"/>", InvalidLogo::Malformed),
            ("<title>&lt;</title>", InvalidLogo::Malformed),
        ] {
            assert_eq!(checked(&GOOD.replace("<g ", &format!("{inner}<g "))), Err(code), "{inner}");
        }
    }

    #[test]
    fn text_around_unclosed_or_missing_parts_are_refused() {
        for text in ["", "x", "<svg viewBox=\"0 0 1 1\">", "<svg viewBox=\"0 0 1 1\"/>x", "x<svg viewBox=\"0 0 1 1\"/>", "<svg/>", "<svg viewBox=\"0 0 1 1\"><g></svg></g>", "<svg viewBox=\"0 0 1 1\"/><svg viewBox=\"0 0 1 1\"/>", "<svg viewBox='0 0 1 1'/>", "<path d=\"\"/>"] {
            assert_eq!(checked(text), Err(InvalidLogo::Malformed), "{text}");
        }
        assert_eq!(checked(&GOOD.replace("M0", &"M0 ".repeat(9000))), Err(InvalidLogo::TooLarge));
    }
}
