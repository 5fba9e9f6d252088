//! The sentences in Spanish, as in Chile.

use super::Texts;

/// The table.
pub(crate) static SPANISH: Texts = Texts {
    demo: "DEMO, SIN VALIDEZ TRIBUTARIA",
    tickets_title: "Entradas: {show}",
    ticket_number: "Entrada {n} de {total}",
    when: "Fecha",
    doors_time: "Hora",
    venue: "Lugar",
    buyer: "A nombre de",
    price: "Precio",
    zone: "Zona",
    row: "Fila",
    seat: "Asiento",
    place: "Ubicación",
    general_admission: "Entrada general",
    order: "Orden",
    tax_id: "RUT",
    issued_on: "Fecha de emisión",
    billed_to: "Señor(a)",
    description: "Descripción",
    quantity: "Cantidad",
    amount: "Monto",
    net: "Neto",
    exempt: "Exento",
    tax: "IVA ({percent}%)",
    total: "Total",
    refers_to: "Referencia: {document} del {date}. {reason}",
    page: "Página {n} de {total}",
    stamp: "Timbre Electrónico SII",
    resolution: "Res. {number} de {year} · Verifique documento: {address}",
};
