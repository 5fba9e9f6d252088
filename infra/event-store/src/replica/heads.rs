//! The ends that the log had lately, to check what the writers of batches have seen.

use std::collections::VecDeque;

use crate::index::Head;
use crate::stream::Position;

/// Heads remembered: a writer has seen the log of a moment ago; what is older is read from the disk.
const REMEMBERED: usize = 8_192;

/// Heads in order of position.
#[derive(Default)]
pub(crate) struct RecentHeads(VecDeque<Head>);

impl RecentHeads {
    pub(crate) fn push(&mut self, head: Head) {
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(head);
    }

    /// The head at a position, if it is remembered.
    pub(crate) fn at(&self, position: Position) -> Option<Head> {
        let place = self.0.binary_search_by_key(&position, |head| head.position).ok()?;
        Some(self.0[place])
    }
}
