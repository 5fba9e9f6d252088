//! One task per show: it alone decides that show's commands, in order, and appends their events in batches.
//!
//! Invariant: an answer is given only when its events are durable, and the state that decided them is the fold of the
//! stream. A batch of waiting commands is decided against the state, appended as one with the stream's expected revision,
//! then answered. If another replica was first, the speculative state is dropped, what it wrote is folded and every
//! command of the batch is decided again, a bounded number of times. A refusal needs no event; where other replicas may
//! write, it is given only after the log was seen to hold nothing newer than the state that refused.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashSet;
use metrics::{Counter, Histogram};
use ticketflow_domain::show::{Context, Rejection, ShowCommand, ShowEvent, ShowInfo, ShowState, decide};
use ticketflow_domain::{ShowId, Timestamp};
use ticketflow_event_store::{
    Append, AppendError, Appended, Category, CommandRecord, EncodedEvents, EventStore, Expected, Position,
    StorageState, StreamId, Urgency, encode_commands, push_show_event,
};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::Sleep;

use crate::environment::{Clock, random};
use crate::idempotency::{Known, RequestKey};
use crate::recovery::fold_stream;
use crate::show_fold::ShowFold;

/// Commands waiting for one show before more are refused: at 50,000 a second a tenth of a second's work.
const QUEUE_COMMANDS: usize = 4_096;
/// Up to so many commands in a batch the task writes to the disk itself.
const FEW_COMMANDS: usize = 2;
/// Seats touched by one batch, which keeps it far below the log's largest batch.
const BATCH_SEATS: usize = 50_000;
/// Times that a batch is decided again after losing a race before its commands are refused. Each means that another replica
/// got something done; with as many commands on both, one may lose many in a row.
const MAX_CONFLICTS: usize = 40;
/// Races lost in a row from which on a replica steps back a little, up to so long, so that the two do not go on in step.
const STEP_BACK_FROM: usize = 2;
const STEP_BACK_AT_MOST: Duration = Duration::from_millis(8);
/// How soon an expired hold's turn comes when nothing else wakes the task, at the latest.
const IDLE_WAKE: Duration = Duration::from_secs(3_600);
/// An idle replica leaves holds that ran out to the one that wrote to the show last for this long, so that the two do not
/// race for every one; and ends them itself if that one does not, well within the 5 s in which a hold has to end.
const LEFT_TO_OTHERS_MS: i64 = 1_500;
/// After an append that failed, deadlines wait so long for the next try.
const REST: Duration = Duration::from_millis(500);
/// How long a refusal waits for the log server to say that nothing newer is known.
const CONFIRMED_WITHIN: Duration = Duration::from_secs(5);

/// What became of a command.
#[derive(Debug)]
pub enum Outcome {
    /// Carried out and durable.
    Done(Done),
    /// Carried out before under the same key: the first event of its answer is at this position.
    DoneBefore {
        /// Of the event.
        position: Position,
    },
    /// The key was used for another request.
    KeyReused,
    /// A rule said no.
    Rejected(Rejection, Option<Arc<ShowInfo>>),
    /// Disk space is low and the command would begin new work.
    StorageLow,
    /// More than the log takes at once.
    TooLarge,
    /// The show has too many commands waiting.
    Busy,
    /// Nothing was written: try again later.
    Unavailable,
    /// It may or may not be in the log: repeat with the same key.
    Unknown,
}

/// A command that was carried out.
#[derive(Debug)]
pub struct Done {
    /// What does not change in the show.
    pub info: Arc<ShowInfo>,
    /// What happened; empty if it had happened before.
    pub events: Vec<ShowEvent>,
    /// Of the last event; of the show's last event where there is none.
    pub position: Position,
}

struct Decide {
    command: ShowCommand,
    request: Option<RequestKey>,
    reply: oneshot::Sender<Outcome>,
}

enum Message {
    Decide(Decide),
    Find(RequestKey, oneshot::Sender<Known>),
    Inspect(Box<dyn FnOnce(&ShowState) + Send>),
    /// Another replica may have written.
    Moved,
}

/// The way to a show's task.
#[derive(Clone)]
pub struct ShowHandle {
    sender: mpsc::Sender<Message>,
    open_charges: Arc<Notify>,
}

impl ShowHandle {
    /// Has a command decided and waits until the outcome is durable. Refused at once when too many wait.
    pub async fn decide(&self, command: ShowCommand, request: Option<RequestKey>) -> Outcome {
        let (reply, answer) = oneshot::channel();
        match self.sender.try_send(Message::Decide(Decide { command, request, reply })) {
            Ok(()) => answer.await.unwrap_or(Outcome::Unknown),
            Err(mpsc::error::TrySendError::Full(_)) => Outcome::Busy,
            Err(mpsc::error::TrySendError::Closed(_)) => Outcome::Unavailable,
        }
    }

    /// What is known of an idempotency key; `None` when the show takes no questions.
    pub async fn find(&self, request: RequestKey) -> Option<Known> {
        let (reply, answer) = oneshot::channel();
        self.sender.send(Message::Find(request, reply)).await.ok()?;
        answer.await.ok()
    }

    /// Asks the durable state a question; `None` when the show takes no questions.
    pub async fn inspect<T: Send + 'static>(
        &self,
        question: impl FnOnce(&ShowState) -> T + Send + 'static,
    ) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        // An asker who has gone does not need the answer.
        let ask = Box::new(move |state: &ShowState| drop(reply.send(question(state))));
        self.sender.send(Message::Inspect(ask)).await.ok()?;
        answer.await.ok()
    }

    /// Has the task look whether another replica wrote. A task too busy to hear of it looks anyway.
    pub(crate) fn moved(&self) {
        // Full: it is about to look. Closed: it never will.
        let _ = self.sender.try_send(Message::Moved);
    }

    /// Is told when something is to be done at the payment gateway.
    #[must_use]
    pub fn open_charges(&self) -> Arc<Notify> {
        self.open_charges.clone()
    }
}

/// What every show's task needs.
#[derive(Clone)]
pub struct TaskPorts {
    /// Where events go.
    pub store: EventStore,
    /// The time of decisions.
    pub clock: Clock,
    /// Commands decided into one batch, at most.
    pub batch_commands: usize,
    /// How the tasks are doing.
    pub metrics: TaskMetrics,
}

/// Metrics of deciding, registered once.
#[derive(Clone)]
pub struct TaskMetrics {
    commands: Counter,
    rejections: Counter,
    conflicts: Counter,
    batch_commands: Histogram,
}

impl TaskMetrics {
    /// Registers them with the recorder that is installed.
    #[must_use]
    pub fn register() -> Self {
        Self {
            commands: metrics::counter!("show_commands_total"),
            rejections: metrics::counter!("show_rejections_total"),
            conflicts: metrics::counter!("show_append_conflicts_total"),
            batch_commands: metrics::histogram!("show_batch_commands"),
        }
    }
}

/// Starts the task of a show from its folded state.
pub(crate) fn spawn(show_id: ShowId, fold: ShowFold, ports: TaskPorts) -> ShowHandle {
    let (sender, inbox) = mpsc::channel(QUEUE_COMMANDS);
    let open_charges = Arc::new(Notify::new());
    let handle = ShowHandle { sender, open_charges: open_charges.clone() };
    let stream = StreamId::new(Category::Show, show_id.to_bytes());
    let wrote_last = !ports.store.is_shared();
    let task = ShowTask {
        show_id,
        stream,
        fold,
        durable: None,
        wrote_last,
        ports,
        open_charges,
        later: Vec::new(),
        rest_until: tokio::time::Instant::now(),
    };
    tokio::spawn(task.run(inbox));
    handle
}

struct ShowTask {
    show_id: ShowId,
    stream: StreamId,
    fold: ShowFold,
    /// The fold of durable events alone, as of the last time that speculation was dropped: the next time only what came
    /// since is folded. Only where other replicas may write; twice the memory of a show that they compete for.
    durable: Option<ShowFold>,
    /// Whether the last batch of the show is this task's.
    wrote_last: bool,
    ports: TaskPorts,
    open_charges: Arc<Notify>,
    /// Commands put off to the next batch: this one is full, or has their key already.
    later: Vec<Decide>,
    /// Deadlines are left alone until then: the last append failed, and the next one would as well.
    rest_until: tokio::time::Instant,
}

/// A batch that is decided and not appended.
#[derive(Default)]
struct Draft {
    encoded: EncodedEvents,
    records: Vec<CommandRecord>,
    keys: HashSet<[u8; 16]>,
    answers: Vec<Drafted>,
    events: usize,
    seats: usize,
}

struct Drafted {
    decide: Option<Decide>,
    result: Result<Vec<ShowEvent>, Outcome>,
}

impl ShowTask {
    async fn run(mut self, mut inbox: mpsc::Receiver<Message>) {
        let most = self.ports.batch_commands.max(1);
        let mut messages = Vec::with_capacity(most);
        let mut alarm = Box::pin(tokio::time::sleep(Duration::ZERO));
        loop {
            if self.later.is_empty() {
                self.set_alarm(alarm.as_mut());
                tokio::select! {
                    received = inbox.recv_many(&mut messages, most) => if received == 0 { return },
                    () = alarm.as_mut() => {}
                }
            } else {
                // What was put off goes first; newcomers join it.
                while messages.len() < most
                    && let Ok(message) = inbox.try_recv()
                {
                    messages.push(message);
                }
            }
            self.fold_what_others_wrote().await;
            let commands = self.answer_questions(&mut messages);
            self.carry_out(commands).await;
        }
    }

    fn set_alarm(&self, mut alarm: Pin<&mut Sleep>) {
        let now = self.ports.clock.now();
        let left_to_others = if self.wrote_last { 0 } else { LEFT_TO_OTHERS_MS };
        let until = self.fold.state.next_deadline().map_or(IDLE_WAKE, |deadline| {
            let millis = (deadline.as_millis() + left_to_others).saturating_sub(now.as_millis()).max(0);
            Duration::from_millis(millis as u64).min(IDLE_WAKE)
        });
        let wake = (tokio::time::Instant::now() + until).max(self.rest_until);
        // Resetting a timer takes a lock; a deadline that moved back is seen when the old one wakes the task.
        if alarm.is_elapsed() || wake < alarm.deadline() {
            alarm.as_mut().reset(wake);
        }
    }

    /// Questions are asked of the durable state, before anything is decided on top of it.
    fn answer_questions(&mut self, messages: &mut Vec<Message>) -> Vec<Decide> {
        let mut commands = std::mem::take(&mut self.later);
        for message in messages.drain(..) {
            match message {
                Message::Decide(decide) => commands.push(decide),
                Message::Find(request, reply) => drop(reply.send(self.fold.idempotency.find(&request))),
                Message::Inspect(question) => question(&self.fold.state),
                Message::Moved => {}
            }
        }
        commands
    }

    async fn carry_out(&mut self, mut commands: Vec<Decide>) {
        self.ports.metrics.commands.increment(commands.len() as u64);
        for lost in 0..MAX_CONFLICTS {
            if lost >= STEP_BACK_FROM {
                let [share] = random::<1>();
                tokio::time::sleep(STEP_BACK_AT_MOST * u32::from(share) / u32::from(u8::MAX)).await;
            }
            let now = self.ports.clock.now();
            let mut draft = self.draft(commands, now);
            if draft.events == 0 {
                match self.confirm(&draft).await {
                    Ok(true) => return self.answer(draft, None),
                    Ok(false) => {
                        commands = draft.into_commands();
                        continue;
                    }
                    Err(error) => return refuse(draft, error),
                }
            }
            self.ports.metrics.batch_commands.record(draft.answers.len() as f64);
            match self.append(&mut draft, now).await {
                Ok(appended) => {
                    self.remember(&draft, &appended, now);
                    return self.answer(draft, Some(&appended));
                }
                Err(AppendError::Conflict { .. }) => {
                    self.ports.metrics.conflicts.increment(1);
                    self.drop_speculation().await;
                    commands = draft.into_commands();
                }
                Err(error) => {
                    refuse(draft, error);
                    self.rest_until = tokio::time::Instant::now() + REST;
                    return self.drop_speculation().await;
                }
            }
        }
        for decide in commands {
            send(decide, Outcome::Unavailable);
        }
    }

    /// Whether a draft without events may be answered: what is refused was refused by the newest state there is.
    async fn confirm(&mut self, draft: &Draft) -> Result<bool, AppendError> {
        let by_state = |drafted: &Drafted| {
            drafted.decide.is_some() && matches!(drafted.result, Ok(_) | Err(Outcome::Rejected(..)))
        };
        if !self.ports.store.is_shared() || !draft.answers.iter().any(by_state) {
            return Ok(true);
        }
        self.ports.store.catch_up(CONFIRMED_WITHIN).await?;
        Ok(!self.fold_what_others_wrote().await)
    }

    /// Decides command after command, each on top of the ones before. What does not fit is put off.
    fn draft(&mut self, commands: Vec<Decide>, now: Timestamp) -> Draft {
        let mut draft = Draft { answers: Vec::with_capacity(commands.len()), ..Draft::default() };
        let context = Context { now };
        let left_to_others = commands.is_empty() && !self.wrote_last;
        let due =
            if left_to_others { Timestamp::from_millis(now.as_millis() - LEFT_TO_OTHERS_MS) } else { now };
        if self.fold.state.next_deadline().is_some_and(|deadline| deadline <= due) {
            let ends = decide(&self.fold.state, &ShowCommand::ExpireHolds, &context);
            self.take(&mut draft, None, ends.map_err(|rejection| Outcome::Rejected(rejection, None)));
        }
        let low = self.ports.store.storage_state() == StorageState::Low;
        let mut commands = commands.into_iter();
        for decide_one in commands.by_ref() {
            if decide_one.request.is_some_and(|request| draft.keys.contains(&request.key)) {
                self.later.push(decide_one);
                continue;
            }
            let result = self.decide_one(&decide_one, &context, low);
            self.take(&mut draft, Some(decide_one), result);
            if draft.seats >= BATCH_SEATS {
                break;
            }
        }
        self.later.extend(commands);
        draft
    }

    fn decide_one(&self, one: &Decide, context: &Context, low: bool) -> Result<Vec<ShowEvent>, Outcome> {
        match one.request.map_or(Known::No, |request| self.fold.idempotency.find(&request)) {
            Known::Answered { position } => return Err(Outcome::DoneBefore { position }),
            Known::Reused => return Err(Outcome::KeyReused),
            Known::No => {}
        }
        if low && begins_work(&one.command) {
            return Err(Outcome::StorageLow);
        }
        decide(&self.fold.state, &one.command, context).map_err(|rejection| {
            self.ports.metrics.rejections.increment(1);
            Outcome::Rejected(rejection, self.fold.state.info().cloned())
        })
    }

    /// Adds a decision to the draft and folds its events, so that the next decision sees them.
    fn take(&mut self, draft: &mut Draft, decide: Option<Decide>, result: Result<Vec<ShowEvent>, Outcome>) {
        if let Ok(events) = &result {
            let request = decide.as_ref().and_then(|decide| decide.request);
            if let Some(request) = request.filter(|_| !events.is_empty()) {
                draft.keys.insert(request.key);
                draft.records.push(CommandRecord {
                    key: request.key,
                    fingerprint: request.fingerprint,
                    first_event: draft.events as u16,
                    event_count: events.len() as u16,
                });
            }
            for event in events {
                push_show_event(&mut draft.encoded, event)
                    .expect("every text and list of an event is bounded far below 32 bits");
                self.fold.state.evolve(event);
                draft.seats += event.seats().len();
                // Its answer is remembered when this batch is durable; a repeat waits for that.
                draft.keys.extend(self.fold.idempotency.key_settled_by(event));
            }
            draft.events += events.len();
        }
        draft.answers.push(Drafted { decide, result });
    }

    /// A batch of few commands means that little is going on: then writing it here and now answers soonest. Under load the
    /// log's own thread writes, while this one goes on serving.
    async fn append(&self, draft: &mut Draft, now: Timestamp) -> Result<Appended, AppendError> {
        let append = Append {
            stream: self.stream,
            expected: Expected::Revision(self.fold.revision),
            batch_id: random(),
            recorded_at_ms: now.as_millis(),
            metadata: if draft.records.is_empty() { Vec::new() } else { encode_commands(&draft.records) },
            events: std::mem::take(&mut draft.encoded),
            // What begins new work was refused above where space is low.
            urgency: Urgency::Essential,
        };
        let store = &self.ports.store;
        let pending = if draft.answers.len() <= FEW_COMMANDS && other_threads_serve() {
            store.append_here(append)
        } else {
            store.append(append)
        };
        pending.await
    }

    fn remember(&mut self, draft: &Draft, appended: &Appended, now: Timestamp) {
        self.wrote_last = true;
        self.fold.revision = appended.revision;
        self.fold.position = appended.last_position;
        let mut position = appended.first_position;
        let mut open_charge = false;
        for drafted in &draft.answers {
            let Ok(events) = &drafted.result else { continue };
            for (index, event) in events.iter().enumerate() {
                open_charge |= opens_charge(event);
                self.fold.idempotency.follow(event, position, now);
                let request = drafted.decide.as_ref().and_then(|decide| decide.request);
                if let Some(request) = request.filter(|_| index == 0) {
                    self.fold.idempotency.remember(request, event, position, now);
                }
                position += 1;
            }
        }
        if open_charge {
            self.open_charges.notify_one();
        }
    }

    /// Answers every command of a draft; `appended` is where its events are.
    fn answer(&self, draft: Draft, appended: Option<&Appended>) {
        let mut position = appended.map_or(0, |appended| appended.first_position);
        for drafted in draft.answers {
            let outcome = match drafted.result {
                Ok(events) => {
                    position += events.len() as u64;
                    let last = if events.is_empty() { self.fold.position } else { position - 1 };
                    match self.fold.state.info() {
                        Some(info) => Outcome::Done(Done { info: info.clone(), events, position: last }),
                        None => Outcome::Rejected(Rejection::ShowUnknown, None),
                    }
                }
                Err(outcome) => outcome,
            };
            if let Some(decide) = drafted.decide {
                send(decide, outcome);
            }
        }
    }

    /// Folds what other replicas wrote since, if they did; whether they did.
    async fn fold_what_others_wrote(&mut self) -> bool {
        let store = &self.ports.store;
        if !store.is_shared() || store.log().stream_revision(&self.stream) <= self.fold.revision {
            return false;
        }
        let open_before = self.fold.state.open_charges().next().is_some();
        let fold = std::mem::take(&mut self.fold);
        self.fold = self.fold_from(fold).await;
        self.wrote_last = false;
        if !open_before && self.fold.state.open_charges().next().is_some() {
            self.open_charges.notify_one();
        }
        true
    }

    /// Drops speculation: the state becomes the fold of the stream again.
    async fn drop_speculation(&mut self) {
        let shared = self.ports.store.is_shared();
        let durable = self.durable.take().unwrap_or_default();
        let fold = self.fold_from(durable).await;
        self.durable = shared.then(|| fold.clone());
        self.fold = fold;
        self.wrote_last = !shared;
    }

    /// Folds the rest of the stream. A stream that cannot be read is tried again, from its first event.
    async fn fold_from(&self, mut fold: ShowFold) -> ShowFold {
        let mut pause = Duration::from_millis(10);
        loop {
            let (log, show_id) = (self.ports.store.log().clone(), self.show_id);
            match tokio::task::spawn_blocking(move || fold_stream(&log, show_id, fold)).await {
                Ok(Ok(fold)) => return fold,
                Ok(Err(error)) => {
                    tracing::error!(show = %show_id, error = %error, "the show cannot be read; it takes no commands meanwhile");
                }
                Err(error) => tracing::error!(show = %show_id, %error, "reading the show ended early"),
            }
            fold = ShowFold::default();
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(5));
        }
    }
}

impl Draft {
    /// The commands, to be decided again.
    fn into_commands(self) -> Vec<Decide> {
        self.answers.into_iter().filter_map(|drafted| drafted.decide).collect()
    }
}

/// Commands that are refused while disk space is low; everything else finishes work already begun.
fn begins_work(command: &ShowCommand) -> bool {
    matches!(
        command,
        ShowCommand::HoldSeats(_) | ShowCommand::CreateShow { .. } | ShowCommand::BlockSeats { .. }
    )
}

/// Events after which something is to be done at the gateway.
fn opens_charge(event: &ShowEvent) -> bool {
    match event {
        ShowEvent::OrderPaid(_) | ShowEvent::TicketsRefunded(_) | ShowEvent::ShowCancelled(_) => true,
        ShowEvent::PaymentFailed(event) => event.charge_unknown,
        _ => false,
    }
}

fn refuse(draft: Draft, error: AppendError) {
    for drafted in draft.answers {
        let outcome = match error {
            AppendError::StorageLow => Outcome::StorageLow,
            AppendError::TooLarge => Outcome::TooLarge,
            AppendError::Unavailable | AppendError::Conflict { .. } => Outcome::Unavailable,
            AppendError::Unknown => Outcome::Unknown,
        };
        if let Some(decide) = drafted.decide {
            send(decide, outcome);
        }
    }
}

/// Whether requests are taken while this thread waits for the disk.
fn other_threads_serve() -> bool {
    tokio::runtime::Handle::current().metrics().num_workers() > 1
}

/// A client that has gone does not need its answer; a retry with the same key gets it from the log.
fn send(decide: Decide, outcome: Outcome) {
    drop(decide.reply.send(outcome));
}
