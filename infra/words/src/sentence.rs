//! Sentences with places for values.

/// A sentence with its `{name}`s replaced, each once: a value that has braces keeps them. A name without a value leaves nothing.
#[must_use]
pub fn fill(sentence: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(sentence.len() + 32);
    let mut rest = sentence;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        filled.push_str(before);
        filled.push_str(values.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value));
        rest = after;
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_put_in_as_it_is() {
        assert_eq!(fill("{a} de {b}", &[("a", "{b}"), ("b", "2")]), "{b} de 2");
        assert_eq!(fill("sin nombres", &[]), "sin nombres");
    }
}
