//! What an executable needs of the machine it is started on, and whether Azure has that.

use serde::Serialize;
use std::{fmt, fs, io, path::Path};

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Linkage {
    /// Needs nothing of the machine.
    Static,
    /// Needs a C library of GNU at least so new: `2.<minor>`.
    Glibc { minor: u32 },
    /// Needs another C library.
    Other { interpreter: String },
    /// Is no Linux x86-64 program.
    Foreign,
}

/// Azure's images have newer ones; it is what the usual build images for old systems have, and README and infra say.
const GLIBC_MINOR_MAX: u32 = 28;

impl fmt::Display for Linkage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cure = "build with --target x86_64-unknown-linux-musl to publish it";
        match self {
            Self::Static => write!(f, "statically linked; runs in Azure"),
            Self::Glibc { minor } if *minor <= GLIBC_MINOR_MAX => write!(f, "needs glibc 2.{minor}; runs in Azure"),
            Self::Glibc { minor } => {
                write!(f, "needs glibc 2.{minor}, more than 2.{GLIBC_MINOR_MAX}: fine for this machine, {cure}")
            }
            Self::Other { interpreter } => {
                write!(f, "needs {interpreter}, which Azure lacks: {cure}, linked statically")
            }
            Self::Foreign => write!(f, "no Linux x86-64 program: fine for this machine, {cure}"),
        }
    }
}

/// # Errors
/// The file cannot be read.
pub fn of(executable: &Path) -> io::Result<Linkage> {
    Ok(read(&fs::read(executable)?))
}

fn read(file: &[u8]) -> Linkage {
    // ELF, 64 bits, little endian, x86-64 (0x3e).
    if !file.starts_with(b"\x7fELF\x02\x01") || number(file, 18, 2) != Some(0x3e) {
        return Linkage::Foreign;
    }
    match interpreter(file) {
        None => Linkage::Static,
        Some(interpreter) if interpreter.contains("ld-linux") => Linkage::Glibc { minor: newest_glibc(file) },
        Some(interpreter) => Linkage::Other { interpreter },
    }
}

/// The program header of type 3 (INTERP) names the loader; a static program has none.
fn interpreter(file: &[u8]) -> Option<String> {
    let (table, size, count) = (number(file, 32, 8)?, number(file, 54, 2)?, number(file, 56, 2)?);
    (0..count).find_map(|index| {
        let header = table.checked_add(index * size)?;
        if number(file, header, 4)? != 3 {
            return None;
        }
        let (start, length) = (number(file, header.checked_add(8)?, 8)?, number(file, header.checked_add(32)?, 8)?);
        let text = file.get(start..start.checked_add(length)?)?;
        Some(String::from_utf8_lossy(text).trim_end_matches('\0').to_owned())
    })
}

/// Versions of symbols stand as text (`GLIBC_2.34`) in the file.
fn newest_glibc(file: &[u8]) -> u32 {
    const PREFIX: &[u8] = b"GLIBC_2.";
    let versions = file.windows(PREFIX.len()).enumerate().filter(|(_, window)| *window == PREFIX).map(|(at, _)| {
        let digits = file[at + PREFIX.len()..].iter().take(2).take_while(|b| b.is_ascii_digit());
        digits.fold(0, |number, digit| number * 10 + u32::from(digit - b'0'))
    });
    versions.max().unwrap_or(0)
}

/// A little-endian number of up to 8 bytes.
fn number(file: &[u8], at: usize, bytes: usize) -> Option<usize> {
    let slice = file.get(at..at.checked_add(bytes)?)?;
    let value = slice.iter().rev().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
    usize::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An ELF header with one program header, then the loader's name and some text.
    fn elf(kind: u8, interpreter: &[u8], text: &[u8]) -> Vec<u8> {
        let mut file = vec![0_u8; 64 + 56];
        file[..6].copy_from_slice(b"\x7fELF\x02\x01");
        file[18] = 0x3e;
        file[32] = 64;
        file[54] = 56;
        file[56] = 1;
        file[64] = kind;
        file[64 + 8] = 120;
        file[64 + 32] = u8::try_from(interpreter.len()).unwrap();
        [file, interpreter.to_vec(), text.to_vec()].concat()
    }

    #[test]
    fn a_program_tells_what_it_needs() {
        assert_eq!(read(&elf(1, b"", b"GLIBC_2.99")), Linkage::Static);
        let glibc = elf(3, b"/lib64/ld-linux-x86-64.so.2\0", b"GLIBC_2.2.5\0GLIBC_2.34\0GLIBC_2.9\0");
        assert_eq!(read(&glibc), Linkage::Glibc { minor: 34 });
        let musl = Linkage::Other { interpreter: "/lib/ld-musl-x86_64.so.1".to_owned() };
        assert_eq!(read(&elf(3, b"/lib/ld-musl-x86_64.so.1\0", b"")), musl);
        for foreign in [&b""[..], b"\xcf\xfa\xed\xfe", b"#!/bin/sh", b"\x7fELF\x02\x01"] {
            assert_eq!(read(foreign), Linkage::Foreign);
        }
    }

    #[test]
    fn a_damaged_header_reads_as_no_loader() {
        let mut file = elf(3, b"x", b"");
        file[32..40].fill(0xff);
        assert_eq!(read(&file), Linkage::Static);
    }

    #[test]
    fn what_azure_cannot_start_says_how_to_build_it() {
        assert!(Linkage::Glibc { minor: 28 }.to_string().contains("runs in Azure"));
        for not_there in [Linkage::Glibc { minor: 29 }, Linkage::Other { interpreter: "x".into() }, Linkage::Foreign] {
            assert!(not_there.to_string().contains("x86_64-unknown-linux-musl"), "{not_there}");
        }
    }
}
