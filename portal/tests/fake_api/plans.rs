//! Plans of the fake: a theatre of curved rows, a stadium of sectors around a general-admission pitch, and one whose
//! names try to break pages.

use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::f64::consts::PI;
use std::ops::Range;

pub struct FakeZone {
    pub name: String,
    pub price: i64,
    pub color: Option<&'static str>,
    pub general: bool,
    pub range: Range<usize>,
    rows: Vec<(String, Vec<(i64, i64)>)>,
    outline: Vec<(i64, i64)>,
}

pub struct FakePlan {
    pub zones: Vec<FakeZone>,
    pub hash: String,
    pub json: String,
}

#[derive(Default)]
struct Draft {
    zones: Vec<FakeZone>,
    decor: Vec<Value>,
    seats: usize,
}

impl Draft {
    fn numbered(
        &mut self,
        name: &str,
        price: i64,
        color: Option<&'static str>,
        rows: Vec<(String, Vec<(i64, i64)>)>,
    ) {
        let count: usize = rows.iter().map(|(_, seats)| seats.len()).sum();
        let range = self.seats..self.seats + count;
        self.seats += count;
        self.zones.push(FakeZone {
            name: name.into(),
            price,
            color,
            general: false,
            range,
            rows,
            outline: vec![],
        });
    }

    fn general(&mut self, name: &str, price: i64, capacity: usize, outline: Vec<(i64, i64)>) {
        let range = self.seats..self.seats + capacity;
        self.seats += capacity;
        self.zones.push(FakeZone {
            name: name.into(),
            price,
            color: Some("#2f9e6e"),
            general: true,
            range,
            rows: vec![],
            outline,
        });
    }

    fn finish(self) -> FakePlan {
        let points = |zone: &FakeZone| {
            zone.rows
                .iter()
                .flat_map(|(_, seats)| seats.clone())
                .chain(zone.outline.clone())
                .collect::<Vec<_>>()
        };
        let decor = self.decor.iter().flat_map(|decor| decor["outline"].as_array().unwrap());
        let corners = decor.map(|point| (point[0].as_i64().unwrap(), point[1].as_i64().unwrap()));
        // As the API gives them: around the points of seats and outlines, without a margin.
        let (xs, ys): (Vec<i64>, Vec<i64>) = self.zones.iter().flat_map(points).chain(corners).unzip();
        let bounds = json!([xs.iter().min(), ys.iter().min(), xs.iter().max(), ys.iter().max()]);
        let zones: Vec<Value> = self.zones.iter().map(|zone| {
            let mut first = zone.range.start;
            let rows: Vec<Value> = zone.rows.iter().map(|(label, seats)| {
                let (x, y): (Vec<i64>, Vec<i64>) = seats.iter().copied().unzip();
                let row = json!({ "label": label, "first": first, "seats": seats.len(), "x": x, "y": y });
                first += seats.len();
                row
            }).collect();
            let mut answer = json!({ "name": zone.name, "price": zone.price, "color": zone.color, "general": zone.general,
                "first": zone.range.start, "count": zone.range.len(), "rows": rows });
            // As the API: an area that nobody drew has no outline at all.
            if !zone.outline.is_empty() {
                answer["outline"] = json!(zone.outline);
            }
            answer
        }).collect();
        let json = json!({ "focal_point": [0, 0], "bounds": bounds, "decor": self.decor, "zones": zones })
            .to_string();
        FakePlan { zones: self.zones, hash: HEXLOWER.encode(&Sha256::digest(json.as_bytes())), json }
    }
}

impl FakePlan {
    fn zone_of(&self, seat: usize) -> &FakeZone {
        self.zones.iter().find(|zone| zone.range.contains(&seat)).expect("every seat is in a zone")
    }

    fn place(&self, seat: usize) -> (String, String, String) {
        let zone = self.zone_of(seat);
        let mut offset = seat - zone.range.start;
        for (label, seats) in &zone.rows {
            if offset < seats.len() {
                return (zone.name.clone(), label.clone(), (offset + 1).to_string());
            }
            offset -= seats.len();
        }
        (zone.name.clone(), "GA".into(), (offset + 1).to_string())
    }

    pub fn name(&self, seat: usize) -> String {
        let (zone, row, number) = self.place(seat);
        format!("{zone}-{row}-{number}")
    }

    pub fn index(&self, name: &str) -> Option<usize> {
        for zone in &self.zones {
            let Some(rest) = name.strip_prefix(&format!("{}-", zone.name)) else { continue };
            let mut first = zone.range.start;
            for (label, seats) in &zone.rows {
                if let Some(number) =
                    rest.strip_prefix(&format!("{label}-")).and_then(|text| text.parse::<usize>().ok())
                {
                    return (1..=seats.len()).contains(&number).then(|| first + number - 1);
                }
                first += seats.len();
            }
        }
        None
    }

    pub fn price(&self, seat: usize) -> i64 {
        self.zone_of(seat).price
    }

    pub fn ticket(&self, seat: usize, id: &str, show: &str) -> Value {
        let (zone, row, number) = self.place(seat);
        json!({ "ticket_id": id, "seat": self.name(seat), "zone": zone, "row": row, "number": number, "status": "PAID",
            "price": { "amount": self.price(seat), "currency": "CLP" },
            "qr": format!("TF1.k1.{id}.{show}.{seat}.{}", "A".repeat(86)) })
    }

    /// Seats as after some days of sale: bunches sold, a few held, a corner blocked. Always the same.
    pub fn opening_statuses(&self, sold_percent: u32) -> Vec<u8> {
        let total = self.zones.last().map_or(0, |zone| zone.range.end);
        (0..total)
            .map(|seat| {
                let bunch = Sha256::digest((seat as u64 / 5).to_le_bytes());
                let own = Sha256::digest((seat as u64).to_le_bytes());
                if u32::from(bunch[0]) * 100 / 255 < sold_percent {
                    2
                } else if sold_percent > 0 && own[1] < 6 {
                    1
                } else if sold_percent > 0 && own[2] < 2 {
                    3
                } else {
                    0
                }
            })
            .collect()
    }
}

fn letters(index: usize) -> String {
    char::from(b'A' + u8::try_from(index % 26).unwrap()).to_string()
}

fn arc(radius: f64, from: f64, to: f64, pitch: f64) -> Vec<(i64, i64)> {
    let count = ((to - from).abs() * radius / pitch).floor().max(1.0);
    (0..=count as usize)
        .map(|seat| {
            let angle = from + (to - from) * seat as f64 / count;
            ((radius * angle.sin()).round() as i64, (radius * angle.cos()).round() as i64)
        })
        .collect()
}

pub fn theatre() -> FakePlan {
    let mut draft = Draft::default();
    draft.decor.push(json!({ "label": "Escenario", "outline": [[-800, -500], [800, -500], [620, 150], [0, 230], [-620, 150]] }));
    let block = |rows: Range<usize>, radius: f64, from: f64, to: f64| {
        rows.enumerate()
            .map(|(at, row)| (letters(row), arc(radius + at as f64 * 95.0, from, to, 56.0)))
            .collect::<Vec<_>>()
    };
    draft.numbered("Platea Preferente", 62_000, Some("#d9480f"), block(0..6, 620.0, 0.62, -0.62));
    draft.numbered("Platea", 45_000, Some("#1971c2"), block(6..16, 1_260.0, 0.56, -0.56));
    draft.numbered("Palcos Izquierda", 55_000, Some("#9c36b5"), block(0..4, 1_000.0, -0.85, -1.25));
    draft.numbered("Palcos Derecha", 55_000, Some("#9c36b5"), block(0..4, 1_000.0, 1.25, 0.85));
    draft.numbered("Balcón", 28_000, Some("#2f9e44"), block(0..9, 2_500.0, 0.5, -0.5));
    draft.finish()
}

pub fn stadium() -> FakePlan {
    let mut draft = Draft::default();
    draft.decor.push(json!({ "label": "Escenario", "outline": [[-2400, -4300], [2400, -4300], [2400, -3300], [-2400, -3300]] }));
    draft.general(
        "Cancha General",
        38_000,
        6_000,
        vec![(-3400, -3000), (3400, -3000), (3400, 4200), (-3400, 4200)],
    );
    let tiers = [
        ("Baja", 5_400.0, 20, 52_000, "#c2255c"),
        ("Media", 7_000.0, 17, 41_000, "#1971c2"),
        ("Alta", 8_400.0, 20, 24_000, "#e8890c"),
    ];
    let sides = [
        ("Pacífico", 0.25 * PI, 0.75 * PI),
        ("Sur", -0.25 * PI, 0.25 * PI),
        ("Andes", -0.75 * PI, -0.25 * PI),
    ];
    for (tier, radius, rows, price, color) in tiers {
        for (side, from, to) in sides {
            let mut labelled = Vec::new();
            for row in 0..rows {
                for sector in 0..6 {
                    let width = (to - from) / 6.0;
                    let start = from + width * f64::from(sector);
                    let seats =
                        arc(radius + f64::from(row) * 62.0, start + width - 0.012, start + 0.012, 47.0);
                    let seats = seats.into_iter().map(|(x, y)| (x * 95 / 100, y * 108 / 100)).collect();
                    labelled.push((format!("{}{}", row + 1, letters(sector as usize)), seats));
                }
            }
            draft.numbered(&format!("{side} {tier}"), price, Some(color), labelled);
        }
    }
    assert!((44_000..47_000).contains(&draft.seats), "{}", draft.seats);
    draft.finish()
}

/// Four seats and standing places that nobody drew.
pub fn studio() -> FakePlan {
    let mut draft = Draft::default();
    draft.numbered("Platea", 12_000, None, vec![("A".into(), (0..4).map(|seat| (seat * 50, 0)).collect())]);
    draft.general("De pie", 8_000, 30, vec![]);
    draft.finish()
}

pub fn hostile() -> FakePlan {
    let mut draft = Draft::default();
    let name = format!("{}{}", super::HOSTILE_NAME, "y".repeat(200));
    let row = (0..40).map(|seat| (seat * 60, 600)).collect();
    draft.numbered(&name, 1_000, Some("red\" onload=\"alert(1)"), vec![("<b>".into(), row)]);
    draft.general("</select><img src=x>", 500, 100, vec![(0, 800), (2_400, 800), (2_400, 1_800), (0, 1_800)]);
    draft.finish()
}
