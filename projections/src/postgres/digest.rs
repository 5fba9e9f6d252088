//! Digests of the rows of each show, to compare two generations, or one with the fold of the log, without moving the rows.
//!
//! Computed in the database over the binary forms of the values, and in `reference.rs` over the same bytes.

use std::collections::BTreeMap;

use sqlx::postgres::PgConnection;
use ticketflow_domain::ShowId;
use uuid::Uuid;

use super::error::DatabaseError;

/// SHA-256 over one kind of rows; zeros where there are none.
pub(crate) type Digest = [u8; 32];

/// What the rows of a show are digested by.
pub(crate) const PARTS: [&str; 6] = ["show", "zones", "seats", "holds", "orders", "sales"];

/// A digest for each of [`PARTS`].
pub(crate) type ShowDigest = [Digest; 6];

/// The digests of all shows.
pub(crate) type Digests = BTreeMap<ShowId, ShowDigest>;

const QUERIES: [&str; 6] = [
    "SELECT show_id, sha256(int2send(sales) || int8send(position)) FROM shows",
    "SELECT show_id, sha256(string_agg(int4send(available) || int4send(held) || int4send(sold) || int4send(blocked),
                                       ''::bytea ORDER BY zone))
     FROM zones GROUP BY show_id",
    "SELECT show_id, sha256(string_agg(int2send(status) || int8send(revision), ''::bytea ORDER BY seat))
     FROM seats GROUP BY show_id",
    "SELECT show_id, sha256(string_agg(uuid_send(hold_id) || int4send(seats) || int8send(total) || int8send(expires_at_ms)
                                       || coalesce(uuid_send(order_id), ''::bytea), ''::bytea ORDER BY hold_id))
     FROM holds GROUP BY show_id",
    "SELECT show_id, sha256(string_agg(uuid_send(orders.order_id) || int8send(total) || int8send(refunded)
                                       || int8send(paid_at_ms) || int8send(position) || coalesce(of_order, ''::bytea),
                                       ''::bytea ORDER BY orders.order_id))
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
    Ok(digests)
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
