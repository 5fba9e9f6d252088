//! Addresses that every server on the way takes: ASCII on both sides of the `@`.

use lettre::Address;
use url::Host;

/// RFC 5321: 256 with the angle brackets.
const MAX_BYTES: usize = 254;
/// Addresses may have these between quotes, but no mailbox that anybody uses does, and each means something in a header or a command.
const MEANINGFUL: [char; 12] = ['"', '\\', '<', '>', '(', ')', '[', ']', ',', ';', ':', '%'];

/// The address a text is, its domain in the form that name servers know: `ñandú.example.cl` has one, a local part with an `ñ`
/// needs SMTPUTF8, which not every server on the way has.
pub(crate) fn parse_address(text: &str) -> Option<Address> {
    let text = text.trim();
    let (local, domain) = text.rsplit_once('@')?;
    let is_plain = local.is_ascii() && !text.contains(|c: char| c.is_control() || c.is_whitespace());
    if !is_plain || text.contains(MEANINGFUL) {
        return None;
    }
    let Ok(Host::Domain(domain)) = Host::parse(domain) else { return None };
    let address = Address::new(local, domain).ok()?;
    let text: &str = address.as_ref();
    (text.is_ascii() && text.len() <= MAX_BYTES).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_or_refused() {
        let read = |text: &str| parse_address(text).map(|address| address.to_string());
        for text in ["ana@example.cl", "ana.perez+entradas@correo.example.cl", "o'higgins@example.cl"] {
            assert_eq!(read(text).as_deref(), Some(text));
        }
        assert_eq!(read(" ana@ñandú.example.cl ").as_deref(), Some("ana@xn--and-6ma2c.example.cl"));
        let long = format!("a@{}.example.cl", "a".repeat(300));
        for text in [
            "",
            "@",
            "ana",
            "ana@",
            "@example.cl",
            "ñandú@example.cl",
            "a na@example.cl",
            "a@b@example.cl",
            "ana@example.cl\r\nBcc: x@example.cl",
            "\"a b\"@example.cl",
            "ana@exam ple.cl",
            "ana@[127.0.0.1]",
            "ana@127.0.0.1",
            "<ana@example.cl>",
            "ana@example.cl,x@example.cl",
            "ana@exam%2eple.cl",
            "ana@.cl",
            &long,
            &format!("{}@example.cl", "a".repeat(65)),
            "ana\u{202E}@example.cl",
            "ana@example.cl>",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }
}
