//! The handler's side: no child survives its host, and none takes another's invocations.

use std::{fs::File, io, path::Path};

/// The variable by which the local host tells its child to end when its stdin ends, and a secret made at its start.
pub const LOCAL_VARIABLE: &str = "CLIENT_ORGANIZER_LOCAL";
/// The file that the child holds locked for as long as it lives: the next host waits for that.
pub const LOCK_VARIABLE: &str = "CLIENT_ORGANIZER_LOCAL_LOCK";
/// The header by which each invocation of the local host says that secret: no page in a browser can know it.
pub const SECRET_HEADER: &str = "x-client-organizer-local";

/// Ends this process once stdin ends. The local host holds the other end of that pipe and never writes, so the
/// system closes it however the host dies, kill -9 included. Azure gives its handler no such pipe: call this only
/// where `CLIENT_ORGANIZER_LOCAL_LOCK` names a file to lock.
///
/// # Errors
/// The file cannot be opened, or another handler holds it.
pub fn end_with_host(lock: &Path) -> io::Result<()> {
    let held = File::options().write(true).open(lock)?;
    held.try_lock()?;
    // A thread of its own, since a read of stdin cannot be given up: in the runtime's pool it would hold up its end.
    std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        let _held = held;
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        // Not 0: the Azure host never restarts a handler that ended well.
        std::process::exit(1);
    })?;
    Ok(())
}
