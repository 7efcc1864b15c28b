#!/usr/bin/env bash
# Brings the app up in Azure, or up to date: everything from a checkout to a mail. README.md beside it explains each step.
# Usage: infra/deploy.sh <dev|prod> --group <resource group> [--location <region>] [--mail-to <address>]
#          [--app <folder of package.sh>] [--accept-settings] [--without-database] [--what-if]
# Each step may be done again: after a failure, run the same command. It never prints a secret.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
usage() { sed -n '3,4p' "$0" | cut -c3- >&2; exit 2; }
say() { printf '== %s\n' "$*"; }
fail() { printf 'deploy.sh: %s\n' "$*" >&2; exit 1; }

environment="" group="" location="" mail_to="" app="" accept=no database=yes what_if=no
while [ $# -gt 0 ]; do
  case $1 in
    --group) group=${2:-}; shift 2 || usage ;;
    --location) location=${2:-}; shift 2 || usage ;;
    --mail-to) mail_to=${2:-}; shift 2 || usage ;;
    --app) app=${2:-}; shift 2 || usage ;;
    --accept-settings) accept=yes; shift ;;
    --without-database) database=no; shift ;;
    --what-if) what_if=yes; shift ;;
    -*) usage ;;
    *) [ -z "$environment" ] || usage; environment=$1; shift ;;
  esac
done
if [ -z "$environment" ] || [ -z "$group" ]; then usage; fi
[ -f "$here/$environment.bicepparam" ] || fail "infra/$environment.bicepparam does not exist"

work=$(mktemp -d)
opened=""
# The rule lets this machine's address in, for the database's step only. One that an interrupted run left goes too.
close() {
  [ -n "$opened" ] || return 0
  az sql server firewall-rule delete --resource-group "$group" --server "$(output sqlServerName)" --name deploy-sh >/dev/null || fail "the firewall rule deploy-sh could not be removed: the next run removes it"
  opened=""
}
leave() {
  close || true
  rm -rf "$work"
}
trap leave EXIT

# --- tools and sign-in ---

say "tools and sign-in"
needed="az jq curl openssl"
if [ "$database" = yes ] && [ "$what_if" = no ]; then needed="$needed sqlcmd"; fi
for tool in $needed; do
  command -v "$tool" >/dev/null || fail "$tool is missing: infra/README.md names where each tool comes from"
done
if [[ $needed = *sqlcmd* ]] && ! sqlcmd --help 2>&1 | grep -q -- --authentication-method; then
  fail "this sqlcmd cannot sign in with Entra ID's default: install the one of github.com/microsoft/go-sqlcmd"
fi
account=$(az account show --output json 2>/dev/null) || fail "not signed in: az login"
subscription=$(jq -r .id <<<"$account")
echo "subscription $(jq -r .name <<<"$account") ($subscription), group $group"
az bicep version >/dev/null 2>&1 || az bicep install >/dev/null
grep -q '[<]' "$here/$environment.bicepparam" && fail "infra/$environment.bicepparam still has <…>: put your values there"

# --- the group; what the parameters would deploy into it ---

group_exists=$(az group exists --name "$group")
if [ "$group_exists" = true ]; then
  location=${location:-$(az group show --name "$group" --query location --output tsv)}
elif [ "$what_if" = yes ]; then
  echo "the group $group does not exist: everything in infra/$environment.snapshot.json would be created"
  exit 0
else
  [ -n "$location" ] || fail "the group $group does not exist: name its region with --location"
  say "group $group in $location"
  az group create --name "$group" --location "$location" >/dev/null
fi

given=${SECRET_VALUES:-"{}"}
jq -e 'type == "object"' <<<"$given" >/dev/null 2>&1 || fail "SECRET_VALUES is invalid: expected a JSON object of settings by name"
# Beside a copy of the template, so that the committed snapshot stays; without secrets.
cp -r "$here" "$work/infra"
SECRET_VALUES="{}" az bicep snapshot --file "$work/infra/$environment.bicepparam" --mode Overwrite --subscription-id "$subscription" \
  --resource-group "$group" --location "$location" >/dev/null
planned=$work/infra/$environment.snapshot.json
of_type() { jq -r --arg type "$1" '.predictedResources[] | select(.type == $type) | .name' "$planned"; }
app_name=$(of_type Microsoft.Web/sites)
vault_name=$(of_type Microsoft.KeyVault/vaults)

# --- settings: a deployment replaces them all, so what it would take away or change is shown before ---

az resource list --resource-group "$group" --output json >"$work/resources.json"
exists() { jq -e --arg type "$1" --arg name "$2" 'any(.[]; .type == $type and .name == $name)' "$work/resources.json" >/dev/null; }
if exists Microsoft.Web/sites "$app_name"; then
  say "settings: those of $app_name against those of infra/$environment.bicepparam"
  az functionapp config appsettings list --resource-group "$group" --name "$app_name" --output json >"$work/present.json"
  # What begins with [ is known to Azure only.
  jq -r --slurpfile planned "$planned" '
    ($planned[0].predictedResources[] | select(.type == "Microsoft.Web/sites/config") | .properties) as $new
    | map({key: .name, value}) | from_entries as $old
    | ($old | keys[]) as $name
    | if $new | has($name) | not then "\($name): the app has it, the parameters do not: it would be removed"
      elif ($new[$name] | startswith("[") | not) and $new[$name] != $old[$name] then "\($name): the app has another value than the parameters"
      else empty end' "$work/present.json" >"$work/differences"
  if [ -s "$work/differences" ]; then
    cat "$work/differences"
    if [ "$what_if" = no ] && [ "$accept" = no ]; then
      fail "put what is meant into infra/$environment.bicepparam; --accept-settings deploys the parameters as they are. Nothing was changed"
    fi
  fi
fi

# --- secrets: the vault keeps what it has ---

deleted=""
if [ "$what_if" = no ] && ! exists Microsoft.KeyVault/vaults "$vault_name"; then
  deleted=$(az keyvault list-deleted --resource-type vault --query "[?name=='$vault_name'].name" --output tsv)
fi
if [ -n "$deleted" ]; then
  say "vault $vault_name was deleted, and comes back with its secrets"
  az keyvault recover --name "$vault_name" --location "$location" >/dev/null
fi
for secret in $(of_type Microsoft.KeyVault/vaults/secrets); do
  secret=${secret#*/}
  setting=${secret/-/__}
  jq -e --arg name "$setting" 'has($name)' <<<"$given" >/dev/null && continue
  # The management side knows whether there is a secret, and not its value.
  url="/subscriptions/$subscription/resourceGroups/$group/providers/Microsoft.KeyVault/vaults/$vault_name/secrets/$secret?api-version=2023-07-01"
  if answer=$(az rest --method get --url "$url" --output json 2>&1); then continue; fi
  [[ $answer = *NotFound* ]] || fail "whether the vault has $secret cannot be read: $answer"
  [ "$setting" = Inbox__RecipientKey ] || fail "the vault has no $secret yet: SECRET_VALUES='{\"$setting\": \"…\"}' in the environment gives it"
  say "a new key for the recipients' hash, kept in the vault $vault_name"
  given=$(jq -c --arg name "$setting" --arg value "$(openssl rand -base64 24)" '. + {($name): $value}' <<<"$given")
done
export SECRET_VALUES=$given

if [ "$what_if" = yes ]; then
  say "what would change"
  az deployment group what-if --resource-group "$group" --parameters "$here/$environment.bicepparam" --no-prompt true
  exit 0
fi

# --- what is deployed: made first, so that nothing is changed where it cannot be built ---

if [ -z "$app" ]; then
  say "package"
  app=$work/app
  "$here/package.sh" "$app" --arch x64
fi
if [ ! -x "$app/handler" ] || [ ! -f "$app/app.zip" ]; then fail "$app has no handler and app.zip: infra/package.sh makes them"; fi
version=$("$app/handler" --version | sed 's/.* //')

# --- the resources ---

say "resource providers"
az provider list --query "[?registrationState=='Registered'].namespace" --output tsv >"$work/registered"
{ jq -r '.predictedResources[].type | split("/")[0]' "$planned"; printf '%s\n' Microsoft.App Microsoft.AlertsManagement; } | sort -u >"$work/providers"
grep -vixFf "$work/registered" "$work/providers" >"$work/missing" || true
while read -r provider; do
  az provider register --namespace "$provider" --wait </dev/null >/dev/null
done <"$work/missing"

say "resources (some minutes)"
az deployment group create --resource-group "$group" --name "client-organizer-$environment" \
  --parameters "$here/$environment.bicepparam" --no-prompt true --query properties.outputs --output json >"$work/outputs.json"
output() { jq -r --arg name "$1" '.[$name].value // empty' "$work/outputs.json"; }
jq -r '.mailRecords.value // {} | to_entries[] | select(.value.type? != null) | "DNS for the mail domain: \(.value.name) \(.value.type) \(.value.value)"' "$work/outputs.json"

# --- the database ---

server=$(output sqlServer) name=$(output sqlDatabase)
sql() { sqlcmd -S "tcp:$server,1433" -d "$name" --authentication-method ActiveDirectoryDefault -l 60 -b "$@"; }
if [ "$database" = yes ]; then
  say "database $name on $server"
  opened=$(az sql server firewall-rule list --resource-group "$group" --server "$(output sqlServerName)" \
    --query "[?name=='deploy-sh'].name" --output tsv)
  for try in 1 2 3 4 5; do
    if answer=$(sql -Q "SELECT 1" 2>&1); then break; fi
    if [[ $answer =~ address\ \'([0-9.]+)\'\ is\ not\ allowed ]]; then
      # The address as the server sees it.
      opened=yes
      az sql server firewall-rule create --resource-group "$group" --server "$(output sqlServerName)" --name deploy-sh \
        --start-ip-address "${BASH_REMATCH[1]}" --end-ip-address "${BASH_REMATCH[1]}" >/dev/null
    fi
    [ "$try" -lt 5 ] || fail "the database does not answer: $answer
If nothing outside its network reaches it, run this step inside (infra/README.md, \"The database\") and --without-database here"
    sleep "${DEPLOY_PAUSE:-15}"
  done
  export Store__Kind=sqlserver SqlConnectionString="Server=tcp:$server,1433;Database=$name;Authentication=Active Directory Default"
  "$app/handler" migrate
  "$app/handler" migrate --grants >"$work/grants.sql"
  sql -i "$work/grants.sql"
  sql -v "identity=$(output identityName)" -v "clientId=$(output identityClientId)" -i "$here/database.sql"
  # Signed in as you: what your account may not see it cannot check.
  ServiceBusConnection__fullyQualifiedNamespace="$(output busName).servicebus.windows.net" "$app/handler" doctor ||
    echo "doctor found what stands above; the app itself signs in as $(output identityName)"
  close
fi

# --- the program ---

host=$(output hostName)
before=$(curl --silent --max-time 60 "https://$host/api/health" | jq -r '.version // empty' 2>/dev/null) || before=""
say "publish $version to $(output appName)${before:+, which has $before}"
az functionapp deployment source config-zip --resource-group "$group" --name "$(output appName)" --src "$app/app.zip" >/dev/null

say "health of https://$host"
for try in {1..40}; do
  health=$(curl --silent --max-time 60 "https://$host/api/health") || health=""
  [ "$(jq -r '.version // empty' <<<"$health" 2>/dev/null)" != "$version" ] || break
  [ "$try" -lt 40 ] || fail "after 10 minutes it does not report $version, but: ${health:-nothing}"
  sleep "${DEPLOY_PAUSE:-15}"
done

# --- a booking that ends as a mail ---

if [ -n "$mail_to" ]; then
  say "a booking that ends as a mail to $mail_to"
  az functionapp keys list --resource-group "$group" --name "$(output appName)" --query functionKeys.default --output tsv |
    sed 's/^/x-functions-key: /' >"$work/key"
  api() { # method, path, body; the answer's headers are in $work/headers
    curl --silent --show-error --max-time 60 --header "@$work/key" --header 'Content-Type: application/json' \
      --dump-header "$work/headers" --request "$1" "https://$host/api/$2" ${3:+--data "$3"}
  }
  client=$(jq -cn --arg to "$mail_to" '{name: "deploy.sh", address: "-", nipNb: "1234563218", email: $to}')
  id=$(api POST clients "$client" | jq -r '.id // empty')
  # One that an interrupted run left.
  after=0
  while [ -z "$id" ] && [ "$after" != null ]; do
    page=$(api GET "clients?limit=100&after=$after")
    id=$(jq -r '.items[]? | select(.nipNb == "1234563218") | .id' <<<"$page")
    after=$(jq -r '.next // "null"' <<<"$page")
  done
  [ -n "$id" ] || fail "no client could be made: $(head -1 "$work/headers")"
  api DELETE "clients/$id/finance/2030/1" >/dev/null
  api POST "clients/$id/finance" '{"year": 2030, "month": 1, "incomeTax": 1, "vat": 1, "insuranceAmount": 1}' >/dev/null
  message=$(tr -d '\r' <"$work/headers" | sed -n 's/^outbox-message-id: //Ip')
  [ -n "$message" ] || fail "the booking was refused: $(head -1 "$work/headers")"
  for try in {1..40}; do
    shown=$(api GET "ops/messages/$message")
    [ "$(jq -r '.mail.state // empty' <<<"$shown" 2>/dev/null)" != sent ] || break
    [ "$try" -lt 40 ] || fail "message $message is no mail after 10 minutes: $(jq -r '.summary // .' <<<"$shown" 2>/dev/null)"
    sleep "${DEPLOY_PAUSE:-15}"
  done
  echo "message $message: $(jq -r .summary <<<"$shown")"
  api DELETE "clients/$id/finance/2030/1" >/dev/null
  api DELETE "clients/$id" >/dev/null
fi

say "done: $version"
echo "console: $(output consoleUrl)"
if [ -n "$before" ] && [ "$before" != "$version" ]; then
  commit=${before#*+}
  echo "back to $before: git worktree add ../back ${commit%%.*} && ../back/infra/deploy.sh $environment --group $group --accept-settings"
fi
