//! What a file that comes with a mail is saved as.

use crate::legible::one_line;

const MAX_GRAPHEMES: usize = 80;

/// A name in one folder, without what means something to a file system or a shell. Total: a name that has nothing else is `file`.
pub(crate) fn attachment_name(text: &str) -> String {
    let line = one_line(text, MAX_GRAPHEMES);
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ' ');
    let name: String = line.chars().map(|c| if is_plain(c) { c } else { '-' }).collect();
    let name = name.trim_matches(|c: char| matches!(c, '.' | ' ' | '-'));
    if name.is_empty() { "file".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_in_its_folder() {
        let cases = [
            ("boleta-12.pdf", "boleta-12.pdf"),
            ("../../etc/passwd", "etc-passwd"),
            ("entradas \"ñ\"\r\n.pdf", "entradas -ñ- .pdf"),
            (".profile", "profile"),
            ("\u{202E}fdp.exe", "fdp.exe"),
            ("//", "file"),
            ("", "file"),
        ];
        for (text, expected) in cases {
            assert_eq!(attachment_name(text), expected, "{text:?}");
        }
    }
}
