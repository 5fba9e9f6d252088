//! Reads XML into a tree that knows where in the text each element stands, since signatures are over text.
//!
//! Invariant: what parses is well formed in all that matters here: one root, tags that match, known entities. Document types are
//! refused, and depth and size are bounded, so a hostile file costs little.

use std::ops::Range;

use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event};

use crate::latin1;

/// Bytes of a file: an envelope with 500 documents has some millions.
pub(crate) const MAX_XML_BYTES: usize = 64 * 1024 * 1024;
const MAX_DEPTH: usize = 32;

/// Why a file is no XML that is read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    /// Not well formed, or with a document type.
    #[error("the XML is not well formed")]
    Malformed,
    /// Longer than 64 MiB or deeper than 32 elements.
    #[error("the XML is too large or too deep")]
    TooLarge,
}

/// A parsed file.
pub(crate) struct XmlTree {
    source: String,
    root: Node,
}

struct Node {
    name: String,
    attributes: Vec<(String, String)>,
    children: Vec<Node>,
    /// From `<` of the start tag to behind `>` of the end tag.
    outer: Range<usize>,
    /// Between the tags.
    inner: Range<usize>,
}

/// An element of an [`XmlTree`].
#[derive(Clone, Copy)]
pub(crate) struct Element<'a> {
    source: &'a str,
    node: &'a Node,
}

impl XmlTree {
    /// Reads ISO-8859-1 or UTF-8.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, XmlError> {
        if bytes.len() > MAX_XML_BYTES {
            return Err(XmlError::TooLarge);
        }
        let source = decode(bytes);
        if source.contains(|character: char| character < ' ' && !matches!(character, '\t' | '\n' | '\r')) {
            return Err(XmlError::Malformed);
        }
        let root = read(&source)?;
        Ok(Self { source, root })
    }

    pub(crate) fn root(&self) -> Element<'_> {
        Element { source: &self.source, node: &self.root }
    }
}

impl<'a> Element<'a> {
    pub(crate) fn name(self) -> &'a str {
        &self.node.name
    }

    pub(crate) fn attribute(self, name: &str) -> Option<&'a str> {
        self.node.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn children(self) -> impl Iterator<Item = Element<'a>> {
        self.node.children.iter().map(move |node| Element { source: self.source, node })
    }

    /// The only child of this name: where two could be meant, none is.
    pub(crate) fn child(self, name: &str) -> Option<Element<'a>> {
        let mut named = self.children().filter(|child| child.name() == name);
        named.next().filter(|_| named.next().is_none())
    }

    /// Down a path of names.
    pub(crate) fn descend(self, path: &[&str]) -> Option<Element<'a>> {
        path.iter().try_fold(self, |element, name| element.child(name))
    }

    /// The text of a leaf, without white space around it.
    pub(crate) fn text(self) -> String {
        let raw = self.source[self.node.inner.clone()].trim();
        // Entities were checked at reading.
        unescape(raw).map_or_else(|_| raw.to_owned(), std::borrow::Cow::into_owned)
    }

    /// The text of the child of this name.
    pub(crate) fn text_of(self, name: &str) -> Option<String> {
        self.child(name).map(Element::text)
    }

    /// As it stands in the file, tags included.
    pub(crate) fn outer_xml(self) -> &'a str {
        &self.source[self.node.outer.clone()]
    }

    /// As it stands in the file, between the tags.
    pub(crate) fn inner_xml(self) -> &'a str {
        &self.source[self.node.inner.clone()]
    }
}

/// By the encoding of the declaration. Files of the authority leave it out and are ISO-8859-1 all the same.
fn decode(bytes: &[u8]) -> String {
    let declaration = &bytes[..bytes.len().min(100)];
    let declaration = latin1::decode(declaration).to_ascii_lowercase();
    let says_latin1 = declaration.split("?>").next().is_some_and(|text| text.contains("iso-8859-1"));
    match str::from_utf8(bytes) {
        Ok(text) if !says_latin1 => text.trim_start_matches('\u{FEFF}').to_owned(),
        _ => latin1::decode(bytes),
    }
}

fn read(source: &str) -> Result<Node, XmlError> {
    let mut reader = Reader::from_str(source);
    let mut open: Vec<Node> = Vec::new();
    let mut root = None;
    loop {
        let begins = position(&reader);
        let event = reader.read_event().map_err(|_| XmlError::Malformed)?;
        let ends = position(&reader);
        match event {
            Event::Start(start) => {
                if open.len() >= MAX_DEPTH {
                    return Err(XmlError::TooLarge);
                }
                open.push(node(&start, begins..ends, ends..ends)?);
            }
            Event::Empty(start) => close(node(&start, begins..ends, ends..ends)?, &mut open, &mut root)?,
            Event::End(_) => {
                let mut node = open.pop().ok_or(XmlError::Malformed)?;
                node.outer.end = ends;
                node.inner.end = begins;
                close(node, &mut open, &mut root)?;
            }
            Event::Text(text) => {
                if open.is_empty() && !text.trim().is_empty() {
                    return Err(XmlError::Malformed);
                }
            }
            Event::GeneralRef(_) => {
                if open.is_empty() || unescape(&source[begins..ends]).is_err() {
                    return Err(XmlError::Malformed);
                }
            }
            Event::Decl(_) => {
                if begins != 0 {
                    return Err(XmlError::Malformed);
                }
            }
            Event::Comment(_) | Event::PI(_) => {}
            // Not written by anybody who makes documents, and the way of many an attack.
            Event::CData(_) | Event::DocType(_) => return Err(XmlError::Malformed),
            Event::Eof => break,
        }
    }
    if open.is_empty() { root.ok_or(XmlError::Malformed) } else { Err(XmlError::Malformed) }
}

fn position(reader: &Reader<&[u8]>) -> usize {
    usize::try_from(reader.buffer_position()).expect("a position in a text that is in memory")
}

fn node(start: &BytesStart<'_>, outer: Range<usize>, inner: Range<usize>) -> Result<Node, XmlError> {
    let attributes = start
        .attributes()
        .map(|attribute| {
            let attribute = attribute.map_err(|_| XmlError::Malformed)?;
            Ok((attribute.key.as_ref().to_owned(), attribute.value.into_owned()))
        })
        .collect::<Result<_, XmlError>>()?;
    Ok(Node { name: start.name().as_ref().to_owned(), attributes, children: Vec::new(), outer, inner })
}

fn close(node: Node, open: &mut [Node], root: &mut Option<Node>) -> Result<(), XmlError> {
    match open.last_mut() {
        Some(parent) => parent.children.push(node),
        None if root.is_none() => *root = Some(node),
        None => return Err(XmlError::Malformed),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn elements_are_found_with_their_text() {
        let tree = XmlTree::parse(b"<?xml version=\"1.0\"?>\n<a x=\"1\"><b> <c>1 &amp; 2</c></b><d/></a>\n")
            .unwrap();
        let root = tree.root();
        assert_eq!((root.name(), root.attribute("x")), ("a", Some("1")));
        assert_eq!(root.descend(&["b", "c"]).unwrap().text(), "1 & 2");
        assert_eq!(root.child("b").unwrap().outer_xml(), "<b> <c>1 &amp; 2</c></b>");
        assert_eq!(root.child("b").unwrap().inner_xml(), " <c>1 &amp; 2</c>");
        assert_eq!(root.text_of("d").unwrap(), "");
    }

    #[test]
    fn both_encodings_are_read() {
        for bytes in [
            &b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a>\xd1and\xfa</a>"[..],
            b"<?xml version=\"1.0\"?><a>\xd1and\xfa</a>",
            "<?xml version=\"1.0\"?><a>Ñandú</a>".as_bytes(),
        ] {
            assert_eq!(XmlTree::parse(bytes).unwrap().root().text(), "Ñandú");
        }
    }

    #[test]
    fn what_is_not_well_formed_is_refused() {
        for text in [
            "",
            "text",
            "<a>",
            "<a></b>",
            "<a/><b/>",
            "<a>&nope;</a>",
            "<a></a>x",
            "<!DOCTYPE a><a/>",
            "<a x=1/>",
            "<a>\u{b}</a>",
            " <?xml version=\"1.0\"?><a/>",
        ] {
            assert_eq!(XmlTree::parse(text.as_bytes()).err(), Some(XmlError::Malformed), "{text}");
        }
        assert_eq!(XmlTree::parse("<a>".repeat(1_000_000).as_bytes()).err(), Some(XmlError::TooLarge));
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "[<>/a!&;\\[\\]\" =-]{0,60}") {
            let _ = XmlTree::parse(&bytes);
            let _ = XmlTree::parse(text.as_bytes()).map(|tree| tree.root().text());
        }
    }
}
