#!/usr/bin/env python3
"""Stands for az, sqlcmd, curl and the packaged handler in the rehearsal of infra/deploy.sh: by the name it is called by.

It answers like the real ones, keeps what they would have made in state.json, and refuses what does not exist yet or, of az, what
arguments.json (from the real one) does not list. FAIL_AT=<n> makes the n-th call fail before its effect, FAIL_AFTER=<n> after it.
"""
import json, os, pathlib, sys

folder = pathlib.Path(os.environ["REHEARSAL"])
state_file = folder / "state.json"
state = json.loads(state_file.read_text())
program, arguments = os.path.basename(sys.argv[0]), sys.argv[1:]


def end(text="", code=0, error=""):
    state_file.write_text(json.dumps(state))
    if code == 0 and os.environ.get("FAIL_AFTER") == str(number):
        text, code, error = "", 1, "the connection was lost"
    if text:
        print(text)
    if error:
        print(error, file=sys.stderr)
    sys.exit(code)


def option(*names):
    for name in names:
        if name in arguments:
            return arguments[arguments.index(name) + 1]
    return None


def planned(kind):
    snapshot = json.loads(next(folder.glob("infra/dev.snapshot.json")).read_text())
    return [one for one in snapshot["predictedResources"] if one["type"] == kind]


calls = folder / "calls"
with calls.open("a") as log:
    log.write(json.dumps([program, *arguments]) + "\n")
number = len(calls.read_text().splitlines())
if os.environ.get("FAIL_AT") == str(number):
    sys.exit("a failure at this step")


def az():
    command = []
    for word in arguments:
        if word.startswith("-"):
            break
        command.append(word)
    command = " ".join(command)
    known = json.loads((folder / "arguments.json").read_text())["commands"]
    if command not in known:
        end(code=2, error=f"'{command}' is misspelled or not recognized by the system.")
    # Every command takes these.
    general = ["--output", "-o", "--query", "--subscription", "--only-show-errors"]
    unknown = [word for word in arguments if word.startswith("-") and word not in known[command] + general]
    if unknown:
        end(code=2, error=f"unrecognized arguments: {' '.join(unknown)}")
    group = option("--resource-group", "--group")
    if group and group not in state["groups"] and command != "bicep snapshot":
        end(code=3, error=f"(ResourceGroupNotFound) Resource group '{group}' could not be found.")
    if command == "account show":
        end(json.dumps({"id": "00000000-0000-0000-0000-000000000001", "name": "rehearsal"}))
    if command in ("bicep version", "bicep install", "bicep snapshot"):
        end()
    if command == "group exists":
        end("true" if option("--name") in state["groups"] else "false")
    if command == "group show":
        end("westeurope")
    if command == "group create":
        state["groups"].append(option("--name"))
        end()
    if command == "resource list":
        names = {"Microsoft.Web/sites": "codev-grdpdksqlg5uq", "Microsoft.KeyVault/vaults": "codevgrdpdksqlg5uq"}
        end(json.dumps([{"type": kind, "name": names[kind]} for kind in state["resources"]]))
    if command == "functionapp config appsettings list":
        end(json.dumps([{"name": name, "value": value, "slotSetting": False} for name, value in state["settings"].items()]))
    if command == "keyvault list-deleted":
        end("vault" if state["deleted"] else "")
    if command == "keyvault recover":
        state["deleted"] = False
        state["resources"].append("Microsoft.KeyVault/vaults")
        state["secrets"]["Inbox-RecipientKey"] = "the old one"
        end()
    if command == "rest":
        secret = option("--url").split("/secrets/")[1].split("?")[0]
        if secret in state["secrets"]:
            end("{}")
        end(code=3, error="Not Found({\"error\":{\"code\":\"SecretNotFound\"}})")
    if command == "deployment group what-if":
        end("Resource changes: 40 to create.")
    if command == "provider list":
        end("\n".join(state["providers"]))
    if command == "provider register":
        state["providers"].append(option("--namespace"))
        end()
    if command == "deployment group create":
        for kind in {one["type"].split("/")[0] for one in everything()} | {"Microsoft.App"}:
            if kind not in state["providers"]:
                end(code=1, error=f"(MissingSubscriptionRegistration) {kind}")
        for name, value in json.loads(os.environ["SECRET_VALUES"]).items():
            state["secrets"][name.replace("__", "-")] = value
        state["resources"] += [kind for kind in ("Microsoft.Web/sites", "Microsoft.KeyVault/vaults") if kind not in state["resources"]]
        # The expressions' values are Azure's.
        given = planned("Microsoft.Web/sites/config")[0]["properties"]
        state["settings"] = {name: "resolved" if value.startswith("[") else value for name, value in given.items()}
        outputs = {
            "appName": "codev-1", "hostName": "codev-1.example", "consoleUrl": "https://codev-1.example/api/console",
            "busName": "codev-1", "identityName": "codev-identity", "identityClientId": "1b671a64-40d5-491e-99b0-da01ff1f3341",
            "sqlServer": "codev-1.database.example", "sqlServerName": "codev-1", "sqlDatabase": "client-organizer", "mailRecords": {},
        }
        template = (folder / "infra/main.bicep").read_text()
        missing = [name for name in outputs if f"output {name} " not in template]
        if missing:
            end(code=1, error=f"main.bicep has no output {missing}")
        end(json.dumps({name: {"type": "String", "value": value} for name, value in outputs.items()}))
    if command == "sql server firewall-rule create":
        state["rules"].append(option("--name"))
        end()
    if command == "sql server firewall-rule list":
        end("\n".join(state["rules"]))
    if command == "sql server firewall-rule delete":
        state["rules"].remove(option("--name"))
        end()
    if command == "functionapp deployment source config-zip":
        state["published"] = pathlib.Path(option("--src")).read_text()
        end()
    if command == "functionapp keys list":
        end("key-of-the-host")
    end(code=2, error=f"the stand-in has no {command}")


def everything():
    return json.loads((folder / "infra/dev.snapshot.json").read_text())["predictedResources"]


def sqlcmd():
    if arguments == ["--help"]:
        end("  --authentication-method string")
    if not state["rules"]:
        # What the server adds to it.
        end(code=1, error="mssql: Cannot open server 'codev-1' requested by the login. Client with IP address '192.0.2.7' is not allowed to access the server.")
    script = option("-i")
    if script is None:
        end("1")
    text = pathlib.Path(script).read_text()
    if "CREATE ROLE" in text:
        if not state["schema"]:
            end(code=1, error="Cannot find the object 'Clients'")
        state["role"] = True
    else:
        values = dict(pair.split("=", 1) for pair in [arguments[n + 1] for n, word in enumerate(arguments) if word == "-v"])
        if not state["role"]:
            end(code=1, error="Cannot alter the role 'client_organizer'")
        state["users"][values["identity"]] = values["clientId"]
    end()


def handler():
    if arguments == ["--version"]:
        end("client-organizer 0.2.0+2f3a9c1d04be.release")
    if "Active Directory Default" not in os.environ.get("SqlConnectionString", "") or os.environ.get("Store__Kind") != "sqlserver":
        end(code=1, error="Store__Kind is invalid")
    if arguments == ["migrate", "--grants"]:
        end("CREATE ROLE client_organizer;")
    if arguments == ["migrate"]:
        state["schema"] = True
    end()


def curl():
    if "--dump-header" not in arguments:
        ready = state["published"] and state["users"] and state["secrets"]
        if not ready:
            end('{"status": "degraded"}')
        end(json.dumps({"status": "ok", "version": state["published"]}))
    assert pathlib.Path(option("--header")[1:]).read_text() == "x-functions-key: key-of-the-host\n"
    method, path = option("--request"), arguments[-3 if "--data" in arguments else -1].split("/api/")[1]
    pathlib.Path(option("--dump-header")).write_text("HTTP/1.1 201 Created\r\nOutbox-Message-Id: m-1\r\n\r\n")
    if (method, path) == ("POST", "clients"):
        if state["client"]:
            end('{"title": "taken"}')
        state["client"] = json.loads(option("--data"))["email"]
        end('{"id": 7}')
    if method == "GET" and path.startswith("clients?"):
        end(json.dumps({"items": [{"id": 7, "nipNb": "1234563218"}], "next": None}))
    if method == "GET" and path == "ops/messages/m-1":
        end(json.dumps({"summary": "mailed", "mail": {"state": "sent"}}))
    if (method, path) == ("DELETE", "clients/7"):
        state["client"] = None
    end("{}")


{"az": az, "sqlcmd": sqlcmd, "handler": handler, "curl": curl}[program]()
