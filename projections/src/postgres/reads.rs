//! Answers of the read endpoints from the tables: a snapshot of the live generation each, bounded in time.
//!
//! Invariant: one answer is of one generation and one checkpoint, whatever is swapped meanwhile. What never changes, the plans,
//! is read once and kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::PgConnection;
use sqlx::postgres::PgConnectOptions;
use ticketflow_domain::show::{ShowInfo, TicketStatus};
use ticketflow_domain::{OrderId, SeatIndex, ShowId, TicketId, Timestamp};
use ticketflow_event_store::Position;
use uuid::Uuid;

use super::connections::{Connections, Snapshot};
use super::control::{Generation, within};
use super::error::DatabaseError;
use super::load::{compact, damaged, sales_status, show_info, zone_counts};
use crate::orders::{OrderView, TicketView};
use crate::plan_drawing::{DrawingHash, drawing_hash};
use crate::seat_map::{CompactMap, RenderedMap, SeatMapSummary, SeatMapView};

/// A read that has not come back by then is answered from memory.
const READ_LIMIT: Duration = Duration::from_secs(2);

/// Reads the live tables.
pub(crate) struct PostgresReads {
    connections: Connections,
    shows: Mutex<KnownShows>,
}

/// The shows of a generation that were read so far. As many as there are shows, which memory holds as well; plans are shared.
#[derive(Default)]
struct KnownShows {
    generation: Generation,
    shows: HashMap<ShowId, Arc<PostgresShow>>,
}

/// What does not change of a show.
pub(crate) struct PostgresShow {
    pub(crate) info: Arc<ShowInfo>,
    /// Names the drawing of its plan.
    pub(crate) plan_hash: DrawingHash,
    /// The whole map as text, shared by those who ask within a moment.
    pub(crate) rendered: Arc<tokio::sync::Mutex<Option<RenderedMap>>>,
}

/// A show as the catalogue shows it.
pub(crate) type ShowSummary = (Arc<PostgresShow>, SeatMapSummary);

type SummaryRow = (Uuid, i16, i64, Vec<i32>, Vec<i32>, Vec<i32>, Vec<i32>);

impl PostgresReads {
    /// Connects when it is first asked.
    pub(crate) fn new(options: PgConnectOptions) -> Self {
        Self { connections: Connections::new(options), shows: Mutex::default() }
    }

    /// Ends all connections.
    pub(crate) fn close(&self) {
        self.connections.close();
    }

    /// What is known of a generation; another one is read anew.
    fn known(&self, generation: Generation) -> MutexGuard<'_, KnownShows> {
        let mut known = self.shows.lock().unwrap_or_else(PoisonError::into_inner);
        if known.generation < generation {
            *known = KnownShows { generation, shows: HashMap::new() };
        }
        known
    }

    async fn show_of(
        &self,
        snapshot: &mut Snapshot<'_>,
        id: Uuid,
    ) -> Result<Arc<PostgresShow>, DatabaseError> {
        let show_id = ShowId::from_bytes(id.into_bytes());
        let generation = snapshot.generation();
        if let Some(show) = self.known(generation).shows.get(&show_id) {
            return Ok(show.clone());
        }
        let connection: &mut PgConnection = snapshot;
        let created = sqlx::query_scalar::<_, Vec<u8>>("SELECT created FROM shows WHERE show_id = $1");
        let created = created.bind(id).fetch_one(connection).await?;
        // Megabytes for a stadium: not on the threads that answer buyers.
        let show = tokio::task::spawn_blocking(move || {
            let info = Arc::new(show_info(&created)?);
            let plan_hash = drawing_hash(&info.seating);
            Ok::<_, DatabaseError>(Arc::new(PostgresShow { info, plan_hash, rendered: Arc::default() }))
        });
        let show = show.await.map_err(|_| DatabaseError::Unavailable(sqlx::Error::WorkerCrashed))??;
        let mut known = self.known(generation);
        // Meanwhile replaced, it is not kept.
        Ok(if known.generation == generation {
            known.shows.entry(show_id).or_insert(show).clone()
        } else {
            show
        })
    }

    async fn summary_of(
        &self,
        snapshot: &mut Snapshot<'_>,
        row: SummaryRow,
    ) -> Result<ShowSummary, DatabaseError> {
        let (id, sales, position, available, held, sold, blocked) = row;
        let summary = SeatMapSummary {
            zones: zone_counts(&available, &held, &sold, &blocked),
            sales: sales_status(sales)?,
            position: position as Position,
        };
        Ok((self.show_of(snapshot, id).await?, summary))
    }

    /// A show with its counts; `None` when there is none.
    pub(crate) async fn show(&self, show_id: ShowId) -> Result<Option<ShowSummary>, DatabaseError> {
        within(READ_LIMIT, async {
            let mut snapshot = self.connections.snapshot().await?;
            let query = sqlx::query_as::<_, SummaryRow>(
                "SELECT shows.show_id, sales, position, z.available, z.held, z.sold, z.blocked
                 FROM shows, LATERAL (
                   SELECT array_agg(available ORDER BY zone) AS available, array_agg(held ORDER BY zone) AS held,
                          array_agg(sold ORDER BY zone) AS sold, array_agg(blocked ORDER BY zone) AS blocked
                   FROM zones WHERE zones.show_id = shows.show_id
                 ) AS z
                 WHERE shows.show_id = $1",
            );
            let row = query.bind(Uuid::from_bytes(show_id.to_bytes())).fetch_optional(&mut *snapshot).await?;
            let found = match row {
                Some(row) => Some(self.summary_of(&mut snapshot, row).await?),
                None => None,
            };
            snapshot.end().await?;
            Ok::<_, DatabaseError>(found)
        })
        .await
    }

    /// A page of shows, the next to start first, and whether there are more; `None` when `after` is no show.
    pub(crate) async fn shows(
        &self,
        after: Option<ShowId>,
        limit: usize,
    ) -> Result<Option<(Vec<ShowSummary>, bool)>, DatabaseError> {
        within(READ_LIMIT, async {
            let mut snapshot = self.connections.snapshot().await?;
            let mut from = (i64::MIN, Uuid::nil());
            if let Some(after) = after {
                let query = sqlx::query_as("SELECT starts_at_ms, show_id FROM shows WHERE show_id = $1");
                let id = Uuid::from_bytes(after.to_bytes());
                match query.bind(id).fetch_optional(&mut *snapshot).await? {
                    Some(found) => from = found,
                    None => {
                        snapshot.end().await?;
                        return Ok::<_, DatabaseError>(None);
                    }
                }
            }
            let query = sqlx::query_as::<_, SummaryRow>(
                "SELECT shows.show_id, sales, position, z.available, z.held, z.sold, z.blocked
                 FROM shows, LATERAL (
                   SELECT array_agg(available ORDER BY zone) AS available, array_agg(held ORDER BY zone) AS held,
                          array_agg(sold ORDER BY zone) AS sold, array_agg(blocked ORDER BY zone) AS blocked
                   FROM zones WHERE zones.show_id = shows.show_id
                 ) AS z
                 WHERE (starts_at_ms, shows.show_id) > ($1, $2)
                 ORDER BY starts_at_ms, shows.show_id LIMIT $3",
            );
            let query = query.bind(from.0).bind(from.1).bind(limit as i64 + 1);
            let mut rows = query.fetch_all(&mut *snapshot).await?;
            let has_more = rows.len() > limit;
            rows.truncate(limit);
            let mut shows = Vec::with_capacity(rows.len());
            for row in rows {
                shows.push(self.summary_of(&mut snapshot, row).await?);
            }
            snapshot.end().await?;
            Ok(Some((shows, has_more)))
        })
        .await
    }

    /// The statuses of a show's seats, and the position of its last event; `None` when there is no such show.
    pub(crate) async fn compact(
        &self,
        show_id: ShowId,
    ) -> Result<Option<(CompactMap, Position)>, DatabaseError> {
        within(READ_LIMIT, async {
            let mut snapshot = self.connections.snapshot().await?;
            let query = sqlx::query_as::<_, (i64, Vec<i16>)>(
                "SELECT position, (SELECT array_agg(status ORDER BY seat) FROM seats WHERE seats.show_id = shows.show_id)
                 FROM shows WHERE show_id = $1",
            );
            let id = Uuid::from_bytes(show_id.to_bytes());
            let row = query.bind(id).fetch_optional(&mut *snapshot).await?;
            snapshot.end().await?;
            let Some((position, statuses)) = row else { return Ok::<_, DatabaseError>(None) };
            Ok(Some((compact(&statuses, statuses.len())?, position as Position)))
        })
        .await
    }

    /// Every seat of a show, and the position of its last event.
    pub(crate) async fn view(&self, show: &PostgresShow) -> Result<SeatMapView, DatabaseError> {
        within(READ_LIMIT, async {
            let mut snapshot = self.connections.snapshot().await?;
            let query = sqlx::query_as::<_, (i64, Vec<i16>, Vec<i64>)>(
                "SELECT position, s.statuses, s.revisions
                 FROM shows, LATERAL (
                   SELECT array_agg(status ORDER BY seat) AS statuses, array_agg(revision ORDER BY seat) AS revisions
                   FROM seats WHERE seats.show_id = shows.show_id
                 ) AS s
                 WHERE shows.show_id = $1",
            );
            let id = Uuid::from_bytes(show.info.show_id.to_bytes());
            let (position, statuses, revisions) = query.bind(id).fetch_one(&mut *snapshot).await?;
            snapshot.end().await?;
            Ok::<_, DatabaseError>(SeatMapView {
                compact: compact(&statuses, show.info.seating.seat_count())?,
                revisions: revisions.into_iter().map(|revision| revision as u32).collect(),
                position: position as Position,
            })
        })
        .await
    }

    /// A paid order and its show; `None` when there is none.
    pub(crate) async fn order(
        &self,
        order_id: OrderId,
    ) -> Result<Option<(OrderView, Arc<ShowInfo>)>, DatabaseError> {
        within(READ_LIMIT, async {
            let mut snapshot = self.connections.snapshot().await?;
            let id = Uuid::from_bytes(order_id.to_bytes());
            let order = sqlx::query_as::<_, (Uuid, i64, i64, i64, i64)>(
                "SELECT show_id, total, refunded, paid_at_ms, position FROM orders WHERE order_id = $1",
            );
            let Some((show, total, refunded, paid_at_ms, position)) =
                order.bind(id).fetch_optional(&mut *snapshot).await?
            else {
                snapshot.end().await?;
                return Ok::<_, DatabaseError>(None);
            };
            let tickets = sqlx::query_as::<_, (Uuid, i32, i64, i16)>(
                "SELECT ticket_id, seat, generation, status FROM tickets WHERE order_id = $1 ORDER BY number",
            );
            let tickets = tickets.bind(id).fetch_all(&mut *snapshot).await?;
            let show = self.show_of(&mut snapshot, show).await?;
            snapshot.end().await?;
            let order = OrderView {
                show_id: show.info.show_id,
                total,
                refunded,
                paid_at: Timestamp::from_millis(paid_at_ms),
                position: position as Position,
                tickets: tickets.into_iter().map(ticket).collect::<Result<_, _>>()?,
            };
            Ok(Some((order, show.info.clone())))
        })
        .await
    }
}

fn ticket((id, seat, generation, status): (Uuid, i32, i64, i16)) -> Result<TicketView, DatabaseError> {
    let all = [TicketStatus::Paid, TicketStatus::Used, TicketStatus::Refunded];
    let status = all.into_iter().find(|known| *known as i16 == status);
    Ok(TicketView {
        id: TicketId::from_bytes(id.into_bytes()),
        seat: SeatIndex(seat as u32),
        generation: generation as u32,
        status: status.ok_or_else(|| damaged("there is no such status of a ticket"))?,
    })
}
