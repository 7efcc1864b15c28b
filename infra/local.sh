#!/usr/bin/env bash
# Brings up the real parts on this machine, and makes a folder in which `func start` runs on them.
# Usage: infra/local.sh <folder>
# Needs Docker or Podman with compose, Rust, jq, and Azure Functions Core Tools for the last step.
set -euo pipefail
folder=${1:-}
[ -n "$folder" ] || { sed -n '3p' "$0" | cut -c3- >&2; exit 2; }
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
cd "$(dirname "$0")/.."
engine=${ENGINE:-$(command -v docker || command -v podman)} || { echo "infra/local.sh: neither docker nor podman is here" >&2; exit 1; }

compose() { "$engine" compose -f infra/compose.yaml "$@"; }
# The emulator's image has no shell for a check of its own: what waits for it is the program, which retries.
compose up --detach --wait sqlserver
compose up --detach
# shellcheck disable=SC2016 # the container's variable
compose exec -T sqlserver sh -c \
  '/opt/mssql-tools18/bin/sqlcmd -C -S localhost -U sa -P "$MSSQL_SA_PASSWORD" -b -Q "IF DB_ID('\''client-organizer'\'') IS NULL CREATE DATABASE [client-organizer]"'

cargo build --locked --release --no-default-features
handler=target/release/client-organizer
"$handler" stage --local "$folder"
jq --slurpfile ours infra/local/settings.json '.Values += $ours[0]' local.settings.example.json >"$folder/local.settings.json"
env "Store__Kind=sqlserver" "SqlConnectionString=$(jq -r .SqlConnectionString infra/local/settings.json)" "$handler" migrate
echo "cd $folder && func start    # mails: http://127.0.0.1:8025"
