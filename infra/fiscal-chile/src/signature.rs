//! XML signatures as the authority's `xmldsignature_v10.xsd` allows them: one reference, C14N 1.0, SHA-1, RSA, key and certificate.
//!
//! Invariant: what is signed is the canonical form of one element with an `ID`, below elements that declare the namespaces of
//! `xml_writer`: the signature holds in the document alone and within an envelope.

use data_encoding::BASE64;
use sha1::{Digest, Sha1};

use crate::certificate::{SigningIdentity, subject_public_key};
use crate::keys::{PublicKey, base64_lines, decode_base64};
use crate::xml_tree::Element;
use crate::xml_writer::{SIGNATURE_NAMESPACE, SII_NAMESPACE, canonical};

/// The signature of an element, to stand right behind it.
pub(crate) fn sign(element: &str, id: &str, identity: &SigningIdentity) -> String {
    let signed_info = signed_info(id, &digest(element));
    let signature = identity.key().sign_sha1(canonical(&signed_info, SIGNATURE_NAMESPACE).as_bytes());
    let key = identity.key().public_key();
    format!(
        "<Signature xmlns=\"{SIGNATURE_NAMESPACE}\">\n{signed_info}\n<SignatureValue>{}</SignatureValue>\n<KeyInfo>\n\
         <KeyValue>\n<RSAKeyValue>\n<Modulus>{}</Modulus>\n<Exponent>{}</Exponent>\n</RSAKeyValue>\n</KeyValue>\n\
         <X509Data>\n<X509Certificate>{}</X509Certificate>\n</X509Data>\n</KeyInfo>\n</Signature>\n",
        base64_lines(&signature),
        base64_lines(&key.modulus()),
        BASE64.encode(&key.exponent()),
        base64_lines(identity.certificate_der()),
    )
}

/// Whether this is the signature of the element, made as [`sign`] does, by the key that stands in it and in its certificate. Whose
/// that certificate is, is not asked.
pub(crate) fn is_genuine(element: Element<'_>, signature: Element<'_>) -> bool {
    verify(element, signature).is_some()
}

fn verify(element: Element<'_>, signature: Element<'_>) -> Option<()> {
    let wanted = signed_info(element.attribute("ID")?, &digest(element.outer_xml()));
    if signature.attribute("xmlns") != Some(SIGNATURE_NAMESPACE)
        || signature.child("SignedInfo")?.outer_xml() != wanted
    {
        return None;
    }
    let key_info = signature.child("KeyInfo")?;
    let numbers = key_info.descend(&["KeyValue", "RSAKeyValue"])?;
    let number = |name| numbers.text_of(name).and_then(|text| decode_base64(&text));
    let key = PublicKey::new(&number("Modulus")?, &number("Exponent")?).ok()?;
    let certificate = decode_base64(&key_info.descend(&["X509Data", "X509Certificate"])?.text())?;
    let public_key = subject_public_key(&key);
    let value = decode_base64(&signature.text_of("SignatureValue")?)?;
    let holds = certificate.windows(public_key.len()).any(|window| window == public_key)
        && key.verifies_sha1(canonical(&wanted, SIGNATURE_NAMESPACE).as_bytes(), &value);
    holds.then_some(())
}

fn digest(element: &str) -> String {
    BASE64.encode(&Sha1::digest(canonical(element, SII_NAMESPACE).as_bytes()))
}

fn signed_info(id: &str, digest: &str) -> String {
    format!(
        "<SignedInfo>\n\
         <CanonicalizationMethod Algorithm=\"http://www.w3.org/TR/2001/REC-xml-c14n-20010315\"></CanonicalizationMethod>\n\
         <SignatureMethod Algorithm=\"http://www.w3.org/2000/09/xmldsig#rsa-sha1\"></SignatureMethod>\n\
         <Reference URI=\"#{id}\">\n<Transforms>\n\
         <Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"></Transform>\n</Transforms>\n\
         <DigestMethod Algorithm=\"http://www.w3.org/2000/09/xmldsig#sha1\"></DigestMethod>\n\
         <DigestValue>{digest}</DigestValue>\n</Reference>\n</SignedInfo>"
    )
}
