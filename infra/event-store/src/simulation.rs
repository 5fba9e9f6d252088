//! A disk in memory that fails on demand.
//!
//! Owns [`SimDisk`]: what is written is volatile until it is synced, and a power cut keeps a seeded choice of the rest, torn
//! at sectors and reordered between them; names are volatile until their folder is synced; any call can fail. Invariant:
//! equal seeds and equal calls give equal results. Cloning shares the disk.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use hashbrown::HashMap;

use crate::disk::{Disk, DiskFile, DiskLock, LockError};
use crate::volatile::{Content, NameChange, Random};

/// What goes wrong with one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The device fails (`EIO`). A failed sync makes some of the written bytes durable and forgets about the rest.
    InputOutput,
    /// No space is left (`ENOSPC`); on calls that need none it is [`Fault::InputOutput`].
    NoSpace,
    /// A write writes and a read reads only a part; other calls are spared.
    Short,
    /// Power is cut during the call: it may or may not have had an effect, and every later call fails until
    /// [`SimDisk::restart`].
    PowerCut,
}

/// A disk in memory.
#[derive(Clone)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

struct State {
    random: Random,
    calls: u64,
    faults: BTreeMap<u64, Fault>,
    powered: bool,
    /// Raised when the process or the machine dies: handles from before are dead.
    generation: u64,
    locked: bool,
    space_bytes: u64,
    folders: BTreeSet<String>,
    names: BTreeMap<String, u64>,
    durable_names: BTreeMap<String, u64>,
    /// Changes of names that are not durable, oldest first.
    changes: Vec<NameChange>,
    files: HashMap<u64, Content>,
    next_file: u64,
}

impl SimDisk {
    /// An empty disk; the seed decides what crashes keep.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let state = State {
            random: Random(seed),
            calls: 0,
            faults: BTreeMap::new(),
            powered: true,
            generation: 0,
            locked: false,
            space_bytes: u64::MAX / 2,
            folders: BTreeSet::from([String::new()]),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            changes: Vec::new(),
            files: HashMap::new(),
            next_file: 1,
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds the disk")
    }

    /// How many calls were made.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// Makes call number `call` fail; the first call is 1.
    pub fn fail_call(&self, call: u64, fault: Fault) {
        self.state().faults.insert(call, fault);
    }

    /// Sets the size of the disk in bytes.
    pub fn set_space(&self, bytes: u64) {
        self.state().space_bytes = bytes;
    }

    /// The process dies, the machine lives: everything written is still there, the lock is free, old handles are dead.
    pub fn kill(&self) {
        let mut state = self.state();
        state.generation += 1;
        state.locked = false;
        state.faults.clear();
    }

    /// Cuts the power: only what was synced is sure to survive.
    pub fn cut_power(&self) {
        self.state().powered = false;
    }

    /// Power returns after a cut, or is cut and returns: what was not durable survives in part, old handles are dead.
    pub fn restart(&self) {
        let mut state = self.state();
        state.generation += 1;
        state.locked = false;
        state.faults.clear();
        state.powered = true;
        state.lose();
    }

    /// Flips one bit of a file, on the platter and in memory.
    ///
    /// # Panics
    /// When there is no such byte.
    pub fn flip_bit(&self, path: &str, byte: usize, bit: u8) {
        let mut state = self.state();
        let content = state.content(path).expect("the file exists");
        content.current[byte] ^= 1 << bit;
        if let Some(durable) = content.durable.get_mut(byte) {
            *durable ^= 1 << bit;
        }
    }

    /// The content of a file as a reader sees it now.
    #[must_use]
    pub fn content(&self, path: &str) -> Option<Vec<u8>> {
        self.state().content(path).map(|content| content.current.clone())
    }

    /// Puts a durable file there, or replaces it, without counting as a call.
    pub fn put(&self, path: &str, bytes: &[u8]) {
        let mut state = self.state();
        if let Some((folder, _)) = path.rsplit_once('/') {
            state.folders.insert(folder.to_owned());
        }
        let number = state.next_file;
        state.next_file += 1;
        state
            .files
            .insert(number, Content { current: bytes.to_vec(), durable: bytes.to_vec(), writes: Vec::new() });
        state.names.insert(path.to_owned(), number);
        state.durable_names.insert(path.to_owned(), number);
    }

    /// Removes a file durably, without counting as a call; says whether there was one.
    pub fn erase(&self, path: &str) -> bool {
        let mut state = self.state();
        state.durable_names.remove(path);
        state.names.remove(path).is_some()
    }

    /// Paths of all files.
    #[must_use]
    pub fn paths(&self) -> Vec<String> {
        self.state().names.keys().cloned().collect()
    }

    /// A copy with the same files, all durable, and its own future.
    #[must_use]
    pub fn fork(&self, seed: u64) -> Self {
        let copy = Self::new(seed);
        let state = self.state();
        copy.state().folders.clone_from(&state.folders);
        for (path, number) in &state.names {
            copy.put(path, &state.files[number].current);
        }
        copy
    }
}

impl State {
    fn content(&mut self, path: &str) -> Option<&mut Content> {
        let number = self.names.get(path)?;
        self.files.get_mut(number)
    }

    fn used_bytes(&self) -> u64 {
        self.names.values().map(|number| self.files[number].current.len() as u64).sum()
    }

    /// Counts a call and says what goes wrong with it.
    fn begin(&mut self) -> io::Result<Option<Fault>> {
        if !self.powered {
            return Err(io::Error::other("the power is off"));
        }
        self.calls += 1;
        let fault = self.faults.remove(&self.calls);
        if fault == Some(Fault::PowerCut) {
            self.powered = false;
        }
        Ok(fault)
    }

    /// As [`State::begin`] for calls that either happen or not.
    fn begin_whole(&mut self, needs_space: bool) -> io::Result<Outcome> {
        match self.begin()? {
            None | Some(Fault::Short) => Ok(Outcome::Done),
            Some(Fault::NoSpace) if needs_space => Err(no_space()),
            Some(Fault::InputOutput | Fault::NoSpace) => Err(device_failure()),
            Some(Fault::PowerCut) if self.random.up_to(1) == 0 => Err(power_cut()),
            Some(Fault::PowerCut) => Ok(Outcome::DoneButCut),
        }
    }

    fn rename_now(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.changes.push(change);
    }

    /// A power cut: a prefix of the name changes survives (file systems journal them), and of each sector the content after
    /// some of the writes to it.
    fn lose(&mut self) {
        let kept = self.random.up_to(self.changes.len());
        for change in self.changes.drain(..).take(kept) {
            change.apply(&mut self.durable_names);
        }
        self.names = self.durable_names.clone();
        let mut numbers: Vec<_> = self.files.keys().copied().collect();
        numbers.sort_unstable();
        for number in numbers {
            let content = self.files.get_mut(&number).expect("the key was just read");
            content.keep_some(&mut self.random);
            content.current = content.durable.clone();
        }
    }
}

enum Outcome {
    Done,
    DoneButCut,
}

impl Outcome {
    fn finish<T>(self, value: T) -> io::Result<T> {
        match self {
            Self::Done => Ok(value),
            Self::DoneButCut => Err(power_cut()),
        }
    }
}

fn device_failure() -> io::Error {
    io::Error::from_raw_os_error(rustix::io::Errno::IO.raw_os_error())
}

fn no_space() -> io::Error {
    io::Error::from_raw_os_error(rustix::io::Errno::NOSPC.raw_os_error())
}

fn power_cut() -> io::Error {
    io::Error::other("the power was cut")
}

struct SimFile {
    state: Arc<Mutex<State>>,
    number: u64,
    generation: u64,
}

impl SimDisk {
    fn handle(&self, number: u64, generation: u64) -> Arc<dyn DiskFile> {
        Arc::new(SimFile { state: self.state.clone(), number, generation })
    }
}

impl Disk for SimDisk {
    fn create_dir(&self, path: &str) -> io::Result<()> {
        let mut state = self.state();
        let outcome = state.begin_whole(true)?;
        state.folders.insert(path.to_owned());
        outcome.finish(())
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let mut state = self.state();
        let outcome = state.begin_whole(false)?;
        if !state.folders.contains(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let prefix = format!("{path}/");
        let names =
            state.names.keys().filter_map(|name| name.strip_prefix(&prefix)).map(str::to_owned).collect();
        outcome.finish(names)
    }

    fn create(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state();
        let outcome = state.begin_whole(true)?;
        let number = state.next_file;
        state.next_file += 1;
        state.files.insert(number, Content::default());
        state.rename_now(NameChange::Link(path.to_owned(), number));
        outcome.finish(self.handle(number, state.generation))
    }

    fn open(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state();
        let outcome = state.begin_whole(false)?;
        let number = *state.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        outcome.finish(self.handle(number, state.generation))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state();
        let outcome = state.begin_whole(true)?;
        if !state.names.contains_key(from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.rename_now(NameChange::Rename(from.to_owned(), to.to_owned()));
        outcome.finish(())
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let mut state = self.state();
        let outcome = state.begin_whole(false)?;
        if !state.names.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.rename_now(NameChange::Unlink(path.to_owned()));
        outcome.finish(())
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        let mut state = self.state();
        let outcome = state.begin_whole(false)?;
        let (synced, rest): (Vec<_>, Vec<_>) = state.changes.drain(..).partition(|change| change.is_in(path));
        state.changes = rest;
        for change in synced {
            change.apply(&mut state.durable_names);
        }
        outcome.finish(())
    }

    fn free_space(&self) -> io::Result<u64> {
        let mut state = self.state();
        let outcome = state.begin_whole(false)?;
        outcome.finish(state.space_bytes.saturating_sub(state.used_bytes()))
    }

    fn lock(&self, path: &str) -> Result<DiskLock, LockError> {
        let mut state = self.state();
        state.begin_whole(false).map_err(LockError::Io)?.finish(()).map_err(LockError::Io)?;
        if state.locked {
            return Err(LockError::Held { pid: Some(std::process::id()) });
        }
        state.locked = true;
        let generation = state.generation;
        drop(state);
        self.put(path, format!("{}\n", std::process::id()).as_bytes());
        Ok(DiskLock::new(SimLock { state: self.state.clone(), generation }))
    }
}

struct SimLock {
    state: Arc<Mutex<State>>,
    generation: u64,
}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut state = self.state.lock().expect("nothing panics while it holds the disk");
        // A holder that was killed gave up its lock then; the next holder's is not its business.
        if state.generation == self.generation {
            state.locked = false;
        }
    }
}

impl SimFile {
    fn begin(&self) -> io::Result<(MutexGuard<'_, State>, Option<Fault>)> {
        let mut state = self.state.lock().expect("nothing panics while it holds the disk");
        if state.generation != self.generation {
            return Err(io::Error::other("this handle belongs to a process that died"));
        }
        let fault = state.begin()?;
        Ok((state, fault))
    }

    fn sync(&self) -> io::Result<()> {
        let (mut state, fault) = self.begin()?;
        let State { files, random, .. } = &mut *state;
        let content = files.get_mut(&self.number).expect("files are never forgotten");
        match fault {
            None | Some(Fault::Short) => {
                content.keep_all();
                Ok(())
            }
            Some(Fault::InputOutput | Fault::NoSpace) => {
                content.keep_some(random);
                Err(device_failure())
            }
            // What survives is decided when power returns.
            Some(Fault::PowerCut) => Err(power_cut()),
        }
    }
}

impl DiskFile for SimFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let (mut state, fault) = self.begin()?;
        let content = state.files.get_mut(&self.number).expect("files are never forgotten");
        let rest = content.current.get(offset as usize..).unwrap_or_default();
        let mut count = rest.len().min(buffer.len());
        match fault {
            None => {}
            Some(Fault::Short) => count = count.div_ceil(2),
            Some(Fault::InputOutput | Fault::NoSpace) => return Err(device_failure()),
            Some(Fault::PowerCut) => return Err(power_cut()),
        }
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let (mut state, fault) = self.begin()?;
        let free = state.space_bytes.saturating_sub(state.used_bytes());
        let State { files, random, .. } = &mut *state;
        let content = files.get_mut(&self.number).expect("files are never forgotten");
        let room = content.current.len() as u64 + free;
        let fitting = (room.saturating_sub(offset)).min(bytes.len() as u64) as usize;
        let (count, error) = match fault {
            None if fitting == 0 && !bytes.is_empty() => (0, Some(no_space())),
            None => (fitting, None),
            Some(Fault::Short) => (fitting.div_ceil(2), None),
            // A failed write may have written something.
            Some(Fault::InputOutput) => (random.up_to(fitting), Some(device_failure())),
            Some(Fault::NoSpace) => (random.up_to(fitting), Some(no_space())),
            Some(Fault::PowerCut) => (random.up_to(fitting), Some(power_cut())),
        };
        content.write(&bytes[..count], offset as usize);
        error.map_or(Ok(count), Err)
    }

    fn length(&self) -> io::Result<u64> {
        let (mut state, fault) = self.begin()?;
        let length = state.files.get_mut(&self.number).expect("files are never forgotten").current.len();
        match fault {
            None | Some(Fault::Short) => Ok(length as u64),
            Some(Fault::InputOutput | Fault::NoSpace) => Err(device_failure()),
            Some(Fault::PowerCut) => Err(power_cut()),
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync()
    }
}
