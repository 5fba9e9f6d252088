//! Reads back what the rows say: the checkpoint, and of a show what the fold has to know to go on.

use std::sync::Arc;

use sqlx::postgres::PgConnection;
use ticketflow_domain::ShowId;
use ticketflow_domain::show::{SalesStatus, SeatStatus, ShowCreated, ShowInfo};
use ticketflow_event_store::Head;
use uuid::Uuid;

use super::error::DatabaseError;
use super::rows::FoldedShow;
use crate::seat_map::CompactMap;

/// How far the rows are.
pub(crate) async fn checkpoint(connection: &mut PgConnection) -> Result<Head, DatabaseError> {
    let row = sqlx::query_as::<_, (i64, Vec<u8>)>("SELECT position, chain_hash FROM checkpoint");
    let (position, hash) = row.fetch_one(connection).await?;
    let chain_hash = hash.try_into().map_err(|_| damaged("the checkpoint's hash is not one"))?;
    Ok(Head { position: position as u64, chain_hash })
}

/// A show as the fold has it; `None` when there are no rows of it.
pub(crate) async fn folded_show(
    connection: &mut PgConnection,
    show_id: ShowId,
) -> Result<Option<FoldedShow>, DatabaseError> {
    let id = Uuid::from_bytes(show_id.to_bytes());
    let row = sqlx::query_as::<_, (Vec<u8>, i16, Vec<i32>, Vec<i32>, Vec<i32>, Vec<i32>, Vec<i16>)>(
        "SELECT created, sales, zones.available, zones.held, zones.sold, zones.blocked,
                (SELECT array_agg(status ORDER BY seat) FROM seats WHERE seats.show_id = shows.show_id)
         FROM shows, LATERAL (
           SELECT array_agg(available ORDER BY zone) AS available, array_agg(held ORDER BY zone) AS held,
                  array_agg(sold ORDER BY zone) AS sold, array_agg(blocked ORDER BY zone) AS blocked
           FROM zones WHERE zones.show_id = shows.show_id
         ) AS zones
         WHERE shows.show_id = $1",
    );
    let Some((created, sales, available, held, sold, blocked, statuses)) =
        row.bind(id).fetch_optional(connection).await?
    else {
        return Ok(None);
    };
    let info = Arc::new(show_info(&created)?);
    Ok(Some(FoldedShow {
        statuses: compact(&statuses, info.seating.seat_count())?,
        zones: zone_counts(&available, &held, &sold, &blocked),
        sales: sales_status(sales)?,
        info,
    }))
}

/// From the event that created the show.
pub(crate) fn show_info(created: &[u8]) -> Result<ShowInfo, DatabaseError> {
    let created: ShowCreated = serde_json::from_slice(created)
        .map_err(|error| damaged(&format!("a show does not read back: {error}")))?;
    Ok(ShowInfo::new(&created))
}

/// Of all seats in plan order.
pub(crate) fn compact(statuses: &[i16], seats: usize) -> Result<CompactMap, DatabaseError> {
    if statuses.len() != seats {
        return Err(damaged("a show has not the seats of its plan"));
    }
    let mut map = CompactMap::all_available(seats);
    for (seat, &status) in statuses.iter().enumerate() {
        map.set(seat, seat_status(status)?);
    }
    Ok(map)
}

pub(crate) fn zone_counts(available: &[i32], held: &[i32], sold: &[i32], blocked: &[i32]) -> Vec<[u32; 4]> {
    let zones = available.iter().zip(held).zip(sold).zip(blocked);
    zones.map(|(((&a, &h), &s), &b)| [a, h, s, b].map(|count| count as u32)).collect()
}

fn seat_status(number: i16) -> Result<SeatStatus, DatabaseError> {
    let all = [SeatStatus::Available, SeatStatus::Held, SeatStatus::Sold, SeatStatus::Blocked];
    all.into_iter().find(|status| *status as i16 == number).ok_or_else(|| damaged("there is no such status"))
}

pub(crate) fn sales_status(number: i16) -> Result<SalesStatus, DatabaseError> {
    let all = [SalesStatus::Scheduled, SalesStatus::Open, SalesStatus::Closed, SalesStatus::Cancelled];
    all.into_iter().find(|sales| *sales as i16 == number).ok_or_else(|| damaged("there is no such status"))
}

/// Rows that this software did not write.
pub(crate) fn damaged(what: &str) -> DatabaseError {
    DatabaseError::Rejected(sqlx::Error::Decode(what.into()))
}
