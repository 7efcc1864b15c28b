#!/usr/bin/env bash
# Runs a command of the handler on the app's database, with the app's settings, as one who administers it: `migrate`, `ops …`,
# `doctor`. On this machine, with the database's firewall opened to it meanwhile; where only its network reaches the database, in a
# container there. It ends as that command does; with 3, if it could not run it, or not remove what it opened or started for it.
# Usage: infra/handler.sh <dev|prod> --group <resource group> --app <folder of package.sh> -- <command of the handler>
set -euo pipefail
usage() { sed -n '5p' "$0" | cut -c3- >&2; exit 2; }
fail() { printf 'handler.sh: %s\n' "$*" >&2; exit 1; }

environment="" group="" app=""
while [ $# -gt 0 ]; do
  case $1 in
    --group) group=${2:-}; shift 2 || usage ;;
    --app) app=${2:-}; shift 2 || usage ;;
    --) shift; break ;;
    -*) usage ;;
    *) [ -z "$environment" ] || usage; environment=$1; shift ;;
  esac
done
if [ -z "$environment" ] || [ -z "$group" ] || [ $# = 0 ]; then usage; fi
[ -x "$app/handler" ] || fail "${app:-.} has no handler: infra/package.sh makes it"

work=$(mktemp -d)
opened="" started="" ran=no
leave() {
  code=$?
  if [ "$code" != 0 ] && [ "$ran" = no ]; then code=3; fi
  if [ -n "$opened" ]; then
    az sql server firewall-rule delete --resource-group "$group" --server "$(output sqlServerName)" --name handler-sh --output none || {
      echo "handler.sh: the firewall rule handler-sh could not be removed: the next run removes it" >&2
      code=3
    }
  fi
  if [ -n "$started" ]; then
    az container delete --resource-group "$group" --name "$started" --yes --output none || {
      echo "handler.sh: the container $started could not be removed: the next run removes it" >&2
      code=3
    }
  fi
  rm -rf "$work"
  exit "$code"
}
trap leave EXIT

az deployment group show --resource-group "$group" --name "client-organizer-$environment" --query properties.outputs --output json >"$work/outputs.json"
output() { jq -r --arg name "$1" '.[$name].value // empty' "$work/outputs.json"; }
address="Server=tcp:$(output sqlServer),1433;Database=$(output sqlDatabase)"

# The app's settings as a script that exports them, but for how the app itself signs in. It is in no argument and no log.
az functionapp config appsettings list --resource-group "$group" --name "$(output appName)" --output json >"$work/settings.json"
case $1 in
  migrate | doctor) ;; # They need no secret: the references stay.
  *)
    reference='^@Microsoft\.KeyVault\(VaultName=(?<vault>[^;]+);SecretName=(?<secret>[^;)]+)\)$'
    jq -r --arg reference "$reference" '.[] | .name as $name | .value | capture($reference)? | [$name, .vault, .secret] | @tsv' \
      "$work/settings.json" >"$work/references"
    while IFS=$'\t' read -r name vault secret; do
      if az keyvault secret show --vault-name "$vault" --name "$secret" --query value --output json >"$work/secret.json" 2>"$work/error" </dev/null; then
        jq --arg name "$name" --slurpfile secret "$work/secret.json" 'map(if .name == $name then .value = $secret[0] else . end)' \
          "$work/settings.json" >"$work/resolved.json"
        mv "$work/resolved.json" "$work/settings.json"
      else
        echo "handler.sh: $name could not be read from the vault $vault (your account may lack the role Key Vault Secrets User); what needs it is refused: $(head -c 300 "$work/error")" >&2
      fi
    done <"$work/references"
    ;;
esac
jq -r '.[] | select(.name | test("^[A-Za-z_][A-Za-z0-9_]*$")) | select(.name | test("^SqlConnectionString$|__(credential|clientId)$") | not)
  | "export \(.name)=\(.value | @sh)"' "$work/settings.json" >"$work/settings"

here() {
  # shellcheck source=/dev/null
  . "$work/settings"
  export SqlConnectionString="$address;Authentication=Active Directory Default"
  # One that an interrupted run left is removed too.
  opened=$(az sql server firewall-rule list --resource-group "$group" --server "$(output sqlServerName)" \
    --query "[?name=='handler-sh'].name" --output tsv)
  for try in {1..20}; do
    if answer=$("$app/handler" migrate --dry-run 2>&1); then break; fi
    if [[ $answer =~ address\ \'([0-9.]+)\'\ is\ not\ allowed ]]; then
      # The address as the server sees it.
      opened=yes
      az sql server firewall-rule create --resource-group "$group" --server "$(output sqlServerName)" --name handler-sh \
        --start-ip-address "${BASH_REMATCH[1]}" --end-ip-address "${BASH_REMATCH[1]}" --output none
    elif [[ $answer != *"the database is not available now"* ]] || [[ $answer = *"no Entra ID token"* ]]; then
      # It does not pass by waiting: the command itself says what is wrong, or can do without.
      break
    fi
    [ "$try" -lt 20 ] || fail "the database does not answer: $answer"
    sleep "${DEPLOY_PAUSE:-15}"
  done
  ran=yes
  "$app/handler" "$@"
}

upload() {
  az storage blob upload --account-name "$(output storageName)" --auth-mode login --container-name packages --name jobs/handler \
    --file "$app/handler" --overwrite true --no-progress --output none 2>"$work/error"
}

inside() {
  account=$(az account show --output json)
  if ! upload; then
    # Who owns the group still needs a role that reads and writes data.
    me=$(az account get-access-token --query accessToken --output tsv |
      jq -rR 'split(".")[1] | gsub("-"; "+") | gsub("_"; "/") | @base64d | fromjson | .oid')
    kind=$(jq -r 'if .user.type == "user" then "User" else "ServicePrincipal" end' <<<"$account")
    az role assignment create --assignee-object-id "$me" --assignee-principal-type "$kind" --role "Storage Blob Data Contributor" \
      --scope "$(output packagesId)" --output none
    for try in {1..40}; do
      if upload; then break; fi
      [ "$try" -lt 40 ] || fail "the handler cannot be uploaded to $(output storageName): $(cat "$work/error")"
      sleep "${DEPLOY_PAUSE:-15}"
    done
  fi
  member=(az ad group member add --group "$(output sqlAdminId)" --member-id "$(output jobsPrincipalId)")
  # Refused where it is one already, and to those who do not own the group.
  "${member[@]}" --output none 2>/dev/null || true
  name=$(output jobsIdentityName)
  started=$(az container list --resource-group "$group" --query "[?name=='$name'].name" --output tsv)
  [ -z "$started" ] || az container delete --resource-group "$group" --name "$name" --yes --output none
  started=$name
  # shellcheck disable=SC2016 # variables of the container
  script='{ az login --identity --client-id "$CLIENT" --output none && az storage blob download --account-name "$STORAGE" --auth-mode login --container-name packages --name jobs/handler --file handler --no-progress --output none && chmod +x handler; } || exit 3; eval "$SETTINGS"; export SqlConnectionString="$ADDRESS"; unset SETTINGS; eval "exec ./handler $COMMAND"'
  # In the place of a file after =@ stands what it has.
  az container create --resource-group "$group" --name "$name" --image mcr.microsoft.com/azure-cli:2.91.0 --os-type Linux \
    --cpu 1 --memory 1 --restart-policy Never --subnet "$(output jobsSubnetId)" --assign-identity "$(output jobsIdentityId)" \
    --environment-variables "CLIENT=$(output jobsClientId)" "STORAGE=$(output storageName)" "COMMAND=$(printf '%q ' "$@")" \
    "USER=$(jq -r .user.name <<<"$account")" "ADDRESS=$address;Authentication=Active Directory Managed Identity;User Id=$(output jobsClientId)" \
    --secure-environment-variables "SETTINGS=@$work/settings" --command-line "bash -c '$script'" --output none
  # As long as a migration may take.
  for try in {1..400}; do
    az container show --resource-group "$group" --name "$name" --query "containers[0].instanceView.currentState" --output json >"$work/state.json"
    [ "$(jq -r '.state // empty' "$work/state.json")" != Terminated ] || break
    [ "$try" -lt 400 ] || fail "the container $name has not ended: $(cat "$work/state.json")"
    sleep "${DEPLOY_PAUSE:-10}"
  done
  az container logs --resource-group "$group" --name "$name" >"$work/log"
  cat "$work/log"
  ran=yes
  code=$(jq -r '.exitCode // 3' "$work/state.json")
  if grep -q "the login was refused" "$work/log"; then
    echo "handler.sh: $name must be a member of the group that administers the database: ${member[*]}" >&2
  fi
  exit "$code"
}

if [ -n "$(output jobsSubnetId)" ]; then inside "$@"; else here "$@"; fi
