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
trap 'rm -rf "$work"' EXIT

# --- tools and sign-in ---

say "tools and sign-in"
for tool in az jq curl openssl; do
  command -v "$tool" >/dev/null || fail "$tool is missing: infra/README.md names where each tool comes from"
done
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
if [ "$database" = yes ] && [ "$what_if" = no ]; then
  # What a workflow signs in with expires in minutes, and each new token needs it: those for later are got now.
  for resource in https://database.windows.net https://servicebus.azure.net https://storage.azure.com; do
    az account get-access-token --scope "$resource/.default" --output none || fail "no access token for $resource: az login"
  done
fi

# --- settings: a deployment replaces them all, so what it would take away or change is shown before ---

az resource list --resource-group "$group" --output json >"$work/resources.json"
exists() { jq -e --arg type "$1" --arg name "$2" 'any(.[]; .type == $type and .name == $name)' "$work/resources.json" >/dev/null; }
if exists Microsoft.Web/sites "$app_name"; then
  say "settings: those of $app_name against those of infra/$environment.bicepparam"
  az functionapp config appsettings list --resource-group "$group" --name "$app_name" --output json >"$work/present.json"
  # What begins with [ is known to Azure only. For it stands what the last deployment set.
  base=$(of_type Microsoft.ManagedIdentity/userAssignedIdentities | sed -n 's/-identity$//p')
  az deployment group show --resource-group "$group" --name "$base-app" --output json \
    --query "{state: properties.provisioningState, settings: properties.parameters.settings.value}" >"$work/last.json" 2>"$work/error" ||
    grep -q NotFound "$work/error" || fail "the last deployment of the settings cannot be read: $(cat "$work/error")"
  jq -e '.state == "Succeeded"' "$work/last.json" >/dev/null 2>&1 || echo '{}' >"$work/last.json"
  jq -r --slurpfile planned "$planned" --slurpfile last "$work/last.json" '
    ($planned[0].predictedResources[] | select(.type == "Microsoft.Web/sites/config") | .properties) as $new
    | map({key: .name, value}) | from_entries as $old
    | ($old | keys[]) as $name
    | if $new | has($name) | not then "\($name): the app has it, the parameters do not: it would be removed"
      elif $new[$name] | startswith("[") then
        ($last[0].settings // {})[$name] as $set
        | if $set == null or $set == $old[$name] then empty
          else "\($name): the app has another value than the last deployment set" end
      elif $new[$name] != $old[$name] then "\($name): the app has another value than the parameters"
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
  deleted=$(az keyvault list-deleted --resource-type vault --query "[?name=='$vault_name'].properties.location" --output tsv)
fi
if [ -n "$deleted" ]; then
  [ "$deleted" = "$location" ] || fail "the vault $vault_name was deleted in $deleted and keeps its name for 90 days: deploy there, or into a group of another name"
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
  "$here/package.sh" "$app"
fi
if [ ! -x "$app/handler" ] || [ ! -f "$app/app.zip" ]; then fail "$app has no handler and app.zip: infra/package.sh makes them"; fi
[[ $(head -c 20 "$app/handler" | od -An -v -tx1 | tr -d ' \n') != 7f454c46*b700 ]] || fail "$app is for arm64, and the plan starts x64 only: infra/package.sh $app"
version=$("$app/handler" --version | sed 's/.* //')

# --- the resources ---

say "resource providers"
{ jq -r '.predictedResources[].type | split("/")[0]' "$planned"; printf '%s\n' Microsoft.App Microsoft.AlertsManagement Microsoft.ContainerInstance; } | sort -u >"$work/providers"
if az provider list --query "[?registrationState=='Registered'].namespace" --output tsv >"$work/registered"; then
  grep -vixFf "$work/registered" "$work/providers" >"$work/missing" || true
  while read -r provider; do
    az provider register --namespace "$provider" --wait </dev/null >/dev/null ||
      fail "$provider cannot be registered: who owns the subscription runs this once, or az provider register --namespace $provider"
  done <"$work/missing"
else
  # Who owns the group alone may not see them. Once registered, they stay.
  echo "which are registered cannot be read: the deployment says if one is missing"
fi

say "resources (some minutes)"
az deployment group create --resource-group "$group" --name "client-organizer-$environment" \
  --parameters "$here/$environment.bicepparam" --no-prompt true --query properties.outputs --output json >"$work/outputs.json"
output() { jq -r --arg name "$1" '.[$name].value // empty' "$work/outputs.json"; }
jq -r '.mailRecords.value // {} | to_entries[] | select(.value.type? != null) | "DNS for the mail domain: \(.value.name) \(.value.type) \(.value.value)"' "$work/outputs.json"

# --- the database ---

if [ "$database" = yes ]; then
  say "database $(output sqlDatabase) on $(output sqlServer)"
  handler() { "$here/handler.sh" "$environment" --group "$group" --app "$app" -- "$@"; }
  handler migrate --app-user "$(output identityName)=$(output identityClientId)"
  # Signed in as you: what your account may not see it cannot check. The container's identity sees the database only.
  if [ -z "$(output jobsSubnetId)" ]; then
    handler doctor || [ $? = 1 ] || exit 1
    echo "what doctor found stands above; the app itself signs in as $(output identityName)"
  fi
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
  # An app that started before its role reached the vault has no key, and would ask again in a day.
  [ $((try % 10)) != 1 ] || az rest --method post --output none \
    --url "/subscriptions/$subscription/resourceGroups/$group/providers/Microsoft.Web/sites/$(output appName)/config/configreferences/appsettings/refresh?api-version=2022-03-01" ||
    echo "the app's references to the vault could not be read anew"
  sleep "${DEPLOY_PAUSE:-15}"
done

# --- a booking that ends as a mail ---

if [ -n "$mail_to" ]; then
  say "a booking that ends as a mail to $mail_to"
  az functionapp keys list --resource-group "$group" --name "$(output appName)" --query functionKeys.default --output tsv |
    sed 's/^/x-functions-key: /' >"$work/key"
  # What begins to run, or a database that wakes, answers 503 first. The key makes a repeated write the same one.
  run=$(openssl rand -hex 8)
  api() { # method, path, body; the answer's headers are in $work/headers
    curl --silent --show-error --max-time 60 --retry 7 --retry-delay 15 --output "$work/body" --dump-header "$work/headers" \
      --header "@$work/key" --header 'Content-Type: application/json' ${3:+--header "Idempotency-Key: $run-${2//\//-}"} \
      --request "$1" "https://$host/api/$2" ${3:+--data "$3"} && cat "$work/body"
  }
  # Of an answer that may be no JSON.
  field() { jq -r "$1 // empty" 2>/dev/null || true; }
  status() { grep '^HTTP/' "$work/headers" | tail -1; }
  client=$(jq -cn --arg to "$mail_to" '{name: "deploy.sh", address: "-", nipNb: "1234563218", email: $to}')
  id=$(api POST clients "$client" | field .id)
  # One that an interrupted run left, and no other: an office may have a client with this NIP.
  after=0
  known=${id:+yes}
  while [ -z "$id" ] && [ -n "$after" ]; do
    page=$(api GET "clients?limit=100&after=$after")
    name=$(field '.items[]? | select(.nipNb == "1234563218") | .name' <<<"$page")
    if [ -n "$name" ] && [ "$name" != deploy.sh ]; then
      fail "a client of the office has the NIP 1234563218, under which this books: leave out --mail-to. It was not touched"
    fi
    id=$(field '.items[]? | select(.nipNb == "1234563218") | .id' <<<"$page")
    after=$(field .next <<<"$page")
  done
  [ -n "$id" ] || fail "no client could be made: $(status)"
  # That run may have had another address.
  [ -n "$known" ] || [ "$(api PUT "clients/$id" "$client" | field .id)" = "$id" ] || fail "its address could not be changed: $(status)"
  api DELETE "clients/$id/finance/2030/1" >/dev/null
  api POST "clients/$id/finance" '{"year": 2030, "month": 1, "incomeTax": 1, "vat": 1, "insuranceAmount": 1}' >/dev/null
  message=$(tr -d '\r' <"$work/headers" | sed -n 's/^outbox-message-id: //Ip')
  [ -n "$message" ] || fail "the booking was refused: $(status)"
  for try in {1..40}; do
    shown=$(api GET "ops/messages/$message")
    [ "$(field .mail.state <<<"$shown")" != sent ] || break
    [ "$try" -lt 40 ] || fail "message $message is no mail after 10 minutes: $(status) $(field .summary <<<"$shown")"
    sleep "${DEPLOY_PAUSE:-15}"
  done
  echo "message $message: $(field .summary <<<"$shown")"
  api DELETE "clients/$id/finance/2030/1" >/dev/null
  api DELETE "clients/$id" >/dev/null
fi

say "done: $version"
echo "console: $(output consoleUrl)"
if [ -n "$before" ] && [ "$before" != "$version" ]; then
  commit=${before#*+} commit=${commit%%.*}
  if [[ $commit =~ ^[0-9a-f]{12}$ ]]; then
    # The older program with the resources and settings of today.
    echo "back to $before: git worktree add --detach ../$commit $commit && ../$commit/infra/package.sh ../$commit/app --arch x64 &&" \
      "infra/deploy.sh $environment --group $group --app ../$commit/app --without-database"
  else
    echo "no way back to $before is printed: its checkout had changes that no commit has"
  fi
fi
