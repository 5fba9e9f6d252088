//! Writes rows that are new, as arrays: the sibling of `write.rs`, in whose transaction it happens.

use sqlx::PgTransaction;
use uuid::Uuid;

use super::control::text;
use super::order_rows::OrderChanges;
use super::rows::{HoldRow, RowChanges, SeatChange};
use super::write::{in_order, uuid};

pub(super) async fn write_new_shows(
    transaction: &mut PgTransaction<'_>,
    changes: &RowChanges,
) -> Result<(), sqlx::Error> {
    for (show_id, show) in in_order(changes, true) {
        let (id, info) = (uuid(show_id.to_bytes()), &show.info);
        let created = serde_json::to_vec(&info.created()).expect("an event has a JSON form");
        let insert = sqlx::query(
            "INSERT INTO shows (show_id, name, venue, starts_at_ms, currency, sales, position, created)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        );
        let insert = insert.bind(id).bind(text(&info.name)).bind(text(&info.venue));
        let insert = insert.bind(info.starts_at.as_millis()).bind(info.currency.as_str());
        let insert = insert.bind(show.sales as i16).bind(show.position as i64).bind(created);
        insert.execute(&mut **transaction).await?;

        let (plan, spans) = (info.seating.plan(), info.seating.zone_spans());
        let insert = sqlx::query(
            "INSERT INTO zones (show_id, zone, name, price, general, available, held, sold, blocked)
             SELECT $1, * FROM unnest($2::int4[], $3::text[], $4::int8[], $5::bool[], $6::int4[], $7::int4[], $8::int4[],
                                      $9::int4[])",
        );
        let count =
            |status: usize| -> Vec<i32> { show.zones.values().map(|counts| counts[status] as i32).collect() };
        let insert = insert.bind(id).bind((0..plan.zones.len() as i32).collect::<Vec<_>>());
        let insert = insert.bind(plan.zones.iter().map(|zone| text(&zone.name)).collect::<Vec<_>>());
        let insert = insert.bind(plan.zones.iter().map(|zone| zone.price).collect::<Vec<_>>());
        let insert = insert.bind(spans.iter().map(|span| span.general).collect::<Vec<_>>());
        let insert = insert.bind(count(0)).bind(count(1)).bind(count(2)).bind(count(3));
        insert.execute(&mut **transaction).await?;

        let seats = || info.seating.seats();
        let rows: Vec<SeatChange> = seats().map(|seat| show.new_seat(seat)).collect();
        let insert = sqlx::query(
            "INSERT INTO seats (show_id, seat, zone, status, revision, price, hold_id, order_id)
             SELECT $1, * FROM unnest($2::int4[], $3::int2[], $4::int2[], $5::int8[], $6::int8[], $7::uuid[], $8::uuid[])",
        );
        let insert = insert.bind(id).bind(seats().map(|seat| seat.0 as i32).collect::<Vec<_>>());
        let insert = insert.bind(seats().map(|seat| info.seating.zone_of(seat) as i16).collect::<Vec<_>>());
        let insert = insert.bind(rows.iter().map(|row| row.status as i16).collect::<Vec<_>>());
        let insert = insert.bind(rows.iter().map(|row| i64::from(row.revision)).collect::<Vec<_>>());
        let insert = insert.bind(seats().map(|seat| info.seating.price(seat)).collect::<Vec<_>>());
        let hold = |row: &SeatChange| row.hold_id.map(|id| uuid(id.to_bytes()));
        let order = |row: &SeatChange| row.order_id.map(|id| uuid(id.to_bytes()));
        let insert = insert.bind(rows.iter().map(hold).collect::<Vec<_>>());
        insert.bind(rows.iter().map(order).collect::<Vec<_>>()).execute(&mut **transaction).await?;
    }
    Ok(())
}

pub(super) async fn write_new_holds(
    transaction: &mut PgTransaction<'_>,
    placed: &[(Uuid, &HoldRow)],
) -> Result<(), sqlx::Error> {
    if placed.is_empty() {
        return Ok(());
    }
    let insert = sqlx::query(
        "INSERT INTO holds (hold_id, show_id, customer_id, seats, total, expires_at_ms, order_id, give_up_at_ms)
         SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int4[], $5::int8[], $6::int8[], $7::uuid[], $8::int8[])",
    );
    let rows = || placed.iter().map(|(_, row)| *row);
    let customer = |row: &HoldRow| row.customer_id.map(|id| uuid(id.to_bytes()));
    let order = |row: &HoldRow| row.payment.map(|payment| uuid(payment.order_id.to_bytes()));
    let insert = insert.bind(placed.iter().map(|(id, _)| *id).collect::<Vec<_>>());
    let insert = insert.bind(rows().map(|row| uuid(row.show_id.to_bytes())).collect::<Vec<_>>());
    let insert = insert.bind(rows().map(customer).collect::<Vec<_>>());
    let insert = insert.bind(rows().map(|row| row.seats as i32).collect::<Vec<_>>());
    let insert = insert.bind(rows().map(|row| row.total).collect::<Vec<_>>());
    let insert = insert.bind(rows().map(|row| row.expires_at_ms).collect::<Vec<_>>());
    let insert = insert.bind(rows().map(order).collect::<Vec<_>>());
    let give_up = |row: &HoldRow| row.payment.map(|payment| payment.give_up_at_ms);
    insert.bind(rows().map(give_up).collect::<Vec<_>>()).execute(&mut **transaction).await?;
    Ok(())
}

pub(super) async fn write_new_orders(
    transaction: &mut PgTransaction<'_>,
    changes: &OrderChanges,
) -> Result<(), sqlx::Error> {
    if changes.new.is_empty() {
        return Ok(());
    }
    // In the order of their making, so that the indexes grow at their end.
    let mut new: Vec<_> = changes.new.iter().map(|(id, order)| (uuid(id.to_bytes()), order)).collect();
    new.sort_unstable_by_key(|(id, _)| *id);
    let insert = sqlx::query(
        "INSERT INTO orders (order_id, show_id, customer_id, total, refunded, captured, paid_at_ms, position)
         SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int8[], $5::int8[], $6::bool[], $7::int8[], $8::int8[])",
    );
    let rows = || new.iter().map(|(_, order)| *order);
    let insert = insert.bind(new.iter().map(|(id, _)| *id).collect::<Vec<_>>());
    let insert = insert.bind(rows().map(|order| uuid(order.show_id.to_bytes())).collect::<Vec<_>>());
    let insert = insert.bind(rows().map(|order| uuid(order.customer_id.to_bytes())).collect::<Vec<_>>());
    let insert = insert.bind(rows().map(|order| order.total).collect::<Vec<_>>());
    let insert = insert.bind(rows().map(|order| order.refunded).collect::<Vec<_>>());
    let insert = insert.bind(rows().map(|order| order.captured).collect::<Vec<_>>());
    let insert = insert.bind(rows().map(|order| order.paid_at_ms).collect::<Vec<_>>());
    insert
        .bind(rows().map(|order| order.position as i64).collect::<Vec<_>>())
        .execute(&mut **transaction)
        .await?;

    let insert = sqlx::query(
        "INSERT INTO tickets (order_id, number, ticket_id, seat, generation, status)
         SELECT * FROM unnest($1::uuid[], $2::int4[], $3::uuid[], $4::int4[], $5::int8[], $6::int2[])",
    );
    let tickets: Vec<_> = new
        .iter()
        .flat_map(|(id, order)| {
            order.tickets.iter().zip(0_i32..).map(|(ticket, number)| (*id, number, ticket))
        })
        .collect();
    let insert = insert.bind(tickets.iter().map(|(id, ..)| *id).collect::<Vec<_>>());
    let insert = insert.bind(tickets.iter().map(|(_, number, _)| *number).collect::<Vec<_>>());
    let insert =
        insert.bind(tickets.iter().map(|(.., row)| uuid(row.ticket_id.to_bytes())).collect::<Vec<_>>());
    let insert = insert.bind(tickets.iter().map(|(.., row)| row.seat.0 as i32).collect::<Vec<_>>());
    let insert = insert.bind(tickets.iter().map(|(.., row)| i64::from(row.generation)).collect::<Vec<_>>());
    insert
        .bind(tickets.iter().map(|(.., row)| row.status as i16).collect::<Vec<_>>())
        .execute(&mut **transaction)
        .await?;
    Ok(())
}
