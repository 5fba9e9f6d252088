//! Starting a command service: tasks first, then what the crash before left undone at the payment gateway.

use std::sync::Arc;

use crate::others;
use crate::recovery::Shows;
use crate::service::{CommandPorts, CommandService};
use crate::settlement;
use crate::show_directory::ShowDirectory;
use crate::show_task::{TaskMetrics, TaskPorts};

/// Starts the tasks of shows, as [`crate::load_shows`] gave them, and takes up what was left undone at the gateway. To be
/// called within a Tokio runtime.
#[must_use]
pub fn start(ports: CommandPorts, shows: Shows) -> Arc<CommandService> {
    let task_ports = TaskPorts {
        store: ports.store.clone(),
        clock: ports.clock.clone(),
        batch_commands: ports.config.batch_commands,
        metrics: TaskMetrics::register(),
    };
    let service = Arc::new(CommandService { shows: ShowDirectory::start(shows, task_ports), ports });
    for (show_id, _) in service.shows.all() {
        settlement::start(&service, show_id);
    }
    if service.ports.store.is_shared() {
        tokio::spawn(others::follow(Arc::downgrade(&service)));
    }
    service
}
