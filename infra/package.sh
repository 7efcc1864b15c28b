#!/usr/bin/env bash
# Makes in a folder what is deployed: the staged app, and app.zip of it. The same commit gives the same bytes.
# Usage: infra/package.sh <folder> [--arch x64|arm64] [--profile release|dev]
# x64 unless named: what Flex Consumption starts.
# Needs Rust, and Python with venv: cargo-zigbuild and Zig, which links against an old glibc, come from PyPI into target/.
set -euo pipefail
usage() { sed -n '3p' "$0" | cut -c3- >&2; exit 2; }

folder="" arch=x64 profile=release
while [ $# -gt 0 ]; do
  case $1 in
    --arch) arch=${2:-}; shift 2 || usage ;;
    --profile) profile=${2:-}; shift 2 || usage ;;
    -*) usage ;;
    *) [ -z "$folder" ] || usage; folder=$1; shift ;;
  esac
done
[ -n "$folder" ] || usage
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
cd "$(dirname "$0")/.."

case $arch in
  x64) target=x86_64-unknown-linux-gnu ;;
  arm64) target=aarch64-unknown-linux-gnu ;;
  *) usage ;;
esac
here=$(rustc -vV | sed -n 's/^host: //p')
if [ "${target%%-*}" != "${here%%-*}" ]; then
  # The handler stages itself.
  echo "infra/package.sh: $target is packaged on such a machine, and this one is $here" >&2
  exit 2
fi

made=target/package-tools
wanted="cargo-zigbuild==0.24.1 ziglang==0.15.2"
if [ "$(cat "$made/done" 2>/dev/null)" != "$wanted" ]; then
  rm -rf "$made"
  python3 -m venv "$made"
  # shellcheck disable=SC2086 # two words
  "$made/bin/pip" install --quiet --disable-pip-version-check --no-deps $wanted
  echo "$wanted" >"$made/done"
fi
if command -v rustup >/dev/null; then rustup target add --toolchain "$(rustup show active-toolchain | cut -d' ' -f1)" "$target" >/dev/null 2>&1 || true; fi

commit=$(git rev-parse --short=12 HEAD)
[ -z "$(git status --porcelain --untracked-files=no)" ] || commit="$commit-changed"
# No path of this machine in the executable.
export RUSTFLAGS="${RUSTFLAGS:-} --remap-path-prefix=$PWD=. --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo"
PATH="$PWD/$made/bin:$PATH" CLIENT_ORGANIZER_COMMIT=$commit \
  cargo zigbuild --locked --quiet --profile "$profile" --no-default-features --target "$target.2.28" >&2 ||
  exit 1
built=target/$target/$([ "$profile" = dev ] && echo debug || echo "$profile")/client-organizer
"$built" --version
# Refuses a build that the images of Azure Functions cannot start.
"$built" stage "$folder"

python3 - "$folder" <<'END'
import pathlib, sys, zipfile
folder = pathlib.Path(sys.argv[1])
ignored = {line for line in (folder / ".funcignore").read_text().splitlines()} | {".funcignore"}
files = sorted(path for path in folder.rglob("*") if path.is_file() and path.relative_to(folder).parts[0] not in ignored)
with zipfile.ZipFile(folder / "app.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
    for path in files:
        # The time of the oldest entry that a zip can have, and the bits that Linux needs to start the handler.
        entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), (1980, 1, 1, 0, 0, 0))
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.create_system = 3
        entry.external_attr = (0o100755 if path.name == "handler" else 0o100644) << 16
        archive.writestr(entry, path.read_bytes())
END
sha256sum "$folder/app.zip"
