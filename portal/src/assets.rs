//! Style sheet, scripts and icon, inside the binary, under addresses that carry a hash of their content: a browser
//! keeps them for ever and a new release needs no cache to be emptied.
//!
//! Files name each other by plain name; the names are replaced by the hashed ones here, leaves first, so that the hash
//! of a file covers everything it loads.

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use data_encoding::HEXLOWER;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::LazyLock;

const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// Hash bytes in an address: 64 bits tell releases apart.
const HASH_BYTES: usize = 8;

/// Every file to serve; a file comes after the files that it names.
const FILES: [&str; 16] = [
    "icon.svg",
    "uplot.licence.txt",
    "uplot.min.css",
    "portal.css",
    "ops.css",
    "uplot.iife.min.js",
    "seat-plan.js",
    "seat-glyphs.js",
    "seat-painter.js",
    "seat-feed.js",
    "seat-pointer.js",
    "checkout.js",
    "seat-map.js",
    "ops-dashboard.js",
    "ops-past.js",
    "ops-papers.js",
];

#[derive(RustEmbed)]
#[folder = "assets/"]
struct Files;

struct Asset {
    bytes: Bytes,
    etag: HeaderValue,
    content_type: HeaderValue,
}

struct Catalogue {
    by_address: HashMap<String, Asset>,
    address_of: HashMap<&'static str, String>,
}

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(Catalogue::build);

impl Catalogue {
    fn build() -> Self {
        let mut catalogue = Self { by_address: HashMap::new(), address_of: HashMap::new() };
        for name in FILES {
            let file = Files::get(name).expect("every name of FILES is a file of the assets folder");
            let mut text = String::from_utf8(file.data.into_owned()).expect("assets are UTF-8 text");
            for (known, address) in &catalogue.address_of {
                text = text.replace(&format!("\"./{known}\""), &format!("\"./{address}\""));
            }
            let hash = HEXLOWER.encode(&Sha256::digest(text.as_bytes())[..HASH_BYTES]);
            let (stem, extension) = name.rsplit_once('.').expect("asset names have an extension");
            let address = format!("{stem}.{hash}.{extension}");
            let asset = Asset {
                bytes: Bytes::from(text),
                etag: HeaderValue::try_from(format!("\"{hash}\"")).expect("hexadecimal is visible ASCII"),
                content_type: content_type(extension),
            };
            catalogue.by_address.insert(address.clone(), asset);
            catalogue.address_of.insert(name, address);
        }
        catalogue
    }
}

fn content_type(extension: &str) -> HeaderValue {
    HeaderValue::from_static(match extension {
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "txt" => "text/plain; charset=utf-8",
        other => panic!("an asset of an unknown kind: {other}"),
    })
}

/// The address of an asset by its plain name.
pub(crate) fn address(name: &str) -> String {
    let address = CATALOGUE.address_of.get(name).expect("pages name assets of FILES only");
    format!("/assets/{address}")
}

/// `GET /assets/{address}`.
pub(crate) async fn serve(Path(address): Path<String>, headers: HeaderMap) -> Response {
    let Some(asset) = CATALOGUE.by_address.get(&address) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let caching = [(header::CACHE_CONTROL, IMMUTABLE), (header::ETAG, asset.etag.clone())];
    if headers.get(header::IF_NONE_MATCH) == Some(&asset.etag) {
        return (StatusCode::NOT_MODIFIED, caching).into_response();
    }
    (caching, [(header::CONTENT_TYPE, asset.content_type.clone())], asset.bytes.clone()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_import_points_at_a_served_address() {
        let mut imports = 0;
        for (address, asset) in &CATALOGUE.by_address {
            let text = std::str::from_utf8(&asset.bytes).unwrap();
            for imported in text.split("from \"./").skip(1).map(|rest| rest.split('"').next().unwrap()) {
                imports += 1;
                assert!(CATALOGUE.by_address.contains_key(imported), "{address} imports {imported}");
            }
        }
        assert!(imports >= 5, "the seat map is made of modules: {imports}");
    }

    #[tokio::test]
    async fn an_asset_is_immutable_and_revalidates_by_its_tag() {
        let address = CATALOGUE.address_of["portal.css"].clone();
        let first = serve(Path(address.clone()), HeaderMap::new()).await;
        assert_eq!(first.headers()[header::CACHE_CONTROL], IMMUTABLE);
        let tag = first.headers()[header::ETAG].clone();
        let again = serve(Path(address), HeaderMap::from_iter([(header::IF_NONE_MATCH, tag)])).await;
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        let unknown = serve(Path("portal.css".into()), HeaderMap::new()).await;
        assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
    }
}
