//! Other people's programs that read what we wrote: poppler for pages and texts, a barcode reader for codes. A program that
//! is not installed is said so, and what it would have shown is not claimed.

use rxing::BarcodeFormat;
use std::io::Write;
use std::process::{Command, Stdio};

/// A page as grey values.
pub(crate) struct Picture {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) grey: Vec<u8>,
}

/// Runs a program over a PDF file, whose path takes the place of `PDF`.
fn run(program: &str, arguments: &[&str], pdf: &[u8]) -> Option<Vec<u8>> {
    let mut file = tempfile::NamedTempFile::new().expect("a file to give to the program");
    file.write_all(pdf).expect("room for the PDF");
    let path = file.path().to_str().expect("a path in UTF-8");
    let arguments = arguments.iter().map(|argument| if *argument == "PDF" { path } else { argument });
    let Ok(output) = Command::new(program).args(arguments).stdin(Stdio::null()).output() else {
        println!("SKIPPED: {program} is missing");
        return None;
    };
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaints.is_empty(), "{program}: {complaints}");
    Some(output.stdout)
}

fn text_of(program: &str, arguments: &[&str], pdf: &[u8]) -> Option<String> {
    run(program, arguments, pdf).map(|bytes| String::from_utf8(bytes).expect("asked for UTF-8"))
}

/// All words, one space between them.
pub(crate) fn words(pdf: &[u8]) -> Option<String> {
    let text = text_of("pdftotext", &["-enc", "UTF-8", "-layout", "PDF", "-"], pdf)?;
    Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

pub(crate) fn info(pdf: &[u8]) -> Option<String> {
    text_of("pdfinfo", &["-enc", "UTF-8", "PDF"], pdf)
}

pub(crate) fn fonts(pdf: &[u8]) -> Option<String> {
    text_of("pdffonts", &["PDF"], pdf)
}

pub(crate) fn page_count(pdf: &[u8]) -> Option<usize> {
    let info = info(pdf)?;
    let line = info.lines().find(|line| line.starts_with("Pages:")).expect("a count of pages");
    line.split_whitespace().nth(1)?.parse().ok()
}

/// A page, counted from 1, at a resolution in dots per inch.
pub(crate) fn picture(pdf: &[u8], page: usize, resolution: u32) -> Option<Picture> {
    let (page, resolution) = (page.to_string(), resolution.to_string());
    let bytes = run("pdftoppm", &["-gray", "-r", &resolution, "-f", &page, "-l", &page, "PDF"], pdf)?;
    let mut header = bytes.splitn(4, |byte| byte.is_ascii_whitespace());
    let mut next = || header.next().expect("four parts: kind, width, height, rest");
    assert_eq!(next(), b"P5");
    let mut number =
        || std::str::from_utf8(next()).ok().and_then(|text| text.parse::<u32>().ok()).expect("a number");
    let (width, height) = (number(), number());
    let grey = bytes[bytes.len() - (width * height) as usize..].to_vec();
    Some(Picture { width, height, grey })
}

/// What a code on the page says.
pub(crate) fn decode(picture: &Picture, format: BarcodeFormat) -> String {
    let grey = picture.grey.clone();
    let found = rxing::helpers::detect_in_luma(grey, picture.width, picture.height, Some(format));
    found.unwrap_or_else(|error| panic!("no {format} on the page: {error}")).getText().to_owned()
}
