//! Names as people and attackers give them are stored as they are.

use ticketflow_domain::plan::PlanSpec;
use ticketflow_domain::show::{
    Context, HoldSeats, Selection, ShowCommand, ShowEvent, ShowState, StartPayment, decide,
};
use ticketflow_domain::{Currency, CustomerId, HoldId, OrderId, ShowId, TicketId};
use ticketflow_event_store::{
    Append, Category, EmbeddedLog, EncodedEvents, Expected, StreamId, Urgency, push_show_event,
};
use ticketflow_testbed::MariaDb;

use crate::bed::{all_is_well, billed, caught_up, issuer, log, now, office_of, play, start, urls};
use crate::history::durable;

/// One show, sold in part.
struct Sale {
    log: EmbeddedLog,
    show_id: ShowId,
    state: ShowState,
    batches: u8,
}

impl Sale {
    fn carry_out(&mut self, command: ShowCommand, change: impl Fn(&mut ShowEvent)) {
        let mut decided = decide(&self.state, &command, &Context { now: now() }).unwrap();
        let mut events = EncodedEvents::new();
        for event in &mut decided {
            change(event);
            self.state.evolve(event);
            push_show_event(&mut events, event).unwrap();
        }
        self.batches += 1;
        durable(self.log.append(Append {
            stream: StreamId::new(Category::Show, self.show_id.to_bytes()),
            expected: Expected::Any,
            batch_id: [self.batches; 16],
            recorded_at_ms: now().as_millis(),
            metadata: Vec::new(),
            events,
            urgency: Urgency::Essential,
        }));
    }
}

/// A show of this name at a place of this name, whose only zone has the third; one ticket sold, and used at a gate of the fourth.
fn sell(log: &EmbeddedLog, number: u8, [name, venue, zone, gate]: [&str; 4]) {
    let id = [number; 16];
    let mut sale = Sale {
        log: log.clone(),
        show_id: ShowId::from_bytes(id),
        state: ShowState::default(),
        batches: number,
    };
    let zones =
        serde_json::json!({"zones": [{"name": zone, "price": 25_000, "rows": [{"label": "A", "seats": 4}]}]});
    let spec: PlanSpec = serde_json::from_value(zones).unwrap();
    let create = ShowCommand::CreateShow {
        show_id: sale.show_id,
        name: "Función".to_owned(),
        venue: "Teatro".to_owned(),
        starts_at: now().plus_seconds(86_400),
        currency: Currency::CLP,
        sales_open_at: Some(now()),
        max_seats_per_customer: None,
        hold_seconds: Some(600),
        plan: spec.check(Currency::CLP).unwrap(),
    };
    // Longer than the rules allow today: what is in the log is folded all the same.
    sale.carry_out(create, |event| {
        if let ShowEvent::ShowCreated(created) = event {
            (created.name, created.venue) = (name.to_owned(), venue.to_owned());
        }
    });
    let hold_id = HoldId::from_bytes(id);
    let seats = vec![format!("{zone}-A-2")];
    let selection = Selection::Named { seats, expected_revisions: Vec::new() };
    sale.carry_out(ShowCommand::OpenSales, |_| {});
    sale.carry_out(ShowCommand::HoldSeats(HoldSeats { hold_id, customer_id: None, selection }), |_| {});
    let (order_id, customer_id) = (OrderId::from_bytes(id), CustomerId::from_bytes(id));
    sale.carry_out(ShowCommand::StartPayment(StartPayment { order_id, hold_id, customer_id }), |_| {});
    let tickets = std::iter::once(TicketId::from_bytes(id)).collect();
    let payment_reference = "reference".to_owned();
    sale.carry_out(ShowCommand::ConfirmPayment { order_id, payment_reference, tickets }, |_| {});
    let (_, tickets) = sale.state.order(order_id).unwrap();
    let ticket = tickets[0];
    let check_in = ShowCommand::CheckIn {
        ticket_id: ticket.id,
        seat: ticket.seat,
        generation: ticket.generation,
        gate: "Norte".to_owned(),
    };
    sale.carry_out(check_in, |event| {
        if let ShowEvent::TicketCheckedIn(used) = event {
            used.gate = gate.to_owned();
        }
    });
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02X}")).collect()
}

#[test]
fn names_of_all_kinds_are_stored_and_read_back_equal() {
    play(MariaDb::start(), |server| async move {
        let long = "ñ𝄞'\"\\%_".chars().cycle().take(300).collect::<String>();
        let names = [
            ["👩‍👩‍👧‍👦 Noche 🎭", "مسرح الأوبرا", "\u{202e}שורה", "🚪"],
            ["'; DROP TABLE invoices; --", "\"O'Higgins\"", "{\"a\":\"b\\\"c\"}", "\\' OR 1=1"],
            ["<script>alert(1)</script>", "C:\\teatro\\n\\0", "<b>VIP</b> & co.", "%s ${x} ?"],
            [&long, &long, "Galería ÁÉÍÓÚ ﬁ", &long],
            ["e\u{301} é É e E", "  a  b", "ı İ ß ẞ", " "],
        ];
        let log = log();
        for (number, names) in (1..).zip(names) {
            sell(&log, number * 10, names);
        }
        let billing = office_of(&log, issuer("Ñandú \"&\" Cía. <Ltda.> \\ 🎪")).await;
        billed(&log, &billing).await;
        billing.stop().await;
        let tables = start(urls(&server), &log);
        caught_up(&tables, &log).await;
        tables.stop().await;
        all_is_well(&server, &log).await;
        let read =
            "SELECT HEX(JSON_VALUE(i.document, '$.show.name')), HEX(JSON_VALUE(i.document, '$.show.venue')),
                           HEX(t.zone), HEX(t.gate), HEX(JSON_VALUE(i.document, '$.lines[0].zone')),
                           HEX(i.show_name), i.line_count, i.show_date
                    FROM invoices AS i JOIN tickets AS t USING (order_id) ORDER BY i.folio";
        let read = server.query(read).unwrap();
        let rows: Vec<Vec<&str>> = read.lines().map(|row| row.split('\t').collect()).collect();
        assert_eq!(rows.len(), names.len());
        for (row, [name, venue, zone, gate]) in rows.iter().zip(names) {
            assert_eq!(row[..5], [hex(name), hex(venue), hex(zone), hex(gate), hex(zone)], "{name}");
            let short: String = name.chars().take(200).collect();
            assert_eq!(row[5..], [hex(&short).as_str(), "1", "2030-01-02"]);
        }
    });
}
