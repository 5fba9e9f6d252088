//! An issuer, its authorisations and documents. All keys here are for tests and belong to nobody.

use jiff::civil::{Date, DateTime, date, datetime};
use ticketflow_fiscal_chile::*;

pub(crate) const SIGNED_AT: DateTime = datetime(2026, 11, 27, 12, 34, 56, 0);
pub(crate) const TODAY: Date = date(2026, 11, 27);

const RANDOM_TEXTS: u64 = 40;

/// The test authority's key.
pub(crate) fn authority_key() -> RsaKey {
    RsaKey::from_pem(include_str!("../data/authority-key.pem")).unwrap()
}

/// The issuer's key, with a certificate by openssl.
pub(crate) fn identity() -> SigningIdentity {
    let key = RsaKey::from_pem(include_str!("../data/issuer-key.pem")).unwrap();
    SigningIdentity::new(key, include_bytes!("../data/issuer-certificate.der").to_vec()).unwrap()
}

pub(crate) fn issuer() -> Issuer {
    Issuer {
        rut: "76.123.456-0".parse().unwrap(),
        name: "Boletería Ñandú & Cía. SpA".to_owned(),
        activity: "Venta de entradas".to_owned(),
        activity_code: 799_000,
        address: "Av. Libertador 1234".to_owned(),
        district: "Ñuñoa".to_owned(),
        city: "Santiago".to_owned(),
    }
}

/// Folios 1 to 1,000.
pub(crate) fn caf(document_type: DocumentType) -> (Caf, RsaKey) {
    caf_by(document_type, &authority_key())
}

pub(crate) fn caf_by(document_type: DocumentType, authority: &RsaKey) -> (Caf, RsaKey) {
    let issuer = issuer();
    let seed = [u8::try_from(document_type.code()).unwrap(); 32];
    let caf = TestCaf {
        issuer: issuer.rut,
        issuer_name: &issuer.name,
        document_type,
        folios: 1..=1_000,
        authorised_on: date(2026, 9, 1),
    };
    Caf::parse(&test_caf(&caf, &seed, authority).unwrap()).unwrap()
}

pub(crate) fn ticket(name: &str) -> TicketInfo {
    TicketInfo {
        number: 42,
        issued_at: SIGNED_AT,
        event_name: name.to_owned(),
        ticket_type: "General".to_owned(),
        event_code: "A1B2C".to_owned(),
        event_at: datetime(2026, 12, 24, 21, 0, 0, 0),
        venue: "Teatro Caupolicán".to_owned(),
        section: "Platea".to_owned(),
        row: Some("F".to_owned()),
        seat: Some("12".to_owned()),
    }
}

/// Two tickets and a fee, 26,000 pesos.
pub(crate) fn receipt(document_type: DocumentType, folio: u64) -> Receipt {
    let organiser = "12.345.678-5".parse().unwrap();
    let line = |kind, name: &str, unit_price| ReceiptLine {
        kind,
        organiser,
        name: name.to_owned(),
        quantity: 1,
        unit_price,
    };
    let taxed = Totals { net: 21_849, tax: 4_151, exempt: 0, total: 26_000 };
    let exempt = Totals { exempt: 26_000, total: 26_000, ..Totals::default() };
    Receipt {
        document_type,
        folio,
        issued_on: TODAY,
        issuer: issuer(),
        receiver: Receiver {
            rut: Some("12.678.579-8".parse().unwrap()),
            name: Some("María José O'Higgins \"Coté\" Muñoz".to_owned()),
            contact: Some("cote@example.cl".to_owned()),
        },
        lines: vec![
            line(LineKind::Ticket(ticket("Gran concierto – «Año nuevo»")), "Entrada <Platea> F12", 20_000),
            line(
                LineKind::Ticket(TicketInfo { row: None, seat: None, ..ticket("Gran concierto") }),
                "Entrada",
                5_000,
            ),
            line(LineKind::ServiceFee, "Cargo por servicio", 1_000),
        ],
        totals: if document_type == DocumentType::TaxedReceipt { taxed } else { exempt },
    }
}

pub(crate) fn credit_note(of: DocumentType, folio: u64) -> CreditNote {
    let receipt = receipt(of, 7);
    CreditNote {
        folio,
        issued_on: TODAY,
        issuer: issuer(),
        receiver: receipt.receiver,
        reference: ReceiptReference { document_type: of, folio: 7, issued_on: TODAY },
        correction: Correction::Annuls,
        reason: "Función suspendida".to_owned(),
        lines: vec![
            CreditLine { name: "Entrada & cargo".to_owned(), amount: 25_000 },
            CreditLine { name: "Cargo".to_owned(), amount: 1_000 },
        ],
        totals: receipt.totals,
    }
}

pub(crate) fn signed(document: &Document) -> SignedDocument {
    signed_at(document, SIGNED_AT)
}

pub(crate) fn signed_at(document: &Document, at: DateTime) -> SignedDocument {
    let (caf, key) = caf(document.document_type());
    issue(document, &caf, &key, &identity(), at).unwrap()
}

pub(crate) fn signed_receipt(document_type: DocumentType, folio: u64) -> SignedDocument {
    signed(&Document::Receipt(receipt(document_type, folio)))
}

pub(crate) fn signed_credit_note(folio: u64) -> SignedDocument {
    signed(&Document::CreditNote(credit_note(DocumentType::TaxedReceipt, folio)))
}

pub(crate) fn header() -> EnvelopeHeader {
    EnvelopeHeader {
        issuer: issuer().rut,
        sender: "12.678.579-8".parse().unwrap(),
        resolution_date: date(2014, 8, 22),
        resolution_number: 80,
        signed_at: SIGNED_AT,
    }
}

pub(crate) fn sealed(documents: &[SignedDocument]) -> Vec<u8> {
    seal_envelope(&header(), documents, &identity()).unwrap()
}

/// Texts that broke programs before.
pub(crate) fn hostile_texts() -> Vec<String> {
    [
        "",
        " ",
        "<b>&\"'</b>",
        "]]>",
        "<![CDATA[x]]>",
        "&amp;&#0;&nope;&quot;&apos;",
        "\u{202E}txet desrever\u{202C}",
        "שלום עולם",
        "🎸👩‍🎤🎫",
        "a\0b\u{1}c\u{7F}\u{85}d",
        "line\r\nline\n\tline",
        "e\u{301}n\u{303}u\u{308}",
        "ÿ\u{FFFD}\u{FFFF}\u{10FFFF}",
        "--><?xml version=\"1.0\"?><!--",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain(["\"", "&", "ñ", "🎸", "x ", "\n"].map(|text| text.repeat(300)))
    .chain((1..=RANDOM_TEXTS).map(random_text))
    .collect()
}

/// Markup, what surrounds ISO-8859-1, and any other characters, the same for the same seed.
fn random_text(seed: u64) -> String {
    const LIKELY: &str = "<>&\"'/;#ax \u{0}\n\u{A0}\u{AD}\u{FF}\u{100}\u{301}\u{2028}\u{202E}\u{FEFF}";
    let mut state = seed;
    let mut draw = move |below: u32| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(state >> 33).unwrap() % below
    };
    (0..draw(200))
        .filter_map(|_| {
            if draw(2) == 0 {
                LIKELY.chars().nth(draw(20) as usize)
            } else {
                char::from_u32(draw(u32::from(char::MAX)))
            }
        })
        .collect()
}
