//! As much of JSON Schema as `docs/asyncapi.yaml` uses. A keyword that is not known here fails, so that none is passed over.

use serde_json::{Map, Value};

/// Says what is wrong with `value`, with the path to it.
pub(crate) fn check(document: &Value, schema: &Value, value: &Value, path: &str) -> Result<(), String> {
    let Value::Object(keywords) = schema else { return Err(format!("{path}: a schema is an object")) };
    for (keyword, wanted) in keywords {
        one(document, keywords, keyword, wanted, value, path)?;
    }
    Ok(())
}

fn one(
    document: &Value,
    keywords: &Map<String, Value>,
    keyword: &str,
    wanted: &Value,
    value: &Value,
    path: &str,
) -> Result<(), String> {
    let wrong = || Err(format!("{path}: {value} is not as `{keyword}: {wanted}` says"));
    let holds = match keyword {
        "description" => true,
        "$ref" => return check(document, resolve(document, wanted)?, value, path),
        "allOf" => {
            return each(wanted).try_for_each(|part| check(document, part, value, path));
        }
        "oneOf" => each(wanted).filter(|part| check(document, part, value, path).is_ok()).count() == 1,
        "const" => value == wanted,
        "type" => match wanted.as_str() {
            Some("object") => value.is_object(),
            Some("array") => value.is_array(),
            Some("string") => value.is_string(),
            Some("integer") => value.is_i64() || value.is_u64(),
            Some("null") => value.is_null(),
            _ => return Err(format!("{path}: type {wanted} is not known")),
        },
        "pattern" => matches(wanted.as_str().unwrap_or_default(), value.as_str().unwrap_or_default()),
        "minimum" => value.as_i64() >= wanted.as_i64(),
        "minItems" => {
            value.as_array().is_some_and(|items| items.len() as u64 >= wanted.as_u64().unwrap_or(0))
        }
        "required" => each(wanted).all(|name| value.get(name.as_str().unwrap_or_default()).is_some()),
        "properties" => {
            let Value::Object(schemas) = wanted else { return wrong() };
            return schemas.iter().try_for_each(|(name, schema)| match value.get(name) {
                Some(member) => check(document, schema, member, &format!("{path}.{name}")),
                None => Ok(()),
            });
        }
        "additionalProperties" => {
            let known = keywords.get("properties").and_then(Value::as_object);
            let mut names = value.as_object().into_iter().flat_map(Map::keys);
            names.all(|name| known.is_some_and(|known| known.contains_key(name)))
        }
        "items" => {
            let mut items = value.as_array().into_iter().flatten().enumerate();
            return items.try_for_each(|(at, item)| check(document, wanted, item, &format!("{path}[{at}]")));
        }
        _ => return Err(format!("{path}: the keyword {keyword} is not known")),
    };
    if holds { Ok(()) } else { wrong() }
}

fn each(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

pub(crate) fn resolve<'a>(document: &'a Value, reference: &Value) -> Result<&'a Value, String> {
    let pointer = reference.as_str().and_then(|text| text.strip_prefix('#'));
    pointer.and_then(|pointer| document.pointer(pointer)).ok_or(format!("{reference} leads nowhere"))
}

/// The patterns of the document: anchored, with literals, `[...]`, one group of words, `*` and `{n}`.
fn matches(pattern: &str, text: &str) -> bool {
    let inner = pattern.strip_prefix('^').and_then(|rest| rest.strip_suffix('$'));
    let inner = inner.unwrap_or_else(|| panic!("{pattern} is not anchored"));
    if let Some((before, rest)) = inner.split_once('(') {
        let (words, after) = rest.split_once(')').expect("a group ends");
        return words.split('|').any(|word| matches(&format!("^{before}{word}{after}$"), text));
    }
    let (mut pattern, mut text) = (inner, text);
    while !pattern.is_empty() {
        let (class, rest) = match pattern.strip_prefix('[') {
            Some(class) => class.split_once(']').expect("a class ends"),
            None => pattern.split_at(pattern.chars().next().map_or(0, char::len_utf8)),
        };
        let is_class = pattern.starts_with('[');
        let fits = |letter: char| if is_class { in_class(class, letter) } else { class.starts_with(letter) };
        let run = text.chars().take_while(|letter| fits(*letter)).count();
        let (count, rest) = if let Some(rest) = rest.strip_prefix('*') {
            (run, rest)
        } else if let Some(rest) = rest.strip_prefix('{') {
            let (count, rest) = rest.split_once('}').expect("a count ends");
            (count.parse().expect("a number"), rest)
        } else {
            (1, rest)
        };
        if run < count {
            return false;
        }
        text = text.char_indices().nth(count).map_or("", |(at, _)| &text[at..]);
        pattern = rest;
    }
    text.is_empty()
}

fn in_class(class: &str, letter: char) -> bool {
    let letters: Vec<char> = class.chars().collect();
    let mut at = 0;
    while at < letters.len() {
        let is_range = letters.get(at + 1) == Some(&'-') && at + 2 < letters.len();
        let last = if is_range { letters[at + 2] } else { letters[at] };
        if (letters[at]..=last).contains(&letter) {
            return true;
        }
        at += if is_range { 3 } else { 1 };
    }
    false
}

#[test]
fn patterns_and_unknown_keywords() {
    for (pattern, text, fits) in [
        ("^[1-9][0-9]*$", "120", true),
        ("^[1-9][0-9]*$", "012", false),
        ("^[1-9][0-9]*$", "12x", false),
        ("^[0-9]{3}$", "123", true),
        ("^[0-9]{3}$", "1234", false),
        ("^(shows|orders)/[A-Z]{2}$", "orders/AB", true),
        ("^(shows|orders)/[A-Z]{2}$", "tickets/AB", false),
        ("^[0-9]{2}[.][0-9]{1}Z$", "12.5Z", true),
        ("^[0-9]{2}[.][0-9]{1}Z$", "1235Z", false),
    ] {
        assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
    }
    let unknown = serde_json::json!({"maxLength": 3});
    assert!(check(&Value::Null, &unknown, &Value::Null, "x").is_err_and(|error| error.contains("maxLength")));
}
