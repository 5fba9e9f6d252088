//! Mails in a folder, and what is in them.

use std::collections::BTreeMap;
use std::path::Path;

use data_encoding::BASE64;

/// A part of a mail.
pub(crate) struct Part {
    /// With its parameters.
    pub(crate) media_type: String,
    pub(crate) file_name: Option<String>,
    pub(crate) content: Vec<u8>,
}

/// All of them, by their ids.
pub(crate) fn mails_in(folder: &Path) -> BTreeMap<String, String> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mails = files.filter(|path| path.extension().is_some_and(|extension| extension == "eml"));
    let id = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    mails.map(|path| (id(&path), std::fs::read_to_string(&path).unwrap())).collect()
}

/// The parts in base 64: a boundary of ours begins with `=_`, which nothing else does.
pub(crate) fn parts(mail: &str) -> Vec<Part> {
    let part = |text: &str| {
        let (head, body) = text.split_once("\r\n\r\n")?;
        let head = head.replace("\r\n ", " ");
        let value = |name: &str| head.lines().find_map(|line| line.strip_prefix(name));
        if value("Content-Transfer-Encoding: ") != Some("base64") {
            return None;
        }
        let file_name = value("Content-Disposition: attachment; filename=");
        Some(Part {
            media_type: value("Content-Type: ")?.to_owned(),
            file_name: file_name.map(|name| name.trim_matches('"').to_owned()),
            content: BASE64.decode(body.replace("\r\n", "").as_bytes()).unwrap(),
        })
    };
    // What is behind a boundary's own line.
    let behind = mail.split("\r\n--=_").filter_map(|text| text.split_once("\r\n"));
    behind.filter_map(|(_, text)| part(text)).collect()
}
