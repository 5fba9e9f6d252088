//! Which events become integration messages, and what those say: CloudEvents 1.0 as JSON.
//!
//! Pure. Invariants: the same event gives the same bytes, whoever relays it and whenever; a message says everything that its
//! readers need, names of seats included; no personal data is in it, only the customer's id, and no text that a buyer
//! typed. Published shapes are a contract: `docs/asyncapi.yaml` describes them, and a changed meaning is a new type.

use std::collections::HashMap;

use serde::Serialize;
use ticketflow_domain::show::{ShowCreated, ShowEvent, ShowInfo};
use ticketflow_domain::{CustomerId, Money, OrderId, RefundId, SeatIndex, ShowId, TicketId, Timestamp};
use ticketflow_event_store::Position;

/// Media type of a message.
pub const CONTENT_TYPE: &str = "application/cloudevents+json";

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// A show was created and can be seen.
    ShowPublished,
    /// Its sales were opened.
    SalesOpened,
    /// Its sales were closed.
    SalesClosed,
    /// It will not take place.
    ShowCancelled,
    /// An order was paid and its tickets issued.
    OrderPaid,
    /// Tickets were given back, and their money is owed.
    TicketsRefunded,
    /// A ticket was used at the door.
    TicketCheckedIn,
}

impl MessageKind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::ShowPublished,
        Self::SalesOpened,
        Self::SalesClosed,
        Self::ShowCancelled,
        Self::OrderPaid,
        Self::TicketsRefunded,
        Self::TicketCheckedIn,
    ];

    /// The `type` of the CloudEvent.
    #[must_use]
    pub const fn event_type(self) -> &'static str {
        match self {
            Self::ShowPublished => "ticketflow.show.published.v1",
            Self::SalesOpened => "ticketflow.sales.opened.v1",
            Self::SalesClosed => "ticketflow.sales.closed.v1",
            Self::ShowCancelled => "ticketflow.show.cancelled.v1",
            Self::OrderPaid => "ticketflow.order.paid.v1",
            Self::TicketsRefunded => "ticketflow.tickets.refunded.v1",
            Self::TicketCheckedIn => "ticketflow.ticket.checked_in.v1",
        }
    }

    /// The last part of the subject.
    const fn subject_word(self) -> &'static str {
        match self {
            Self::ShowPublished => "published",
            Self::SalesOpened => "opened",
            Self::SalesClosed => "closed",
            Self::ShowCancelled => "cancelled",
            Self::OrderPaid => "paid",
            Self::TicketsRefunded => "refunded",
            Self::TicketCheckedIn => "checked_in",
        }
    }
}

/// A message about one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntegrationMessage {
    /// Of the event in the log. A log has at most one message for a position.
    pub position: Position,
    /// What it is about.
    pub kind: MessageKind,
    /// Whose stream the event is in.
    pub show_id: ShowId,
    /// The CloudEvent as JSON.
    pub body: Vec<u8>,
}

impl IntegrationMessage {
    /// The `id` of the CloudEvent: the position, which makes it the same at every try.
    #[must_use]
    pub fn id(&self) -> String {
        self.position.to_string()
    }

    /// Where it is published: `orders.{show}.paid`.
    #[must_use]
    pub fn subject(&self) -> String {
        format!("orders.{}.{}", self.show_id, self.kind.subject_word())
    }
}

/// An event names a show that no event before it created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the event at position {position} is of show {show_id}, which was never created")]
pub struct UnknownShow {
    /// Of the event.
    pub position: Position,
    /// The show.
    pub show_id: ShowId,
}

/// What messages say of the shows that their events only refer to. Folded from the log; what is in it never changes.
#[derive(Default)]
pub struct ShowBook {
    shows: HashMap<ShowId, ShowInfo>,
}

impl ShowBook {
    /// Learns of a show.
    pub fn learn(&mut self, created: &ShowCreated) {
        self.shows.entry(created.show_id).or_insert_with(|| ShowInfo::new(created));
    }

    /// The message about an event, where there is one.
    ///
    /// # Errors
    /// [`UnknownShow`] where the message needs a show that the book does not have.
    pub fn message(
        &mut self,
        show_id: ShowId,
        position: Position,
        event: &ShowEvent,
    ) -> Result<Option<IntegrationMessage>, UnknownShow> {
        if let ShowEvent::ShowCreated(created) = event {
            self.learn(created);
        }
        let show = || {
            let info = self.shows.get(&show_id).ok_or(UnknownShow { position, show_id })?;
            Ok(Teller { info, position })
        };
        Ok(Some(match event {
            ShowEvent::ShowCreated(_) => show()?.published(),
            ShowEvent::SalesOpened(event) => show()?.sales(MessageKind::SalesOpened, event.at),
            ShowEvent::SalesClosed(event) => show()?.sales(MessageKind::SalesClosed, event.at),
            ShowEvent::ShowCancelled(event) => {
                let teller = show()?;
                let data = Cancelled { show: teller.show(), reason: &event.reason };
                teller.tell(MessageKind::ShowCancelled, format!("shows/{show_id}"), event.at, data)
            }
            ShowEvent::OrderPaid(event) => {
                let teller = show()?;
                let seats = event.seats.iter().map(|seat| seat.seat);
                let data = Paid {
                    show: teller.show(),
                    order_id: event.order_id,
                    customer_id: event.customer_id,
                    payment_reference: &event.payment_reference,
                    total: teller.money(event.total),
                    tickets: teller.tickets(&event.tickets, seats),
                };
                teller.tell(MessageKind::OrderPaid, format!("orders/{}", event.order_id), event.paid_at, data)
            }
            ShowEvent::TicketsRefunded(event) => {
                let teller = show()?;
                let seats = event.seats.iter().map(|seat| seat.seat);
                let data = Refunded {
                    show: teller.show(),
                    refund_id: event.refund_id,
                    order_id: event.order_id,
                    total: teller.money(event.amount),
                    tickets: teller.tickets(&event.tickets, seats),
                };
                teller.tell(
                    MessageKind::TicketsRefunded,
                    format!("orders/{}", event.order_id),
                    event.at,
                    data,
                )
            }
            ShowEvent::TicketCheckedIn(event) => {
                let teller = show()?;
                let ticket = teller.ticket(event.ticket_id, event.seat.seat);
                let data = CheckedIn { show: teller.show(), ticket, gate: &event.gate };
                teller.tell(
                    MessageKind::TicketCheckedIn,
                    format!("tickets/{}", event.ticket_id),
                    event.at,
                    data,
                )
            }
            // Steps on the way to what others are told of, and seats that change hands by the second.
            ShowEvent::SeatsBlocked(_)
            | ShowEvent::SeatsUnblocked(_)
            | ShowEvent::SeatsHeld(_)
            | ShowEvent::HoldReleased(_)
            | ShowEvent::HoldExpired(_)
            | ShowEvent::PaymentStarted(_)
            | ShowEvent::PaymentFailed(_)
            | ShowEvent::PaymentCaptured(_)
            | ShowEvent::ChargeVoided(_)
            | ShowEvent::RefundSettled(_) => return Ok(None),
        }))
    }
}

/// Writes the message about one event of a show.
struct Teller<'a> {
    info: &'a ShowInfo,
    position: Position,
}

impl Teller<'_> {
    fn show(&self) -> Show<'_> {
        let ShowInfo { show_id, name, venue, starts_at, .. } = self.info;
        Show { show_id: *show_id, name, venue, starts_at: *starts_at }
    }

    fn money(&self, amount: i64) -> Money {
        Money { amount, currency: self.info.currency }
    }

    fn ticket(&self, ticket_id: TicketId, seat: SeatIndex) -> Ticket<'_> {
        let seating = &self.info.seating;
        let place = seating.place(seat);
        let price = self.money(seating.price(seat));
        Ticket { ticket_id, seat: place.to_string(), zone: place.zone, price }
    }

    fn tickets(&self, tickets: &[TicketId], seats: impl Iterator<Item = SeatIndex>) -> Vec<Ticket<'_>> {
        tickets.iter().zip(seats).map(|(ticket, seat)| self.ticket(*ticket, seat)).collect()
    }

    fn published(&self) -> IntegrationMessage {
        let seating = &self.info.seating;
        let zones = seating.plan().zones.iter().zip(seating.zone_spans());
        let zones = zones.map(|(zone, span)| Zone {
            name: &zone.name,
            price: self.money(zone.price),
            seats: span.end - span.first,
        });
        let data = Published {
            show: self.show(),
            sales_open_at: self.info.sales_open_at,
            seats_total: seating.seat_count(),
            zones: zones.collect(),
        };
        let subject = format!("shows/{}", self.info.show_id);
        self.tell(MessageKind::ShowPublished, subject, self.info.created_at, data)
    }

    fn sales(&self, kind: MessageKind, at: Timestamp) -> IntegrationMessage {
        self.tell(kind, format!("shows/{}", self.info.show_id), at, Sales { show: self.show() })
    }

    fn tell(
        &self,
        kind: MessageKind,
        subject: String,
        time: Timestamp,
        data: impl Serialize,
    ) -> IntegrationMessage {
        let (position, show_id) = (self.position, self.info.show_id);
        let event = CloudEvent {
            specversion: "1.0",
            id: position.to_string(),
            source: format!("/ticketflow/shows/{show_id}"),
            r#type: kind.event_type(),
            subject,
            time,
            datacontenttype: "application/json",
            // Of one width, so that its text sorts as the number does.
            sequence: format!("{position:020}"),
            data,
        };
        let body = serde_json::to_vec(&event).expect("texts, numbers and lists of them are JSON");
        IntegrationMessage { position, kind, show_id, body }
    }
}

#[derive(Serialize)]
struct CloudEvent<D> {
    specversion: &'static str,
    id: String,
    source: String,
    r#type: &'static str,
    subject: String,
    time: Timestamp,
    datacontenttype: &'static str,
    sequence: String,
    data: D,
}

#[derive(Serialize)]
struct Show<'a> {
    show_id: ShowId,
    name: &'a str,
    venue: &'a str,
    starts_at: Timestamp,
}

#[derive(Serialize)]
struct Ticket<'a> {
    ticket_id: TicketId,
    seat: String,
    zone: &'a str,
    price: Money,
}

#[derive(Serialize)]
struct Zone<'a> {
    name: &'a str,
    price: Money,
    seats: u32,
}

#[derive(Serialize)]
struct Published<'a> {
    show: Show<'a>,
    sales_open_at: Option<Timestamp>,
    seats_total: usize,
    zones: Vec<Zone<'a>>,
}

#[derive(Serialize)]
struct Sales<'a> {
    show: Show<'a>,
}

#[derive(Serialize)]
struct Cancelled<'a> {
    show: Show<'a>,
    reason: &'a str,
}

#[derive(Serialize)]
struct Paid<'a> {
    show: Show<'a>,
    order_id: OrderId,
    customer_id: CustomerId,
    payment_reference: &'a str,
    total: Money,
    tickets: Vec<Ticket<'a>>,
}

#[derive(Serialize)]
struct Refunded<'a> {
    show: Show<'a>,
    refund_id: RefundId,
    order_id: OrderId,
    total: Money,
    tickets: Vec<Ticket<'a>>,
}

#[derive(Serialize)]
struct CheckedIn<'a> {
    show: Show<'a>,
    ticket: Ticket<'a>,
    gate: &'a str,
}
