#!/usr/bin/env python3
"""Stands for az, curl and the packaged handler in the rehearsal of infra/deploy.sh: by the name it is called by.

It answers like the real ones, keeps what they would have made in state.json, and refuses what does not exist yet or, of az, what
arguments.json (from the real one) does not list. FAIL_AT=<n> makes the n-th call fail before its effect, FAIL_AFTER=<n> after it.
"""
import json, os, pathlib, re, sys

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


def snapshot():
    return json.loads((folder / f"infra/{state['environment']}.snapshot.json").read_text())


def planned(kind):
    return [one for one in snapshot()["predictedResources"] if one["type"] == kind]


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
    unknown = [word for word in arguments if word.startswith("-") and word not in known[command]["takes"] + general]
    if unknown:
        end(code=2, error=f"unrecognized arguments: {' '.join(unknown)}")
    missing = [names for names in known[command]["needs"] if not set(names) & set(arguments)]
    if missing:
        end(code=2, error=f"the following arguments are required: {missing}")
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
        end(json.dumps([{"type": kind, "name": planned(kind)[0]["name"]} for kind in state["resources"]]))
    if command == "functionapp config appsettings list":
        end(json.dumps([{"name": name, "value": value, "slotSetting": False} for name, value in state["settings"].items()]))
    if command == "account get-access-token":
        # Its middle is {"oid":"me"}.
        end("x.eyJvaWQiOiJtZSJ9.x" if option("--query") else "")
    if command == "role assignment create":
        assert (option("--assignee-object-id"), option("--scope")) == ("me", outputs()["packagesId"]["value"])
        state["may_upload"] = True
        end()
    if command == "storage blob upload":
        if not state["may_upload"]:
            end(code=1, error="You do not have the required permissions needed to perform this operation.")
        state["uploaded"] = True
        end()
    if command == "ad group member add":
        if state["admins"]:
            end(code=1, error="One or more added object references already exist for the following modified properties: 'members'.")
        state["admins"].append(option("--member-id"))
        end()
    if command == "container list":
        end("\n".join(state["containers"]))
    if command == "container create":
        import shlex, subprocess

        given = {}
        for kind in ("--environment-variables", "--secure-environment-variables"):
            values = arguments[arguments.index(kind) + 1 :]
            for pair in values[: next(n for n, word in enumerate(values) if word.startswith("--"))]:
                name, value = pair.split("=", 1)
                # As az does: in the place of a file's name stands what it has.
                given[name] = pathlib.Path(value[1:]).read_text().rstrip("\n") if value.startswith("@") else value
        work = folder / "container"
        work.mkdir(exist_ok=True)
        state_file.write_text(json.dumps(state))
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "REHEARSAL", "FAIL_AT", "FAIL_AFTER")}
        ran = subprocess.run(shlex.split(option("--command-line")), env=kept | given, cwd=work, capture_output=True, text=True)
        state.update(json.loads(state_file.read_text()))
        state["containers"][option("--name")] = [ran.returncode, ran.stdout + ran.stderr]
        end()
    if command == "login":
        end()
    if command == "storage blob download":
        if not state["uploaded"] or state["no_download"]:
            end(code=1, error="The specified blob does not exist.")
        pathlib.Path(option("--file")).write_text((folder / "app/handler").read_text())
        end()
    if command == "container show":
        end(json.dumps({"state": "Terminated", "exitCode": state["containers"][option("--name")][0]}))
    if command == "container logs":
        end(state["containers"][option("--name")][1])
    if command == "container delete":
        del state["containers"][option("--name")]
        end()
    if command == "deployment group show" and option("--name") == f"client-organizer-{state['environment']}":
        end(json.dumps(outputs()))
    if command == "deployment group show":
        if not state["deployed"]:
            end(code=3, error="ERROR: (DeploymentNotFound) Deployment 'codev-app' could not be found.")
        end(json.dumps({"state": "Succeeded", "settings": state["deployed"]}))
    if command == "keyvault list-deleted":
        end(state["deleted"])
    if command == "keyvault recover":
        state["deleted"] = ""
        state["resources"].append("Microsoft.KeyVault/vaults")
        state["secrets"]["Inbox-RecipientKey"] = "the old one"
        end()
    if command == "keyvault secret show":
        if not state["may_read_vault"]:
            end(code=1, error="(Forbidden) Caller is not authorized to perform action on resource.")
        end(json.dumps(state["secrets"][option("--name")]))
    if command == "rest" and option("--method") == "post":
        state["refreshed"] = True
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
        for kind in {one["type"].split("/")[0] for one in snapshot()["predictedResources"]} | {"Microsoft.App"}:
            if kind not in state["providers"]:
                end(code=1, error=f"(MissingSubscriptionRegistration) {kind}")
        for name, value in json.loads(os.environ["SECRET_VALUES"]).items():
            state["secrets"][name.replace("__", "-")] = value
        state["resources"] += [kind for kind in ("Microsoft.Web/sites", "Microsoft.KeyVault/vaults") if kind not in state["resources"]]
        # The expressions' values are Azure's.
        given = planned("Microsoft.Web/sites/config")[0]["properties"]
        state["settings"] = {name: "resolved" if value.startswith("[") else value for name, value in given.items()}
        state["deployed"] = state["settings"]
        end(json.dumps(outputs()))
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


def outputs():
    """Those of the template: what only Azure knows is called by its name."""
    known = {"appName": "office-1", "hostName": "office-1.example", "consoleUrl": "https://office-1.example/api/console", "mailRecords": {}}
    azures = {name: name if str(value).startswith("[") else value for name, value in snapshot()["outputs"].items()}
    return {name: {"value": value} for name, value in (azures | known).items()}


def handler():
    if arguments == ["--version"]:
        end("client-organizer 0.2.0+2f3a9c1d04be.release")
    others = re.compile("^SqlConnectionString$|__(credential|clientId)$|[^A-Za-z0-9_]")
    lacks = [name for name, value in state["settings"].items() if not others.search(name) and os.environ.get(name) != value]
    references = [name for name in lacks if state["settings"][name].startswith("@Microsoft.KeyVault(")]
    if lacks != references or [name for name in state["settings"] if name.endswith("__clientId") and name in os.environ]:
        end(code=1, error=f"the settings are not the app's: {lacks}")
    login, address = os.environ.get("SqlConnectionString", ""), f"Server=tcp:{outputs()['sqlServer']['value']},1433;"
    if not login.startswith(address) or os.environ.get("Store__Kind") != "sqlserver":
        end(code=1, error="Store__Kind is invalid")
    if outputs()["jobsSubnetId"]["value"]:
        if "Managed Identity;User Id=jobsClientId" not in login or pathlib.Path.cwd() != folder / "container":
            end(code=1, error="no answer within 10 s")
        if state["admins"] != ["jobsPrincipalId"]:
            end(code=1, error="the login was refused (error 18456)")
    elif "Active Directory Default" not in login or not state["rules"]:
        # As the server has it.
        end(code=1, error="Cannot open server 'office-1' requested by the login. Client with IP address '192.0.2.7' is not allowed to access the server.")
    if state["answers"]:
        code, words = state["answers"].pop(0)
        end(code=code, error=words)
    if arguments[0] == "ops":
        key = os.environ["Inbox__RecipientKey"]
        if arguments[1:3] == ["mail", "find"] and key.startswith("@Microsoft.KeyVault("):
            end(code=1, error="error: Inbox__RecipientKey is a Key Vault reference, and not the key itself")
        state["operated"] = [arguments, os.environ["Email__Provider"], key]
    if arguments[:2] == ["migrate", "--app-user"]:
        state["schema"] = True
        name, client_id = arguments[2].split("=")
        state["users"][name] = client_id
    end(json.dumps(arguments))


def curl():
    if "--dump-header" not in arguments:
        ready = state["published"] and state["users"] and state["secrets"] and (state["refreshed"] or not state["early"])
        if not ready:
            end('{"status": "degraded"}')
        end(json.dumps({"status": "ok", "version": state["published"]}))
    assert pathlib.Path(option("--header")[1:]).read_text() == "x-functions-key: key-of-the-host\n"

    def answer(text):
        if os.environ.get("FAIL_AFTER") != str(number):
            pathlib.Path(option("--output")).write_text(text)
        end()

    method, path = option("--request"), arguments[-3 if "--data" in arguments else -1].split("/api/")[1]
    pathlib.Path(option("--dump-header")).write_text("HTTP/1.1 201 Created\r\nOutbox-Message-Id: m-1\r\n\r\n")
    if (method, path) == ("POST", "clients"):
        if state["client"]:
            answer('{"title": "taken"}')
        state["client"] = json.loads(option("--data"))
        answer('{"id": 7}')
    if method == "GET" and path.startswith("clients?"):
        answer(json.dumps({"items": [{"id": 7, **state["client"]}], "next": None}))
    if (method, path) == ("PUT", "clients/7"):
        state["client"] = json.loads(option("--data"))
        answer(json.dumps({"id": 7, **state["client"]}))
    if (method, path) == ("POST", "clients/7/finance"):
        state["mailed"] = state["client"]["email"]
    if method == "GET" and path == "ops/messages/m-1":
        answer(json.dumps({"summary": "mailed", "mail": {"state": "sent"}}))
    if (method, path) == ("DELETE", "clients/7"):
        state["client"] = None
    answer("{}")


{"az": az, "handler": handler, "curl": curl}[program]()
