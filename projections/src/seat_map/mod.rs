//! The seat map of one show: status and revision of every seat, counts per zone, and what changed lately.
//!
//! 4.25 bytes a seat. Readers copy what they need under a short lock and render outside of it, so that a slow reader
//! holds up nobody.

mod changes;
mod compact;

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use bytes::Bytes;
use ticketflow_domain::Timestamp;
use ticketflow_domain::plan::SeatIndex;
use ticketflow_domain::show::{SalesStatus, SeatStatus, ShowCreated, ShowEvent, ShowInfo};
use ticketflow_event_store::Position;
use tokio::time::Instant;

use crate::plan_drawing::{DrawingHash, drawing_hash};
pub(crate) use changes::{Change, Changes};
pub(crate) use compact::CompactMap;

/// Seats of a zone by status.
pub(crate) type StatusCounts = [u32; 4];

/// The live seat map of a show.
pub struct SeatMap {
    /// What does not change.
    pub info: Arc<ShowInfo>,
    state: RwLock<State>,
    /// Who follows it live.
    pub changes: Changes,
    /// Names the drawing of its plan.
    pub(crate) plan_hash: DrawingHash,
    /// The whole map as text, shared by those who ask within a moment.
    pub rendered: Arc<tokio::sync::Mutex<Option<RenderedMap>>>,
}

/// A rendered map.
#[derive(Clone)]
pub struct RenderedMap {
    /// When it was rendered.
    pub at: Instant,
    /// Of the show's last event in it.
    pub position: Position,
    /// As answered.
    pub json: Bytes,
    /// The same compressed, once somebody asked for that.
    pub gzip: Option<Bytes>,
}

struct State {
    compact: CompactMap,
    revisions: Vec<u32>,
    zones: Vec<StatusCounts>,
    sales: SalesStatus,
    position: Position,
}

/// A seat map in a stored snapshot, version 1. Counts are derived again.
#[derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub(crate) struct StoredSeatMap {
    created: ShowCreated,
    statuses: Vec<SeatStatus>,
    revisions: Vec<u32>,
    sales: SalesStatus,
    position: Position,
}

/// A consistent copy of a seat map.
pub struct SeatMapView {
    /// Status of every seat.
    pub compact: CompactMap,
    /// Revision of every seat, in plan order.
    pub revisions: Vec<u32>,
    /// Of the show's last event in it.
    pub position: Position,
}

/// A consistent copy of what the catalogue shows.
pub struct SeatMapSummary {
    /// Per zone in plan order.
    pub zones: Vec<StatusCounts>,
    /// As last set.
    pub sales: SalesStatus,
    /// Of the show's last event in it.
    pub position: Position,
}

impl SeatMapSummary {
    /// Seats in that status over all zones.
    pub fn total(&self, status: SeatStatus) -> u32 {
        self.zones.iter().map(|zone| zone[status as usize]).sum()
    }

    /// Whether seats may be held at that time, as a buyer sees it.
    pub fn sales_at(&self, info: &ShowInfo, now: Timestamp) -> SalesStatus {
        match (self.sales, info.sales_open_at) {
            (SalesStatus::Scheduled, Some(opens_at)) if opens_at <= now => SalesStatus::Open,
            (sales, _) => sales,
        }
    }
}

impl SeatMap {
    /// Of a show just created: every seat available.
    pub fn new(info: Arc<ShowInfo>, position: Position) -> Self {
        let spans = info.seating.zone_spans();
        let state = State {
            compact: CompactMap::all_available(info.seating.seat_count()),
            revisions: vec![0; info.seating.seat_count()],
            zones: spans.iter().map(|zone| [zone.end - zone.first, 0, 0, 0]).collect(),
            sales: SalesStatus::Scheduled,
            position,
        };
        Self {
            plan_hash: drawing_hash(&info.seating),
            info,
            state: RwLock::new(state),
            changes: Changes::default(),
            rendered: Arc::default(),
        }
    }

    /// As it is stored.
    pub(crate) fn to_stored(&self) -> StoredSeatMap {
        let state = self.read();
        StoredSeatMap {
            created: self.info.created(),
            statuses: (0..state.compact.len()).map(|seat| state.compact.get(seat)).collect(),
            revisions: state.revisions.clone(),
            sales: state.sales,
            position: state.position,
        }
    }

    /// As it was stored.
    pub(crate) fn from_stored(stored: StoredSeatMap) -> Self {
        let map = Self::new(Arc::new(ShowInfo::new(&stored.created)), stored.position);
        let mut state = map.state.write().unwrap_or_else(PoisonError::into_inner);
        for (seat, status) in map.info.seating.seats().zip(stored.statuses) {
            state.set(&map.info, seat, status);
        }
        state.revisions.iter_mut().zip(stored.revisions).for_each(|(now, stored)| *now = stored);
        state.sales = stored.sales;
        drop(state);
        map
    }

    /// Folds events of the show; `first` is the position of the first of them.
    pub fn apply(&self, events: &[ShowEvent], first: Position) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        // Asked under the lock: who follows and then looks misses nothing.
        let followed = self.changes.followed();
        if !followed {
            self.changes.forget();
        }
        for (event, position) in events.iter().zip(first..) {
            state.apply(event, &self.info);
            state.position = position;
            if followed {
                self.changes.note(event.seats().iter().map(|seat| seat.seat));
            }
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The statuses and their position.
    pub fn compact(&self) -> (CompactMap, Position) {
        let state = self.read();
        (state.compact.clone(), state.position)
    }

    /// Statuses and revisions.
    pub fn view(&self) -> SeatMapView {
        let state = self.read();
        SeatMapView {
            compact: state.compact.clone(),
            revisions: state.revisions.clone(),
            position: state.position,
        }
    }

    /// Counts and sales.
    pub fn summary(&self) -> SeatMapSummary {
        let state = self.read();
        SeatMapSummary { zones: state.zones.clone(), sales: state.sales, position: state.position }
    }

    /// The seats that changed since the last call, as they are now, and the position they are of. Noting happens under the
    /// write lock, so that no change falls between the two.
    pub fn take_changes(&self) -> (Vec<(SeatIndex, SeatStatus, u32)>, Position) {
        let state = self.read();
        let now =
            |seat: SeatIndex| (seat, state.compact.get(seat.as_usize()), state.revisions[seat.as_usize()]);
        (self.changes.take_noted().into_iter().map(now).collect(), state.position)
    }
}

impl State {
    fn apply(&mut self, event: &ShowEvent, info: &ShowInfo) {
        let status = match event {
            ShowEvent::SalesOpened(_) => return self.sales = SalesStatus::Open,
            ShowEvent::SalesClosed(_) => return self.sales = SalesStatus::Closed,
            ShowEvent::ShowCancelled(_) => return self.sales = SalesStatus::Cancelled,
            ShowEvent::SeatsBlocked(_) => SeatStatus::Blocked,
            ShowEvent::SeatsHeld(_) => SeatStatus::Held,
            ShowEvent::OrderPaid(_) | ShowEvent::TicketCheckedIn(_) => SeatStatus::Sold,
            ShowEvent::SeatsUnblocked(_)
            | ShowEvent::HoldReleased(_)
            | ShowEvent::HoldExpired(_)
            | ShowEvent::PaymentFailed(_)
            | ShowEvent::TicketsRefunded(_) => SeatStatus::Available,
            ShowEvent::ShowCreated(_)
            | ShowEvent::PaymentStarted(_)
            | ShowEvent::PaymentCaptured(_)
            | ShowEvent::ChargeVoided(_)
            | ShowEvent::RefundSettled(_) => return,
        };
        for seat in event.seats() {
            if let Some(revision) = self.revisions.get_mut(seat.seat.as_usize()) {
                *revision = seat.revision;
                self.set(info, seat.seat, status);
            }
        }
    }

    fn set(&mut self, info: &ShowInfo, seat: SeatIndex, status: SeatStatus) {
        let before = self.compact.set(seat.as_usize(), status);
        let zone = info.seating.zone_of(seat) as usize;
        self.zones[zone][before as usize] -= 1;
        self.zones[zone][status as usize] += 1;
    }
}
