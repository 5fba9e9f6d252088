//! The sentences in Spanish, as in Chile.

use super::Texts;

/// The table.
pub(crate) static SPANISH: Texts = Texts {
    demo: "DEMO: esta compra no es real y no tiene validez tributaria.",
    demo_subject: "[DEMO] {subject}",
    greeting: "Hola, {name}:",
    greeting_nobody: "Hola:",
    when: "Fecha y hora",
    venue: "Lugar",
    order: "Número de compra",
    attached: "Archivos adjuntos",
    see_order: "Ver mi compra",
    footer: "Recibes este correo por una compra hecha con tu dirección en {sender}. Se envía de forma automática.",
    seats_one: "1 entrada",
    seats_many: "{n} entradas",
    more_seats: "y {n} más, todas en el PDF",
    confirmation_subject: "Tus entradas para {show}",
    confirmation_heading: "¡Listo! Nos vemos en la función.",
    confirmation_intro: "Gracias por tu compra. Aquí están los detalles de tus entradas.",
    confirmation_total: "Total pagado",
    at_the_door: "En la puerta, muestra el código QR de cada entrada, impreso o en tu teléfono. Quien tenga el código puede entrar: no lo compartas.",
    add_to_calendar: "Con el archivo {file} agregas la función a tu calendario.",
    refund_subject: "Devolución de tus entradas para {show}",
    refund_heading: "Tu devolución está hecha.",
    refund_intro: "Devolvimos el dinero de estas entradas.",
    refund_total: "Total devuelto",
    refund_arrives: "El dinero vuelve al mismo medio de pago. Según tu banco, puede tardar unos días hábiles en aparecer.",
    refund_tickets_void: "Las entradas devueltas ya no sirven para entrar.",
    refund_calendar: "Con el archivo {file} quedan en tu calendario las entradas que conservas.",
    refund_calendar_cancel: "Con el archivo {file} la función sale de tu calendario.",
};
