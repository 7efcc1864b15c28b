//! Settings under their former names: still read, with a warning that gives the current name.

use super::{catalogue, reader::Problem};
use std::collections::BTreeMap;

/// The same values under the current names, and a report on each former one.
pub(super) struct Renamed {
    pub env: BTreeMap<String, String>,
    pub warnings: Vec<Problem>,
    pub problems: Vec<Problem>,
}

pub(super) fn renamed(env: &BTreeMap<String, String>) -> Renamed {
    let mut found = Renamed { env: env.clone(), warnings: Vec::new(), problems: Vec::new() };
    for setting in catalogue::all() {
        for former in setting.formerly {
            let Some(value) = found.env.remove(*former) else { continue };
            let report = |what: String| Problem { setting: (*former).to_owned(), what };
            if found.env.contains_key(setting.name) {
                let what = format!("is the former name of {}, and both are set: unset {former}", setting.name);
                found.problems.push(report(what));
            } else {
                found.env.insert(setting.name.to_owned(), value);
                found.warnings.push(report(format!("is the former name of {}: use that one", setting.name)));
            }
        }
    }
    found
}
