//! Reads one HTTP/1.1 answer after the other out of a stream of bytes.
//!
//! Invariant: after `push` reports an answer as complete, every accessor describes exactly that answer, and bytes that
//! belong to the next one have not been consumed. Bodies longer than `keep` are counted and thrown away.

use thiserror::Error;

/// Longest head accepted; a server that sends more is broken, not slow.
const HEAD_LIMIT: usize = 64 * 1024;

/// The bytes are no HTTP/1.1 answer that this reader understands.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ProtocolError {
    /// The first line is no status line.
    #[error("answer does not start with an HTTP/1.1 status line")]
    StatusLine,
    /// A length or chunk size is no number.
    #[error("answer has an unreadable length")]
    Length,
    /// The head goes on for ever.
    #[error("answer head is longer than {HEAD_LIMIT} bytes")]
    HeadTooLong,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Head,
    Sized(u64),
    ChunkSize,
    Chunk(u64),
    ChunkEnd(u8),
    Trailer,
}

/// Incremental reader, reused for every answer of a connection.
#[derive(Debug)]
pub struct ResponseReader {
    part: Part,
    line: Vec<u8>,
    body: Vec<u8>,
    keep: usize,
    status: u16,
    close: bool,
    replayed: bool,
    body_bytes: u64,
    fresh: bool,
}

impl ResponseReader {
    /// A reader that keeps at most `keep` bytes of each body.
    pub fn new(keep: usize) -> Self {
        Self {
            part: Part::Head,
            line: Vec::with_capacity(1024),
            body: Vec::with_capacity(keep.min(4096)),
            keep,
            status: 0,
            close: false,
            replayed: false,
            body_bytes: 0,
            fresh: true,
        }
    }

    /// Status of the last complete answer.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The kept part of the last complete answer's body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Length of the whole body, kept or not.
    pub fn body_bytes(&self) -> u64 {
        self.body_bytes
    }

    /// Whether the server ends the connection after this answer.
    pub fn closes(&self) -> bool {
        self.close
    }

    /// Whether the answer carries `Idempotency-Replayed: true`.
    pub fn replayed(&self) -> bool {
        self.replayed
    }

    /// Takes bytes; returns how many were consumed and whether they complete an answer.
    ///
    /// # Errors
    /// [`ProtocolError`] when the bytes are no answer; the connection is then useless.
    pub fn push(&mut self, input: &[u8]) -> Result<(usize, bool), ProtocolError> {
        if self.fresh {
            self.begin();
        }
        let mut used = 0;
        while used < input.len() {
            let rest = &input[used..];
            let (consumed, done) = match self.part {
                Part::Head => self.take_head(rest)?,
                Part::Sized(left) => self.take_sized(rest, left),
                Part::ChunkSize => (self.take_chunk_size(rest)?, false),
                Part::Chunk(left) => (self.take_chunk(rest, left), false),
                Part::ChunkEnd(left) => (self.take_chunk_end(rest, left), false),
                Part::Trailer => self.take_trailer(rest),
            };
            used += consumed;
            if done {
                self.fresh = true;
                return Ok((used, true));
            }
        }
        Ok((used, false))
    }

    fn begin(&mut self) {
        self.part = Part::Head;
        self.line.clear();
        self.body.clear();
        self.body_bytes = 0;
        self.close = false;
        self.replayed = false;
        self.fresh = false;
    }

    fn take_head(&mut self, input: &[u8]) -> Result<(usize, bool), ProtocolError> {
        // The common case is a head that arrives whole: it is parsed where it lies.
        if self.line.is_empty()
            && let Some(end) = end_of_head(input, 0)
        {
            let done = self.parse_head(&input[..end])?;
            return Ok((end, done));
        }
        let before = self.line.len();
        self.line.extend_from_slice(input);
        let Some(end) = end_of_head(&self.line, before.saturating_sub(3)) else {
            if self.line.len() > HEAD_LIMIT {
                return Err(ProtocolError::HeadTooLong);
            }
            return Ok((input.len(), false));
        };
        let head = std::mem::take(&mut self.line);
        let done = self.parse_head(&head[..end]);
        self.line = head;
        self.line.clear();
        Ok((end - before, done?))
    }

    fn parse_head(&mut self, head: &[u8]) -> Result<bool, ProtocolError> {
        if head.len() < 12 || !head.starts_with(b"HTTP/1.") {
            return Err(ProtocolError::StatusLine);
        }
        let status = parse_number(&head[9..12], 10).ok_or(ProtocolError::StatusLine)? as u16;
        let mut length = 0;
        let mut chunked = false;
        for line in head.split(|byte| *byte == b'\n').skip(1) {
            let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
            let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
            // Names are told apart by length first: most headers cost one comparison.
            match name.len() {
                14 if name.eq_ignore_ascii_case(b"content-length") => {
                    length = parse_number(value, 10).ok_or(ProtocolError::Length)?;
                }
                17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                    chunked = value.eq_ignore_ascii_case(b"chunked");
                }
                10 if name.eq_ignore_ascii_case(b"connection") => {
                    self.close = value.eq_ignore_ascii_case(b"close");
                }
                20 if name.eq_ignore_ascii_case(b"idempotency-replayed") => {
                    self.replayed = value == b"true";
                }
                _ => {}
            }
        }
        if (100..200).contains(&status) {
            // An interim answer: the real one follows.
            return Ok(false);
        }
        self.status = status;
        if status == 204 || status == 304 {
            return Ok(true);
        }
        self.part = if chunked { Part::ChunkSize } else { Part::Sized(length) };
        Ok(!chunked && length == 0)
    }

    fn keep_bytes(&mut self, bytes: &[u8]) {
        self.body_bytes += bytes.len() as u64;
        let room = self.keep - self.body.len();
        self.body.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn take_sized(&mut self, input: &[u8], left: u64) -> (usize, bool) {
        let take = input.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        self.keep_bytes(&input[..take]);
        let left = left - take as u64;
        self.part = Part::Sized(left);
        (take, left == 0)
    }

    fn take_chunk_size(&mut self, input: &[u8]) -> Result<usize, ProtocolError> {
        let Some(end) = input.iter().position(|byte| *byte == b'\n') else {
            self.line.extend_from_slice(input);
            return if self.line.len() > HEAD_LIMIT { Err(ProtocolError::Length) } else { Ok(input.len()) };
        };
        self.line.extend_from_slice(&input[..end]);
        let digits = self.line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        let size = parse_number(digits, 16).ok_or(ProtocolError::Length)?;
        self.line.clear();
        self.part = if size == 0 { Part::Trailer } else { Part::Chunk(size) };
        Ok(end + 1)
    }

    fn take_chunk(&mut self, input: &[u8], left: u64) -> usize {
        let take = input.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        self.keep_bytes(&input[..take]);
        let left = left - take as u64;
        self.part = if left == 0 { Part::ChunkEnd(2) } else { Part::Chunk(left) };
        take
    }

    fn take_chunk_end(&mut self, input: &[u8], left: u8) -> usize {
        let take = input.len().min(usize::from(left));
        let left = left - take as u8;
        self.part = if left == 0 { Part::ChunkSize } else { Part::ChunkEnd(left) };
        take
    }

    fn take_trailer(&mut self, input: &[u8]) -> (usize, bool) {
        let Some(end) = input.iter().position(|byte| *byte == b'\n') else {
            self.line.extend_from_slice(input);
            return (input.len(), false);
        };
        self.line.extend_from_slice(&input[..end]);
        let last = self.line.trim_ascii().is_empty();
        self.line.clear();
        (end + 1, last)
    }
}

/// Index just behind the empty line that ends a head.
fn end_of_head(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(found) = bytes.get(at..)?.iter().position(|byte| *byte == b'\r') {
        let start = at + found;
        match bytes.get(start..start + 4) {
            Some(b"\r\n\r\n") => return Some(start + 4),
            Some(_) => at = start + 2,
            None => return None,
        }
    }
    None
}

fn parse_number(digits: &[u8], radix: u32) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()
}

/// The text value of the first member called `name` in a JSON document, found by scanning and without parsing it.
///
/// Only for members whose value has no escapes (ids, tokens, codes). The kill test parses properly; this is for the
/// load loop, where a parse would cost more than the request.
pub fn json_text<'a>(document: &'a [u8], name: &str) -> Option<&'a str> {
    let mut rest = document;
    loop {
        let at = find(rest, name.as_bytes())?;
        let quoted = at > 0 && rest[at - 1] == b'"';
        let after = &rest[at + name.len()..];
        if quoted && let Some(value) = after.strip_prefix(b"\"") {
            let value =
                value.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start().strip_prefix(b"\"")?;
            let end = value.iter().position(|byte| *byte == b'"')?;
            return std::str::from_utf8(&value[..end]).ok();
        }
        rest = after;
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut at = 0;
    while let Some(found) = haystack.get(at..)?.iter().position(|byte| *byte == first) {
        let start = at + found;
        if haystack[start..].starts_with(needle) {
            return Some(start);
        }
        at = start + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds the bytes in pieces of `size` and returns status and kept body of every answer.
    fn read_all(bytes: &[u8], size: usize) -> Vec<(u16, Vec<u8>, u64)> {
        let mut reader = ResponseReader::new(64);
        let mut answers = Vec::new();
        for piece in bytes.chunks(size) {
            let mut rest = piece;
            while !rest.is_empty() {
                let (used, done) = reader.push(rest).expect("valid answers");
                if done {
                    answers.push((reader.status(), reader.body().to_vec(), reader.body_bytes()));
                }
                rest = &rest[used..];
            }
        }
        answers
    }

    #[test]
    fn answers_are_the_same_however_the_bytes_are_cut() {
        let long = "x".repeat(100);
        let bytes = format!(
            "HTTP/1.1 201 Created\r\nContent-Length: 5\r\nX-Instance: a\r\n\r\nhello\
             HTTP/1.1 204 No Content\r\n\r\n\
             HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 409 Conflict\r\ncontent-length: 0\r\n\r\n\
             HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n\
             HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{long}"
        );
        let whole = read_all(bytes.as_bytes(), bytes.len());
        assert_eq!(
            whole.iter().map(|answer| (answer.0, answer.2)).collect::<Vec<_>>(),
            [(201, 5), (204, 0), (409, 0), (200, 5), (200, 100)]
        );
        assert_eq!(whole[3].1, b"abcde");
        assert_eq!(whole[4].1.len(), 64, "only the kept part");
        for size in 1..40 {
            assert_eq!(read_all(bytes.as_bytes(), size), whole, "pieces of {size}");
        }
    }

    #[test]
    fn flags_are_read_and_reset() {
        let mut reader = ResponseReader::new(64);
        let first = b"HTTP/1.1 200 OK\r\nConnection: close\r\nIdempotency-Replayed: true\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(reader.push(first), Ok((first.len(), true)));
        assert!(reader.closes() && reader.replayed());
        let second = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(reader.push(second), Ok((second.len(), true)));
        assert!(!reader.closes() && !reader.replayed());
    }

    #[test]
    fn nonsense_is_refused() {
        assert_eq!(ResponseReader::new(1).push(b"SMTP ready\r\n\r\n"), Err(ProtocolError::StatusLine));
        let bad = b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n";
        assert_eq!(ResponseReader::new(1).push(bad), Err(ProtocolError::Length));
        let endless = vec![b'a'; HEAD_LIMIT + 1];
        assert_eq!(ResponseReader::new(1).push(&endless), Err(ProtocolError::HeadTooLong));
    }

    #[test]
    fn members_are_found_by_whole_name() {
        let document =
            br#"{"old_hold_id": "no", "hold_id" : "01H", "note":"hold_token", "hold_token":"t-1"}"#;
        assert_eq!(json_text(document, "hold_id"), Some("01H"));
        assert_eq!(json_text(document, "hold_token"), None, "a value is not a name");
        assert_eq!(json_text(br#"{"hold_token":"t-1"}"#, "hold_token"), Some("t-1"));
        assert_eq!(json_text(document, "order_id"), None);
    }
}
