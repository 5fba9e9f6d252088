//! What can be set about deciding and paying. Defaults are those of the HTTP contract.

use std::time::Duration;

/// Settings of a command service.
#[derive(Debug, Clone)]
pub struct CommandConfig {
    /// How long a buyer waits for the payment gateway before the seats are released and the answer is 504.
    pub payment_timeout: Duration,
}

impl Default for CommandConfig {
    fn default() -> Self {
        Self { payment_timeout: Duration::from_secs(10) }
    }
}
