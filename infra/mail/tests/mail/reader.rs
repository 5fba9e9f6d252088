//! What Python's email package, which knows nothing of ours, reads in a mail.

use serde_json::Value;
use std::io::Write;
use std::process::{Command, Stdio};

/// A part with content.
pub(crate) struct Part {
    pub(crate) media_type: String,
    /// Of a calendar.
    pub(crate) method: Option<String>,
    pub(crate) file_name: Option<String>,
    pub(crate) content: Vec<u8>,
}

impl Part {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.content.clone()).unwrap().replace("\r\n", "\n")
    }
}

/// A mail as it was read.
pub(crate) struct ReadMail {
    /// In their order.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) from: (String, String),
    pub(crate) to: (String, String),
    pub(crate) structure: Vec<String>,
    pub(crate) parts: Vec<Part>,
}

impl ReadMail {
    /// The one value of a header.
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut values = self.headers.iter().filter(|(header, _)| header.eq_ignore_ascii_case(name));
        let value = values.next().unwrap_or_else(|| panic!("no header {name}"));
        assert!(values.next().is_none(), "{name} is there once");
        &value.1
    }

    pub(crate) fn part(&self, media_type: &str) -> &Part {
        self.parts.iter().find(|part| part.media_type == media_type).expect("a part of this type")
    }
}

/// Reads a mail. `None`, and a line that says so, where there is no Python; a mail with a defect fails the test.
pub(crate) fn read(content: &[u8]) -> Option<ReadMail> {
    assert!(content.is_ascii(), "every server passes it on as it is");
    let lines = content.split(|byte| *byte == b'\n');
    assert!(lines.clone().all(|line| line.len() <= 999), "RFC 5322, 2.1.1");
    assert_eq!(lines.count() - 1, content.windows(2).filter(|pair| pair == b"\r\n").count(), "no bare LF");
    let mut python = Command::new("python3");
    python.args(["-c", include_str!("reader.py")]);
    let mut python = match python_process(&mut python) {
        Ok(python) => python,
        Err(error) => {
            println!("SKIPPED: python3 is missing: {error}");
            return None;
        }
    };
    python.stdin.take().unwrap().write_all(content).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(read["defects"], serde_json::json!([]));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mailbox = |name: &str| {
        let boxes = read["mailboxes"][name].as_array().unwrap();
        assert_eq!(boxes.len(), 1, "one {name}: {boxes:?}");
        (text(&boxes[0][0]), text(&boxes[0][1]))
    };
    let list = |value: &Value| value.as_array().unwrap().clone();
    let part = |part: &Value| {
        assert_eq!(part["defects"], serde_json::json!([]));
        Part {
            media_type: text(&part["type"]),
            method: part["method"].as_str().map(str::to_owned),
            file_name: part["file_name"].as_str().map(str::to_owned),
            content: data_encoding::BASE64.decode(part["content"].as_str().unwrap().as_bytes()).unwrap(),
        }
    };
    Some(ReadMail {
        headers: list(&read["headers"]).iter().map(|pair| (text(&pair[0]), text(&pair[1]))).collect(),
        from: mailbox("From"),
        to: mailbox("To"),
        structure: list(&read["structure"]).iter().map(text).collect(),
        parts: list(&read["parts"]).iter().map(part).collect(),
    })
}

fn python_process(command: &mut Command) -> std::io::Result<std::process::Child> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
}
