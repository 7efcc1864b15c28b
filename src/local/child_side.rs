//! The handler's side: a child ends with its host, and accepts invocations of this host only.

use std::{fs::File, io, path::Path};

/// The variable that gives the child a secret, new at each start of the local host. Its invocations carry it.
pub const LOCAL_VARIABLE: &str = "CLIENT_ORGANIZER_LOCAL";
/// The variable that names the file which the child locks for as long as it lives; the next host waits for that lock.
pub const LOCK_VARIABLE: &str = "CLIENT_ORGANIZER_LOCAL_LOCK";
/// The header that carries the secret in each invocation. A page in a browser cannot know it.
pub const SECRET_HEADER: &str = "x-client-organizer-local";

/// Ends this process once stdin ends. The local host holds the other end of that pipe and never writes, so the
/// system closes it however the host dies, `kill -9` included. In Azure the handler has no such pipe, so call this only
/// where `CLIENT_ORGANIZER_LOCAL_LOCK` names a file to lock.
///
/// # Errors
/// The file cannot be opened, or another handler has locked it.
pub fn end_with_host(lock: &Path) -> io::Result<()> {
    let held = File::options().write(true).open(lock)?;
    held.try_lock()?;
    // A thread of its own: a read of stdin cannot be cancelled, and in the runtime's pool it would delay the shutdown.
    std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        let _held = held;
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        // Not 0: the Azure host never restarts a handler that ended well.
        std::process::exit(1);
    })?;
    Ok(())
}
