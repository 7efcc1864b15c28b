//! Which C library an executable needs, and whether Azure has it.

use object::{
    LittleEndian,
    elf::{EM_AARCH64, EM_X86_64, FileHeader64},
    read::elf::{FileHeader, ProgramHeader},
};
use serde::Serialize;
use std::{fmt, fs, io, path::Path};

/// The C library that an executable needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Linkage {
    /// Statically linked: needs none.
    Static,
    /// Needs the GNU C library.
    Glibc {
        /// The oldest version that has all symbols: `2.<minor>`.
        minor: u32,
    },
    /// Needs another C library.
    Other {
        /// Path of its loader.
        interpreter: String,
    },
    /// Not a Linux program for x64 or arm64.
    Foreign,
}

/// Azure's images have newer versions. This is the one of common build images for old systems, the one that
/// `infra/package.sh` builds for, and the one that the documentation names.
const GLIBC_MINOR_MAX: u32 = 28;

impl Linkage {
    /// Whether the images of Azure Functions can start it.
    #[must_use]
    pub fn runs_in_azure(&self) -> bool {
        match self {
            Self::Static => true,
            Self::Glibc { minor } => *minor <= GLIBC_MINOR_MAX,
            Self::Other { .. } | Self::Foreign => false,
        }
    }
}

impl fmt::Display for Linkage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cure = "infra/package.sh makes a build to publish";
        match self {
            Self::Static => write!(f, "statically linked; runs in Azure"),
            Self::Glibc { minor } if self.runs_in_azure() => write!(f, "needs glibc 2.{minor}; runs in Azure"),
            Self::Glibc { minor } => {
                write!(f, "needs glibc 2.{minor}, more than 2.{GLIBC_MINOR_MAX}: fine for this machine, {cure}")
            }
            Self::Other { interpreter } => {
                write!(f, "needs {interpreter}, which Azure lacks: {cure}")
            }
            Self::Foreign => write!(f, "not a Linux program for x64 or arm64: fine for this machine, {cure}"),
        }
    }
}

/// Reads the ELF headers of `executable`.
///
/// # Errors
/// The file cannot be read.
pub fn of(executable: &Path) -> io::Result<Linkage> {
    Ok(read(&fs::read(executable)?))
}

fn read(file: &[u8]) -> Linkage {
    // A file that cannot be parsed cannot be started either.
    parsed(file).unwrap_or(Linkage::Foreign)
}

fn parsed(file: &[u8]) -> object::Result<Linkage> {
    let header = FileHeader64::<LittleEndian>::parse(file)?;
    if ![EM_X86_64, EM_AARCH64].contains(&header.e_machine(LittleEndian)) {
        return Ok(Linkage::Foreign);
    }
    // The loader; a static program names none.
    for segment in header.program_headers(LittleEndian, file)? {
        if let Some(interpreter) = segment.interpreter(LittleEndian, file)? {
            let interpreter = String::from_utf8_lossy(interpreter).into_owned();
            return Ok(if interpreter.contains("ld-linux") {
                Linkage::Glibc { minor: newest_glibc(header, file)? }
            } else {
                Linkage::Other { interpreter }
            });
        }
    }
    Ok(Linkage::Static)
}

/// The newest of the versions (`GLIBC_2.34`) that the program's symbols need.
fn newest_glibc(header: &FileHeader64<LittleEndian>, file: &[u8]) -> object::Result<u32> {
    let sections = header.sections(LittleEndian, file)?;
    let Some((mut libraries, names)) = sections.gnu_verneed(LittleEndian, file)? else { return Ok(0) };
    let names = sections.strings(LittleEndian, file, names)?;
    let mut newest = 0;
    while let Some((_, mut versions)) = libraries.next()? {
        while let Some(version) = versions.next()? {
            let name = String::from_utf8_lossy(version.name(LittleEndian, names)?);
            // In a name with a third number (`GLIBC_2.2.5`) the second one counts.
            let minor = name.strip_prefix("GLIBC_2.").and_then(|rest| rest.split('.').next());
            newest = newest.max(minor.and_then(|minor| minor.parse().ok()).unwrap_or(0));
        }
    }
    Ok(newest)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An ELF header with one program header, then the loader's name.
    fn elf(kind: u8, interpreter: &[u8]) -> Vec<u8> {
        let mut file = vec![0_u8; 64 + 56];
        // 64 bits, little endian, version 1.
        file[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        file[18] = 0x3e;
        file[20] = 1;
        file[32] = 64;
        file[52] = 64;
        file[54] = 56;
        file[56] = 1;
        file[58] = 64;
        file[64] = kind;
        file[64 + 8] = 120;
        file[64 + 32] = u8::try_from(interpreter.len()).unwrap();
        [file, interpreter.to_vec()].concat()
    }

    #[test]
    fn the_loader_decides_what_a_program_needs() {
        assert_eq!(read(&elf(1, b"")), Linkage::Static);
        let musl = Linkage::Other { interpreter: "/lib/ld-musl-x86_64.so.1".to_owned() };
        assert_eq!(read(&elf(3, b"/lib/ld-musl-x86_64.so.1\0")), musl);
        for foreign in [&b""[..], b"\xcf\xfa\xed\xfe", b"#!/bin/sh", b"\x7fELF\x02\x01"] {
            assert_eq!(read(foreign), Linkage::Foreign);
        }
    }

    /// The file contains more than 30 versions as text; only those that a symbol needs count.
    #[test]
    #[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
    fn this_very_test_needs_a_glibc_no_newer_than_the_one_here() {
        let Linkage::Glibc { minor } = of(&std::env::current_exe().unwrap()).unwrap() else { panic!("not glibc") };
        let here = std::process::Command::new("getconf").arg("GNU_LIBC_VERSION").output().unwrap();
        let here = String::from_utf8(here.stdout).unwrap();
        let here: u32 = here.trim().strip_prefix("glibc 2.").unwrap().parse().unwrap();
        assert!((17..=here).contains(&minor), "2.{minor}, and here is 2.{here}");
    }

    #[test]
    fn a_damaged_header_is_reported_as_foreign() {
        let mut file = elf(3, b"x\0");
        file[32..40].fill(0xff);
        assert_eq!(read(&file), Linkage::Foreign);
    }

    #[test]
    fn an_executable_that_azure_cannot_start_is_reported_with_how_to_build_it() {
        assert!(Linkage::Glibc { minor: 28 }.to_string().contains("runs in Azure"));
        for not_there in [Linkage::Glibc { minor: 29 }, Linkage::Other { interpreter: "x".into() }, Linkage::Foreign] {
            assert!(not_there.to_string().contains("infra/package.sh"), "{not_there}");
        }
    }
}
