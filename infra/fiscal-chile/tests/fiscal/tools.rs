//! Programs that judge. Where one is missing, a test says so and passes over it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the signature of a document stands, for xmlsec1.
pub(crate) const OF_DOCUMENT: &str = "//*[local-name()='DTE']/*[local-name()='Signature']";
/// Where the signature of an envelope stands.
pub(crate) const OF_ENVELOPE: &str = "/*/*[local-name()='Signature']";

/// What a program said.
pub(crate) struct Answer {
    pub(crate) is_yes: bool,
    pub(crate) text: String,
}

/// Runs a program; `None`, said aloud, where it is missing.
pub(crate) fn ask(program: &str, package: &str, arguments: &[&OsStr]) -> Option<Answer> {
    match Command::new(program).args(arguments).output() {
        Ok(output) => {
            let text = [output.stdout, output.stderr].concat();
            Some(Answer {
                is_yes: output.status.success(),
                text: String::from_utf8_lossy(&text).into_owned(),
            })
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            println!("SKIPPED: {program} is missing; it is in Debian's {package}");
            None
        }
        Err(error) => panic!("{program} cannot be run: {error}"),
    }
}

/// An official schema: the authority's, and not kept with the product.
pub(crate) fn official(schema: &str) -> Option<PathBuf> {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let mut beside = above.map(|folder| folder.join("shared/data/sii-schemas"));
    let folder = std::env::var_os("TICKETFLOW_SII_SCHEMAS").map(PathBuf::from);
    let folder = folder.or_else(|| beside.find(|folder| folder.exists())).unwrap_or_default();
    let schema = folder.join(schema);
    if schema.exists() {
        return Some(schema);
    }
    println!("SKIPPED: {} is missing; TICKETFLOW_SII_SCHEMAS says where the schemas are", schema.display());
    None
}

/// Holds a file against an official schema; `true` as well where the judge is missing.
pub(crate) fn validates(xml: &[u8], schema: &str) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "file.xml", xml);
    let Some(schema) = official(schema) else { return true };
    let arguments =
        ["--noout".as_ref(), "--nonet".as_ref(), "--schema".as_ref(), schema.as_os_str(), file.as_os_str()];
    ask("xmllint", "libxml2-utils", &arguments).is_none_or(|answer| {
        if !answer.is_yes {
            println!("{}", answer.text);
        }
        answer.is_yes
    })
}

/// Whether xmlsec1 believes the signature at this path, made with the key of this certificate; `None` where it is missing.
pub(crate) fn xmlsec_believes(xml: &[u8], certificate: &[u8], signature: &str) -> Option<bool> {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "file.xml", xml);
    let certificate = write(folder.path(), "certificate.der", certificate);
    let arguments = [
        "--verify".as_ref(),
        "--pubkey-cert-der".as_ref(),
        certificate.as_os_str(),
        "--id-attr:ID".as_ref(),
        "http://www.sii.cl/SiiDte:Documento".as_ref(),
        "--id-attr:ID".as_ref(),
        "http://www.sii.cl/SiiDte:SetDTE".as_ref(),
        "--node-xpath".as_ref(),
        signature.as_ref(),
        file.as_os_str(),
    ];
    ask("xmlsec1", "xmlsec1", &arguments).map(|answer| {
        println!("{}", answer.text);
        answer.is_yes
    })
}

pub(crate) fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    path
}
