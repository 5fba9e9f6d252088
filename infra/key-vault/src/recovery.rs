//! Reading a vault's file at start: what counts, what is cut, and what is refused.
//!
//! Rules. A batch is begun only when the one before it is synced. So bad slots with no later batch behind them are a torn
//! batch that was never acknowledged: cut. A bad slot that a destruction was meant for is a torn overwrite: finished.
//! Any other bad slot is damage: refused with its offset, and the file is left as it is.
//! The last batch and its overwrites are written once more: a failed sync may have left them in the cache alone.

use std::collections::HashMap;
use std::path::Path;

use zeroize::Zeroizing;

use crate::customer_table::{CustomerTable, Standing, Taken};
use crate::data_key::CustomerId;
use crate::file::{VaultFile, VaultOpenError};
use crate::lookup::Pepper;
use crate::record::{
    HEADER_BYTES, HeaderFault, RECORD_BYTES, Record, decode_header, decode_record, encode_record, offset_of,
};

/// Most records in one batch. The place of a record in its batch has to fit 16 bits.
pub(crate) const MAX_BATCH_RECORDS: usize = 1024;
/// Bad slots that can be excused: one torn batch and the torn overwrites of another.
const MAX_BAD_SLOTS: usize = 2 * MAX_BATCH_RECORDS;
/// Records read at once.
const READ_RECORDS: u64 = 4096;

/// A vault's file, read.
pub(crate) struct Recovered {
    pub(crate) pepper: Pepper,
    pub(crate) customers: CustomerTable,
    /// The slot after the last record.
    pub(crate) next_slot: u64,
}

/// A decision to destroy, found in the file.
struct Intent {
    own_slot: u64,
    target_slot: u64,
    id: CustomerId,
}

/// What the first reading finds, before anything is judged.
#[derive(Default)]
struct Findings {
    bad_slots: Vec<u64>,
    intents: Vec<Intent>,
    /// Where the batch of the last valid record begins; the largest of all, as batches follow each other.
    last_batch_start: u64,
}

/// Reads the file, repairs what a crash explains, and marks everything so far as synced.
pub(crate) fn recover(file: &mut dyn VaultFile, path: &Path) -> Result<Recovered, VaultOpenError> {
    let reader = Reader { path };
    let length = file.len().map_err(|source| reader.io_error("read its length", source))?;
    let pepper = reader.header(file, length)?;
    let slots = (length - HEADER_BYTES as u64) / RECORD_BYTES as u64;

    let mut findings = reader.findings(file, slots)?;
    let next_slot = reader.judge(&mut findings, slots)?;
    let destroyed: HashMap<u64, CustomerId> =
        findings.intents.iter().map(|intent| (intent.target_slot, intent.id)).collect();
    let customers = reader.customers(file, next_slot, &destroyed)?;

    let end = offset_of(next_slot);
    if end < length {
        tracing::warn!(path = %path.display(), bytes = length - end, "cut a half-written tail off the key vault");
        file.set_len(end).map_err(|source| reader.io_error("cut its tail", source))?;
    }
    let next_slot = reader.settle(file, &findings.intents, next_slot)?;
    Ok(Recovered { pepper, customers, next_slot })
}

struct Reader<'a> {
    path: &'a Path,
}

impl Reader<'_> {
    fn io_error(&self, operation: &'static str, source: std::io::Error) -> VaultOpenError {
        VaultOpenError::Io { path: self.path.to_owned(), operation, source }
    }

    fn corrupt(&self, offset: u64, reason: &str) -> VaultOpenError {
        VaultOpenError::Corrupt { path: self.path.to_owned(), offset, reason: reason.to_owned() }
    }

    fn header(&self, file: &dyn VaultFile, length: u64) -> Result<Pepper, VaultOpenError> {
        let not_a_vault = || VaultOpenError::NotAVault { path: self.path.to_owned() };
        if length < HEADER_BYTES as u64 {
            return Err(not_a_vault());
        }
        let mut header = Zeroizing::new([0; HEADER_BYTES]);
        file.read_at(0, &mut *header).map_err(|source| self.io_error("read its header", source))?;
        match decode_header(&header) {
            Ok(pepper) => Ok(Pepper::new(&pepper)),
            Err(HeaderFault::Foreign) => Err(not_a_vault()),
            Err(HeaderFault::Damaged) => Err(self.corrupt(0, "the header's checksum is wrong")),
            Err(HeaderFault::Version(version)) => {
                Err(VaultOpenError::UnknownVersion { path: self.path.to_owned(), version })
            }
        }
    }

    /// Reads the slots up to `end` in order; a slot that holds no record is `None`.
    fn each_slot(
        &self,
        file: &dyn VaultFile,
        end: u64,
        mut visit: impl FnMut(u64, Option<(Record, u16)>) -> Result<(), VaultOpenError>,
    ) -> Result<(), VaultOpenError> {
        let mut bytes = Zeroizing::new(vec![0; READ_RECORDS.min(end) as usize * RECORD_BYTES]);
        let mut slot = 0;
        while slot < end {
            let count = READ_RECORDS.min(end - slot) as usize;
            let chunk = &mut bytes[..count * RECORD_BYTES];
            file.read_at(offset_of(slot), chunk).map_err(|source| self.io_error("read it", source))?;
            for record in chunk.as_chunks::<RECORD_BYTES>().0 {
                visit(slot, decode_record(record, slot))?;
                slot += 1;
            }
        }
        Ok(())
    }

    fn findings(&self, file: &dyn VaultFile, slots: u64) -> Result<Findings, VaultOpenError> {
        let mut findings = Findings::default();
        self.each_slot(file, slots, |slot, record| {
            match record {
                Some((record, place_in_batch)) => {
                    findings.last_batch_start = slot - u64::from(place_in_batch);
                    if let Record::Intent { id, slot: target_slot } = record {
                        findings.intents.push(Intent { own_slot: slot, target_slot, id });
                    }
                }
                None if findings.bad_slots.len() == MAX_BAD_SLOTS => {
                    return Err(
                        self.corrupt(offset_of(findings.bad_slots[0]), "too many bad records for one crash")
                    );
                }
                None => findings.bad_slots.push(slot),
            }
            Ok(())
        })?;
        Ok(findings)
    }

    /// Tells a torn batch and torn overwrites from damage. Returns the slot after the last record that counts, and drops
    /// the intents behind it.
    fn judge(&self, findings: &mut Findings, slots: u64) -> Result<u64, VaultOpenError> {
        let targeted =
            |findings: &Findings, bad: u64| findings.intents.iter().any(|it| it.target_slot == bad);
        let torn = findings.bad_slots.iter().copied().find(|&bad| !targeted(findings, bad));
        let next_slot = torn.unwrap_or(slots);
        if next_slot < slots && findings.last_batch_start > next_slot {
            return Err(
                self.corrupt(offset_of(next_slot), "a bad record with good ones of later batches behind it")
            );
        }
        // An intent of the torn batch was never acted upon, so that it excuses nothing.
        findings.intents.retain(|intent| intent.own_slot < next_slot);
        match findings.bad_slots.iter().find(|&&bad| bad < next_slot && !targeted(findings, bad)) {
            Some(&bad) => Err(self.corrupt(offset_of(bad), "a bad record that was not being overwritten")),
            None => Ok(next_slot),
        }
    }

    /// The customers in the slots before `end`.
    fn customers(
        &self,
        file: &dyn VaultFile,
        end: u64,
        destroyed: &HashMap<u64, CustomerId>,
    ) -> Result<CustomerTable, VaultOpenError> {
        let mut customers = CustomerTable::new();
        self.each_slot(file, end, |slot, record| {
            let added = match (record.map(|(record, _)| record), destroyed.get(&slot)) {
                (Some(Record::Live { id, .. } | Record::Destroyed { id }), Some(intended))
                    if id != *intended =>
                {
                    return Err(
                        self.corrupt(offset_of(slot), "a destruction of another customer was meant for it")
                    );
                }
                (None, Some(id)) => customers.insert_destroyed(*id),
                (Some(Record::Live { id, .. }), Some(_)) => customers.insert_destroyed(id),
                (Some(Record::Live { id, lookup, key }), None) => customers.insert(id, lookup, &key, slot),
                (Some(Record::Destroyed { id }), _) => customers.insert_destroyed(id),
                (Some(Record::Intent { id, .. }), None) if customers.standing(&id) == Standing::Destroyed => {
                    Ok(())
                }
                (Some(Record::Mark), None) => Ok(()),
                _ => return Err(self.corrupt(offset_of(slot), "a destruction that has no customer")),
            };
            added.map_err(|taken| match taken {
                Taken::Id => self.corrupt(offset_of(slot), "a second record of the same customer"),
                Taken::Lookup => self.corrupt(offset_of(slot), "a second customer of the same RUT"),
                Taken::Full => self.corrupt(offset_of(slot), "more records than a vault holds"),
            })
        })?;
        Ok(customers)
    }

    /// Finishes the destructions, writes the last batch again, and marks all of it as synced. Returns the next slot.
    fn settle(
        &self,
        file: &mut dyn VaultFile,
        intents: &[Intent],
        next_slot: u64,
    ) -> Result<u64, VaultOpenError> {
        let Some(last_slot) = next_slot.checked_sub(1) else { return Ok(0) };
        let write_error = |source| self.io_error("write to it", source);
        let last_batch_start = self.batch_start(file, last_slot)?;
        for intent in intents {
            let in_last_batch = intent.own_slot >= last_batch_start;
            if in_last_batch || !self.is_destroyed(file, intent.target_slot)? {
                write_destroyed(file, &intent.id, intent.target_slot).map_err(write_error)?;
            }
        }
        let mut last_batch = Zeroizing::new(vec![0; (next_slot - last_batch_start) as usize * RECORD_BYTES]);
        file.read_at(offset_of(last_batch_start), &mut last_batch)
            .map_err(|source| self.io_error("read it", source))?;
        file.write_at(offset_of(last_batch_start), &last_batch).map_err(write_error)?;
        file.sync().map_err(write_error)?;
        if last_batch_start == last_slot
            && self.record(file, last_slot)?.is_some_and(|(it, _)| it == Record::Mark)
        {
            return Ok(next_slot);
        }
        write_mark(file, next_slot).map_err(write_error)?;
        Ok(next_slot + 1)
    }

    fn record(&self, file: &dyn VaultFile, slot: u64) -> Result<Option<(Record, u16)>, VaultOpenError> {
        let mut bytes = Zeroizing::new([0; RECORD_BYTES]);
        file.read_at(offset_of(slot), &mut *bytes).map_err(|source| self.io_error("read it", source))?;
        Ok(decode_record(&bytes, slot))
    }

    fn batch_start(&self, file: &dyn VaultFile, slot: u64) -> Result<u64, VaultOpenError> {
        Ok(self.record(file, slot)?.map_or(slot, |(_, place_in_batch)| slot - u64::from(place_in_batch)))
    }

    fn is_destroyed(&self, file: &dyn VaultFile, slot: u64) -> Result<bool, VaultOpenError> {
        Ok(matches!(self.record(file, slot)?, Some((Record::Destroyed { .. }, _))))
    }
}

/// Overwrites a customer's record. It begins a batch of its own on paper: its slot is known to be synced, so that bad
/// slots before it are damage.
pub(crate) fn write_destroyed(file: &mut dyn VaultFile, id: &CustomerId, slot: u64) -> std::io::Result<()> {
    let mut bytes = Vec::with_capacity(RECORD_BYTES);
    encode_record(&Record::Destroyed { id: *id }, slot, 0, &mut bytes);
    file.write_at(offset_of(slot), &bytes)
}

/// Appends and syncs a mark. All before it has to be synced already.
pub(crate) fn write_mark(file: &mut dyn VaultFile, slot: u64) -> std::io::Result<()> {
    let mut bytes = Vec::with_capacity(RECORD_BYTES);
    encode_record(&Record::Mark, slot, 0, &mut bytes);
    file.write_at(offset_of(slot), &bytes)?;
    file.sync()
}
