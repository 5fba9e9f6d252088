//! Writes a plan as a file that people can read and compare: one line for each zone, row and shape.
//!
//! The result is plain JSON; reading it back gives the same plan.

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use ticketflow_domain::plan::PlanSpec;

/// The plan as JSON text with a line for each zone, row and decor shape, ending in a line break.
pub fn to_plan_file(plan: &PlanSpec) -> String {
    let mut bytes = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut bytes, LinePerObject { depth: 0 });
    plan.serialize(&mut serializer).expect("a plan has text keys only and a Vec takes every write");
    bytes.push(b'\n');
    String::from_utf8(bytes).expect("serde_json writes UTF-8")
}

/// Starts each nested object on a line of its own, indented by its depth.
struct LinePerObject {
    depth: usize,
}

impl Formatter for LinePerObject {
    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        if self.depth > 0 {
            writer.write_all(b"\n")?;
            (0..self.depth).try_for_each(|_| writer.write_all(b" "))?;
        }
        self.depth += 1;
        writer.write_all(b"{")
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth -= 1;
        writer.write_all(b"}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_zone_and_row_has_its_line_and_the_text_reads_back() {
        let json = r#"{"zones":[{"name":"Z","price":5,"rows":[{"label":"A","seats":3},{"label":"B","seats":["1","2"]}]}]}"#;
        let plan: PlanSpec = serde_json::from_str(json).unwrap();
        let text = to_plan_file(&plan);
        assert_eq!(text.lines().count(), 4, "{text}");
        assert!(text.contains("\n  {\"label\":\"A\",\"seats\":3},\n  {\"label\":\"B\""), "{text}");
        let again: PlanSpec = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&again).unwrap(), json);
    }
}
