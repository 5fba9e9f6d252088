//! Signatures as others see them: xmlsec1 for documents and envelopes, openssl for stamps, authorisations and certificates.

use jiff::civil::date;
use ticketflow_fiscal_chile::*;

use crate::fixture::*;
use crate::tools::{OF_DOCUMENT, OF_ENVELOPE, ask, write, xmlsec_believes};

#[test]
fn xmlsec_believes_documents_alone_and_enveloped_and_envelopes() {
    let hostile =
        Receiver { rut: None, name: Some("<b>&\"' 🎸\u{202E}\0\n</b>".to_owned()), contact: None };
    let receipt = Receipt { receiver: hostile, ..receipt(DocumentType::TaxedReceipt, 1) };
    for document in [signed(&Document::Receipt(receipt)), signed_credit_note(1)] {
        let (alone, envelope) = (document.to_xml(), sealed(&[document]));
        for (xml, signature) in [(&alone, OF_DOCUMENT), (&envelope, OF_DOCUMENT), (&envelope, OF_ENVELOPE)] {
            assert_ne!(
                xmlsec_believes(xml, identity().certificate_der(), signature),
                Some(false),
                "{signature}"
            );
        }
    }
}

#[test]
fn xmlsec_does_not_believe_a_changed_byte() {
    let document = signed_receipt(DocumentType::TaxedReceipt, 1);
    for (xml, signature) in [(document.to_xml(), OF_DOCUMENT), (sealed(&[document]), OF_ENVELOPE)] {
        let changed = changed(&xml, b"<MontoItem>20000<", b"<MontoItem>20001<");
        assert_ne!(xmlsec_believes(&changed, identity().certificate_der(), signature), Some(true));
    }
}

#[test]
fn xmlsec_does_not_believe_another_key() {
    let other = test_identity(&[1; 32], "Otro", issuer().rut, date(2026, 1, 1), date(2036, 1, 1)).unwrap();
    let document = signed_receipt(DocumentType::TaxedReceipt, 1);
    let (caf, key) = caf(DocumentType::TaxedReceipt);
    let by_other =
        issue(&Document::Receipt(receipt(DocumentType::TaxedReceipt, 1)), &caf, &key, &other, SIGNED_AT)
            .unwrap();
    assert_ne!(xmlsec_believes(&by_other.to_xml(), other.certificate_der(), OF_DOCUMENT), Some(false));
    let changed = document.to_xml();
    let value = between(&by_other.to_xml(), "<SignatureValue>", "</SignatureValue>");
    let mixed = replaced(&changed, "<SignatureValue>", "</SignatureValue>", &value);
    assert_ne!(xmlsec_believes(&mixed, identity().certificate_der(), OF_DOCUMENT), Some(true));
}

#[test]
fn openssl_believes_stamp_and_authorisation() {
    let document = signed_receipt(DocumentType::ExemptReceipt, 3);
    let stamp = document.stamp().to_pdf417_bytes();
    let folder = tempfile::tempdir().unwrap();
    let (caf, key) = caf(DocumentType::ExemptReceipt);
    assert_eq!(caf.public_key(), &key.public_key());
    let outer = |name: &str| {
        let (begin, end) = (format!("<{name}>"), format!("</{name}>"));
        [begin.as_bytes(), &between(&stamp, &begin, &end), end.as_bytes()].concat()
    };
    for (private, data, signature) in [(key, outer("DD"), "FRMT"), (authority_key(), outer("DA"), "FRMA")] {
        let value = between(&stamp, &format!("<{signature} algoritmo=\"SHA1withRSA\">"), "</");
        let value = data_encoding::BASE64.decode(&value).unwrap();
        let private = write(folder.path(), "key.pem", private.to_pem().as_bytes());
        let (data_file, value) =
            (write(folder.path(), "data", &data), write(folder.path(), "signature", &value));
        let verify = |data: &std::path::Path| {
            let arguments = [
                "dgst".as_ref(),
                "-sha1".as_ref(),
                "-prverify".as_ref(),
                private.as_os_str(),
                "-signature".as_ref(),
                value.as_os_str(),
                data.as_os_str(),
            ];
            ask("openssl", "openssl", &arguments).map(|answer| answer.is_yes)
        };
        assert_ne!(verify(&data_file), Some(false), "{signature}");
        let changed = write(folder.path(), "changed", &[&data[..], b" "].concat());
        assert_ne!(verify(&changed), Some(true), "{signature}");
    }
}

#[test]
fn openssl_reads_the_test_certificate() {
    let identity =
        test_identity(&[1; 32], "Boletería Ñandú", issuer().rut, date(2026, 1, 1), date(2049, 12, 31))
            .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "certificate.der", identity.certificate_der());
    let arguments = ["x509", "-inform", "DER", "-noout", "-text", "-in"].map(std::ffi::OsStr::new);
    if let Some(answer) = ask("openssl", "openssl", &[&arguments[..], &[file.as_os_str()]].concat()) {
        assert!(answer.is_yes, "{}", answer.text);
        for part in ["76123456-0", "2048 bit", "CA:FALSE", "sha256WithRSAEncryption", "Dec 31 23:59:59 2049"]
        {
            assert!(answer.text.contains(part), "{part}: {}", answer.text);
        }
    }
}

#[test]
fn a_stamp_is_one_line_in_the_encoding_of_the_document() {
    let document = signed_receipt(DocumentType::TaxedReceipt, 1);
    let stamp = document.stamp().to_pdf417_bytes();
    assert!(stamp.starts_with(b"<TED version=\"1.0\"><DD><RE>76123456-0</RE>"));
    assert!(stamp.ends_with(b"</FRMT></TED>"));
    assert!(!stamp.contains(&b'\n') && !stamp.windows(2).any(|pair| pair == b"> "));
    assert!(document.to_xml().windows(stamp.len()).any(|window| window == stamp));
    let (name, item) = (between(&stamp, "<RSR>", "</RSR>"), between(&stamp, "<IT1>", "</IT1>"));
    assert_eq!(name, b"Mar\xeda Jos\xe9 O&apos;Higgins &quot;Cot\xe9&quot; Mu\xf1oz");
    assert_eq!(item, b"Entrada &lt;Platea&gt; F12");
}

fn changed(xml: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = xml.windows(from.len()).position(|window| window == from).unwrap();
    [&xml[..at], to, &xml[at + from.len()..]].concat()
}

fn between(xml: &[u8], begin: &str, end: &str) -> Vec<u8> {
    let find = |from: usize, what: &str| {
        from + xml[from..].windows(what.len()).position(|window| window == what.as_bytes()).unwrap()
    };
    let from = find(0, begin) + begin.len();
    xml[from..find(from, end)].to_vec()
}

fn replaced(xml: &[u8], begin: &str, end: &str, value: &[u8]) -> Vec<u8> {
    let old = between(xml, begin, end);
    changed(xml, &[begin.as_bytes(), &old].concat(), &[begin.as_bytes(), value].concat())
}
