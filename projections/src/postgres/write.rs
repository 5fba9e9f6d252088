//! Writes the row changes of a run and the checkpoint in one transaction.
//!
//! Invariant: rows and checkpoint move together or not at all, and only from the very checkpoint that the run was folded on.
//! A statement per table, its rows as arrays. COPY would take three messages of which two are sent without waiting for an
//! answer; without TCP_NODELAY, which the driver does not set, that costs 40 ms a table.

use sqlx::postgres::PgConnection;
use sqlx::{Connection, PgTransaction};
use ticketflow_domain::ShowId;
use ticketflow_event_store::Head;
use uuid::Uuid;

use super::control::Generation;
use super::error::SessionError;
use super::order_rows::OrderChanges;
use super::rows::{HoldChange, RowChanges, SeatChange, ShowChange};
use super::write_new::{write_new_holds, write_new_orders, write_new_shows};

/// Which tables are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// Those of this generation, as long as it is the one that serves. A commit that was answered survives a power cut.
    Live(Generation),
    /// Those of a generation that nobody reads yet. Commits may be lost from the end on: a crash throws the tables away.
    Building,
}

/// Writes the changes onto rows that are at `from`.
pub(crate) async fn write(
    connection: &mut PgConnection,
    from: Head,
    changes: &RowChanges,
    target: Target,
) -> Result<(), SessionError> {
    let Some(to) = changes.to else { return Ok(()) };
    let mut transaction = connection.begin().await?;
    // First, so that of two runners one waits here for the other and then finds the checkpoint moved; and whoever puts another
    // generation in this one's place, from whichever process, waits for this run or is waited for.
    let moved = match target {
        Target::Live(_) => sqlx::query(
            "WITH serving AS (
               SELECT FROM ticketflow.projection WHERE name = 'postgres' AND live_generation = $5 FOR SHARE
             )
             UPDATE checkpoint SET position = $1, chain_hash = $2
             WHERE position = $3 AND chain_hash = $4 AND EXISTS (SELECT FROM serving)",
        ),
        Target::Building => {
            sqlx::query("SET LOCAL synchronous_commit = off").execute(&mut *transaction).await?;
            sqlx::query(
                "UPDATE checkpoint SET position = $1, chain_hash = $2 WHERE position = $3 AND chain_hash = $4",
            )
        }
    };
    let moved = moved.bind(to.position as i64).bind(&to.chain_hash[..]);
    let moved = moved.bind(from.position as i64).bind(&from.chain_hash[..]);
    let moved = match target {
        Target::Live(generation) => moved.bind(generation),
        Target::Building => moved,
    };
    let moved = moved.execute(&mut *transaction).await?;
    if moved.rows_affected() != 1 {
        return Err(SessionError::Moved);
    }
    // Before the seats: a used ticket is found by the order that its seat had before the run.
    write_updated_orders(&mut transaction, &changes.orders).await?;
    write_new_shows(&mut transaction, changes).await?;
    write_changed_shows(&mut transaction, changes).await?;
    write_holds(&mut transaction, changes).await?;
    write_new_orders(&mut transaction, &changes.orders).await?;
    write_sales(&mut transaction, &changes.orders).await?;
    transaction.commit().await?;
    Ok(())
}

pub(super) fn uuid(bytes: [u8; 16]) -> Uuid {
    Uuid::from_bytes(bytes)
}

pub(super) fn in_order(changes: &RowChanges, is_new: bool) -> Vec<(&ShowId, &ShowChange)> {
    let mut shows: Vec<_> = changes.shows.iter().filter(|(_, show)| show.is_new == is_new).collect();
    shows.sort_unstable_by_key(|(show_id, _)| **show_id);
    shows
}

async fn write_changed_shows(
    transaction: &mut PgTransaction<'_>,
    changes: &RowChanges,
) -> Result<(), sqlx::Error> {
    let changed = in_order(changes, false);
    if changed.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = changed.iter().map(|(show_id, _)| uuid(show_id.to_bytes())).collect();
    let update = sqlx::query(
        "UPDATE shows SET sales = u.sales, position = u.position
         FROM unnest($1::uuid[], $2::int2[], $3::int8[]) AS u(show_id, sales, position)
         WHERE shows.show_id = u.show_id",
    );
    let sales: Vec<i16> = changed.iter().map(|(_, show)| show.sales as i16).collect();
    let positions: Vec<i64> = changed.iter().map(|(_, show)| show.position as i64).collect();
    update.bind(ids).bind(sales).bind(positions).execute(&mut **transaction).await?;
    write_zones(transaction, &changed).await?;
    write_seats(transaction, &changed).await
}

async fn write_zones(
    transaction: &mut PgTransaction<'_>,
    changed: &[(&ShowId, &ShowChange)],
) -> Result<(), sqlx::Error> {
    let (mut ids, mut numbers) = (Vec::new(), Vec::new());
    let mut counts: [Vec<i32>; 4] = Default::default();
    for (show_id, show) in changed {
        for (&zone, of_zone) in &show.zones {
            ids.push(uuid(show_id.to_bytes()));
            numbers.push(zone as i32);
            counts.iter_mut().zip(of_zone).for_each(|(column, &count)| column.push(count as i32));
        }
    }
    if ids.is_empty() {
        return Ok(());
    }
    let [available, held, sold, blocked] = counts;
    let update = sqlx::query(
        "UPDATE zones SET available = u.available, held = u.held, sold = u.sold, blocked = u.blocked
         FROM unnest($1::uuid[], $2::int4[], $3::int4[], $4::int4[], $5::int4[], $6::int4[])
           AS u(show_id, zone, available, held, sold, blocked)
         WHERE zones.show_id = u.show_id AND zones.zone = u.zone",
    );
    let update = update.bind(ids).bind(numbers).bind(available).bind(held).bind(sold).bind(blocked);
    update.execute(&mut **transaction).await?;
    Ok(())
}

async fn write_seats(
    transaction: &mut PgTransaction<'_>,
    changed: &[(&ShowId, &ShowChange)],
) -> Result<(), sqlx::Error> {
    let (mut ids, mut numbers, mut rows) = (Vec::new(), Vec::new(), Vec::new());
    for (show_id, show) in changed {
        let mut seats: Vec<(u32, SeatChange)> = show.seats.iter().map(|(&seat, &row)| (seat, row)).collect();
        // In the order of the table: neighbours share a page.
        seats.sort_unstable_by_key(|(seat, _)| *seat);
        ids.extend(std::iter::repeat_n(uuid(show_id.to_bytes()), seats.len()));
        numbers.extend(seats.iter().map(|(seat, _)| *seat as i32));
        rows.extend(seats.into_iter().map(|(_, row)| row));
    }
    if ids.is_empty() {
        return Ok(());
    }
    let update = sqlx::query(
        "UPDATE seats SET status = u.status, revision = u.revision, hold_id = u.hold_id,
                order_id = CASE WHEN u.keeps_order THEN seats.order_id ELSE u.order_id END
         FROM unnest($1::uuid[], $2::int4[], $3::int2[], $4::int8[], $5::uuid[], $6::uuid[], $7::bool[])
           AS u(show_id, seat, status, revision, hold_id, order_id, keeps_order)
         WHERE seats.show_id = u.show_id AND seats.seat = u.seat",
    );
    let statuses: Vec<i16> = rows.iter().map(|row| row.status as i16).collect();
    let revisions: Vec<i64> = rows.iter().map(|row| i64::from(row.revision)).collect();
    let holds: Vec<Option<Uuid>> = rows.iter().map(|row| row.hold_id.map(|id| uuid(id.to_bytes()))).collect();
    let orders: Vec<Option<Uuid>> =
        rows.iter().map(|row| row.order_id.map(|id| uuid(id.to_bytes()))).collect();
    let keeps: Vec<bool> = rows.iter().map(|row| row.keeps_order).collect();
    let update = update.bind(ids).bind(numbers).bind(statuses).bind(revisions).bind(holds).bind(orders);
    update.bind(keeps).execute(&mut **transaction).await?;
    Ok(())
}

async fn write_holds(transaction: &mut PgTransaction<'_>, changes: &RowChanges) -> Result<(), sqlx::Error> {
    let (mut placed, mut ended, mut paying) = (Vec::new(), Vec::new(), Vec::new());
    for (hold_id, change) in &changes.holds {
        let id = uuid(hold_id.to_bytes());
        match change {
            HoldChange::Placed(row) => placed.push((id, row)),
            HoldChange::Paying(payment) => paying.push((id, payment)),
            HoldChange::Ended => ended.push(id),
        }
    }
    write_new_holds(transaction, &placed).await?;
    if !paying.is_empty() {
        let update = sqlx::query(
            "UPDATE holds SET order_id = u.order_id, give_up_at_ms = u.give_up_at_ms
             FROM unnest($1::uuid[], $2::uuid[], $3::int8[]) AS u(hold_id, order_id, give_up_at_ms)
             WHERE holds.hold_id = u.hold_id",
        );
        let ids: Vec<Uuid> = paying.iter().map(|(hold_id, _)| *hold_id).collect();
        let orders: Vec<Uuid> = paying.iter().map(|(_, payment)| uuid(payment.order_id.to_bytes())).collect();
        let limits: Vec<i64> = paying.iter().map(|(_, payment)| payment.give_up_at_ms).collect();
        update.bind(ids).bind(orders).bind(limits).execute(&mut **transaction).await?;
    }
    if !ended.is_empty() {
        let delete = sqlx::query(
            "DELETE FROM holds USING unnest($1::uuid[]) AS u(hold_id) WHERE holds.hold_id = u.hold_id",
        );
        delete.bind(ended).execute(&mut **transaction).await?;
    }
    Ok(())
}

async fn write_updated_orders(
    transaction: &mut PgTransaction<'_>,
    changes: &OrderChanges,
) -> Result<(), sqlx::Error> {
    if !changes.updated.is_empty() {
        let update = sqlx::query(
            "UPDATE orders SET refunded = orders.refunded + u.refunded, captured = orders.captured OR u.captured,
                    position = greatest(orders.position, u.position)
             FROM unnest($1::uuid[], $2::int8[], $3::bool[], $4::int8[]) AS u(order_id, refunded, captured, position)
             WHERE orders.order_id = u.order_id",
        );
        let rows = || changes.updated.iter();
        let ids: Vec<Uuid> = rows().map(|(order_id, _)| uuid(order_id.to_bytes())).collect();
        let refunded: Vec<i64> = rows().map(|(_, order)| order.refunded).collect();
        let captured: Vec<bool> = rows().map(|(_, order)| order.captured).collect();
        let positions: Vec<i64> = rows().map(|(_, order)| order.position.unwrap_or(0) as i64).collect();
        update.bind(ids).bind(refunded).bind(captured).bind(positions).execute(&mut **transaction).await?;
    }
    let refunded = changes.updated.iter().flat_map(|(order_id, order)| {
        order.refunded_tickets.iter().map(|ticket| (uuid(order_id.to_bytes()), uuid(ticket.to_bytes())))
    });
    let (orders, tickets): (Vec<Uuid>, Vec<Uuid>) = refunded.unzip();
    if !orders.is_empty() {
        let update = sqlx::query(
            "UPDATE tickets SET status = 2
             FROM unnest($1::uuid[], $2::uuid[]) AS u(order_id, ticket_id)
             WHERE tickets.order_id = u.order_id AND tickets.ticket_id = u.ticket_id",
        );
        update.bind(orders).bind(tickets).execute(&mut **transaction).await?;
    }
    write_admissions(transaction, changes).await
}

async fn write_admissions(
    transaction: &mut PgTransaction<'_>,
    changes: &OrderChanges,
) -> Result<(), sqlx::Error> {
    if changes.admitted.is_empty() {
        return Ok(());
    }
    let update = sqlx::query(
        "WITH used AS (
           SELECT seats.order_id, u.ticket_id, u.position
           FROM unnest($1::uuid[], $2::int4[], $3::uuid[], $4::int8[]) AS u(show_id, seat, ticket_id, position)
           JOIN seats ON seats.show_id = u.show_id AND seats.seat = u.seat
         ), tickets_used AS (
           UPDATE tickets SET status = 1 FROM used
           WHERE tickets.order_id = used.order_id AND tickets.ticket_id = used.ticket_id
         )
         UPDATE orders SET position = greatest(orders.position, latest.position)
         FROM (SELECT order_id, max(position) AS position FROM used GROUP BY order_id) AS latest
         WHERE orders.order_id = latest.order_id",
    );
    let rows = || changes.admitted.iter();
    let shows: Vec<Uuid> = rows().map(|row| uuid(row.show_id.to_bytes())).collect();
    let seats: Vec<i32> = rows().map(|row| row.seat.0 as i32).collect();
    let tickets: Vec<Uuid> = rows().map(|row| uuid(row.ticket_id.to_bytes())).collect();
    let positions: Vec<i64> = rows().map(|row| row.position as i64).collect();
    update.bind(shows).bind(seats).bind(tickets).bind(positions).execute(&mut **transaction).await?;
    Ok(())
}

async fn write_sales(transaction: &mut PgTransaction<'_>, changes: &OrderChanges) -> Result<(), sqlx::Error> {
    if changes.sales.is_empty() {
        return Ok(());
    }
    let insert = sqlx::query(
        "INSERT INTO sales (show_id, zone, hour_ms, sold, sold_amount, refunded, refunded_amount)
         SELECT * FROM unnest($1::uuid[], $2::int4[], $3::int8[], $4::int8[], $5::int8[], $6::int8[], $7::int8[])
         ON CONFLICT (show_id, zone, hour_ms) DO UPDATE
         SET sold = sales.sold + excluded.sold, sold_amount = sales.sold_amount + excluded.sold_amount,
             refunded = sales.refunded + excluded.refunded,
             refunded_amount = sales.refunded_amount + excluded.refunded_amount",
    );
    let rows = || changes.sales.iter();
    let shows: Vec<Uuid> = rows().map(|((show_id, ..), _)| uuid(show_id.to_bytes())).collect();
    let zones: Vec<i32> = rows().map(|((_, zone, _), _)| *zone as i32).collect();
    let hours: Vec<i64> = rows().map(|((.., hour), _)| *hour).collect();
    let column = |of: fn(&super::order_rows::SalesChange) -> i64| rows().map(|(_, row)| of(row)).collect();
    let (sold, sold_amount): (Vec<i64>, Vec<i64>) = (column(|row| row.sold), column(|row| row.sold_amount));
    let (refunded, refunded_amount): (Vec<i64>, Vec<i64>) =
        (column(|row| row.refunded), column(|row| row.refunded_amount));
    let insert = insert.bind(shows).bind(zones).bind(hours).bind(sold).bind(sold_amount);
    insert.bind(refunded).bind(refunded_amount).execute(&mut **transaction).await?;
    Ok(())
}
