//! Addresses of the portal's own pages with a query, encoded so that every text survives in them.

/// The address with these pairs added to its query, in their order.
pub(crate) fn with_query(address: &str, pairs: &[(&str, &str)]) -> String {
    let mut address = address.to_owned();
    for (name, value) in pairs {
        address.push(if address.contains('?') { '&' } else { '?' });
        address.push_str(name);
        address.push('=');
        push_encoded(&mut address, value);
    }
    address
}

fn push_encoded(address: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => address.push(char::from(byte)),
            _ => address.push_str(&format!("%{byte:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_survives_in_a_query() {
        assert_eq!(with_query("/", &[]), "/");
        let zone = with_query("/shows/1/list", &[("zone", "Palco Ñ & 1"), ("from", "3")]);
        assert_eq!(zone, "/shows/1/list?zone=Palco%20%C3%91%20%26%201&from=3");
        assert_eq!(with_query(&zone, &[("lang", "en")]), format!("{zone}&lang=en"));
    }
}
