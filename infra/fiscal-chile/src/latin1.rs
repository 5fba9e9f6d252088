//! ISO-8859-1, the encoding that the authority wants: texts are brought into it, never refused.
//!
//! Invariant: what [`clean`] gives has only printable characters of ISO-8859-1, single spaces between words, and at most as many
//! characters as asked for. XML is left to `xml_writer`.

/// `U+0100` to `U+017F` without their marks.
const EXTENDED_A: &[u8; 128] = b"AaAaAaCcCcCcCcDdDdEeEeEeEeEeGgGgGgGgHhHhIiIiIiIiIiIiJjKkkLlLlLlLlLlNnNnNnnNnOoOoOoOoRrRrRrSsSsSsSsTtTtTtUuUuUuUuUuUuWwYyYZzZzZzs";

/// What a mark makes of a letter: mark, letters, the same letters with it.
const COMPOSED: [(char, &str, &str); 6] = [
    ('\u{300}', "AEIOUaeiou", "ÀÈÌÒÙàèìòù"),
    ('\u{301}', "AEIOUYaeiouy", "ÁÉÍÓÚÝáéíóúý"),
    ('\u{302}', "AEIOUaeiou", "ÂÊÎÔÛâêîôû"),
    ('\u{303}', "ANOano", "ÃÑÕãñõ"),
    ('\u{308}', "AEIOUaeiouy", "ÄËÏÖÜäëïöüÿ"),
    ('\u{327}', "Cc", "Çç"),
];

/// The text as it can stand in a document: characters that ISO-8859-1 lacks become the nearest ones or `?`, control and invisible
/// characters go, white space becomes single spaces, and it ends after `max_characters`.
pub(crate) fn clean(text: &str, max_characters: usize) -> String {
    let mut cleaned = String::with_capacity(text.len().min(max_characters * 2));
    for character in text.chars() {
        if let Some((_, letters, composed)) = COMPOSED.iter().find(|(mark, ..)| *mark == character)
            && let Some(with_mark) = cleaned
                .chars()
                .last()
                .and_then(|last| letters.chars().position(|letter| letter == last))
                .and_then(|position| composed.chars().nth(position))
        {
            cleaned.pop();
            cleaned.push(with_mark);
        } else {
            push_nearest(&mut cleaned, character);
        }
    }
    let words: Vec<&str> = cleaned.split_ascii_whitespace().collect();
    let single_spaced: String = words.join(" ").chars().take(max_characters).collect();
    single_spaced.trim_end().to_owned()
}

fn push_nearest(text: &mut String, character: char) {
    match character {
        '\t'
        | '\n'
        | '\r'
        | '\u{85}'
        | '\u{A0}'
        | '\u{2000}'..='\u{200A}'
        | '\u{2028}'
        | '\u{2029}'
        | '\u{202F}'
        | '\u{3000}' => text.push(' '),
        // Control characters; a soft hyphen.
        '\0'..='\u{1F}' | '\u{7F}'..='\u{9F}' | '\u{AD}' => {}
        ' '..='\u{FF}' => text.push(character),
        'Œ' => text.push_str("OE"),
        'œ' => text.push_str("oe"),
        '\u{100}'..='\u{17F}' => text.push(char::from(EXTENDED_A[character as usize - 0x100])),
        'ẞ' => text.push('ß'),
        '‐'..='―' | '−' => text.push('-'),
        '‘' | '’' | '‚' | '‛' | '′' | 'ʼ' => text.push('\''),
        '“' | '”' | '„' | '‟' | '″' => text.push('"'),
        '‹' => text.push('<'),
        '›' => text.push('>'),
        '…' => text.push_str("..."),
        '•' | '‣' => text.push('·'),
        '€' => text.push_str("EUR"),
        '™' => text.push_str("(TM)"),
        // Marks on letters that have none in ISO-8859-1; directions, joiners, variants, tags.
        '\u{300}'..='\u{36F}'
        | '\u{61C}'
        | '\u{200B}'..='\u{200F}'
        | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}'
        | '\u{FE00}'..='\u{FE0F}'
        | '\u{FEFF}'
        | '\u{E0000}'..='\u{E0FFF}' => {}
        _ => text.push('?'),
    }
}

/// The bytes of a text that has only characters of ISO-8859-1.
pub(crate) fn encode(text: &str) -> Vec<u8> {
    text.chars().map(|character| u8::try_from(character).unwrap_or(b'?')).collect()
}

/// Any bytes are a text.
pub(crate) fn decode(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn texts_become_their_nearest() {
        for (text, cleaned) in [
            ("Señor Muñoz Ávila", "Señor Muñoz Ávila"),
            ("Sen\u{303}or A\u{301}vila q\u{301}", "Señor Ávila q"),
            ("Łódź Čapek Ğ ſ œuvre", "Lódz Capek G s oeuvre"),
            ("“Rock” – ‘n’ roll… 5 €", "\"Rock\" - 'n' roll... 5 EUR"),
            ("a\0b\u{7}c\nd\r\n\te", "abc d e"),
            ("\u{202E}abc\u{202C} 🎸👩‍🎤 שלום", "abc ??? ????"),
            ("  two   words  ", "two words"),
            ("", ""),
        ] {
            assert_eq!(clean(text, 100), cleaned, "{text:?}");
        }
    }

    #[test]
    fn it_is_cut_by_characters_not_bytes() {
        assert_eq!(clean(&"ñ".repeat(300), 40), "ñ".repeat(40));
        assert_eq!(clean("ab cd", 3), "ab");
    }

    proptest! {
        #[test]
        fn anything_fits(text in any::<String>(), max in 0_usize..100) {
            let cleaned = clean(&text, max);
            prop_assert!(cleaned.chars().count() <= max);
            prop_assert!(cleaned.chars().all(|c| matches!(c, ' '..='~' | '\u{A1}'..='\u{FF}')), "{cleaned:?}");
            prop_assert_eq!(decode(&encode(&cleaned)), cleaned.clone());
            prop_assert_eq!(clean(&cleaned, max), cleaned);
        }
    }
}
