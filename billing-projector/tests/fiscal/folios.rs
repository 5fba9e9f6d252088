//! Loading folios: what is taken, and every way to be refused.

use std::ops::RangeInclusive;
use std::os::unix::fs::PermissionsExt;

use ticketflow_billing_projector::{Books, FiscalKeys, FolioError, KeyFileError, LoadedFolios, TestIssuer};
use ticketflow_domain::billing::{BillingCommand, BillingEvent, DocumentType, SeriesCode};
use ticketflow_fiscal_chile::{CafError, DocumentType as Kind, RsaKey, TestCaf, test_caf};

use crate::world::*;

/// Books without folios: those of an issuer that is no demonstration are opened by nobody here.
async fn open(receipt_type: DocumentType) -> World {
    let world = World::new(1, receipt_type);
    open_series(&world, world.options.series).await;
    world
}

async fn open_series(world: &World, series: SeriesCode) {
    let books = Books::open(world.store(), std::sync::Arc::default(), series).unwrap();
    let (scheme, issuer) = (world.options.scheme, world.options.issuer.clone());
    let open = BillingCommand::OpenSeries { series, scheme, issuer };
    books.carry_out(&[open], now()).await.unwrap()[0].as_ref().unwrap();
}

fn test_issuer() -> TestIssuer {
    TestIssuer { rut: issuer_rut(), name: "Ñandú".into(), sender: issuer_rut(), today: TODAY }
}

fn file(world: &World, kind: Kind, folios: RangeInclusive<u64>) -> String {
    file_of(world, &test_issuer(), kind, folios)
}

fn file_of(world: &World, issuer: &TestIssuer, kind: Kind, folios: RangeInclusive<u64>) -> String {
    let bytes = FiscalKeys::make_test_range(&world.fiscal_folder(), issuer, kind, folios).unwrap();
    bytes.into_iter().map(char::from).collect()
}

fn ranges(world: &World) -> Vec<(DocumentType, u64, u64)> {
    let range = |event| match event {
        BillingEvent::FolioRangeLoaded(range) => Some((range.document_type, range.first, range.last)),
        _ => None,
    };
    world.events().into_iter().filter_map(range).collect()
}

fn kept(world: &World) -> Vec<String> {
    let names = std::fs::read_dir(world.fiscal_folder()).unwrap();
    let mut names: Vec<String> =
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name.starts_with("folios-"));
    names.sort();
    names
}

#[tokio::test]
async fn a_range_is_loaded_once_however_often_it_is_given() {
    let world = open(DocumentType::TaxedReceipt).await;
    let desk = world.folio_desk(world.keys());
    let text = file(&world, Kind::TaxedReceipt, 1..=50);
    let expected = LoadedFolios {
        document_type: DocumentType::TaxedReceipt,
        first: 1,
        last: 50,
        expires_on: None,
        were_there: false,
    };
    assert_eq!(desk.load(&text).await.unwrap(), expected);
    assert_eq!(desk.load(&text).await.unwrap(), LoadedFolios { were_there: true, ..expected });
    // Another process, which does not have the key yet.
    std::fs::remove_file(world.fiscal_folder().join("folios-76123456-39-1-50.xml")).unwrap();
    let other = world.folio_desk(world.keys());
    assert!(other.load(&text).await.unwrap().were_there);
    assert_eq!(kept(&world), ["folios-76123456-39-1-50.xml"]);
    // Ranges may be apart, and are in order.
    desk.load(&file(&world, Kind::TaxedReceipt, 61..=70)).await.unwrap();
    assert_eq!(ranges(&world), [(DocumentType::TaxedReceipt, 1, 50), (DocumentType::TaxedReceipt, 61, 70)]);
    let (issuer, lines) = desk.list().await.unwrap();
    assert_eq!((issuer.name, lines.len()), ("Teatro Caleta Clara SpA".to_owned(), 1));
    let line = &lines[0];
    assert_eq!((line.stock.left, line.stock.next, line.loaded_to), (60, Some(1), 70));
    assert!(line.is_low && line.expires_on.is_none());
}

#[tokio::test]
async fn credit_notes_end_after_six_months() {
    let world = open(DocumentType::ExemptReceipt).await;
    let desk = world.folio_desk(world.keys());
    let end = jiff::civil::date(2030, 6, 30);
    let text = file(&world, Kind::CreditNote, 1..=5);
    assert_eq!(desk.load(&text).await.unwrap().expires_on, Some(end));
    assert_eq!(desk.list().await.unwrap().1[0].expires_on, Some(end));
    // A second before midnight of that day in Chile, and then.
    let midnight = end.to_zoned(santiago()).unwrap().timestamp().as_second() - 1_893_456_000;
    let later = file(&world, Kind::CreditNote, 6..=9);
    set_clock_seconds_after_start(midnight);
    assert_eq!(desk.list().await.unwrap().1[0].stock.left, 0);
    assert!(matches!(desk.load(&later).await, Err(FolioError::Expired(day)) if day == end));
    set_clock_seconds_after_start(midnight - 1);
    assert_eq!(desk.list().await.unwrap().1[0].stock.left, 5);
    desk.load(&later).await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_used_is_refused_and_nothing_of_it_is_kept() {
    let world = open(DocumentType::TaxedReceipt).await;
    let desk = world.folio_desk(world.keys());
    desk.load(&file(&world, Kind::TaxedReceipt, 1..=50)).await.unwrap();
    let (good, before) = (file(&world, Kind::TaxedReceipt, 51..=60), kept(&world));

    let other = TestIssuer { rut: "12.345.678-5".parse().unwrap(), ..test_issuer() };
    let other_issuer = file_of(&world, &other, Kind::TaxedReceipt, 51..=60);
    let forger = RsaKey::from_seed(&[66; 32], 512).unwrap();
    let caf = TestCaf {
        issuer: issuer_rut(),
        issuer_name: "x",
        document_type: Kind::TaxedReceipt,
        folios: 51..=60,
        authorised_on: TODAY,
    };
    let forged: String = test_caf(&caf, &[1; 32], &forger).unwrap().into_iter().map(char::from).collect();
    let stretched = good.replace("<H>60</H>", "<H>6000</H>");
    let another_key = RsaKey::from_seed(&[5; 32], 512).unwrap().to_pem();
    let (begin, end) = (good.find("-----BEGIN RSA").unwrap(), good.find("</RSASK>").unwrap());
    let with_another_key = [&good[..begin], &another_key, &good[end..]].concat();
    let old = TestIssuer { today: jiff::civil::date(2029, 6, 30), ..test_issuer() };
    let expired = file_of(&world, &old, Kind::CreditNote, 1..=10);
    let wide = good.replace("Ñandú", "Ñandú 🎸");

    type Is = fn(&FolioError) -> bool;
    let cases: [(&str, &str, Is); 11] = [
        ("empty", "", |error| matches!(error, FolioError::File(CafError::Xml(_)))),
        ("cut", &good[..good.len() / 2], |error| matches!(error, FolioError::File(CafError::Xml(_)))),
        ("no authorisation", "<AUTORIZACION/>", |error| {
            matches!(error, FolioError::File(CafError::Missing("CAF")))
        }),
        ("invoices", &good.replace("<TD>39<", "<TD>33<"), |error| {
            matches!(error, FolioError::File(CafError::Invalid("TD")))
        }),
        ("another key", &with_another_key, |error| matches!(error, FolioError::File(CafError::OtherKey))),
        ("another issuer", &other_issuer, |error| matches!(error, FolioError::OtherIssuer { .. })),
        ("another authority", &forged, |error| matches!(error, FolioError::Forged)),
        ("a longer range", &stretched, |error| matches!(error, FolioError::Forged)),
        ("expired", &expired, |error| matches!(error, FolioError::Expired(_))),
        ("overlap", &file(&world, Kind::TaxedReceipt, 50..=60), |error| {
            matches!(error, FolioError::Overlap { first: 50, last: 50 })
        }),
        ("characters", &wide, |error| matches!(error, FolioError::Characters)),
    ];
    for (what, text, is) in cases {
        let error = desk.load(text).await.unwrap_err();
        assert!(is(&error), "{what}: {error:?}");
        let said = format!("{error} {error:?}");
        assert!(!said.contains("PRIVATE") && !said.contains("MII"), "{said}");
    }
    assert_eq!(ranges(&world).len(), 1);
    assert_eq!(kept(&world), before);
    desk.load(&good).await.unwrap();
}

#[tokio::test]
async fn other_books_of_the_same_issuer_keep_their_folios() {
    let mut world = open(DocumentType::TaxedReceipt).await;
    world.folio_desk(world.keys()).load(&file(&world, Kind::TaxedReceipt, 1..=50)).await.unwrap();
    world.options.series = "NUEVA".parse().unwrap();
    open_series(&world, world.options.series).await;
    let desk = world.folio_desk(world.keys());
    let error = desk.load(&file(&world, Kind::TaxedReceipt, 40..=90)).await.unwrap_err();
    assert!(matches!(error, FolioError::Overlap { first: 40, last: 50 }), "{error:?}");
    desk.load(&file(&world, Kind::TaxedReceipt, 51..=90)).await.unwrap();
}

#[tokio::test]
async fn books_by_nobodys_rules_take_no_folios() {
    let world = open(DocumentType::Receipt).await;
    let desk = world.folio_desk(world.keys());
    let error = desk.load(&file(&world, Kind::TaxedReceipt, 1..=50)).await.unwrap_err();
    assert!(matches!(error, FolioError::Refused(_)), "{error:?}");
    let nobody = World::new(2, DocumentType::TaxedReceipt);
    let error = nobody.folio_desk(nobody.keys()).load(&file(&nobody, Kind::TaxedReceipt, 1..=5)).await;
    assert!(matches!(error, Err(FolioError::NotOpen)));
}

#[tokio::test]
async fn keys_are_for_their_owner_alone_and_never_in_the_log() {
    let world = open(DocumentType::TaxedReceipt).await;
    let desk = world.folio_desk(world.keys());
    desk.load(&file(&world, Kind::TaxedReceipt, 1..=50)).await.unwrap();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let folder = world.fiscal_folder();
    assert_eq!(mode(&folder), 0o700);
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    for event in world.events() {
        let text = serde_json::to_string(&event).unwrap();
        assert!(!text.contains("PRIVATE") && !text.contains("RSASK"), "{text}");
    }
    assert_eq!(format!("{:?}", world.keys()), "FiscalKeys(..)");
    let exposed = folder.join("folios-76123456-39-1-50.xml");
    std::fs::set_permissions(&exposed, std::fs::Permissions::from_mode(0o640)).unwrap();
    let error = FiscalKeys::open(&folder).unwrap_err();
    assert!(matches!(error, KeyFileError::Exposed { mode: 0o640, wanted: 0o600, .. }), "{error:?}");
    owner_only(&exposed);
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    let error = FiscalKeys::open(&folder).unwrap_err();
    assert!(matches!(error, KeyFileError::Exposed { mode: 0o755, wanted: 0o700, .. }), "{error:?}");
    let nowhere = world.folder.path().join("new");
    assert!(matches!(FiscalKeys::open(&nowhere), Err(KeyFileError::NoCertificate { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_ranges_that_are_loaded_at_once_one_is_taken_and_its_key_kept() {
    let world = open(DocumentType::TaxedReceipt).await;
    let mut loading = tokio::task::JoinSet::new();
    for _ in 0..8 {
        // Each with a key of its own.
        let (text, desk) = (file(&world, Kind::TaxedReceipt, 1..=50), world.folio_desk(world.keys()));
        loading.spawn(async move { desk.load(&text).await.is_ok() });
    }
    assert_eq!(loading.join_all().await.into_iter().filter(|taken| *taken).count(), 1);
    assert_eq!(ranges(&world), [(DocumentType::TaxedReceipt, 1, 50)]);
    let kept = std::fs::read(world.fiscal_folder().join("folios-76123456-39-1-50.xml")).unwrap();
    let (caf, _) = ticketflow_fiscal_chile::Caf::parse(&kept).unwrap();
    let recorded = world.events().into_iter().any(
        |event| matches!(event, BillingEvent::FolioRangeLoaded(range) if range.authorisation == caf.to_xml()),
    );
    assert!(recorded, "the key is that of the range in the books");
}

#[tokio::test]
async fn instances_that_share_a_folder_know_what_the_others_brought_in_or_left() {
    let world = open(DocumentType::TaxedReceipt).await;
    // What each read of the folder at its start, and books of its own.
    let (one, other) = (world.folio_desk(world.keys()), world.folio_desk(world.keys()));
    let notes = file(&world, Kind::CreditNote, 1..=50);
    assert!(!one.load(&notes).await.unwrap().were_there);
    assert!(other.load(&notes).await.unwrap().were_there, "the same file by another instance");
    assert_eq!(kept(&world), ["folios-76123456-61-1-50.xml"]);
    let (of_one, of_other) = (one.list().await.unwrap().1, other.list().await.unwrap().1);
    assert_eq!(of_one, of_other);
    assert!(of_other.iter().any(|line| line.expires_on.is_some()), "credit notes end: {of_other:?}");
    // As an instance leaves it that ended between the key and the event, after the other had started.
    let left = file(&world, Kind::TaxedReceipt, 1..=20);
    let path = world.fiscal_folder().join("folios-76123456-39-1-20.xml");
    std::fs::write(&path, left.chars().map(|c| u8::try_from(c).unwrap()).collect::<Vec<_>>()).unwrap();
    owner_only(&path);
    other.load(&file(&world, Kind::TaxedReceipt, 1..=30)).await.unwrap();
    assert_eq!(kept(&world), ["folios-76123456-39-1-30.xml", "folios-76123456-61-1-50.xml"]);
}

#[tokio::test]
async fn what_a_crash_left_before_the_books_knew_gives_way() {
    let world = open(DocumentType::TaxedReceipt).await;
    // As a crash between the key and the event leaves it.
    let left = file(&world, Kind::TaxedReceipt, 1..=20);
    let path = world.fiscal_folder().join("folios-76123456-39-1-20.xml");
    std::fs::write(&path, left.chars().map(|c| u8::try_from(c).unwrap()).collect::<Vec<_>>()).unwrap();
    owner_only(&path);
    let desk = world.folio_desk(world.keys());
    desk.load(&file(&world, Kind::TaxedReceipt, 1..=50)).await.unwrap();
    assert_eq!(kept(&world), ["folios-76123456-39-1-50.xml"]);
    assert_eq!(ranges(&world), [(DocumentType::TaxedReceipt, 1, 50)]);
}

#[test]
fn a_demonstration_gets_a_certificate_and_keeps_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fiscal");
    let first = FiscalKeys::open_for_tests(&path, &test_issuer()).unwrap();
    let again = FiscalKeys::open_for_tests(&path, &test_issuer()).unwrap();
    assert_eq!(first.identity().certificate_der(), again.identity().certificate_der());
}

#[test]
fn books_keep_the_activity_code_that_they_began_with() {
    let world = World::new(3, DocumentType::TaxedReceipt);
    let keys = world.keys();
    keys.settle_activity_code(series(), 799_000).unwrap();
    world.keys().settle_activity_code(series(), 799_000).unwrap();
    let error = keys.settle_activity_code(series(), 799_001).unwrap_err();
    assert!(matches!(error, KeyFileError::OtherActivityCode { given: 799_001, .. }), "{error:?}");
    keys.settle_activity_code("NUEVA".parse().unwrap(), 799_001).unwrap();
}
