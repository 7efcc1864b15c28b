//! The handler's side: no child survives its host, and none takes another's invocations.

use tokio::io::AsyncReadExt;

/// The variable by which the local host tells its child to end when its stdin ends, and a secret made at its start.
pub const LOCAL_VARIABLE: &str = "CLIENT_ORGANIZER_LOCAL";
/// The header by which each invocation of the local host says that secret: no page in a browser can know it.
pub const SECRET_HEADER: &str = "x-client-organizer-local";

/// Ends this process once stdin ends. The local host holds the other end of that pipe and never writes, so the
/// system closes it however the host dies, kill -9 included. Azure gives its handler no such pipe: call this only
/// where `CLIENT_ORGANIZER_LOCAL` is set.
pub fn end_on_stdin_eof() {
    tokio::spawn(async {
        let mut stdin = tokio::io::stdin();
        let mut ignored = [0_u8; 256];
        while matches!(stdin.read(&mut ignored).await, Ok(n) if n > 0) {}
        // Not 0: the Azure host never restarts a handler that ended well.
        std::process::exit(1);
    });
}
