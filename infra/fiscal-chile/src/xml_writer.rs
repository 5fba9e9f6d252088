//! Writes XML that is nearly its own canonical form, so that what is signed and what is sent are one text.
//!
//! Invariant: start tags carry their attributes in canonical order, every element has an end tag, there are no comments, no
//! instructions and no carriage returns. [`canonical`] gives the form by C14N 1.0 of one element: it differs from what was written
//! only in the namespaces of its first tag and in quotes, which the authority wants escaped in texts and C14N does not.

use std::fmt::Display;

/// Namespace of the documents.
pub(crate) const SII_NAMESPACE: &str = "http://www.sii.cl/SiiDte";
/// Namespace of signatures.
pub(crate) const SIGNATURE_NAMESPACE: &str = "http://www.w3.org/2000/09/xmldsig#";
const INSTANCE_NAMESPACE: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// First line of everything that is sent.
pub(crate) const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n";

/// The namespaces that documents and envelopes declare alike, so that a document's signature holds inside and outside of one.
pub(crate) fn namespaces(default: &str) -> String {
    format!(" xmlns=\"{default}\" xmlns:xsi=\"{INSTANCE_NAMESPACE}\"")
}

/// Appends elements to a text.
#[derive(Default)]
pub(crate) struct XmlWriter {
    text: String,
}

impl XmlWriter {
    /// `<name>...</name>`, one line for each child that wants one.
    pub(crate) fn parent(&mut self, name: &str, children: impl FnOnce(&mut Self)) {
        self.text.extend(["<", name, ">\n"]);
        children(self);
        self.text.extend(["</", name, ">\n"]);
    }

    /// `<name>value</name>` with the value escaped.
    pub(crate) fn leaf(&mut self, name: &str, value: impl Display) {
        self.text.extend(["<", name, ">", &escape(&value.to_string()), "</", name, ">\n"]);
    }

    /// As [`Self::leaf`], if there is a value that is not empty.
    pub(crate) fn optional(&mut self, name: &str, value: Option<String>) {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            self.leaf(name, value);
        }
    }

    /// A text that is XML already.
    pub(crate) fn raw(&mut self, xml: &str) {
        self.text.push_str(xml);
    }

    /// All of it.
    pub(crate) fn finish(self) -> String {
        self.text
    }
}

/// The five characters of the authority's rule.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// One element by C14N 1.0 (`REC-xml-c14n-20010315`) as it stands below elements that declare [`namespaces`] with `default` in force.
/// Its tag has to declare none itself.
pub(crate) fn canonical(element: &str, default: &str) -> String {
    let name_ends = element.find([' ', '>']).unwrap_or(element.len());
    let (tag, rest) = element.split_at(name_ends);
    // Texts alone have quotes escaped: attributes are names, numbers and addresses.
    let rest = rest.replace("&quot;", "\"").replace("&apos;", "'");
    [tag, &namespaces(default), &rest].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_nest_and_texts_are_escaped() {
        let mut writer = XmlWriter::default();
        writer.parent("a", |a| {
            a.leaf("b", "<&>\"'");
            a.optional("c", Some(String::new()));
            a.optional("d", Some("1".to_owned()));
        });
        assert_eq!(writer.finish(), "<a>\n<b>&lt;&amp;&gt;&quot;&apos;</b>\n<d>1</d>\n</a>\n");
    }

    #[test]
    fn the_canonical_form_has_namespaces_and_plain_quotes() {
        let canonical = canonical("<a ID=\"x\"><b>&quot;&amp;</b></a>", "urn:d");
        let wanted = "<a xmlns=\"urn:d\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" ID=\"x\"><b>\"&amp;</b></a>";
        assert_eq!(canonical, wanted);
    }
}
