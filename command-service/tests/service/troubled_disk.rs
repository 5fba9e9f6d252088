//! A disk in memory whose syncs can be made to wait or to fail: what a hung or dying device looks like to those who sell.

use std::io;
use std::sync::{Arc, Condvar, Mutex};

use ticketflow_event_store::{Disk, DiskFile, DiskLock, LockError, SimDisk};

#[derive(Default, Clone, Copy, PartialEq)]
enum Syncs {
    #[default]
    Work,
    Wait,
    Fail,
}

#[derive(Default)]
struct Gate {
    syncs: Mutex<Syncs>,
    changed: Condvar,
}

impl Gate {
    fn set(&self, syncs: Syncs) {
        *self.syncs.lock().expect("nobody panics here") = syncs;
        self.changed.notify_all();
    }

    fn pass(&self) -> io::Result<()> {
        let syncs = self.syncs.lock().expect("nobody panics here");
        let syncs =
            self.changed.wait_while(syncs, |syncs| *syncs == Syncs::Wait).expect("nobody panics here");
        if *syncs == Syncs::Fail { Err(io::Error::other("the device fails")) } else { Ok(()) }
    }
}

/// The disk.
#[derive(Clone)]
pub(crate) struct TroubledDisk {
    disk: SimDisk,
    gate: Arc<Gate>,
}

impl TroubledDisk {
    pub(crate) fn new(seed: u64) -> Self {
        Self { disk: SimDisk::new(seed), gate: Arc::default() }
    }

    /// Syncs wait from now on.
    pub(crate) fn stall(&self) {
        self.gate.set(Syncs::Wait);
    }

    /// Syncs fail from now on.
    pub(crate) fn fail(&self) {
        self.gate.set(Syncs::Fail);
    }

    /// Syncs work again.
    pub(crate) fn go_on(&self) {
        self.gate.set(Syncs::Work);
    }

    /// The machine dies and comes back: what was not synced survives in part.
    pub(crate) fn restart(&self) {
        self.gate.set(Syncs::Work);
        self.disk.restart();
    }

    fn file(&self, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        Arc::new(TroubledFile { file, gate: self.gate.clone() })
    }
}

impl Disk for TroubledDisk {
    fn create_dir(&self, path: &str) -> io::Result<()> {
        self.disk.create_dir(path)
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        self.disk.list(path)
    }

    fn create(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.disk.create(path).map(|file| self.file(file))
    }

    fn open(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.disk.open(path).map(|file| self.file(file))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        self.disk.sync_dir(path)
    }

    fn free_space(&self) -> io::Result<u64> {
        self.disk.free_space()
    }

    fn lock(&self, path: &str) -> Result<DiskLock, LockError> {
        self.disk.lock(path)
    }
}

struct TroubledFile {
    file: Arc<dyn DiskFile>,
    gate: Arc<Gate>,
}

impl DiskFile for TroubledFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.file.write_at(bytes, offset)
    }

    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn sync_data(&self) -> io::Result<()> {
        self.gate.pass()?;
        self.file.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.gate.pass()?;
        self.file.sync_all()
    }
}
