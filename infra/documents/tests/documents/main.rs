//! Documents as others read them: texts by poppler, codes by a barcode reader, bytes by comparison.

mod receipts;
mod sheets;
mod tickets;
mod tools;

/// Texts that people and attackers put where a name belongs.
fn hostile_texts() -> Vec<(&'static str, String)> {
    vec![
        ("nothing", String::new()),
        ("one long word", "W".repeat(300)),
        ("many words", "Concierto sinfónico ".repeat(15)),
        ("very many words", "ab ".repeat(100_000)),
        ("right to left", "ערב של שירים \u{202E}םולש\u{202C} أمسية موسيقية".to_owned()),
        ("emoji", "Fiesta 🎉👩\u{200D}👩\u{200D}👧🏽🇨🇱 ❤\u{FE0F}".to_owned()),
        ("Chinese", "東京の夜".repeat(20)),
        ("towers of accents", "Z\u{335}\u{341}\u{30f}\u{342}\u{333}\u{356}".repeat(50)),
        ("markup", "<b>x</b> &amp; \\) Tj ET Q endstream %PDF-1.7 (%s) {{show}}".to_owned()),
        ("control characters", "a\0b\u{1}\u{7f}\u{85}c\u{1b}[2J\u{FFFE}\u{FFFF}".to_owned()),
        ("invisible", "\u{200B}\u{200D}\u{FEFF}\u{2066}\u{E0041}".to_owned()),
        ("lines", "uno\ndos\r\ntres\u{2028}cuatro".to_owned()),
    ]
}
