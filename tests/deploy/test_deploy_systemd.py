"""The unit: directives that systemd knows, and a service that may do little."""

from __future__ import annotations

import re

from deploy_kit import HOW_TO, text_of, unit

# systemd.unit(5), systemd.service(5), systemd.exec(5), systemd.kill(5), systemd.resource-control(5), version 247.
DIRECTIVES = {
    "Unit": "Description Documentation Wants Requires After Before StartLimitIntervalSec StartLimitBurst",
    "Service": "AmbientCapabilities CapabilityBoundingSet DynamicUser EnvironmentFile ExecReload ExecStart "
    "ExecStartPre KillMode LimitNOFILE LockPersonality MemoryDenyWriteExecute NoNewPrivileges OOMPolicy "
    "PrivateDevices PrivateMounts PrivateTmp ProcSubset ProtectClock ProtectControlGroups ProtectHome "
    "ProtectHostname ProtectKernelLogs ProtectKernelModules ProtectKernelTunables ProtectProc ProtectSystem "
    "RemoveIPC Restart RestartSec RestrictAddressFamilies RestrictNamespaces RestrictRealtime "
    "RestrictSUIDSGID StateDirectory StateDirectoryMode SystemCallArchitectures SystemCallErrorNumber "
    "SystemCallFilter TimeoutStopSec Type UMask User WorkingDirectory",
    "Install": "WantedBy",
}
MAY_REPEAT = {"SystemCallFilter"}


def test_the_unit_has_only_directives_that_systemd_knows_each_in_its_section() -> None:
    sections = unit()
    assert list(sections) == list(DIRECTIVES)
    for section, directives in sections.items():
        assert set(directives) <= set(DIRECTIVES[section].split())
        repeated = {name for name, values in directives.items() if len(values) > 1}
        assert repeated <= MAY_REPEAT


def test_the_service_checks_serves_reloads_and_drains() -> None:
    service = {name: values[-1] for name, values in unit()["Service"].items()}
    configuration = "--config /etc/sluiceway/sluiceway.toml"
    assert service["ExecStartPre"] == f"/opt/sluiceway/bin/sluiceway check {configuration}"
    assert service["ExecStart"] == f"/opt/sluiceway/bin/sluiceway serve {configuration}"
    assert service["ExecReload"] == "/bin/kill -HUP $MAINPID"
    assert service["Type"] == "exec"
    assert service["KillMode"] == "mixed"  # SIGTERM to the supervisor alone, SIGKILL to whoever is left
    assert int(service["LimitNOFILE"]) >= 65536


def test_the_service_may_write_to_its_own_folder_and_nowhere_else() -> None:
    service = {name: values[-1] for name, values in unit()["Service"].items()}
    assert service["ProtectSystem"] == "strict"
    assert service["StateDirectory"] == "sluiceway"
    assert service["DynamicUser"] == "yes"
    assert not {"ReadWritePaths", "BindPaths"} & service.keys()


def test_a_call_that_is_filtered_fails_instead_of_killing_the_gateway() -> None:
    # `sluiceway keys` and the console give a file they replace its old owner, and may be refused that (fchown).
    service = unit()["Service"]
    assert service["SystemCallFilter"] == ["@system-service", "~@privileged @resources"]
    assert service["SystemCallErrorNumber"] == ["EPERM"]


def test_the_page_lends_the_services_user_and_folder_to_the_first_key() -> None:
    service = unit()["Service"]
    lent = dict(re.findall(r"--property=(\w+)=(\w+)", text_of(HOW_TO)))
    assert lent.keys() == {"DynamicUser", "User", "StateDirectory", "StateDirectoryMode"}
    assert {name: [value] for name, value in lent.items()} == {name: service[name] for name in lent}
