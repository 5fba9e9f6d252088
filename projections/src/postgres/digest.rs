//! Digests of the rows of each show, to compare two generations, or one with the fold of the log, without moving the rows.
//!
//! Computed in the database over the binary forms of the values, and in `reference.rs` over the same bytes.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};
use sqlx::postgres::PgConnection;
use ticketflow_domain::ShowId;
use ticketflow_domain::show::ShowInfo;
use uuid::Uuid;

use super::error::DatabaseError;
use super::load::show_info;

/// SHA-256 over one kind of rows; zeros where there are none.
pub(crate) type Digest = [u8; 32];

/// What the rows of a show are digested by.
pub(crate) const PARTS: [&str; 6] = ["show", "zones", "seats", "holds", "orders", "sales"];

/// A digest for each of [`PARTS`].
pub(crate) type ShowDigest = [Digest; 6];

/// The digests of all shows.
pub(crate) type Digests = BTreeMap<ShowId, ShowDigest>;

/// All columns take part, so that a hand in the tables is found. `shows.created` is added by what it says, not by how it is written.
const QUERIES: [&str; 6] = [
    "SELECT show_id, sha256(int2send(sales) || int8send(position) || int8send(starts_at_ms)
                            || int4send(octet_length(name)) || convert_to(name, 'UTF8')
                            || int4send(octet_length(venue)) || convert_to(venue, 'UTF8')
                            || convert_to(currency, 'UTF8'))
     FROM shows",
    "SELECT show_id, sha256(string_agg(int4send(available) || int4send(held) || int4send(sold) || int4send(blocked)
                                       || int8send(price) || boolsend(general)
                                       || int4send(octet_length(name)) || convert_to(name, 'UTF8'),
                                       ''::bytea ORDER BY zone))
     FROM zones GROUP BY show_id",
    "SELECT show_id, sha256(string_agg(int2send(zone) || int2send(status) || int8send(revision) || int8send(price)
                                       || coalesce(uuid_send(hold_id), uuid_send(none)) || coalesce(uuid_send(order_id), uuid_send(none)),
                                       ''::bytea ORDER BY seat))
     FROM seats, (SELECT '00000000-0000-0000-0000-000000000000'::uuid AS none) AS nobody GROUP BY show_id",
    "SELECT show_id, sha256(string_agg(uuid_send(hold_id) || int4send(seats) || int8send(total) || int8send(expires_at_ms)
                                       || coalesce(uuid_send(customer_id), uuid_send(none)) || coalesce(uuid_send(order_id), uuid_send(none))
                                       || int8send(coalesce(give_up_at_ms, 0)), ''::bytea ORDER BY hold_id))
     FROM holds, (SELECT '00000000-0000-0000-0000-000000000000'::uuid AS none) AS nobody GROUP BY show_id",
    "SELECT show_id, sha256(string_agg(uuid_send(orders.order_id) || uuid_send(customer_id) || int8send(total) || int8send(refunded)
                                       || boolsend(captured) || int8send(paid_at_ms) || int8send(position)
                                       || coalesce(of_order, ''::bytea), ''::bytea ORDER BY orders.order_id))
     FROM orders LEFT JOIN (
       SELECT order_id, string_agg(uuid_send(ticket_id) || int4send(seat) || int8send(generation) || int2send(status),
                                   ''::bytea ORDER BY number) AS of_order
       FROM tickets GROUP BY order_id
     ) AS t ON t.order_id = orders.order_id
     GROUP BY show_id",
    "SELECT show_id, sha256(string_agg(int4send(zone) || int8send(hour_ms) || int8send(sold) || int8send(sold_amount)
                                       || int8send(refunded) || int8send(refunded_amount), ''::bytea ORDER BY zone, hour_ms))
     FROM sales GROUP BY show_id",
];

/// Of the tables that names mean now. In a snapshot, so that all parts are of the same moment.
pub(crate) async fn digests(connection: &mut PgConnection) -> Result<Digests, DatabaseError> {
    let mut digests = Digests::new();
    for (part, query) in QUERIES.into_iter().enumerate() {
        let rows = sqlx::query_as::<_, (Uuid, Vec<u8>)>(query).fetch_all(&mut *connection).await?;
        for (id, digest) in rows {
            let of_show = digests.entry(ShowId::from_bytes(id.into_bytes())).or_default();
            of_show[part] = digest.try_into().unwrap_or_default();
        }
    }
    add_created(connection, &mut digests).await?;
    Ok(digests)
}

/// The digest of a show's row together with that of the event that created it, written as it is now.
pub(crate) fn with_created(row: Digest, info: &ShowInfo) -> Digest {
    let created = serde_json::to_vec(&info.created()).expect("an event has a JSON form");
    Sha256::new().chain_update(row).chain_update(created).finalize().into()
}

/// Show by show: each may be megabytes.
async fn add_created(connection: &mut PgConnection, digests: &mut Digests) -> Result<(), DatabaseError> {
    for (show_id, parts) in digests {
        let created = sqlx::query_scalar::<_, Vec<u8>>("SELECT created FROM shows WHERE show_id = $1");
        let created =
            created.bind(Uuid::from_bytes(show_id.to_bytes())).fetch_optional(&mut *connection).await?;
        // What does not read back is equal to nothing.
        parts[0] = match created.map(|created| show_info(&created)) {
            Some(Ok(info)) => with_created(parts[0], &info),
            Some(Err(_)) | None => Digest::default(),
        };
    }
    Ok(())
}

/// Where two sets of rows differ: shows, each with the first part that differs.
pub(crate) fn differences(one: &Digests, other: &Digests) -> Vec<(ShowId, &'static str)> {
    let shows: std::collections::BTreeSet<_> = one.keys().chain(other.keys()).copied().collect();
    let differing = |show_id: ShowId| {
        let parts = |digests: &Digests| digests.get(&show_id).copied().unwrap_or_default();
        let (one, other) = (parts(one), parts(other));
        let part = (0..PARTS.len()).find(|&part| one[part] != other[part])?;
        Some((show_id, PARTS[part]))
    };
    shows.into_iter().filter_map(differing).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_name_the_show_and_the_part() {
        let (one, two) = (ShowId::from_bytes([1; 16]), ShowId::from_bytes([2; 16]));
        let same = Digests::from([(one, [[1; 32]; 6]), (two, [[2; 32]; 6])]);
        assert_eq!(differences(&same, &same), []);
        let mut other = same.clone();
        other.get_mut(&two).unwrap()[2] = [9; 32];
        assert_eq!(differences(&same, &other), [(two, "seats")]);
        other.remove(&one);
        assert_eq!(differences(&other, &same), [(one, "show"), (two, "seats")]);
    }
}
