"""Measures how many tickets ReportLab makes in a second on one core: the same ticket as `ticket_rate.rs`, an A5 page
with embedded, subset TrueType fonts and the QR code as vectors. Counts processor time, as the other one does.

Usage: python3 ticket_rate_reportlab.py [SECONDS] [FONT_FOLDER] [OUTPUT.pdf]; needs the package `reportlab`.
The fonts are DejaVu Sans from FONT_FOLDER, or ReportLab's own Vera where it is absent.
"""

import io
import os
import sys
import time

import reportlab
from reportlab.graphics import renderPDF
from reportlab.graphics.barcode.qr import QrCodeWidget
from reportlab.graphics.shapes import Drawing
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A5
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen import canvas

TERMS = [
    "Válida para una persona y una sola vez: el código se anula al entrar. Las puertas abren una hora antes.",
    "No se permite el ingreso con alimentos ni grabar la función. Cambios y devoluciones según las condiciones",
    "del recinto y la Ley del Consumidor; conserva esta entrada hasta el final de la función.",
]


def register_fonts(folder):
    names = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf")
    if not all(os.path.exists(os.path.join(folder, name)) for name in names):
        folder = os.path.join(os.path.dirname(reportlab.__file__), "fonts")
        names = ("Vera.ttf", "VeraBd.ttf")
    for face, name in zip(("Regular", "Bold"), names):
        pdfmetrics.registerFont(TTFont(face, os.path.join(folder, name)))
    return os.path.join(folder, names[0])


def code(number):
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    return "TF:" + "".join(alphabet[(at * at * 7 + at * 3 + number * (at + 11)) % 32] for at in range(175))


def ticket(number):
    width, height = A5
    buffer = io.BytesIO()
    page = canvas.Canvas(buffer, pagesize=A5, invariant=1)
    page.setTitle("Entradas: La casa de las mareas")

    def text(x, top, size, words, face="Bold", colour="#171a21"):
        page.setFillColor(HexColor(colour))
        page.setFont(face, size)
        page.drawString(x, height - top, words)

    page.setFillColor(HexColor("#f4f3f0"))
    page.rect(0, 0, width, height - 360, stroke=0, fill=1)
    page.setFillColor(HexColor("#14342b"))
    page.rect(0, height - 210, width, 210, stroke=0, fill=1)
    page.saveState()
    clip = page.beginPath()
    clip.rect(0, height - 110, width, 110)
    page.clipPath(clip, stroke=0)
    page.setLineCap(1)
    for row in range(9):
        size = 5 + row * 0.75
        page.setStrokeColor(HexColor("#e0a458" if row % 3 else "#5aa786"))
        page.setLineWidth(size)
        page.setDash([0.1, size * 1.55], row * 7)
        page.circle(160, height + 14, 48 + row * 19, stroke=1, fill=0)
    page.restoreState()
    text(32, 150, 9.5, "Entrada 1 de 1", colour="#e0a458")
    text(32, 188, 25, "La casa de las mareas", colour="#ffffff")
    facts = [
        (32, 238, "Fecha", "sábado 5 de diciembre de 2026"), (284, 238, "Hora", "20:30 h"),
        (32, 280, "Lugar", "Teatro Caleta Clara, Ñuñoa"),
        (32, 322, "A nombre de", "María José Núñez Güell"), (284, 322, "Precio", "$25.000"),
        (204, 390, "Zona", "Platea alta"), (204, 519, "Orden", "01KB2R5T7W9YAC4EG6HJ8KMNPQ"),
    ]
    for x, top, label, value in facts:
        text(x, top, 7.5, label, "Regular", "#6b707c")
        text(x, top + 16, 13.5 if top < 500 else 9, value)
    for x, label, value in [(204, "Fila", "K"), (296, "Asiento", str(14 + number % 40))]:
        text(x, 450, 7.5, label, "Regular", "#6b707c")
        text(x, 494, 48, value)
    page.setFillColor(HexColor("#ffffff"))
    page.roundRect(32, height - 532, 150, 150, 6, stroke=0, fill=1)
    widget = QrCodeWidget(code(number), barLevel="M", barWidth=150, barHeight=150)
    drawing = Drawing(150, 150)
    drawing.add(widget)
    renderPDF.draw(drawing, page, 32, height - 532)
    for line, words in enumerate(TERMS):
        text(32, 550 + 7.5 * line, 6.5, words, "Regular", "#6b707c")
    page.setFillColor(HexColor("#b31b1b"))
    page.rect(0, 0, width, 20, stroke=0, fill=1)
    page.setFillColor(HexColor("#ffffff"))
    page.setFont("Bold", 8)
    page.drawCentredString(width / 2, 7, "DEMO, SIN VALIDEZ TRIBUTARIA")
    page.showPage()
    page.save()
    return buffer.getvalue()


def main():
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10
    font = register_fonts(sys.argv[2] if len(sys.argv) > 2 else "/usr/share/fonts/truetype/dejavu")
    first = ticket(0)
    if len(sys.argv) > 3:
        with open(sys.argv[3], "wb") as file:
            file.write(first)
    made, started = 0, time.process_time()
    while time.process_time() - started < seconds:
        made += 1
        ticket(made)
    rate = made / (time.process_time() - started)
    print(f"reportlab {reportlab.Version}, {font}: {rate:.0f} tickets/s on one core, {len(first)} bytes each")


if __name__ == "__main__":
    main()
