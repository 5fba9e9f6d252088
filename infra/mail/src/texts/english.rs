//! The sentences in English.

use super::Texts;

/// The table.
pub(crate) static ENGLISH: Texts = Texts {
    demo: "DEMO: this order is not real and has no fiscal validity.",
    demo_subject: "[DEMO] {subject}",
    greeting: "Hello {name},",
    greeting_nobody: "Hello,",
    when: "Date and time",
    venue: "Venue",
    order: "Order reference",
    attached: "Attached files",
    see_order: "See my order",
    footer: "You get this mail because of an order made with your address at {sender}. It is sent automatically.",
    seats_one: "1 ticket",
    seats_many: "{n} tickets",
    more_seats: "and {n} more, all in the PDF",
    confirmation_subject: "Your tickets for {show}",
    confirmation_heading: "All set! See you at the show.",
    confirmation_intro: "Thank you for your order. Here are the details of your tickets.",
    confirmation_total: "Total paid",
    at_the_door: "At the door, show the QR code of each ticket, printed or on your phone. Whoever has the code can enter: do not share it.",
    add_to_calendar: "The file {file} adds the show to your calendar.",
    refund_subject: "Refund of your tickets for {show}",
    refund_heading: "Your refund is done.",
    refund_intro: "We gave back the money for these tickets.",
    refund_total: "Total refunded",
    refund_arrives: "The money goes back to the same means of payment. Depending on your bank, it may take some working days to show up.",
    refund_tickets_void: "Refunded tickets are no longer valid for entry.",
    refund_calendar: "With the file {file} your calendar shows the tickets that you still have.",
    refund_calendar_cancel: "The file {file} takes the show off your calendar.",
};
