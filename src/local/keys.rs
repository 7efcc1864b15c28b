//! The function keys of `--auth`: one for each function that needs one, and a host key that opens all of them.

use super::LocalError;
use crate::private;
use hyper::{HeaderMap, Uri};
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};
use subtle::{Choice, ConstantTimeEq};

/// The file's name in the data folder. Only its owner may read it.
pub const KEYS_FILE: &str = "keys.json";
const HEADER: &str = "x-functions-key";
const PARAMETER: &str = "code";

/// The keys of one data folder; they stay until the file is deleted.
#[derive(Serialize, Deserialize)]
pub(super) struct Keys {
    host: String,
    functions: BTreeMap<String, String>,
}

impl Keys {
    /// Reads the keys, and makes those that are missing. Returns them with those that are new, by name.
    pub(super) fn open<'a>(
        data: &Path,
        functions: impl Iterator<Item = &'a str>,
    ) -> Result<(Self, Vec<(String, String)>), LocalError> {
        let path = data.join(KEYS_FILE);
        let unusable = |source| LocalError::Data { path: data.to_owned(), source };
        let mut made = Vec::new();
        let mut create = |name: &str| {
            // Two UUIDs: 244 random bits.
            let key = format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
            made.push((name.to_owned(), key.clone()));
            key
        };
        let mut keys = match fs::read_to_string(&path) {
            Ok(text) => serde_json::from_str(&text).map_err(|error| invalid(&path, &error))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Self { host: create("host"), functions: BTreeMap::new() }
            }
            Err(error) => return Err(unusable(error)),
        };
        for name in functions {
            if !keys.functions.contains_key(name) {
                keys.functions.insert(name.to_owned(), create(name));
            }
        }
        if !made.is_empty() {
            keys.write(&path).map_err(unusable)?;
        }
        Ok((keys, made))
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        let draft = path.with_extension("json.new");
        let mut file = private::options().create(true).truncate(true).open(&draft)?;
        writeln!(file, "{text}")?;
        file.sync_all()?;
        fs::rename(draft, path)
    }

    /// Whether the request carries the function's key or the host's. As in Azure, the header takes precedence.
    pub(super) fn open_to(&self, function: &str, headers: &HeaderMap, uri: &Uri) -> bool {
        let given: Vec<u8> = match headers.get(HEADER) {
            Some(value) => value.as_bytes().to_vec(),
            None => in_query(uri.query().unwrap_or_default()),
        };
        // Both are compared, whatever the first one is: the time an answer takes reveals nothing of a key.
        let one = |key: &str| Choice::from(u8::from(!key.is_empty())) & key.as_bytes().ct_eq(&given);
        let own = self.functions.get(function).map_or("", String::as_str);
        (one(own) | one(&self.host)).into()
    }
}

/// The first value of the parameter, which is found in any casing.
fn in_query(query: &str) -> Vec<u8> {
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let decoded = |text: &str| percent_decode_str(&text.replace('+', " ")).collect::<Vec<u8>>();
    let mut given = pairs.filter(|(name, _)| decoded(name).eq_ignore_ascii_case(PARAMETER.as_bytes()));
    given.next().map(|(_, value)| decoded(value)).unwrap_or_default()
}

fn invalid(path: &Path, error: &serde_json::Error) -> LocalError {
    // The error's text could repeat a key.
    let place = format!("line {}, column {}", error.line(), error.column());
    LocalError::Manifest {
        path: PathBuf::from(path),
        reason: format!("is invalid at {place}: delete it, and new keys are made"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn opens(keys: &Keys, function: &str, header: Option<&str>, target: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.extend(header.map(|key| (hyper::header::HeaderName::from_static(HEADER), key.parse().unwrap())));
        keys.open_to(function, &headers, &target.parse().unwrap())
    }

    #[test]
    fn a_key_opens_its_function_and_the_hosts_key_opens_all() {
        let folder = tempfile::tempdir().unwrap();
        let (keys, made) = Keys::open(folder.path(), ["Finance", "Operations"].into_iter()).unwrap();
        assert_eq!(made.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["host", "Finance", "Operations"]);
        let [host, finance, ops] = [0, 1, 2].map(|at: usize| made[at].1.clone());
        for (function, key, is_open) in [
            ("Finance", &finance, true),
            ("Finance", &host, true),
            ("Finance", &ops, false),
            ("Operations", &ops, true),
            ("Operations", &host, true),
            ("Operations", &finance, false),
            ("Other", &finance, false),
            ("Other", &host, true),
            ("Other", &String::new(), false),
            ("Finance", &String::new(), false),
            ("Finance", &finance[1..].to_owned(), false),
            ("Finance", &format!("{finance}0"), false),
        ] {
            assert_eq!(opens(&keys, function, Some(key), "/"), is_open, "{function} {key}");
            for parameter in ["code", "CODE", "c%6Fde"] {
                assert_eq!(opens(&keys, function, None, &format!("/?x=1&{parameter}={key}")), is_open);
            }
        }
        assert!(!opens(&keys, "Finance", Some("wrong"), &format!("/?code={finance}")), "the header takes precedence");
        assert!(!opens(&keys, "Finance", None, &format!("/?code=x&code={finance}")));
        assert!(!opens(&keys, "Finance", None, "/"));
    }

    #[test]
    fn keys_stay_and_a_new_function_gets_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(KEYS_FILE);
        let (_, first) = Keys::open(folder.path(), ["Finance"].into_iter()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let (_, none) = Keys::open(folder.path(), ["Finance"].into_iter()).unwrap();
        assert_eq!(none, []);
        let (keys, added) = Keys::open(folder.path(), ["Finance", "Operations"].into_iter()).unwrap();
        assert_eq!(added.len(), 1, "{added:?}");
        assert_eq!((&keys.host, &keys.functions["Finance"]), (&first[0].1, &first[1].1));
        fs::write(&path, r#"{"host":"secret-of-mine"#).unwrap();
        let error = Keys::open(folder.path(), ["Finance"].into_iter()).err().unwrap().to_string();
        assert!(error.contains("delete it") && !error.contains("secret-of-mine"), "{error}");
    }
}
