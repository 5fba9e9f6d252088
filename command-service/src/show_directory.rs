//! Which shows there are and the way to each one's task.

use std::sync::{PoisonError, RwLock};

use hashbrown::HashMap;

use ticketflow_domain::ShowId;

use crate::show_fold::ShowFold;
use crate::show_task::{ShowHandle, TaskPorts, spawn};

/// All shows of this replica.
pub struct ShowDirectory {
    shows: RwLock<HashMap<ShowId, ShowHandle>>,
    ports: TaskPorts,
}

impl ShowDirectory {
    /// Starts a task for every show. To be called within a Tokio runtime.
    #[must_use]
    pub fn start(shows: HashMap<ShowId, ShowFold>, ports: TaskPorts) -> Self {
        let handles = shows.into_iter().map(|(id, fold)| (id, spawn(id, fold, ports.clone())));
        Self { shows: RwLock::new(handles.collect()), ports }
    }

    /// The way to a show that exists.
    #[must_use]
    pub fn get(&self, show_id: ShowId) -> Option<ShowHandle> {
        self.shows.read().unwrap_or_else(PoisonError::into_inner).get(&show_id).cloned()
    }

    /// The way to a show that is about to be created, or exists; and whether its task was started just now. A new task of a
    /// show that other replicas wrote to folds what they wrote before it decides anything.
    #[must_use]
    pub fn get_or_start(&self, show_id: ShowId) -> (ShowHandle, bool) {
        let mut shows = self.shows.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = shows.get(&show_id) {
            return (handle.clone(), false);
        }
        let handle = spawn(show_id, ShowFold::default(), self.ports.clone());
        shows.insert(show_id, handle.clone());
        (handle, true)
    }

    /// All shows.
    #[must_use]
    pub fn all(&self) -> Vec<(ShowId, ShowHandle)> {
        let shows = self.shows.read().unwrap_or_else(PoisonError::into_inner);
        shows.iter().map(|(id, handle)| (*id, handle.clone())).collect()
    }
}
