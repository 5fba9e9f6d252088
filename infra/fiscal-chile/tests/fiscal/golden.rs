//! Stored samples: the same input gives the same bytes, with this version as with those before it.

use std::fs;
use std::path::{Path, PathBuf};

use ticketflow_fiscal_chile::*;

use crate::fixture::*;
use crate::tools::write;

#[test]
fn samples_stay_as_they_are() {
    let (caf, key) = Caf::parse(&fs::read(stored("caf-39.xml")).unwrap()).unwrap();
    let document = Document::Receipt(receipt(DocumentType::TaxedReceipt, 7));
    let receipt = issue(&document, &caf, &key, &identity(), SIGNED_AT).unwrap();
    is_stored("envelope-39.xml", &sealed(&[receipt]));
    is_stored("document-61.xml", &signed_credit_note(1).to_xml());
}

/// A test authorisation follows from its seed.
#[test]
fn a_test_authorisation_stays_as_it_is() {
    let issuer = issuer();
    let caf = TestCaf {
        issuer: issuer.rut,
        issuer_name: &issuer.name,
        document_type: DocumentType::TaxedReceipt,
        folios: 1..=1_000,
        authorised_on: jiff::civil::date(2026, 9, 1),
    };
    is_stored("caf-39.xml", &test_caf(&caf, &[39; 32], &authority_key()).unwrap());
}

fn is_stored(name: &str, bytes: &[u8]) {
    let stored = stored(name);
    if fs::read(&stored).ok().as_deref() != Some(bytes) {
        let now = write(Path::new(env!("CARGO_TARGET_TMPDIR")), name, bytes);
        panic!("{} is different now: {}", stored.display(), now.display());
    }
}

fn stored(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}
