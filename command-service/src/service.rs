//! The command service put together: everything that handlers need, and the one way to carry out a command.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use ticketflow_domain::show::{ShowCommand, ShowEvent, ShowInfo};
use ticketflow_domain::{OrderId, ShowId};
use ticketflow_event_store::{
    AppendError, Category, EmbeddedLog, EventStore, Position, StreamId, show_event,
};
use ticketflow_http::{OperatorKey, Problem};
use ticketflow_key_vault::CustomerKeys;
use ticketflow_payment::PaymentGateway;
use ticketflow_ticket_code::TicketSigner;

use crate::config::CommandConfig;
use crate::environment::Clock;
use crate::hold_tokens::HoldTokens;
use crate::idempotency::RequestKey;
use crate::problems;
use crate::settlement;
use crate::show_directory::ShowDirectory;
use crate::show_fold::FoldError;
use crate::show_task::{Outcome, ShowHandle};

/// A running command service. Shared by all handlers.
pub struct CommandService {
    /// What it needs from outside.
    pub ports: CommandPorts,
    /// The shows of this replica.
    pub shows: ShowDirectory,
}

/// Finds the show of an order for routing; deciding is left to the show. Waits until what was just paid is visible; fails when
/// what others sold cannot be asked for.
pub type LocateOrder =
    Arc<dyn Fn(OrderId) -> BoxFuture<'static, Result<Option<ShowId>, AppendError>> + Send + Sync>;

/// What a command service needs from outside.
pub struct CommandPorts {
    /// Where events go.
    pub store: EventStore,
    /// The time of decisions.
    pub clock: Clock,
    /// Customers' keys.
    pub vault: Arc<dyn CustomerKeys>,
    /// Where money is charged.
    pub gateway: Arc<dyn PaymentGateway>,
    /// What proves that a hold is the caller's.
    pub hold_tokens: HoldTokens,
    /// What makes a ticket verifiable.
    pub signer: TicketSigner,
    /// Where an order is.
    pub locate_order: LocateOrder,
    /// The key of operators and organisers.
    pub operator_key: OperatorKey,
    /// What can be set.
    pub config: CommandConfig,
}

/// A command that was carried out, now or before.
pub struct Executed {
    /// What does not change in the show.
    pub info: Arc<ShowInfo>,
    /// What happened; empty if there was nothing to do.
    pub events: Vec<ShowEvent>,
    /// Of the last event.
    pub position: Position,
    /// Whether this is the answer to an earlier request with the same key.
    pub replayed: bool,
}

/// How long a request waits for what other replicas wrote.
const CATCHES_UP_WITHIN: Duration = Duration::from_secs(5);

impl CommandService {
    /// The way to a show, or 404. One that another replica created is taken up.
    pub async fn show(self: &Arc<Self>, show_id: ShowId) -> Result<ShowHandle, Problem> {
        if let Some(handle) = self.shows.get(show_id) {
            return Ok(handle);
        }
        self.catch_up().await?;
        let unknown = || Problem::not_found("show_unknown", "There is no such show");
        if self.exists(show_id) { Ok(self.start_show(show_id)) } else { Err(unknown()) }
    }

    /// Whether the log has events of a show.
    pub(crate) fn exists(&self, show_id: ShowId) -> bool {
        let stream = StreamId::new(Category::Show, show_id.to_bytes());
        self.ports.store.log().stream_revision(&stream) > 0
    }

    /// The way to a show that the log has, or that is about to be created; its task and its settlement are started if they
    /// were not.
    pub(crate) fn start_show(self: &Arc<Self>, show_id: ShowId) -> ShowHandle {
        let (handle, is_new) = self.shows.get_or_start(show_id);
        if is_new {
            // With the task and not after an answer: a client that hangs up must not leave the show without it.
            settlement::start(self, show_id);
        }
        handle
    }

    /// Waits until this replica has all that was acknowledged before, here or on any other.
    pub async fn catch_up(&self) -> Result<(), Problem> {
        self.ports
            .store
            .catch_up(CATCHES_UP_WITHIN)
            .await
            .map_err(|_| problems::outcome(Outcome::Unavailable))
    }

    /// Carries a command out, or finds the answer of the same request made before.
    pub async fn execute(
        &self,
        show: &ShowHandle,
        command: ShowCommand,
        request: Option<RequestKey>,
    ) -> Result<Executed, Problem> {
        match show.decide(command, request).await {
            Outcome::Done(done) => Ok(Executed {
                info: done.info,
                events: done.events,
                position: done.position,
                replayed: false,
            }),
            Outcome::DoneBefore { position } => self.executed_before(show, position).await,
            other => Err(problems::outcome(other)),
        }
    }

    /// The answer whose first event is at this position, read back from the log.
    pub async fn executed_before(&self, show: &ShowHandle, position: Position) -> Result<Executed, Problem> {
        let unavailable = || problems::UNAVAILABLE.detail("the event store cannot be read now");
        let info = show.inspect(|state| state.info().cloned()).await.flatten().ok_or_else(unavailable)?;
        let log = self.ports.store.log().clone();
        let read = tokio::task::spawn_blocking(move || read_event(&log, position)).await;
        match read {
            Ok(Ok(Some(event))) => Ok(Executed { info, events: vec![event], position, replayed: true }),
            Ok(Ok(None)) => Err(unavailable()),
            Ok(Err(error)) => {
                tracing::error!(%error, position, "an answer cannot be read back");
                Err(unavailable())
            }
            Err(error) => {
                tracing::error!(%error, position, "reading an answer ended early");
                Err(unavailable())
            }
        }
    }
}

fn read_event(log: &EmbeddedLog, position: Position) -> Result<Option<ShowEvent>, FoldError> {
    let Some(batch) = log.read_at(position)? else { return Ok(None) };
    let batch = batch.view();
    let index = (position - batch.first_position()) as usize;
    let event = batch.events().nth(index).map(show_event).transpose();
    event.map_err(|source| FoldError::Event { position, source })
}
