//! A stored log of every format version, read and compared byte for byte.
//!
//! With `WRITE_GOLDEN=1` in the environment the sample of the current version is written instead; that is done once, when
//! a version is made, and never again for that version.

use std::path::{Path, PathBuf};

use ticketflow_event_store::{Category, Expected, FORMAT_VERSION, SimDisk, StreamId, verify};

use crate::world::{batch, check_views, open, stream};

/// Chain hash of the sample of version 1, as it was published.
const HEAD_V1: &str = "eedb6e09111e6807ac22f65afb682781d490b5cfd5188c2555d0392b055502f5";

fn folder(version: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/v{version}"))
}

/// The sample: three streams, several segments, groups, an empty payload, a snapshot.
fn sample() -> SimDisk {
    let disk = SimDisk::new(1);
    let (log, _) = open(&disk);
    let streams = [stream(1), StreamId::new(Category::Customer, [2; 16]), StreamId::billing("B39").unwrap()];
    for number in (1..=18).step_by(2) {
        let first = log.append(batch(number, streams[number as usize % 3], Expected::Any, &[33, 0, 400]));
        let second = log.append(batch(number + 1, streams[number as usize / 3 % 3], Expected::Any, &[150]));
        log.drive();
        first.wait().unwrap();
        second.wait().unwrap();
    }
    log.write_snapshot("seats", log.head(), b"what the seats were").unwrap();
    log.close().unwrap();
    disk
}

fn kept(path: &str) -> bool {
    path.ends_with(".segment") || path.ends_with(".snapshot")
}

fn stored(version: u32) -> SimDisk {
    let disk = SimDisk::new(1);
    for name in ["log", "snapshots"] {
        for entry in std::fs::read_dir(folder(version).join(name)).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{name}/{}", entry.file_name().to_string_lossy());
            disk.put(&path, &std::fs::read(entry.path()).unwrap());
        }
    }
    disk
}

#[test]
fn the_current_version_is_written_as_it_was_stored() {
    let sample = sample();
    if std::env::var_os("WRITE_GOLDEN").is_some() {
        for path in sample.paths().into_iter().filter(|path| kept(path)) {
            let target = folder(FORMAT_VERSION).join(&path);
            std::fs::create_dir_all(target.parent().unwrap()).unwrap();
            std::fs::write(target, sample.content(&path).unwrap()).unwrap();
        }
    }
    let stored = stored(FORMAT_VERSION);
    let paths: Vec<_> = sample.paths().into_iter().filter(|path| kept(path)).collect();
    assert_eq!(stored.paths(), paths);
    for path in paths {
        assert_eq!(sample.content(&path), stored.content(&path), "{path}");
    }
}

#[test]
fn version_1_is_read_and_verified() {
    let disk = stored(1);
    let report = verify(&disk, None, |_| {}).unwrap();
    assert_eq!((report.fault, report.batches, report.events, report.streams), (None, 18, 36, 3));
    let hash: String = report.head.chain_hash.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hash, HEAD_V1);
    let (log, opened) = open(&disk);
    assert_eq!((opened.index_position, opened.cut), (36, None));
    let numbers: Vec<_> = check_views(&log).iter().map(|batch| batch.number).collect();
    assert_eq!(numbers, (1..=18).collect::<Vec<_>>());
    assert_eq!(log.latest_snapshot("seats").unwrap().0.unwrap().bytes.as_slice(), b"what the seats were");
}
