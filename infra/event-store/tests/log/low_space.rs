//! Low space: normal appends are refused, essential ones go into the reserve, and it ends by itself.

use std::sync::Arc;

use ticketflow_event_store::{
    AppendError, EmbeddedLog, Expected, LogOptions, SimDisk, StorageState, Urgency,
};

use crate::world::{assert_whole, batch, check_views, small_options, stream};

fn append(log: &EmbeddedLog, number: u64, urgency: Urgency) -> Result<u64, AppendError> {
    let mut batch = batch(number, stream(1), Expected::Any, &[900]);
    batch.urgency = urgency;
    let mut pending = log.append(batch);
    log.drive();
    pending.try_wait().expect("driving answers everything").map(|appended| appended.last_position)
}

#[test]
fn essential_appends_use_the_reserve_and_normal_ones_return_with_the_space() {
    let disk = SimDisk::new(1);
    let options = LogOptions { low_space_bytes: 20_000, ..small_options() };
    // First segment, spare, and room above the threshold.
    disk.set_space(4096 + 8192 + 30_000);
    let (log, _) = EmbeddedLog::open(Arc::new(disk.clone()), options).unwrap();
    assert_eq!(log.storage_state(), StorageState::Normal);
    append(&log, 1, Urgency::Normal).unwrap();

    disk.set_space(4096 + 8192 + 2000);
    log.drive();
    assert_eq!(log.storage_state(), StorageState::Low);
    assert_eq!(append(&log, 2, Urgency::Normal), Err(AppendError::StorageLow));
    let mut accepted = 1;
    let mut number = 10;
    let refusal = loop {
        match append(&log, number, Urgency::Essential) {
            Ok(position) => {
                accepted += 1;
                assert_eq!(position, accepted);
            }
            Err(error) => break error,
        }
        number += 1;
    };
    assert_eq!(refusal, AppendError::StorageLow, "the reserve is used up");
    assert!(accepted > 9, "more than the first segment holds: {accepted}");
    assert_eq!(append(&log, 3, Urgency::Normal), Err(AppendError::StorageLow));

    disk.set_space(1 << 30);
    log.drive();
    assert_eq!(log.storage_state(), StorageState::Normal);
    assert_eq!(append(&log, 4, Urgency::Normal), Ok(accepted + 1));
    assert_eq!(check_views(&log).len() as u64, accepted + 1);
    assert_whole(&disk, &log);
}

#[test]
fn a_spare_that_cannot_be_made_is_low_space_too() {
    let disk = SimDisk::new(1);
    disk.set_space(4096 + 1000);
    let (log, _) = EmbeddedLog::open(Arc::new(disk.clone()), small_options()).unwrap();
    assert_eq!(log.storage_state(), StorageState::Low);
    assert!(!disk.paths().iter().any(|path| path.contains("spare")), "a failed spare holds no space");
    assert_eq!(append(&log, 1, Urgency::Normal), Err(AppendError::StorageLow));
    append(&log, 2, Urgency::Essential).unwrap();
}
