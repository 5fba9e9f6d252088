//! What can be set about deciding and paying. Defaults are those of the HTTP contract.

use std::time::Duration;

/// Settings of a command service.
#[derive(Debug, Clone)]
pub struct CommandConfig {
    /// How long a buyer waits for the payment gateway before the seats are released and the answer is 504.
    pub payment_timeout: Duration,
    /// Commands decided into one batch, at most.
    pub batch_commands: usize,
}

/// Past this a larger batch saves no more syncs and makes the first one wait.
const BATCH_COMMANDS: usize = 1_024;

impl Default for CommandConfig {
    fn default() -> Self {
        Self { payment_timeout: Duration::from_secs(10), batch_commands: BATCH_COMMANDS }
    }
}
