//! Two local hosts on one folder: the second is refused, under each name of the folder, and the first goes on.

use super::site::Site;
use std::os::unix::fs::symlink;

pub fn second(site: &Site) {
    let alias = site.data.with_extension("alias");
    symlink(&site.data, &alias).unwrap();
    for name in [&site.data, &alias] {
        let ended = site.second(name);
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(1), "{said}");
        assert!(said.contains("belongs to a local host that is running"), "{said}");
    }
}
