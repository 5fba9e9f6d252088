//! The vault's one writer: a thread that gathers what waits into a batch and makes it durable with one sync.
//!
//! Invariant: nothing is answered before it is on the disk, and the table learns of it in between. Two requests for one RUT
//! in a batch become one customer. A destruction is first written down as an intent and synced, then the record is
//! overwritten and synced. A failed write is taken back and can be tried again; after a failed sync or overwrite nobody
//! knows what is on the disk, so the writer takes no more until the vault is opened afresh.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use tokio::sync::{mpsc, oneshot};
use zeroize::Zeroizing;

use crate::customer_table::{CustomerTable, Standing};
use crate::data_key::{CustomerId, DataKey};
use crate::file::VaultFile;
use crate::lookup::RutLookup;
use crate::record::{RECORD_BYTES, Record, encode_record, offset_of};
use crate::recovery::{MAX_BATCH_RECORDS, write_destroyed, write_mark};
use crate::vault::{CustomerKey, Destruction, VaultError};

/// What the writer is asked for. A requester who has gone does not keep the work from being done.
pub(crate) enum Request {
    FindOrCreate {
        lookup: RutLookup,
        candidate: CustomerId,
        key: DataKey,
        reply: oneshot::Sender<Result<CustomerKey, VaultError>>,
    },
    Destroy {
        id: CustomerId,
        reply: oneshot::Sender<Result<Destruction, VaultError>>,
    },
}

/// What the writer shares with the vault's readers.
pub(crate) struct Shared {
    pub(crate) customers: RwLock<CustomerTable>,
    /// Why the writer takes no more.
    pub(crate) broken: OnceLock<Arc<io::Error>>,
}

/// The writer's own state.
pub(crate) struct Writer {
    file: Box<dyn VaultFile>,
    shared: Arc<Shared>,
    next_slot: u64,
    wrote: bool,
}

struct Creation {
    id: CustomerId,
    lookup: RutLookup,
    key: DataKey,
    waiting: Vec<oneshot::Sender<Result<CustomerKey, VaultError>>>,
}

struct Destroying {
    id: CustomerId,
    slot: u64,
    waiting: Vec<oneshot::Sender<Result<Destruction, VaultError>>>,
}

/// A batch being gathered. Later requests see the effect of earlier ones.
#[derive(Default)]
struct Batch {
    creations: Vec<Creation>,
    by_lookup: HashMap<RutLookup, usize>,
    created_ids: HashSet<CustomerId>,
    destroyings: Vec<Destroying>,
}

impl Writer {
    pub(crate) fn new(file: Box<dyn VaultFile>, shared: Arc<Shared>, next_slot: u64) -> Self {
        Self { file, shared, next_slot, wrote: false }
    }

    /// Works until all senders are gone, then marks the file as whole.
    pub(crate) fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let mut gathered = Vec::with_capacity(MAX_BATCH_RECORDS);
        while requests.blocking_recv_many(&mut gathered, MAX_BATCH_RECORDS) > 0 {
            self.work(gathered.drain(..));
        }
        // Without the mark the next start reads the same, so that its failure costs nothing but a check.
        if self.wrote
            && self.shared.broken.get().is_none()
            && let Err(error) = write_mark(&mut *self.file, self.next_slot)
        {
            tracing::warn!(%error, "cannot mark the key vault as whole");
        }
    }

    /// Carries one batch out and answers it.
    fn work(&mut self, requests: impl Iterator<Item = Request>) {
        let mut batch = Batch::default();
        {
            let customers = self.shared.customers.read().unwrap_or_else(PoisonError::into_inner);
            for request in requests {
                batch.add(request, &customers, self.shared.broken.get());
            }
        }
        if batch.creations.is_empty() && batch.destroyings.is_empty() {
            return;
        }
        match self.store(&batch) {
            Ok(()) => {
                batch.enter(&self.shared, self.next_slot);
                self.next_slot += batch.record_count();
                self.wrote = true;
                let overwritten = self.overwrite(&batch.destroyings);
                batch.answer(overwritten);
            }
            Err(error) => batch.refuse(&error),
        }
    }

    /// Writes and syncs the records of the batch.
    fn store(&mut self, batch: &Batch) -> Result<(), VaultError> {
        if let Some(source) = self.shared.broken.get() {
            return Err(VaultError::Broken { source: Arc::clone(source) });
        }
        if self.next_slot + batch.record_count() > u64::from(u32::MAX) {
            return Err(VaultError::Full);
        }
        let bytes = batch.encode(self.next_slot);
        let end = offset_of(self.next_slot);
        if let Err(error) = self.file.write_at(end, &bytes) {
            // Taken back, so that half a batch never stands before the next one.
            return Err(match self.file.set_len(end) {
                Ok(()) => VaultError::Storage { source: Arc::new(error) },
                Err(_) => self.break_off(error),
            });
        }
        self.file.sync().map_err(|error| self.break_off(error))
    }

    /// Overwrites the destroyed records. Their intents are on the disk: what fails here is finished at the next start.
    fn overwrite(&mut self, destroyings: &[Destroying]) -> Result<(), VaultError> {
        if destroyings.is_empty() {
            return Ok(());
        }
        for destroying in destroyings {
            write_destroyed(&mut *self.file, &destroying.id, destroying.slot)
                .map_err(|error| self.break_off(error))?;
        }
        self.file.sync().map_err(|error| self.break_off(error))
    }

    fn break_off(&self, error: io::Error) -> VaultError {
        tracing::error!(%error, "the key vault takes no more writes until it is opened afresh");
        VaultError::Broken { source: Arc::clone(self.shared.broken.get_or_init(|| Arc::new(error))) }
    }
}

impl Batch {
    /// Adds a request to the batch, or answers it if there is nothing to write.
    fn add(&mut self, request: Request, customers: &CustomerTable, broken: Option<&Arc<io::Error>>) {
        match request {
            Request::FindOrCreate { lookup, candidate, key, reply } => {
                if let Some(&creation) = self.by_lookup.get(&lookup) {
                    self.creations[creation].waiting.push(reply);
                    return;
                }
                let existing = customers.find(lookup).filter(|(id, _)| !self.destroys(id));
                if let Some((customer_id, key)) = existing {
                    answer(reply, Ok(CustomerKey { customer_id, key, fresh: false }));
                    return;
                }
                let taken = customers.standing(&candidate) != Standing::Unknown;
                if taken || !self.created_ids.insert(candidate) {
                    answer(reply, Err(VaultError::IdTaken));
                    return;
                }
                self.by_lookup.insert(lookup, self.creations.len());
                self.creations.push(Creation { id: candidate, lookup, key, waiting: vec![reply] });
            }
            Request::Destroy { id, reply } => {
                if let Some(same) = self.destroyings.iter_mut().find(|destroying| destroying.id == id) {
                    same.waiting.push(reply);
                    return;
                }
                match customers.standing(&id) {
                    Standing::Unknown => answer(reply, Ok(Destruction::Unknown)),
                    // Its record may be the one that could not be overwritten.
                    Standing::Destroyed => answer(
                        reply,
                        match broken {
                            Some(source) => Err(VaultError::Broken { source: Arc::clone(source) }),
                            None => Ok(Destruction::Destroyed),
                        },
                    ),
                    Standing::Live { slot } => {
                        self.destroyings.push(Destroying { id, slot: u64::from(slot), waiting: vec![reply] });
                    }
                }
            }
        }
    }

    fn destroys(&self, id: &CustomerId) -> bool {
        self.destroyings.iter().any(|destroying| destroying.id == *id)
    }

    fn record_count(&self) -> u64 {
        (self.creations.len() + self.destroyings.len()) as u64
    }

    fn encode(&self, first_slot: u64) -> Zeroizing<Vec<u8>> {
        // Room for all from the start: growing would leave copies of keys behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(self.record_count() as usize * RECORD_BYTES));
        let creations = self.creations.iter().map(|creation| Record::Live {
            id: creation.id,
            lookup: creation.lookup,
            key: creation.key.clone(),
        });
        let intents = self
            .destroyings
            .iter()
            .map(|destroying| Record::Intent { id: destroying.id, slot: destroying.slot });
        for (place, record) in (0_u16..).zip(creations.chain(intents)) {
            encode_record(&record, first_slot + u64::from(place), place, &mut bytes);
        }
        bytes
    }

    /// Lets the readers see the batch. Destructions first: a new customer may take over a destroyed one's RUT.
    fn enter(&self, shared: &Shared, first_slot: u64) {
        let mut customers = shared.customers.write().unwrap_or_else(PoisonError::into_inner);
        for destroying in &self.destroyings {
            customers.destroy(&destroying.id);
        }
        for (slot, creation) in (first_slot..).zip(&self.creations) {
            customers
                .insert(creation.id, creation.lookup, &creation.key, slot)
                .expect("id, lookup and slot were checked when the batch was gathered");
        }
    }

    fn answer(self, overwritten: Result<(), VaultError>) {
        for creation in self.creations {
            for (turn, reply) in creation.waiting.into_iter().enumerate() {
                let key = creation.key.clone();
                answer(reply, Ok(CustomerKey { customer_id: creation.id, key, fresh: turn == 0 }));
            }
        }
        for reply in self.destroyings.into_iter().flat_map(|destroying| destroying.waiting) {
            answer(reply, overwritten.clone().map(|()| Destruction::Destroyed));
        }
    }

    fn refuse(self, error: &VaultError) {
        for reply in self.creations.into_iter().flat_map(|creation| creation.waiting) {
            answer(reply, Err(error.clone()));
        }
        for reply in self.destroyings.into_iter().flat_map(|destroying| destroying.waiting) {
            answer(reply, Err(error.clone()));
        }
    }
}

/// Answers a requester, who may have gone.
fn answer<T>(reply: oneshot::Sender<T>, result: T) {
    drop(reply.send(result));
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::memory_file::{Fault, MemoryFile};
    use crate::recovery::recover;

    fn writer(file: &MemoryFile) -> Writer {
        let mut file: Box<dyn VaultFile> = Box::new(file.clone());
        let recovered = recover(&mut *file, Path::new("vault.keys")).unwrap();
        let shared = Shared { customers: RwLock::new(recovered.customers), broken: OnceLock::new() };
        Writer::new(file, Arc::new(shared), recovered.next_slot)
    }

    type Reply<T> = oneshot::Receiver<Result<T, VaultError>>;

    fn create(rut: u8, id: u8) -> (Request, Reply<CustomerKey>) {
        let (reply, answer) = oneshot::channel();
        let key = DataKey::from_bytes(&[id; 32]);
        (Request::FindOrCreate { lookup: RutLookup([rut; 16]), candidate: [id; 16], key, reply }, answer)
    }

    fn destroy(id: u8) -> (Request, Reply<Destruction>) {
        let (reply, answer) = oneshot::channel();
        (Request::Destroy { id: [id; 16], reply }, answer)
    }

    fn made(mut reply: Reply<CustomerKey>) -> ([u8; 16], bool) {
        let customer = reply.try_recv().expect("answered").expect("the disk is well");
        assert_eq!(customer.key, DataKey::from_bytes(&[customer.customer_id[0]; 32]));
        (customer.customer_id, customer.fresh)
    }

    #[test]
    fn within_a_batch_later_requests_see_what_earlier_ones_did() {
        let file = MemoryFile::fresh();
        let mut writer = writer(&file);
        let (first, first_reply) = create(1, 10);
        writer.work([first].into_iter());
        assert_eq!(made(first_reply), ([10; 16], true));

        let (before, before_reply) = create(1, 11);
        let (gone, mut gone_reply) = destroy(10);
        let (gone_again, mut gone_again_reply) = destroy(10);
        let (anew, anew_reply) = create(1, 12);
        let (shared, shared_reply) = create(1, 13);
        let (clash, mut clash_reply) = create(2, 12);
        let (unborn, mut unborn_reply) = destroy(12);
        let syncs = file.syncs();
        writer.work([before, gone, gone_again, anew, shared, clash, unborn].into_iter());
        assert_eq!(file.syncs() - syncs, 2, "one for the records, one for the overwrite");
        assert_eq!(made(before_reply), ([10; 16], false), "asked before the destruction");
        assert_eq!(made(anew_reply), ([12; 16], true), "asked after it");
        assert_eq!(made(shared_reply), ([12; 16], false));
        for reply in [&mut gone_reply, &mut gone_again_reply] {
            assert_eq!(reply.try_recv().unwrap().unwrap(), Destruction::Destroyed);
        }
        assert!(matches!(clash_reply.try_recv().unwrap(), Err(VaultError::IdTaken)));
        assert_eq!(
            unborn_reply.try_recv().unwrap().unwrap(),
            Destruction::Unknown,
            "nobody knows that id yet"
        );
    }

    #[test]
    fn a_batch_that_replaces_a_customer_is_recovered_though_its_overwrite_never_came() {
        let file = MemoryFile::fresh();
        let mut writer = writer(&file);
        writer.work([create(1, 10).0].into_iter());
        // Records written, synced; then the overwrite is the third change.
        file.fail_at(file.changes() + 3, Fault::Crash);
        writer.work([destroy(10).0, create(1, 12).0].into_iter());
        for kept in [false, true] {
            let after = file.after_power_cut(|| kept);
            let customers = self::writer(&after).shared;
            let customers = customers.customers.read().unwrap();
            assert_eq!(customers.standing(&[10; 16]), Standing::Destroyed);
            assert_eq!(customers.find(RutLookup([1; 16])).map(|(id, _)| id), Some([12; 16]));
            assert!(
                !after.bytes().windows(32).any(|window| window == [10; 32]),
                "the old key is overwritten"
            );
        }
    }
}
